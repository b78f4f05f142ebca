"""Who plays which part: from sentence frames and mentions to the variables of an analysis."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from ssd.drafts.concepts import PERSON_GROUPS
from ssd.drafts.mentions import Lexicon, Mention
from ssd.drafts.nearness import near_names
from ssd.drafts.ordinary_words import NOT_COLUMNS
from ssd.drafts.slots import Slot, read_slots
from ssd.inputs.models import ColumnProfile, DatasetProfile, PanelGuess

_NO_GUESSING: Final = frozenset({"time", "entity", "post", "running", "duration", "event", "cohort", "exposure"})
_TWO_WAY: Final = re.compile(r"two[\s-]*way|\btwfe\b|双向", re.IGNORECASE)
_GENERIC_ENTITY: Final = re.compile(
    r"\b(?:individual|unit|entity|person|firm|company|country|state|province|city|subject|worker|household|school)s?\b|个体|企业|公司|省份?|城市|地区|国家",
    re.IGNORECASE,
)
_GENERIC_TIME: Final = re.compile(
    r"\b(?:time|year|period|month|quarter|wave)s?\b|时间|年份?|年度|时期|月份|季度", re.IGNORECASE
)
_INTERACTION: Final = re.compile(r"interact(?:ion|ions|ed|ing)?|交互项?|交乘项?", re.IGNORECASE)
_TIME_NAME: Final = re.compile(r"year|^yr$|date|month|quarter|period|time|wave|年|月|季度|时间|日期|期", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Found(msgspec.Struct, frozen=True):
    """The variables of an analysis as far as the text tells; `unclear` holds words that could be several columns."""

    outcome: str | None = None
    treatment: str | None = None
    controls: tuple[str, ...] = ()
    time: str | None = None
    entity: str | None = None
    cluster: str | None = None
    fixed_effects: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    group: str | None = None
    post: str | None = None
    weights: str | None = None
    running: str | None = None
    cutoff: float | None = None
    duration: str | None = None
    event: str | None = None
    cohort: str | None = None
    exposure: str | None = None
    lags: int | None = None
    variables: tuple[str, ...] = ()
    interactions: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    unclear: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    """(role, words, candidate columns)"""
    guessed_spelling: tuple[tuple[str, str], ...] = ()
    """(words, the column they were read as)"""


class RoleReader:
    """Gives every mentioned column its part. One instance reads one text."""

    def __init__(self, text: str, profile: DatasetProfile, lexicon: Lexicon, mentions: list[Mention]) -> None:
        self.text = text
        self.profile = profile
        self.mentions = mentions
        self.slots = read_slots(text, mentions)
        self.panel: PanelGuess | None = profile.panel_guesses[0] if profile.panel_guesses else None
        self._lexicon = lexicon
        self._columns = {column.stata_name: column for column in profile.columns}
        self._unclear: list[tuple[str, str, tuple[str, ...]]] = []
        self._spelling: list[tuple[str, str]] = []

    def read(self, *, compares: bool, classes: bool = False) -> Found:
        """`compares` tells that groups are compared, so a column with few values is the group; `classes` that
        the outcome may be text."""
        weights = self._first("weights", numeric=True)
        instruments = self._all("instruments", without=(weights,))
        cluster = self._first("cluster")
        if cluster is None and any(slot.role == "cluster" for slot in self.slots):
            cluster = self._panel_side("cluster")
        fixed = self._fixed_effects()
        post, group = self._first("post"), self._group()
        exposure = self._first("exposure", numeric=True)
        special = (weights, exposure, *instruments)
        outcome = self._first("outcome", without=(*special, group, post), numeric=not classes)
        treatment = self._first("treatment", without=(*special, outcome))
        regressors = [*self._all("treatment", without=special), *self._all("regressors", without=special)]
        rest = [name for name in regressors if name not in (outcome, treatment)]
        if treatment is None and rest:
            treatment = rest.pop(0)
        taken = {outcome, treatment, *special, *fixed}
        controls = [name for name in (*rest, *self._all("controls", without=special)) if name not in taken]
        if compares:
            outcome, group = self._comparison(outcome, group, controls)
            controls = [name for name in controls if name not in (outcome, group)]
        return Found(
            outcome=outcome,
            treatment=treatment,
            controls=tuple(dict.fromkeys(controls)),
            time=self._first("time") or (self.panel.time if self.panel else None),
            entity=self._first("entity") or (self.panel.entity if self.panel else None),
            cluster=cluster,
            fixed_effects=tuple(fixed),
            instruments=tuple(instruments),
            group=group,
            post=post,
            weights=weights,
            running=self._first("running", numeric=True),
            duration=self._first("duration", numeric=True),
            event=self._first("event"),
            cohort=self._first("cohort"),
            exposure=exposure,
            variables=tuple(self._all("variables", without=())),
            interactions=tuple(self._interactions()),
            mentioned=tuple(dict.fromkeys(m.column for m in self.mentions if m.column)),
            unclear=tuple(dict.fromkeys(self._unclear)),
            guessed_spelling=tuple(dict.fromkeys(self._spelling)),
        )

    def _resolved(self, role: str) -> Iterator[str]:
        for slot in self.slots:
            if slot.role != role:
                continue
            for mention in slot.mentions:
                if mention.column:
                    yield mention.column
                else:
                    self._unclear.append((role, mention.text, mention.columns))
            if not slot.mentions and not slot.strict and role not in {"fixed_effects", "variables", "controls"}:
                yield from self._near(slot)

    def _all(self, role: str, *, without: Iterable[str | None]) -> list[str]:
        refused = set(without)
        return [name for name in dict.fromkeys(self._resolved(role)) if name not in refused]

    def _first(self, role: str, *, without: Iterable[str | None] = (), numeric: bool = False) -> str | None:
        for name in self._all(role, without=without):
            if not numeric or self._columns[name].inferred_type not in {"string", "datetime"}:
                return name
            if self._columns[name].n_unique == 2:
                return name
        return None

    def _group(self) -> str | None:
        """The grouping column; words for people of one sex name it even where another word stands nearer."""
        names = self._all("group", without=())
        named = [m.column for m in self.mentions if m.text.lower() in PERSON_GROUPS and m.column in names]
        if named:
            return named[0]
        fitting = [name for name in names if is_grouping(self._columns[name], self.profile.row_count)]
        return next(iter(fitting or names), None)

    def _comparison(self, outcome: str | None, group: str | None, controls: list[str]) -> tuple[str | None, str | None]:
        """Outcome and group of a comparison: what no frame told is told by the kinds of the columns mentioned."""
        names = list(dict.fromkeys(m.column for m in self.mentions if m.column and m.column not in controls))
        grouping = [n for n in names if is_grouping(self._columns[n], self.profile.row_count)]
        if group is not None and group not in grouping and outcome in grouping:
            outcome, group = group, outcome
        if group is None:
            people = [m.column for m in self.mentions if m.text.lower() in PERSON_GROUPS and m.column in grouping]
            group = next((n for n in (*people, *grouping) if n != outcome), None)
        if outcome is None or outcome == group:
            measures = [n for n in names if n != group and self._columns[n].inferred_type not in {"string", "datetime"}]
            outcome = next((n for n in measures if n not in grouping), measures[0] if measures else None)
        return outcome, group

    def _fixed_effects(self) -> list[str]:
        found = []
        for slot in (slot for slot in self.slots if slot.role == "fixed_effects"):
            end = slot.start + len(slot.text)
            named = [m.column for m in slot.mentions if m.column and self._names_units(m, beside=end - m.end <= 1)]
            found += named
            tail = slot.text[-40:]
            if self.panel and not any(name == self.panel.entity for name in named) and _GENERIC_ENTITY.search(tail):
                unmentioned = not any(_GENERIC_ENTITY.search(m.text) for m in slot.mentions)
                found += [self.panel.entity] if unmentioned else []
            if self.panel and not any(name == self.panel.time for name in named) and _GENERIC_TIME.search(tail):
                unmentioned = not any(_GENERIC_TIME.search(m.text) for m in slot.mentions)
                found += [self.panel.time] if unmentioned else []
        if self.panel and _TWO_WAY.search(self.text):
            found += [self.panel.entity, self.panel.time]
        return list(dict.fromkeys(found))

    def _names_units(self, mention: Mention, *, beside: bool) -> bool:
        """Whether fixed effects of this column make sense: units, periods and classes, not measurements.

        A column `beside` the words "fixed effects" is believed when it holds whole numbers.
        """
        column = self._columns[mention.columns[0]]
        if self.panel and column.stata_name in (self.panel.entity, self.panel.time):
            return True
        if column.inferred_type in {"string", "datetime"} or (column.value_labels and column.n_unique > 2):
            return True
        named = _GENERIC_ENTITY.search(mention.text) or _GENERIC_TIME.search(mention.text)
        return column.inferred_type == "integer" and (
            beside or bool(named) or bool(_TIME_NAME.search(column.stata_name))
        )

    def _panel_side(self, role: str) -> str | None:
        if self.panel is None:
            return None
        words = " ".join(slot.text for slot in self.slots if slot.role == role)
        if _GENERIC_ENTITY.search(words):
            return self.panel.entity
        return self.panel.time if _GENERIC_TIME.search(words) else None

    def _interactions(self) -> Iterator[str]:
        for match in _INTERACTION.finditer(self.text):
            after = [m.column for m in self.mentions if match.end() <= m.start <= match.end() + 80 and m.column]
            before = [m.column for m in self.mentions if m.end <= match.start() and m.column]
            pair = after[:2] if len(after) >= 2 else before[-2:]
            if len(pair) == 2 and pair[0] != pair[1]:
                yield "#".join(name for name in pair if name)
        for first, second in zip(self.mentions, self.mentions[1:], strict=False):
            between = self.text[first.end : second.start].strip()
            if between in {"x", "*", "×", "#", "##", "X"} and first.column and second.column:
                yield f"{first.column}#{second.column}"

    def _near(self, slot: Slot) -> Iterator[str]:
        """Columns whose names are a slip of the pen away from a word of the slot."""
        if slot.role in _NO_GUESSING:
            return
        for match in _IDENTIFIER.finditer(slot.text):
            word = match.group().lower()
            if len(word) < 4 or word in NOT_COLUMNS:
                continue
            near = near_names(word, self._columns)
            if len(near) == 1:
                self._spelling.append((match.group(), near[0]))
                yield near[0]
            elif near:
                self._unclear.append((slot.role, match.group(), tuple(near)))


def is_grouping(column: ColumnProfile, rows: int) -> bool:
    """Whether the values of a column sort the rows into a few groups."""
    if column.n_unique < 2:
        return False
    if column.inferred_type in {"boolean", "string"} or column.value_labels:
        return column.n_unique <= max(50, rows // 10)
    return column.inferred_type == "integer" and column.n_unique <= min(12, max(2, rows // 5))
