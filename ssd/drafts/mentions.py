"""Which columns a text speaks of: exact names, headers, labels, plural and shortened forms, synonyms."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ssd.drafts.concepts import CONCEPTS, LESS_SPECIFIC, PERSON_GROUPS
from ssd.drafts.language import CJK, has_han
from ssd.drafts.ordinary_words import NOT_COLUMNS
from ssd.drafts.pinyin import readings
from ssd.inputs.models import ColumnProfile, DatasetProfile

EXACT, NORMALIZED, LABEL, SOUNDED, SHORTENED, SYNONYM, PART = 1.0, 0.97, 0.93, 0.85, 0.8, 0.7, 0.55

_TOKEN: Final = re.compile(rf"[^\W{CJK}]+(?:[.'’][^\W{CJK}]+)*")
_HAN_RUN: Final = re.compile(rf"[{CJK}]+")
_OPENING: Final = frozenset("(（")
_CLOSING: Final = frozenset(")）")
_LONGEST_PHRASE: Final = 6
_LONGEST_WORD: Final = 6
"""Characters of a Chinese word that may be the spelled-out name of a column."""

_GENERIC_ENDINGS: Final = (
    "水平", "程度", "强度", "力度", "指数", "状况", "情况", "变量", "数量", "代码", "编号", "名称", "类别",
)  # fmt: skip
_STOP_IN_LABELS: Final = (
    NOT_COLUMNS | PERSON_GROUPS | {"years", "year", "1", "0", "if", "yes", "code", "id", "indicator", "dummy"}
)


class Mention(msgspec.Struct, frozen=True):
    """A place in the text that names a column; several columns when the words fit more than one."""

    start: int
    end: int
    text: str
    columns: tuple[str, ...]
    score: float

    @property
    def column(self) -> str | None:
        return self.columns[0] if len(self.columns) == 1 else None


class Lexicon:
    """Every way of naming the columns of one dataset."""

    def __init__(self, profile: DatasetProfile) -> None:
        self._by_phrase: dict[str, dict[str, float]] = defaultdict(dict)
        self._exact = {column.stata_name for column in profile.columns}
        self._exact |= {column.original_name.strip() for column in profile.columns}
        for column in profile.columns:
            for phrase, score in _phrases(column):
                known = self._by_phrase[phrase]
                known[column.stata_name] = max(score, known.get(column.stata_name, 0.0))
        self._latin_names = {
            normalize(column.stata_name): column.stata_name
            for column in profile.columns
            if len(column.stata_name) >= 3 and column.stata_name.isascii()
        }
        self._add_concepts()
        self._han = sorted((p for p in self._by_phrase if has_han(p)), key=len, reverse=True)
        self._names = [column.stata_name for column in profile.columns]

    def mentions(self, text: str) -> list[Mention]:
        """Every mention in the order of the text, none overlapping: the longest phrase wins, then the surer one."""
        found = [*self._latin(text), *self._chinese(text), *self._sounded(text)]
        found.sort(key=lambda m: (-(m.end - m.start), -m.score, m.start))
        taken: list[Mention] = []
        covered = bytearray(len(text))
        for mention in found:
            if not any(covered[mention.start : mention.end]):
                covered[mention.start : mention.end] = b"\x01" * (mention.end - mention.start)
                taken.append(mention)
        return _without_paraphrased(text, sorted(taken, key=lambda m: m.start))

    def columns_for(self, phrase: str) -> tuple[tuple[str, ...], float]:
        """The columns a phrase names best, and how surely (0 to 1); none when it names no column."""
        scores: dict[str, float] = {}
        for form, factor in _query_forms(phrase):
            for column, score in self._by_phrase.get(form, {}).items():
                scores[column] = max(scores.get(column, 0.0), score * factor)
        if not scores:
            return (), 0.0
        best = max(scores.values())
        return tuple(name for name in self._names if scores.get(name) == best), best

    def _latin(self, text: str) -> Iterator[Mention]:
        tokens = list(_TOKEN.finditer(text))
        for first in range(len(tokens)):
            for last in range(first, min(first + _LONGEST_PHRASE, len(tokens))):
                start, end = tokens[first].start(), tokens[last].end()
                phrase = text[start:end]
                if last > first and not _is_one_phrase(text[tokens[last - 1].end() : tokens[last].start()]):
                    break
                alone = text[start - 1 : start] in _OPENING and text[end : end + 1] in _CLOSING
                if first == last and not (self._may_name_a_column(phrase) or (alone and phrase in self._exact)):
                    continue
                columns, score = self.columns_for(phrase)
                if columns:
                    yield Mention(start, end, phrase, columns, score)

    def _chinese(self, text: str) -> Iterator[Mention]:
        lowered = text.lower() if len(text.lower()) == len(text) else text
        for phrase in self._han:
            start = lowered.find(phrase)
            columns, score = self.columns_for(phrase) if start >= 0 else ((), 0.0)
            while start >= 0:
                yield Mention(start, start + len(phrase), text[start : start + len(phrase)], columns, score)
                start = lowered.find(phrase, start + 1)

    def _sounded(self, text: str) -> Iterator[Mention]:
        """Chinese words of which the Latin spelling is the name of a column: 工资 for gongzi."""
        if not self._latin_names:
            return
        for run in _HAN_RUN.finditer(text):
            for start in range(run.start(), run.end()):
                for end in range(start + 2, min(run.end(), start + _LONGEST_WORD) + 1):
                    spelled = readings(text[start:end])
                    if not spelled:
                        break
                    names = [self._latin_names[form] for form in spelled if form in self._latin_names]
                    if names:
                        yield Mention(start, end, text[start:end], tuple(dict.fromkeys(names)), SOUNDED)

    def _may_name_a_column(self, word: str) -> bool:
        if word in self._exact:
            return word.lower() not in {"a", "i"} and (word.lower() not in NOT_COLUMNS or word != word.lower())
        return len(word) > 1 and word.lower() not in NOT_COLUMNS

    def _add_concepts(self) -> None:
        """A column that is called like one word of a concept may be named by all words of it."""
        sure = {
            phrase: [name for name, score in columns.items() if score >= LABEL]
            for phrase, columns in self._by_phrase.items()
        }
        for words in CONCEPTS:
            forms = {normalize(word): word for word in words}
            columns = [name for form in forms for name in sure.get(form, ())]
            sounds = {sound for form in forms if has_han(form) for sound in readings(form)}
            columns += [self._latin_names[sound] for sound in sorted(sounds) if sound in self._latin_names]
            for form, word in forms.items():
                for name in columns:
                    score = SYNONYM - (0.1 if word in LESS_SPECIFIC else 0.0)
                    self._by_phrase[form].setdefault(name, score)


def _without_paraphrased(text: str, mentions: list[Mention]) -> list[Mention]:
    """In "house prices (lprice)" the name in parentheses says which column is meant."""
    kept: list[Mention] = []
    for mention in mentions:
        if kept and mention.score >= NORMALIZED and text[kept[-1].end : mention.start].strip() in {"(", "（"}:
            kept.pop()
        kept.append(mention)
    return kept


def normalize(phrase: str) -> str:
    """Lower case without blanks, underscores and punctuation, so that `Log_Wage` is `log wage`."""
    return re.sub(rf"[^\w{CJK}]|_", "", phrase.lower())


def singular(word: str) -> str:
    """A plain English singular; good enough to match the plural of a column name."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _phrases(column: ColumnProfile) -> Iterator[tuple[str, float]]:
    yield normalize(column.stata_name), EXACT
    yield normalize(column.original_name), EXACT
    for form in _header_forms(column.original_name):
        yield form, SHORTENED
    label = column.label.strip()
    if label:
        yield normalize(label), LABEL
        bare = re.sub(r"[(（\[].*?[)）\]]|,.*$|[=:：].*$", "", label)
        yield normalize(bare), LABEL - 0.05
        yield from _label_parts(bare)
        for form in _header_forms(label):
            yield form, SHORTENED - 0.02
    for part in re.split(r"[_\s.\-]+", column.stata_name.lower()):
        if len(part) > 2 and part not in _STOP_IN_LABELS:
            yield part, PART
    yield from _value_words(column)


