"""Numbers in what the model writes: each must be a number of a result file, as far as it is written out."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec

# A number stands alone: digits inside a name (y81, M2, 2SLS) are part of the name.
_NUMBER: Final = re.compile(
    r"(?<![A-Za-z0-9_.\u00c0-\u024f])(?P<sign>[-+\u2212\u2013]?)"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<power>[eE][-+]?\d+)?"
    r"(?![A-Za-z_]|\d)(?P<percent>\s*(?:%|per\s?cent\b))?"
)
# "ten percent", "twice", 百分之九, 三倍: numbers in words would pass by every check of digits.
_IN_WORDS: Final = re.compile(
    r"\b(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|half"
    r"|quarters?|thirds?)(?:[\s-]+(?:and|of|a))*[\s-]+)+(?:per\s?cent|percentage|times|fold|thousand|million)"
    r"|\b(?:twice|thrice|twofold|threefold|tenfold|doubled?|doubles|tripled?|triples|halved?|halves)\b"
    r"|百分之[零〇一二三四五六七八九十百千两点]+|[零〇一二三四五六七八九十百千两点]+(?:个百分点|倍|成(?![为立本果]))",
    re.IGNORECASE,
)


_TOO_SMALL_TO_SHOW: Final = 0.001


class ResultFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number of a result file."""

    metric: str
    """`model.term.column` of a tidy table, `model.key` of a glance table."""
    value: float
    source_file: str
    label: str = ""


class Citation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A number the model repeats, and where it stands."""

    metric: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    value: float
    source_file: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class WrittenNumber(msgspec.Struct, frozen=True):
    """A number as it stands in a text."""

    text: str
    value: float
    half_unit: float
    """Half a unit of the last digit written: how far the true value may be away."""
    is_percent: bool


def numbers_in(text: str) -> list[WrittenNumber]:
    """Every number written in digits, also full-width ones."""
    found = []
    for match in _NUMBER.finditer(unicodedata.normalize("NFKC", text)):
        digits, power = match["digits"].replace(",", ""), match["power"] or ""
        sign = -1.0 if match["sign"] in {"-", "\u2212"} else 1.0
        decimals = len(digits.partition(".")[2])
        scale = 10.0 ** int(power[1:]) if power else 1.0
        percent = match["percent"] is not None
        found.append(
            WrittenNumber(match[0].strip(), sign * float(digits) * scale, 0.5 * 10.0**-decimals * scale, percent)
        )
    return found


def numbers_in_words(text: str) -> list[str]:
    """Numbers spelled out where a result would stand: “ten percent”, “twice”, “百分之九”."""
    return [match[0] for match in _IN_WORDS.finditer(text)]


def stands_for(written: WrittenNumber, value: float) -> bool:
    """Whether a written number is `value` to the digits written; a percentage may also be a share times 100.

    A minus sign may be put into words (“falls by 0.3”), so only the size counts. Rounding may not change the size by
    more than a tenth (0 is no rounding of 0.3), except for sizes that three decimals cannot show.
    """
    sizes = (abs(value), abs(value) * 100.0) if written.is_percent else (abs(value),)
    return any(_rounds_to(abs(written.value), size, written.half_unit) for size in sizes)


def _rounds_to(shown: float, size: float, half_unit: float) -> bool:
    off = abs(shown - size)
    return off <= half_unit * (1 + 1e-9) + 1e-15 and (off <= 0.1 * size or size < _TOO_SMALL_TO_SHOW)


def citation_problems(citations: Iterable[Citation], facts: Sequence[ResultFact]) -> list[str]:
    """Citations of unknown metrics or files, and those whose value is not the value in the file."""
    by_place = {(fact.metric, fact.source_file): fact.value for fact in facts}
    problems = []
    for item in citations:
        value = by_place.get((item.metric, item.source_file))
        if value is None:
            files = sorted({fact.source_file for fact in facts if fact.metric == item.metric})
            where = f" It stands in {', '.join(files)}." if files else " Cite only metrics from the list of results."
            problems.append(f"citations: {item.source_file[:120]} has no metric {item.metric[:120]!r}.{where}")
        elif not _equal(item.value, value):
            problems.append(f"citations: {item.metric} is {value!r} in {item.source_file}, not {item.value!r}.")
    return problems


def text_problems(text: str, values: Sequence[float], *, field: str = "text") -> list[str]:
    """Numbers of a text that are none of `values`."""
    problems = [
        f"{field}: the number {written.text} is not among the cited values; cite it or leave it out."
        for written in numbers_in(text)
        if not any(stands_for(written, value) for value in values)
    ]
    problems += [f"{field}: write “{words}” in digits, as cited, or leave it out." for words in numbers_in_words(text)]
    return problems


def _equal(cited: float, value: float) -> bool:
    """Equal as floating-point numbers; the last bit may go lost where a number is printed with 15 digits."""
    return math.isclose(cited, value, rel_tol=1e-14, abs_tol=0.0) or cited == value
