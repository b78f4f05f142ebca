"""Names and labels in estout tables: label lists with their suboptions, labels of terms and of marks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.output.estout_layout import LabelStyle

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FLAGS: Final = {
    "numbers": 3, "nonumbers": 5, "titles": 2, "notitles": 4, "depvars": 1, "nodepvars": 6, "none": 4, "span": 4,
    "nospan": 6, "replace": 1, "noreplace": 3, "first": 1, "nofirst": 3, "last": 1, "nolast": 3, "merge": 1,
    "nomerge": 3,
}  # fmt: skip
_VALUED: Final = {
    "prefix": 1, "suffix": 1, "begin": 1, "end": 1, "blist": 2, "elist": 2, "erepeat": 2, "lhs": 3, "pattern": 3,
}  # fmt: skip


def typed_number(text: str) -> float:
    """A number in an option. Raises r(7)."""
    try:
        return float(text)
    except ValueError:
        raise StataError(7, f"'{text}' found where number expected") from None


def literal(text: str) -> str:
    """Text of begin(), delimiter() and end(): quoted pieces, _tab and _newline, or the text as it stands."""
    words = split_words(text, keep_quotes=True)
    if not any(word.startswith(('"', '`"')) or word in {"_tab", "_newline", "_n"} for word in words):
        return text
    pieces = {"_tab": "\t", "_newline": "\n", "_n": "\n"}
    return "".join(pieces.get(word, strip_quotes(word)) for word in words)


def lines_of(text: str | None) -> tuple[str, ...]:
    """Lines of prehead() and its kin: quoted strings, or the text as one line."""
    if text is None:
        return ()
    if '"' not in text:
        return (text,) if text.strip() else ()
    return tuple(split_words(text))


def parse_labels(text: str | None) -> LabelStyle:
    """A list of labels with suboptions. Raises r(198)."""
    if text is None:
        return LabelStyle()
    if text.strip() == "none":
        return LabelStyle(none=True)
    main, options = split_comma(text)
    flags: set[str] = set()
    values: dict[str, str] = {}
    for item in read_options(options or ""):
        table = _FLAGS if item.value is None else _VALUED
        full = next((key for key, least in table.items() if key.startswith(item.word) and len(item.word) >= least), "")
        if not full:
            raise StataError(198, f"option {item.named} not allowed")
        if item.value is None:
            flags.add(full)
        else:
            values[full] = item.value
    suffix = strip_quotes(values.get("suffix", ""))
    return LabelStyle(
        texts=tuple(split_words(main)),
        prefix=strip_quotes(values.get("prefix", "")),
        suffix=suffix or (":" if "merge" in flags else ""),
        begin=lines_of(values.get("begin")),
        end=lines_of(values.get("end")),
        span="span" in flags,
        replace="replace" in flags,
        first="nofirst" not in flags,
        last="nolast" not in flags,
        none="none" in flags,
        merge="merge" in flags,
        left=strip_quotes(values.get("lhs", "")),
        repeat=strip_quotes(values.get("erepeat", "")),
        before=tuple(split_words(values.get("blist", ""))),
        after=tuple(split_words(values.get("elist", ""))),
        pattern=tuple(values.get("pattern", "").split()),
        titles="titles" in flags,
        depvars="depvars" in flags,
        numbers="numbers" in flags,
    )


def variable_label(session: Session, name: str) -> str:
    """Label of a variable, `L.` and the like kept before it; the name when there is none."""
    operator, _, bare = name.rpartition(".")
    variable = session.data.variables.get(bare)
    label = variable.label if variable is not None and variable.label else bare
    return f"{operator}.{label}" if operator else label


def term_label(session: Session, name: str, interaction: str) -> str:
    """Labels of the parts of a term, joined by the sign of interaction."""
    return interaction.join(_part_label(session, part) for part in name.split("#"))


def _part_label(session: Session, part: str) -> str:
    operator, _, variable = part.partition(".")
    if not variable:
        known = session.data.variables.get(part)
        return known.label if known is not None and known.label else part
    known = session.data.variables.get(variable)
    if known is None:
        return part
    label = known.label or variable
    if operator.isdigit():
        texts = session.data.labels_of(variable)
        return texts.get(int(operator), operator) if texts else f"{label}={operator}"
    operator = operator.removeprefix("c")
    return f"{operator}.{label}" if operator else label


def lookup(pairs: tuple[str, ...], equation: str, name: str, *, unstacked: bool) -> str | None:
    """Text for a row in a list of names and texts: by name, by eq:name or by `eq:`."""
    wanted = {name} if unstacked else {name, f"{equation}:{name}", f"{equation}:"}
    for position in range(0, len(pairs) - 1, 2):
        key = pairs[position]
        if key in wanted or re.sub(r"(?<=\d)b(?=\.)", "", key) in wanted:
            return pairs[position + 1]
    return None


@dataclass(frozen=True)
class StarLevels:
    """Marks of significance, the weakest first."""

    levels: tuple[tuple[str, float], ...]
    label: str = " p<"
    delimiter: str = ", "

    def mark(self, p: float | None) -> str:
        """The strongest mark a p-value reaches."""
        reached = ""
        for mark, level in self.levels:
            if p is None or not 0.0 <= p <= 1.0 or level <= p:
                break
            reached = mark
        return reached

    def count(self, p: float | None) -> int:
        """How many levels a p-value reaches."""
        return sum(p is not None and 0.0 <= p < level for _, level in self.levels)

    @property
    def width(self) -> int:
        return max((len(mark) for mark, _ in self.levels), default=0)

    @property
    def legend(self) -> str:
        texts = []
        for mark, level in self.levels:
            shown = f"{level:g}"
            texts.append(mark + (self.label.replace("@", shown) if "@" in self.label else self.label + shown))
        return self.delimiter.join(texts)


def parse_stars(text: str | None) -> StarLevels:
    """starlevels(mark level …, label() delimiter()). Raises r(198) for levels that do not fall."""
    if text is None or not text.strip():
        return StarLevels((("*", 0.05), ("**", 0.01), ("***", 0.001)))
    main, options = split_comma(text)
    label, delimiter = " p<", ", "
    for item in read_options(options or ""):
        if item.value is not None and "label".startswith(item.word):
            label = strip_quotes(item.value)
        elif item.value is not None and "delimiter".startswith(item.word):
            delimiter = strip_quotes(item.value)
        else:
            raise StataError(198, f"option {item.named} not allowed")
    words = split_words(main)
    if len(words) % 2:
        raise StataError(198, "unmatched list of significance symbols and levels")
    levels: list[tuple[str, float]] = []
    for mark, typed in zip(words[::2], words[1::2], strict=True):
        level = typed_number(typed)
        if not 0.0 < level <= (levels[-1][1] if levels else 1.0):
            raise StataError(198, "significance levels out of order or out of range (0,1]")
        levels.append((mark, level))
    return StarLevels(tuple(levels), label, delimiter)
