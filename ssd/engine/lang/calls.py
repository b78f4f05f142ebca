"""Running programs and do-files: one `Call` per level, and the signals that leave a level early."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.data.dataset import Dataset
    from ssd.engine.lang.program import Reader, Statement
    from ssd.engine.missing import BoolArray
    from ssd.engine.session import Session


@dataclass
class Program:
    """A user program. `statements` are parsed at the first call."""

    name: str
    kind: str
    """nclass, rclass, eclass or sclass."""
    source: list[object]
    """SourceLine of each line between `program define` and `end`."""
    sort_preserve: bool = False
    byable: str = "no"
    """no, recall or onecall."""
    properties: str = ""
    version: str = ""
    file: str = ""
    statements: list[Statement] | None = None


@dataclass
class ByState:
    """The by-group a byable program is running for."""

    names: list[str]
    index: int
    count: int
    mask: BoolArray

    @property
    def is_last(self) -> bool:
        return self.index == self.count


@dataclass
class Call:
    """One level: the do-file or program that is running. Its local macros are `session.locals[-1]`."""

    kind: str
    """do or program."""
    name: str
    file: str
    echo: bool = False
    silenced: int = 0
    """Depth of `quietly` when the level began: `noisily` returns to it."""
    captured: int = 0
    version: str = ""
    program: Program | None = None
    results: ResultSet = field(default_factory=ResultSet)
    """What `return` has stored so far."""
    by: ByState | None = None
    preserved: Dataset | None = None
    temporary: list[tuple[str, str]] = field(default_factory=list)
    """(kind, name) of tempvars, tempnames and tempfiles to remove at the end."""
    reader: Reader | None = None
    line: int = 0
    """Source line of the statement that is running."""
    text: str = ""
    """That statement as typed."""
    loops: int = 0
    """How many loops of this level are running."""


def by_state(session: Session) -> ByState | None:
    """The by-group of the running byable program, if it runs under by."""
    return session.calls[-1].by if session.calls else None


class LoopContinue(Exception):
    """`continue`: go on with the next pass of the innermost loop."""


class LoopBreak(Exception):
    """`continue, break`: leave the innermost loop."""


class ExitLevel(Exception):
    """`exit` without a return code: leave the running do-file or program."""


class ExitSession(Exception):
    """`exit, STATA`: end the whole run. `rc` is the return code to report."""

    def __init__(self, rc: int = 0) -> None:
        super().__init__(rc)
        self.rc = rc
