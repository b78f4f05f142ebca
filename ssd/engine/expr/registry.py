"""How expression functions are declared: name, kinds of arguments, implementation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ssd.engine.expr.values import Value, finished, is_clean
from ssd.engine.missing import MISSING, FloatArray

if TYPE_CHECKING:
    pass

Implementation = Callable[..., Any]


@dataclass(frozen=True)
class Function:
    """`kinds` has one letter per argument: n number, s string, a any, x the unevaluated tree.

    Arguments after `|` are optional; a final `+` repeats the last kind any number of times. With `context`
    the implementation receives the evaluation context first.
    """

    name: str
    kinds: str
    run: Implementation
    context: bool = False

    @property
    def required(self) -> int:
        return len(self.kinds.partition("|")[0].rstrip("+"))

    @property
    def letters(self) -> str:
        return self.kinds.replace("|", "").rstrip("+")

    @property
    def repeats(self) -> bool:
        return self.kinds.endswith("+")


Table = dict[str, Function]


def entry(table: Table, names: str, kinds: str, run: Implementation, *, context: bool = False) -> None:
    """Add a function under each of the space-separated names."""
    for name in names.split():
        table[name] = Function(name, kinds, run, context)


def strict(compute: Callable[..., Any]) -> Implementation:
    """A numeric function that is missing wherever an argument is missing or the result is no number."""

    def run(*arguments: float | FloatArray) -> Value:
        plain = [np.asarray(item, dtype=np.float64) for item in arguments]
        present = [item < MISSING for item, raw in zip(plain, arguments, strict=True) if not is_clean(raw)]
        if present:
            plain = [np.where(item < MISSING, item, np.nan) for item in plain]
        with np.errstate(all="ignore"):
            outcome = np.asarray(compute(*plain), dtype=np.float64)
        for known in present:
            outcome = np.where(known, outcome, MISSING)
        if outcome.ndim == 0:
            value = float(outcome)
            return value if abs(value) < MISSING else MISSING
        return finished(outcome)

    return run