_UNIT: Final = re.compile(
    r"(?:(?:百|千|万|亿|百万|千万|万亿)?(?:美元|元|人|吨|件|个|户|家|台|辆|次|千瓦时|立方米|平方米)|平方公里|公里|公顷|亩|万|亿|%|％|‰)$"
)
"""A unit written behind the name without brackets, as statistical yearbooks do: GDP亿元."""


def _header_forms(header: str) -> Iterator[str]:
    """A Chinese header without its unit, and without an ending such as 水平 that speakers leave out."""
    if not has_han(header):
        return
    whole = re.sub(r"[(（\[].*?[)）\]]", "", header).strip()
    bare = _UNIT.sub("", whole.rstrip("0123456789"))
    yield from (normalize(form) for form in (whole, bare, bare.removeprefix("是否")) if len(form) >= 2)
    for ending in _GENERIC_ENDINGS:
        if bare.endswith(ending) and len(bare) - len(ending) >= 2:
            yield normalize(bare[: -len(ending)])
    yield from (normalize(run) for run in _HAN_RUN.findall(bare) if len(run) >= 2)


def _label_parts(label: str) -> Iterator[tuple[str, float]]:
    words = [word.lower() for word in _TOKEN.findall(label)]
    for size in range(2, len(words)):
        for first in range(len(words) - size + 1):
            part = words[first : first + size]
            if part[0] not in NOT_COLUMNS and part[-1] not in NOT_COLUMNS:
                yield normalize("".join(part)), PART + 0.05
    for word in words:
        if len(word) > 3 and word not in _STOP_IN_LABELS:
            yield normalize(word), PART - 0.05


