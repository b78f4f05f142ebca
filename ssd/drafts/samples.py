"""Which observations a requirement wants: conditions read as structured filters `{var, op, value}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from ssd.drafts.concepts import PERSON_GROUPS
from ssd.drafts.language import blank
from ssd.drafts.mentions import Lexicon, Mention
from ssd.inputs.models import ColumnProfile, DatasetProfile

_NUMBER: Final = r"-?\d{1,12}(?:\.\d{1,8})?"
_SIGNS: Final = {
    "==": "eq", "=": "eq", "!=": "ne", "~=": "ne", "≠": "ne", ">=": "ge", "≥": "ge", "<=": "le", "≤": "le", ">": "gt",
    "<": "lt",
}  # fmt: skip
_SIGN: Final = re.compile(rf"\s?(==|!=|~=|>=|<=|[=<>≥≤≠])\s?({_NUMBER})(?![\w%])")
_WORDS: Final = (
    (
        re.compile(rf"\s?(?:is\s|are\s|aged\s)?(?:between|from)\s({_NUMBER})\s(?:and|to)\s({_NUMBER})"),
        "between",
    ),
    (
        re.compile(rf"\s?(?:介于|在)?({_NUMBER})\s?(?:-|–|—|~|～|到|至)\s?({_NUMBER})(?:岁|年)?(?:之间)?"),
        "between",
    ),
    (
        re.compile(rf"\s?(?:is\s|of\s)?(?:at\sleast|no\sless\sthan)\s({_NUMBER})|\s?(?:不低于|不小于|至少)({_NUMBER})"),
        "ge",
    ),
    (
        re.compile(rf"\s?(?:is\s|of\s)?(?:at\smost|no\smore\sthan)\s({_NUMBER})|\s?(?:不超过|不高于|至多)({_NUMBER})"),
        "le",
    ),
    (
        re.compile(
            rf"\s?(?:is\s)?(?:over|above|(?:greater|more|larger|higher|older)\sthan)\s({_NUMBER})"
            rf"|\s?(?:大于|超过|高于)({_NUMBER})"
        ),
        "gt",
    ),
    (
        re.compile(
            rf"\s?(?:is\s)?(?:under|below|(?:less|smaller|lower|younger)\sthan)\s({_NUMBER})|\s?(?:小于|低于|不到)({_NUMBER})"
        ),
        "lt",
    ),
    (re.compile(rf"\s?(?:等于|为)({_NUMBER})(?=[的样，,。；\s]|$)"), "eq"),
)
_YEARS: Final = (
    (
        re.compile(r"\b(\d{4})\s?(?:-|–|to|through)\s?(\d{4})\b|(\d{4})年?\s?(?:-|–|—|~|到|至)\s?(\d{4})年?"),
        "between",
    ),
    (re.compile(r"\bbetween\s(\d{4})\sand\s(\d{4})\b"), "between"),
    (re.compile(r"\bafter\s(\d{4})\b|(\d{4})年?之后"), "gt"),
    (re.compile(r"\b(?:since|from)\s(\d{4})\b|(\d{4})年?(?:及?以后|以来|起|开始)"), "ge"),
    (re.compile(r"\bbefore\s(\d{4})\b|(\d{4})年?(?:以前|之前)"), "lt"),
    (re.compile(r"\b(?:until|up\sto)\s(\d{4})\b|截至(\d{4})年?"), "le"),
)
_SAMPLE_CUE: Final = re.compile(
    r"\bonly\b|\brestrict|\bsample|\blimit(?:ed|ing)?\b|\bsubset|\bkeep(?:ing)?\b|\bobservations?\b|\bdata\b|样本|数据|仅|只|期间|限于|区间",
    re.IGNORECASE,
)
_LEAD: Final = re.compile(
    r"(?:[,，]\s?)?(?:\(|（)?\s?(?:\b(?:restricted\sto|restricting\sto|limited\sto|limit(?:ing)?\sto|keep(?:ing)?|if|where|when|only|for|with|"
    r"the|sample|people|those|aged|years|of|to)\s){0,6}(?:样本(?:期|区间)?(?:为|是|限于)?|仅|只(?:保留|使用|用)?|限于)?$",
    re.IGNORECASE,
)
_TAIL: Final = re.compile(r"(?:的?(?:子?样本|观测))?(?:岁|年)?\s?(?:only\b)?\s?[)）]?", re.IGNORECASE)

_FEMALE: Final = r"women|woman|females?|girls?|女性|女生|女孩"
_MALE: Final = r"men|man|males?|boys?|男性|男生|男孩"
_ONE_SEX: Final = re.compile(
    rf"\b(?:only\s(?:for\s|among\s)?|among\s|for\s|sample\sof\s|subsample\sof\s)(?:the\s)?({_FEMALE}|{_MALE})\b(\sonly)?"
    rf"|\b({_FEMALE}|{_MALE})\s(?:only|sample|subsample)\b|(?:仅|只)?(?:用|看|限|保留|使用|考虑|考察)?(女性|男性|女生|男生)(?:的)?(?:子?样本|群体)(?:中|内|里)?",
    re.IGNORECASE,
)
_FEMALE_WORD: Final = re.compile(rf"^(?:{_FEMALE})$", re.IGNORECASE)
_ANY_SEX: Final = (
    re.compile(rf"\b(?:{_FEMALE.split('|女性')[0]})\b|女", re.IGNORECASE),
    re.compile(rf"\b(?:{_MALE.split('|男性')[0]})\b|男", re.IGNORECASE),
)
_FEMALE_COLUMN: Final = re.compile(r"female|wom[ae]n|girl|^fem|nvxing|是否女|女性", re.IGNORECASE)
_MALE_COLUMN: Final = re.compile(r"(?<!fe)male|(?<!wo)m[ae]n$|boy|nanxing|是否男|男性", re.IGNORECASE)
_SEX_COLUMN: Final = re.compile(r"^(?:sex|gender|xingbie|xb)$|性别|^sex\b", re.IGNORECASE)
_CLASS_SAMPLE: Final = re.compile(r"\s?(?:企业|居民|家庭|群体|地区|公司)?的?(?:子样本|样本)|\sonly\b")


class Filter(msgspec.Struct, frozen=True):
    """Keep the observations where `var` `op` `value` holds (the operators of the template library)."""

    var: str
    op: str
    value: Any


class Sample(msgspec.Struct, frozen=True):
    """The conditions of a text, where they stand, and what was taken for granted about codes."""

    filters: tuple[Filter, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    assumed: tuple[tuple[str, str, Any], ...] = ()
    """(column, word of the text, value taken to mean it)"""

    def without(self, text: str) -> str:
        """The text with the conditions blanked out, everything else at its old place."""
        for start, end in self.spans:
            text = text[:start] + blank(end - start) + text[end:]
        return text


def read_sample(text: str, mentions: list[Mention], profile: DatasetProfile, lexicon: Lexicon, *, did: bool) -> Sample:
    """`did`: years mark the policy there unless the text speaks of the sample."""
    columns = {column.stata_name: column for column in profile.columns}
    found: list[tuple[int, int, Filter]] = []
    found += _comparisons(text, mentions, columns)
    found += _ages(text, lexicon, columns)
    found += _classes(text, mentions, columns)
    assumed: list[tuple[str, str, Any]] = []
    found += _sex(text, profile, assumed)
    found += _years(text, profile, mentions, did=did)
    kept: dict[tuple[str, str], tuple[int, int, Filter]] = {}
    for entry in found:
        kept.setdefault((entry[2].var, "eq" if entry[2].op == "eq" else "range"), entry)
    by_column: dict[str, tuple[int, int, Filter]] = {}
    for entry in kept.values():
        by_column.setdefault(f"{entry[2].var} {entry[2].op}", entry)
    spans = tuple((start, end) for start, end, _ in found)
    return Sample(tuple(entry[2] for entry in by_column.values()), spans, tuple(assumed))


def _comparisons(
    text: str, mentions: list[Mention], columns: dict[str, ColumnProfile]
) -> Iterator[tuple[int, int, Filter]]:
    """`age between 25 and 60`, `year > 75`: a condition right after the name of a numeric column."""
    for mention in mentions:
        column = columns[mention.column] if mention.column else None
        if column is None or column.inferred_type not in {"integer", "number", "boolean"}:
            continue
        sign = _SIGN.match(text, mention.end)
        if sign:
            yield (
                *_around(text, mention.start, sign.end()),
                Filter(column.stata_name, _SIGNS[sign[1]], _number(sign[2])),
            )
            continue
        for pattern, op in _WORDS:
            match = pattern.match(text, mention.end)
            if match:
                yield (*_around(text, mention.start, match.end()), _filter(column.stata_name, op, match))
                break


def _ages(text: str, lexicon: Lexicon, columns: dict[str, ColumnProfile]) -> Iterator[tuple[int, int, Filter]]:
    """`aged 25 to 60`, `18-60岁`, `30岁以上`."""
    names, _ = lexicon.columns_for("age")
    if len(names) != 1 or columns[names[0]].inferred_type not in {"integer", "number"}:
        return
    for pattern, op in (
        (rf"\baged\s(?:between\s|from\s)?({_NUMBER})\s?(?:-|–|to|and)\s?({_NUMBER})", "between"),
        (rf"({_NUMBER})\s?(?:-|–|—|~|到|至)\s?({_NUMBER})岁", "between"),
        (rf"({_NUMBER})岁及?以上", "ge"),
        (rf"({_NUMBER})岁以下", "lt"),
    ):
        for match in re.finditer(pattern, text, re.IGNORECASE):
            yield (*_around(text, match.start(), match.end()), _filter(names[0], op, match))


def _classes(
    text: str, mentions: list[Mention], columns: dict[str, ColumnProfile]
) -> Iterator[tuple[int, int, Filter]]:
    """`国有企业样本`, `union members only`: a yes/no column whose name stands before the word for sample."""
    for mention in mentions:
        column = columns[mention.column] if mention.column else None
        if column is None or column.inferred_type != "boolean" or mention.text.lower() in PERSON_GROUPS:
            continue
        match = _CLASS_SAMPLE.match(text, mention.end)
        if match:
            denied = text[max(0, mention.start - 4) : mention.start].lower().endswith(("非", "non-", "non "))
            start = mention.start - (1 if text[mention.start - 1 : mention.start] == "非" else 0)
            yield (*_around(text, start, match.end()), Filter(column.stata_name, "eq", 0 if denied else 1))


def _sex(text: str, profile: DatasetProfile, assumed: list[tuple[str, str, Any]]) -> Iterator[tuple[int, int, Filter]]:
    """`only women`, `男性样本`; a text that speaks of both sexes compares them instead."""
    match = _ONE_SEX.search(text)
    if match is None or all(pattern.search(text) for pattern in _ANY_SEX):
        return
    word = next(group for group in (match[1], match[3], match[4]) if group)
    female = _FEMALE_WORD.match(word) is not None
    for column in profile.columns:
        value, guessed = _sex_value(column, female=female)
        if value is not None:
            if guessed:
                assumed.append((column.stata_name, word, value))
            yield (*_around(text, match.start(), match.end()), Filter(column.stata_name, "eq", value))
            return


def _sex_value(column: ColumnProfile, *, female: bool) -> tuple[Any, bool]:
    """The value that marks the sex in this column, and whether the coding was taken for granted; (None, _) if none."""
    name = f"{column.stata_name} {column.original_name}"
    binary = column.inferred_type == "boolean"
    if binary and _FEMALE_COLUMN.search(name):
        return int(female), False
    if binary and _MALE_COLUMN.search(name):
        return int(not female), False
    if not _SEX_COLUMN.search(column.stata_name) and not _SEX_COLUMN.search(column.label):
        return None, False
    letter = re.compile(r"^(?:f|w|女)" if female else r"^(?:m|男)", re.IGNORECASE)
    for code, words in column.value_labels.items():
        if letter.match(words):
            return _number(code), False
    if column.inferred_type == "string":
        return next((text for text in column.examples if letter.match(text)), None), False
    # The usual coding of Chinese household surveys: 1 is male.
    return (int(not female), True) if binary else (None, False)


def _years(
    text: str, profile: DatasetProfile, mentions: list[Mention], *, did: bool
) -> Iterator[tuple[int, int, Filter]]:
    if did and not _SAMPLE_CUE.search(text):
        return
    guessed = [guess.time for guess in profile.panel_guesses]
    named = [m.column for m in mentions if m.column and re.search(r"year|年|nian|^yr", m.column, re.IGNORECASE)]
    listed = [c.stata_name for c in profile.columns if re.search(r"^year|^yr$|^年|^nian", c.stata_name, re.IGNORECASE)]
    column = next((c for n in (*guessed, *named, *listed) if (c := profile.column(n)) is not None), None)
    if column is None or not isinstance(column.min, int | float) or not isinstance(column.max, int | float):
        return
    for pattern, op in _YEARS:
        for match in pattern.finditer(text):
            years = [int(group) for group in match.groups() if group]
            if all(column.min <= year <= column.max for year in years):
                yield (*_around(text, match.start(), match.end()), _filter(column.stata_name, op, match))
                return


def _around(text: str, start: int, end: int) -> tuple[int, int]:
    """The condition with the words that introduce it."""
    lead = _LEAD.search(text, max(0, start - 40), start)
    tail = _TAIL.match(text, end)
    return (lead.start() if lead else start), (tail.end() if tail else end)


def _filter(name: str, op: str, match: re.Match[str]) -> Filter:
    values = [_number(group) for group in match.groups() if group]
    return Filter(name, op, sorted(values) if op == "between" else values[0])


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value
