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
    types: list[str] = field(default_factory=list)
    """Storage types typed before the names of a `newvarlist`/`newvarname` ("" where none was typed)."""
    anything: str = ""
    """Text before `if`, `in`, the weight, `using` and the comma, as typed."""
    expression: str | None = None
    """Right-hand side of `=exp`."""
    condition: str | None = None
    """Text of `if`."""
    range: tuple[int, int] | None = None
    """`in` as 0-based half-open positions."""
    weight: Weight | None = None
    using: str | None = None
    options: dict[str, str | bool | float | int | list[str] | list[float] | None] = field(default_factory=dict)
    """By full lower-case name. An absent flag is False, an absent valued option its default or None.
    `*` holds the text of undeclared options when the grammar has `*` among its options."""
    typed: set[str] = field(default_factory=set)
    """Names of the options the user typed (as opposed to defaults)."""
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
    As there, an optional varlist that is not typed means all variables unless `default=none` stands in it.
    A name declared twice, once as a flag and once with parentheses, may be typed either way.
    Values: string, name, varname, passthru, exp → str; integer → int; real, cilevel → float;
    numlist → list[float]; varlist, newvarlist, namelist → list[str].
    `*` in place of a grammar means: the command parses `line.text` itself (subcommand families)."""
    run: CommandFunction
    by: ByMode
    stored: str
    """Names it leaves in r()/e()/s(), for the generated reference."""
    refused: str
    """Options and features of Stata's command that are known and refused, for the generated reference."""
    summary: str


class Registry:
    """The built-in commands by name and abbreviation; a command's module is imported when it is first needed."""

    def __init__(self, load: Callable[[str], None]) -> None:
        self._load = load
        """Imports a module, which declares its commands."""
        self._modules: dict[str, str] = {}
        self._minimums: dict[str, int] = {}
        self._by_abbreviation: dict[str, str] = {}
        self._commands: dict[str, Command] = {}
        self.conflicts: list[str] = []
        """Names and abbreviations claimed twice; a test keeps this empty."""

    def add(self, name: str, minimum: int, module: str) -> None:
        """Announce a command declared by `module`.

        Where two claim an abbreviation, the one whose shortest it is has it (`sca` is scalar, though
        `sc` and `scat` are scatter); otherwise the first keeps it and the conflict is noted.
        """
        if name in self._modules:
            self.conflicts.append(f"command {name} is declared in {self._modules[name]} and {module}")
            return
        self._modules[name] = module
        self._minimums[name] = minimum
        for length in range(minimum, len(name) + 1):
            key = name[:length]
            other = self._by_abbreviation.get(key)
            if other is None or key == name:
                self._by_abbreviation[key] = name
            elif key == other or len(key) == self._minimums[other]:
                continue
            elif length == minimum:
                self._by_abbreviation[key] = name
            else:
                self.conflicts.append(f"abbreviation {key} is claimed by {other} and {name}")

    def names(self) -> list[str]:
        """Full names of all commands, sorted."""
        return sorted(self._modules)

    def canonical(self, word: str) -> str | None:
        """The full name of the command a word names or abbreviates, without importing it."""
        return self._by_abbreviation.get(word)

    def find(self, word: str) -> Command | None:
        """The command a word names or abbreviates."""
        name = self._by_abbreviation.get(word)
        if name is None:
            return None
        found = self._commands.get(name)
        if found is None:
            self._load(self._modules[name])
            self._commands.update((declared.name, declared) for declared in REGISTERED)
            found = self._commands[name]
        return found


REGISTERED: list[Command] = []
"""Filled by the decorator when a command module is imported."""


def command(
    name: str,
    grammar: str,
    *,
    minimum: int | None = None,
    by: ByMode = "no",
    stored: str = "",
    refused: str = "",
) -> Callable[[CommandFunction], CommandFunction]:
    """Declare a command. The function's docstring is the summary in the generated reference."""

    def register(function: CommandFunction) -> CommandFunction:
        summary = (function.__doc__ or "").strip().splitlines()[0] if function.__doc__ else ""
        REGISTERED.append(Command(name, minimum or len(name), grammar, function, by, stored, refused, summary))
        return function

    return register