def _value_words(column: ColumnProfile) -> Iterator[tuple[str, float]]:
    """Words of value labels name the grouping: "foreign" names the column whose 1 says Foreign."""
    for text in column.value_labels.values():
        form = normalize(text)
        if len(form) > 3 and form not in _STOP_IN_LABELS and not form.isdigit():
            yield form, PART - 0.1


def _query_forms(phrase: str) -> Iterable[tuple[str, float]]:
    """The ways in which a phrase of the text may be written as a column name, with how sure each is."""
    plain = normalize(phrase)
    yield plain, 1.0
    words = [word.lower() for word in _TOKEN.findall(phrase)] or [plain]
    words[-1] = re.sub(r"['’]s?$", "", words[-1])
    yield normalize("".join(words)), 0.99
    yield normalize("".join([*words[:-1], singular(words[-1])])), 0.98
    if len(words) > 1 and words[0] in {"log", "ln", "logged", "logarithm"}:
        rest = singular("".join(word for word in words[1:] if word not in {"of", "the"}))
        yield from ((prefix + rest, 0.96) for prefix in ("l", "ln", "log"))
        rest_plural = "".join(word for word in words[1:] if word not in {"of", "the"})
        yield from ((prefix + rest_plural, 0.96) for prefix in ("l", "ln", "log"))
    if len(words) > 1 and words[-1] in {"squared", "square", "sq"}:
        rest = "".join(words[:-1])
        for base in {rest, rest[:5], rest[:4]}:
            yield from ((base + ending, 0.94) for ending in ("sq", "2", "squared"))
    if len(words) == 1 and len(words[0]) > 5:
        # "education" for educ, "experience" for exper: abbreviations cut the end off.
        yield from ((words[0][:size], SHORTENED) for size in range(len(words[0]) - 1, 3, -1))


def _is_one_phrase(gap: str) -> bool:
    return gap.strip() in {"", "-"} and "\n" not in gap
