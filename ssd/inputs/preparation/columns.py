"""What a column is, decided from all of its cells in one pass, and its values in Stata's form in a second."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ssd.engine.data.storage import DOUBLE_LARGEST, INTEGER_LIMITS, default_format, narrow
from ssd.engine.missing import from_nan
from ssd.inputs.preparation import cells as meaning
from ssd.inputs.preparation.cells import Kind
from ssd.inputs.preparation.source import Cell, cell_text

FloatArray = NDArray[np.float64]
_EXACT: Final = 2**53
_NUMERIC_KINDS: Final = frozenset({Kind.THOUSANDS, Kind.PERCENT, Kind.YEAR_WORD})
_DAY_KINDS: Final = frozenset({Kind.DAY, Kind.DAY_EITHER, Kind.DAY_FIRST, Kind.MONTH_FIRST})
_FORMATS: Final = {"day": "%td", "moment": "%tc", "month": "%tm", "quarter": "%tq"}


@dataclass(frozen=True)
class ColumnPlan:
    """How the cells of a column are stored. `form`: number, boolean, day, moment, month, quarter, text, empty."""

    form: str
    storage_type: str = ""
    """Of numbers; text finds its width from the values."""
    day_order: Kind = Kind.DAY
    remarks: dict[str, str] = field(default_factory=dict)
    """Warnings by topic: how this column differs from what a reader of the file may expect."""

    @property
    def format(self) -> str:
        return _FORMATS.get(self.form) or default_format(self.storage_type)


def stripped(texts: Sequence[str]) -> pl.Series:
    return pl.Series(texts, dtype=pl.String).str.strip_chars()


def numbers_of(texts: pl.Series, *, decimal_comma: bool) -> FloatArray:
    """Numbers of stripped texts in any of the notations; NaN where a text is none. A percentage is divided by 100."""
    plain = texts
    if decimal_comma:
        comma = plain.str.contains(meaning.DECIMAL_COMMA) & (plain != "")
        plain = _where(comma, plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True), plain)
    percent = plain.str.contains(meaning.PERCENT)
    if percent.any():
        plain = _where(percent, plain.str.strip_chars("%％ \t"), plain)
    thousands = plain.str.contains(meaning.THOUSANDS)
    if thousands.any():
        plain = _where(thousands, plain.str.replace_all(",", "", literal=True), plain)
    years = plain.str.contains(meaning.YEAR_WORD)
    if years.any():
        plain = _where(years, plain.str.slice(0, 4), plain)
    plain = _where(plain.str.contains(meaning.PLAIN), plain, pl.Series([None], dtype=pl.String))
    values = plain.cast(pl.Float64).to_numpy().astype(np.float64)
    if percent.any():
        mask = percent.to_numpy()
        values[mask] = values[mask] / 100
    return values


def _where(mask: pl.Series, chosen: pl.Series, otherwise: pl.Series) -> pl.Series:
    return chosen.zip_with(
        mask, otherwise if len(otherwise) == len(chosen) else otherwise.new_from_index(0, len(chosen))
    )


class ColumnObserver:
    """First pass: call `observe` with each batch of cells, then `plan`."""

    def __init__(self, *, decimal_comma: bool) -> None:
        self._decimal_comma = decimal_comma
        self._kinds: Counter[Kind] = Counter()
        self._numbers = 0
        self._text_numbers = 0
        self._native_numbers = 0
        self._native_booleans = 0
        self._native_days = 0
        self._native_moments = 0
        self._leading_zeros = 0
        self._beyond_exact = 0
        self._out_of_range = 0
        self._low, self._high = np.inf, -np.inf
        self._whole, self._fits_float = True, True
        self._text_examples: list[str] = []

    @property
    def has_values(self) -> bool:
        return bool(self._numbers or self._kinds or self._native_booleans or self._native_days or self._native_moments)

    def observe(self, batch: Sequence[Cell]) -> None:
        texts = [cell for cell in batch if isinstance(cell, str)]
        if len(texts) < len(batch):
            self._observe_native([cell for cell in batch if not isinstance(cell, str)])
        if texts:
            self._observe_texts(stripped(texts))

    def _observe_native(self, batch: Sequence[Cell]) -> None:
        numbers = [float(cell) for cell in batch if isinstance(cell, (int, float)) and not isinstance(cell, bool)]
        if numbers:
            self._native_numbers += len(numbers)
            self._note_numbers(np.array(numbers, dtype=np.float64))
        for cell in batch:
            if isinstance(cell, bool):
                self._native_booleans += 1
            elif isinstance(cell, dt.datetime):
                if cell.time() == dt.time():
                    self._native_days += 1
                else:
                    self._native_moments += 1
            elif isinstance(cell, dt.date):
                self._native_days += 1
            elif not isinstance(cell, (int, float)):
                self._note_kind(Kind.TEXT, 1, cell_text(cell))

    def _observe_texts(self, texts: pl.Series) -> None:
        present = texts.filter(texts != "")
        if present.is_empty():
            return
        plain = present.str.contains(meaning.PLAIN)
        if self._decimal_comma:
            plain = plain | present.str.contains(meaning.DECIMAL_COMMA) & ~present.str.contains(meaning.PERCENT)
        numbers = present.filter(plain)
        if len(numbers):
            self._text_numbers += len(numbers)
            self._leading_zeros += int(numbers.str.contains(meaning.LEADING_ZERO).sum())
            long = numbers.filter(numbers.str.contains(meaning.LONG_INTEGER))
            self._beyond_exact += sum(abs(int(text)) > _EXACT for text in long.to_list())
            self._note_numbers(numbers_of(numbers, decimal_comma=self._decimal_comma))
        if len(numbers) < len(present):
            self._observe_other(present.filter(~plain))

    def _observe_other(self, others: pl.Series) -> None:
        if self._kinds[Kind.TEXT] and len(self._text_examples) >= 3:
            # One text makes the column text; what the rest would mean no longer matters.
            self._kinds[Kind.TEXT] += len(others)
            return
        counts = others.value_counts()
        numeric = []
        for text, count in counts.iter_rows():
            kind = meaning.classify(text)
            self._note_kind(kind, count, text)
            if kind in _NUMERIC_KINDS:
                numeric.append(text)
        if numeric:
            self._note_numbers(numbers_of(stripped(sorted(numeric)), decimal_comma=self._decimal_comma), count=0)

    def _note_kind(self, kind: Kind, count: int, text: str) -> None:
        self._kinds[kind] += count
        if kind is Kind.TEXT and len(self._text_examples) < 3 and text not in self._text_examples:
            self._text_examples = sorted([*self._text_examples, text])

    def _note_numbers(self, values: FloatArray, count: int | None = None) -> None:
        self._numbers += len(values) if count is None else count
        usable = values[np.abs(values) <= DOUBLE_LARGEST]
        self._out_of_range += len(values) - len(usable)
        if not usable.size:
            return
        self._low, self._high = min(self._low, float(usable.min())), max(self._high, float(usable.max()))
        self._whole = self._whole and bool(np.array_equal(usable, np.trunc(usable)))
        if self._fits_float:
            with np.errstate(over="ignore"):
                self._fits_float = bool(np.array_equal(usable.astype(np.float32).astype(np.float64), usable))

    def plan(self) -> ColumnPlan:
        """What the column is, given everything observed."""
        kinds: set[Kind] = {kind for kind, count in self._kinds.items() if count} - {Kind.MISSING}
        markers = self._kinds[Kind.MISSING]
        remarks: dict[str, str] = {}
        if markers:
            remarks["missing"] = str(markers)
        has_number = bool(self._numbers) or bool(kinds & _NUMERIC_KINDS)
        has_native_date = bool(self._native_days or self._native_moments)
        if not (kinds or has_number or has_native_date or self._native_booleans):
            return ColumnPlan("empty", "byte", remarks=remarks)
        if has_number and kinds <= _NUMERIC_KINDS and not has_native_date and not self._native_booleans:
            return self._number_plan(kinds, remarks)
        if not has_number:
            if kinds <= {Kind.BOOLEAN} and not has_native_date:
                return ColumnPlan("boolean", "byte", remarks=remarks)
            if not self._native_booleans and kinds <= _DAY_KINDS | {Kind.MOMENT}:
                return self._date_plan(kinds, remarks)
            if not has_native_date and not self._native_booleans:
                if kinds == {Kind.MONTH}:
                    return ColumnPlan("month", "int", remarks=remarks)
                if kinds == {Kind.QUARTER}:
                    return ColumnPlan("quarter", "int", remarks=remarks)
        return self._text_plan(has_number)

    def _number_plan(self, kinds: set[Kind], remarks: dict[str, str]) -> ColumnPlan:
        if self._leading_zeros and self._whole:
            return ColumnPlan("text", remarks={"leading_zeros": str(self._leading_zeros)})
        if self._beyond_exact:
            return ColumnPlan("text", remarks={"long_integers": str(self._beyond_exact)})
        for kind, topic in ((Kind.THOUSANDS, "thousands"), (Kind.PERCENT, "percent"), (Kind.YEAR_WORD, "year_word")):
            if kind in kinds:
                remarks[topic] = str(self._kinds[kind])
        if self._native_numbers and self._text_numbers:
            remarks["numbers_as_text"] = str(self._text_numbers)
        if self._out_of_range:
            remarks["out_of_range"] = str(self._out_of_range)
        return ColumnPlan("number", self._smallest_type(), remarks=remarks)

    def _smallest_type(self) -> str:
        if self._whole:
            for name, (first, last) in INTEGER_LIMITS.items():
                if first <= self._low and self._high <= last:
                    return name
            return "double"
        return "float" if self._fits_float and self._high < 1e38 and self._low > -1e38 else "double"

    def _date_plan(self, kinds: set[Kind], remarks: dict[str, str]) -> ColumnPlan:
        order = Kind.DAY
        uncertain = kinds & {Kind.DAY_EITHER, Kind.DAY_FIRST, Kind.MONTH_FIRST}
        if uncertain:
            known = uncertain - {Kind.DAY_EITHER}
            if len(known) != 1:
                topic = "day_order_unknown" if not known else "day_order_mixed"
                return ColumnPlan("text", remarks={topic: str(sum(self._kinds[kind] for kind in uncertain))})
            order = known.pop()
            remarks["day_first" if order is Kind.DAY_FIRST else "month_first"] = ""
        if Kind.MOMENT in kinds or self._native_moments:
            return ColumnPlan("moment", "double", day_order=order, remarks=remarks)
        return ColumnPlan("day", "long", day_order=order, remarks=remarks)

    def _text_plan(self, has_number: bool) -> ColumnPlan:
        remarks = {}
        if has_number or self._native_booleans or self._native_days or self._native_moments:
            remarks["mixed"] = ", ".join(repr(text[:30]) for text in self._text_examples) or "several kinds of values"
        return ColumnPlan("text", remarks=remarks)


class ColumnConverter:
    """Second pass: `convert` gives each batch in storage form; equal strings are kept once."""

    _INTERNED = 100_000

    def __init__(self, plan: ColumnPlan, *, decimal_comma: bool) -> None:
        self.plan = plan
        self._decimal_comma = decimal_comma
        self._strings: dict[str, str] = {}

    def convert(self, batch: Sequence[Cell]) -> NDArray[Any]:
        """Numbers in the storage type's dtype with Stata's missing codes; text as an object array of str."""
        if self.plan.form == "text":
            return self._texts(batch)
        values = self._numbers(batch) if self.plan.form == "number" else self._coded(batch)
        return narrow(from_nan(values), self.plan.storage_type)

    def _texts(self, batch: Sequence[Cell]) -> NDArray[Any]:
        result: NDArray[Any] = np.empty(len(batch), dtype=object)
        known = self._strings
        for position, cell in enumerate(batch):
            text = cell_text(cell)
            found = known.get(text)
            if found is None:
                found = text
                if len(known) < self._INTERNED:
                    known[text] = text
            result[position] = found
        return result

    def _numbers(self, batch: Sequence[Cell]) -> FloatArray:
        texts = [cell if isinstance(cell, str) else "" for cell in batch]
        values = (
            numbers_of(stripped(texts), decimal_comma=self._decimal_comma)
            if any(texts)
            else np.full(len(batch), np.nan)
        )
        for position, cell in enumerate(batch):
            if not isinstance(cell, str):
                values[position] = _number(cell)
        return values

    def _coded(self, batch: Sequence[Cell]) -> FloatArray:
        known: dict[Cell, float] = {}
        values = np.empty(len(batch), dtype=np.float64)
        for position, cell in enumerate(batch):
            code = known.get(cell)
            if code is None:
                code = known[cell] = self._code(cell)
            values[position] = code
        return values

    def _code(self, cell: Cell) -> float:
        form = self.plan.form
        if form == "boolean":
            text = cell_text(cell).lower()
            return 1.0 if text == "true" else 0.0 if text == "false" else np.nan
        if isinstance(cell, dt.date):
            moment = cell if isinstance(cell, dt.datetime) else dt.datetime.combine(cell, dt.time())
            count = meaning.milliseconds(moment)
            return float(count if form == "moment" else count // 86_400_000)
        text = cell_text(cell)
        if form == "month":
            return _or_nan(meaning.parse_month(text))
        if form == "quarter":
            return _or_nan(meaning.parse_quarter(text))
        if form == "empty":
            return np.nan
        days = meaning.parse_day(text, self.plan.day_order)
        if form == "day":
            return _or_nan(days)
        return _or_nan(meaning.parse_moment(text) if days is None else days * 86_400_000)


def _number(cell: Cell) -> float:
    if isinstance(cell, (int, float)):
        return float(cell)
    raise TypeError(f"{type(cell).__name__} in a column of numbers")


def _or_nan(value: int | None) -> float:
    return np.nan if value is None else float(value)
