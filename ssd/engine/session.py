"""Everything a running do-file can see and change."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from ssd.engine.commands.declare import Groups, Weight
from ssd.engine.data.dataset import Dataset, ObjectArray
from ssd.engine.data.limits import Limits
from ssd.engine.errors import StataError, type_mismatch
from ssd.engine.lang.calls import Call, Program
from ssd.engine.lang.rng import Rng
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.lang.interpreter import Interpreter
    from ssd.engine.output.log import Log


@dataclass(frozen=True)
class ErrorPosition:
    """Where the first uncaught error arose."""

    file: str
    line: int
    command: str


@dataclass
class Session:
    """State of one engine process. Commands receive it and change it; there is no other global state."""

    folder: Path
    """The working folder. Files are read from anywhere below or named by the caller; written only below."""
    log: Log
    data: Dataset = field(default_factory=Dataset)
    globals: dict[str, str] = field(default_factory=dict)
    locals: list[dict[str, str]] = field(default_factory=lambda: [{}])
    """One dictionary per running do-file or program; the last is current."""
    scalars: dict[str, float | str] = field(default_factory=dict)
    matrices: dict[str, Matrix] = field(default_factory=dict)
    r: ResultSet = field(default_factory=ResultSet)
    e: ResultSet = field(default_factory=ResultSet)
    s: ResultSet = field(default_factory=ResultSet)
    rc: int = 0
    """_rc: what the last `capture` caught."""
    settings: dict[str, str] = field(default_factory=dict)
    """`set` values by full name: linesize, type, level, scheme, …"""
    rng: Rng = field(default_factory=Rng)
    programs: dict[str, Program] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    """One per running do-file or program, outermost first."""
    error_position: ErrorPosition | None = None
    root: Path | None = None
    """The folder below which files may be written; the folder the run started in."""
    limits: Limits = field(default_factory=Limits)
    """What `set maxvar` and `set max_memory` allow."""
    state: dict[str, Any] = field(default_factory=dict)
    """What single command families keep between their commands, by family name (frames, timers, open files)."""
    stop: Event | None = None
    """Set from outside to end the run at its next statement, as Stata's Break does."""
    _interpreter: Interpreter | None = None

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        if self.root is None:
            self.root = self.folder

    def __setattr__(self, name: str, value: Any) -> None:
        """Link the data with the estimation results, so that e(sample) follows the observations."""
        object.__setattr__(self, name, value)
        if name not in ("data", "e", "limits") or not {"data", "e", "limits"} <= self.__dict__.keys():
            return
        if name == "data" and self.data.kept_sample is not None and self.data.followed is self.e:
            self.e.sample = self.data.kept_sample.copy()
        self.data.followed = self.e
        self.data.limits = self.limits

    # --- evaluation (implemented in lang/ and expr/, bound here) ---
    def evaluate(
        self, text: str, *, groups: Groups | None = None, mask: BoolArray | None = None,
    ) -> FloatArray | ObjectArray | float | str:  # fmt: skip
        """Value of an expression: an array over observations, or a scalar when it names no variable, `_n` or `_N`."""
        from ssd.engine.expr import evaluate

        return evaluate(text, self, groups=groups, mask=mask)

    def evaluate_condition(self, text: str, *, groups: Groups | None = None) -> BoolArray:
        """Observations where the expression is true (nonzero, missing included), shape (n_obs,)."""
        from ssd.engine.expr import evaluate_condition

        return evaluate_condition(text, self, groups=groups)

    def evaluate_scalar(self, text: str) -> float | str:
        """One value: of a scalar expression, or of the first observation when the expression names variables."""
        value = self.evaluate(text)
        if isinstance(value, np.ndarray):
            if value.ndim == 0:
                return value.item()
            if value.size == 0:
                from ssd.engine.missing import MISSING

                return "" if value.dtype == np.object_ else MISSING
            first = value.flat[0]
            return first if isinstance(first, str) else float(first)
        return value if isinstance(value, str) else float(value)

    def evaluate_number(self, text: str) -> float:
        """A scalar number. Raises r(109) for a string."""
        value = self.evaluate_scalar(text)
        if isinstance(value, str):
            raise type_mismatch()
        return value

    def evaluate_numbers(self, text: str) -> FloatArray:
        """Value of a numeric expression for each observation, shape (n_obs,), not to be changed in place.

        Raises r(109) for a string.
        """
        value = self.evaluate(text)
        if isinstance(value, str) or (isinstance(value, np.ndarray) and value.dtype == np.object_):
            raise type_mismatch()
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (self.data.n_obs,))

    def evaluate_weights(self, weight: Weight) -> FloatArray:
        """Weights over all observations. Raises r(402) for negative, r(401) for non-integer frequency weights."""
        array = self.evaluate_numbers(weight.expression).copy()
        from ssd.engine.missing import is_missing

        known = array[~is_missing(array)]
        if weight.kind != "iweight" and (known < 0).any():
            raise StataError(402, "negative weights encountered")
        if weight.kind == "fweight" and (known != np.floor(known)).any():
            raise StataError(401, "may not use noninteger frequency weights")
        return array

    def expand_varlist(self, text: str, *, new: bool = False, fv: bool = False, ts: bool = False) -> list[str]:
        """Names of a varlist with wildcards, ranges (a-b), `_all` and abbreviations. Raises r(111)."""
        from ssd.engine.lang import varlist

        if new:
            return varlist.new_names(text, self)[0]
        return varlist.expand(text, self, fv=fv, ts=ts)

    def variable_named(self, text: str) -> str:
        """The one variable that a text names or abbreviates. Raises r(100), r(103) or r(111)."""
        names = self.expand_varlist(text)
        if len(names) != 1:
            raise StataError(103 if names else 100, f"too {'many' if names else 'few'} variables specified")
        return names[0]

    # --- running other commands ---
    @property
    def interpreter(self) -> Interpreter:
        if self._interpreter is None:
            from ssd.engine.lang.interpreter import Interpreter

            self._interpreter = Interpreter(self)
        return self._interpreter

    def run(self, text: str, *, quiet: bool = False) -> None:
        """Run one command line (macros already expanded), as if it stood in the do-file."""
        if quiet:
            with self.log.silence():
                self.interpreter.run_command(text)
        else:
            self.interpreter.run_command(text)

    def next_source_line(self) -> str | None:
        """The next line of the running do-file as text, consumed (for `input`); None at its end."""
        reader = self.calls[-1].reader if self.calls else None
        if reader is None:
            return None
        line = reader.next_line()
        return None if line is None else line.text

    def clear_state(self) -> None:
        """Forget what command families keep (`clear all`): open files and postfiles, frames, timers, estimates."""
        for opened in self.state.get("files", {}).values():
            opened.stream.close()
        lasting = ("scratch", "temporary_names", "temporary_files", "adopath")
        self.state = {key: value for key, value in self.state.items() if key in lasting}

    # --- files ---
    def path(self, name: str) -> Path:
        """`name` seen from the working folder; `~` is not expanded."""
        return (self.folder / name.strip().replace("\\", "/")).resolve()

    def output_path(self, name: str) -> Path:
        """A file to write. Raises r(603) when it lies outside the folder the run started in."""
        path = self.path(name)
        if not self.may_write(path):
            raise StataError(603, f"file {name} could not be opened\nfiles are written only below the working folder")
        return path

    def may_write(self, path: Path) -> bool:
        """Whether the path lies below the folder the run started in or is one of this run's temporary files."""
        scratch = self.state.get("scratch")
        return any(path.is_relative_to(base) for base in (self.root, scratch) if base is not None)
