"""One use of an egen function: its argument, sample, groups and options."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ssd.engine.commands.declare import Groups
from ssd.engine.data.groupstats import Cells, cells
from ssd.engine.data.order import IndexArray
from ssd.engine.errors import StataError, option_not_allowed, type_mismatch
from ssd.engine.expr import evaluate_rows
from ssd.engine.expr.values import number
from ssd.engine.lang.options import TypedOption
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.session import Session


@dataclass
class Call:
    """`mask` is the sample; `ids` are the by-groups of all observations; options are taken as they are used."""

    session: Session
    name: str
    argument: str
    mask: BoolArray
    ids: IndexArray
    n_groups: int
    options: list[TypedOption]
    groups: Groups | None
    grouped: bool
    whole: bool
    """No `if` or `in`: the sample is all observations."""
    label: str = ""
    value_label: str = ""
    _values: FloatArray | None = field(default=None, repr=False)

    def flag(self, name: str, minimum: int = 1) -> bool:
        for option in self.options:
            if option.value is None and len(option.word) >= minimum and name.startswith(option.word.lower()):
                self.options.remove(option)
                return True
        return False

    def text(self, name: str, minimum: int = 1) -> str | None:
        for option in self.options:
            if option.value is not None and len(option.word) >= minimum and name.startswith(option.word.lower()):
                self.options.remove(option)
                return strip_quotes(option.value)
        return None

    def real(self, name: str, default: float, minimum: int = 1) -> float:
        text = self.text(name, minimum)
        return default if text is None else self.session.evaluate_number(text)

    def refuse_rest(self) -> None:
        """Raises r(198) for an option that no part of the function used."""
        if self.options:
            raise option_not_allowed(self.options[0].named)

    def no_by(self) -> None:
        if self.grouped:
            raise StataError(190, "egen ... may not be combined with by")

    def values(self) -> FloatArray:
        """The expression over all observations."""
        if self._values is None:
            value = number(evaluate_rows(self.argument, self.session, groups=self.groups))
            assert isinstance(value, np.ndarray)
            self._values = value
        return self._values

    def cells(self) -> Cells:
        """Non-missing values of the sample with their groups."""
        if self.whole:
            return cells(self.values(), self.ids, self.n_groups)
        return cells(self.values()[self.mask], self.ids[self.mask], self.n_groups)

    def spread(self, by_group: FloatArray) -> FloatArray:
        """A value per group to every observation of the group."""
        return by_group[self.ids]

    def variables(self, *, string: bool = False) -> list[str]:
        names = self.session.expand_varlist(self.argument)
        if not names:
            raise StataError(100, "varlist required")
        for name in names:
            if self.session.data.variables[name].is_string and not string:
                raise type_mismatch()
        return names

    def table(self) -> FloatArray:
        return np.stack([self.session.data.numeric(name) for name in self.variables()], axis=1)

    def placed(self, values: FloatArray, where: BoolArray) -> FloatArray:
        out = np.full(self.session.data.n_obs, MISSING)
        out[where] = values
        return out
