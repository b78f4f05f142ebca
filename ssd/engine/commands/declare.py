"""One declaration per command: grammar, weights, options, stored results, refusal of everything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import BoolArray, FloatArray

if TYPE_CHECKING:
    from ssd.engine.session import Session

ByMode = Literal["no", "recall", "vector"]


@dataclass(frozen=True)
class Weight:
    kind: Literal["fweight", "aweight", "pweight", "iweight"]
    expression: str


@dataclass(frozen=True)
class Groups:
    """The by-groups of a `vector` command: data are sorted, group g is rows starts[g] : starts[g] + sizes[g]."""

    names: list[str]
    ids: NDArray[np.intp]
    """Group number of each observation, 0-based, shape (n_obs,)."""
    starts: NDArray[np.intp]
    sizes: NDArray[np.intp]


@dataclass
class Line:
    """One command line, macros expanded, parsed by the declaration of its command."""

    command: str
    """Canonical command name."""
    text: str
    """Everything after the command name, as typed after macro expansion."""
    varlist: list[str] = field(default_factory=list)
    """Expanded variable names; with fv/ts operators, the unexpanded terms (`i.rep78`, `L.gnp`)."""
    anything: str = ""
    expression: str | None = None
    """Right-hand side of `=exp`."""
    condition: str | None = None
    """Text of `if`."""
    range: tuple[int, int] | None = None
    """`in` as 0-based half-open positions."""
    weight: Weight | None = None
    using: str | None = None
    options: dict[str, str | bool | float | int | list[str] | None] = field(default_factory=dict)
    """By full lower-case name. An absent flag is False, an absent valued option its default or None."""
    groups: Groups | None = None
    """Set for `vector` commands run under by."""
    by_mask: BoolArray | None = None
    """Set for `recall` commands run under by: the observations of the current group."""

    def flag(self, name: str) -> bool:
        return self.options.get(name) is True

    def text_option(self, name: str) -> str | None:
        value = self.options.get(name)
        return value if isinstance(value, str) else None

    def sample(self, session: Session) -> BoolArray:
        """Observations selected by `if`, `in` and the current by-group (nothing else), shape (n_obs,)."""
        mask = np.ones(session.data.n_obs, dtype=np.bool_)
        if self.range is not None:
            mask[:] = False
            mask[self.range[0] : self.range[1]] = True
        if self.by_mask is not None:
            mask &= self.by_mask
        if self.condition is not None:
            mask &= session.evaluate_condition(self.condition, groups=self.groups)
        return mask

    def weights(self, session: Session) -> FloatArray | None:
        """Weight expression evaluated over all observations, or None. Missing and zero weights are the
        caller's to drop; negative weights raise r(402), non-integer fweights r(401)."""
        if self.weight is None:
            return None
        return session.evaluate_weights(self.weight)


CommandFunction = Callable[["Session", Line], None]


@dataclass(frozen=True)
class Command:
    name: str
    minimum: int
    """Length of the shortest abbreviation."""
    grammar: str
    """In the notation of Stata's own `syntax` command, e.g.
    `[varlist(fv ts)] [if] [in] [aweight fweight] [, Detail SEParator(integer 5) Level(cilevel)]`.
    `*` in place of a grammar means: the command parses `line.text` itself (subcommand families)."""
    run: CommandFunction
    by: ByMode
    stored: str
    """Names it leaves in r()/e()/s(), for the generated reference."""
    refused: str
    """Options and features of Stata's command that are known and refused, for the generated reference."""
    summary: str


class Registry:
    """The built-in commands by name and abbreviation."""

    def __init__(self) -> None:
        self.commands: dict[str, Command] = {}
        self._by_abbreviation: dict[str, Command] = {}

    def add(self, command: Command) -> None:
        self.commands[command.name] = command
        for length in range(command.minimum, len(command.name) + 1):
            key = command.name[:length]
            other = self._by_abbreviation.get(key)
            if other is not None and other.name != command.name and key != command.name:
                if key == other.name:
                    continue
                raise ValueError(f"abbreviation {key} is claimed by {other.name} and {command.name}")
            self._by_abbreviation[key] = command

    def find(self, word: str) -> Command | None:
        return self._by_abbreviation.get(word)


REGISTERED: list[Command] = []
"""Filled by the decorator at import; `commands.load()` builds the Registry from it."""


def command(
    name: str, grammar: str, *, minimum: int | None = None, by: ByMode = "no", stored: str = "", refused: str = "",
) -> Callable[[CommandFunction], CommandFunction]:
    """Declare a command. The function's docstring is the summary in the generated reference."""

    def register(function: CommandFunction) -> CommandFunction:
        summary = (function.__doc__ or "").strip().splitlines()[0] if function.__doc__ else ""
        REGISTERED.append(Command(name, minimum or len(name), grammar, function, by, stored, refused, summary))
        return function

    return register
