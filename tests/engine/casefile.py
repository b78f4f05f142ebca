"""Cases as data: what a do-file must leave behind, each with the source of its expectation.

A file `cases/<name>.toml` holds the cases of one command (or family of functions):

    command = "summarize"                     # what the cases prove; a case may name another one

    [[case]]
    id = "weighted"
    source = "by hand: (1*1 + 2*3) / 4"       # a publication, a script beside the file, or "by hand"
    do = '''…'''                              # do-lines; `use data/x.dta` reads the published datasets
    value = { "r(mean)" = "1.75", … }         # expressions evaluated at the end
    column = { y = "1 2 . a" }                # whole variables, blank separated
    text = ["…"]                              # lines or parts of lines of the output
    rc = 198                                  # the return code; 0 when not given
    message = "…"                             # what is printed before r(rc);

A number given as text agrees when it equals the value to its printed digits; an integer exactly; a
number with a decimal point to a relative 1e-6 (`rtol` of the case where an algorithm stops earlier).
"""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ssd.engine.errors import StataError
from ssd.engine.lang.source import SourceLine, logical_lines
from ssd.engine.missing import MISSING, missing_name
from ssd.engine.session import Session
from tests.engine.golden import GOLDEN, Execution, execute_lines

FOLDER = Path(__file__).with_name("cases")
KEYS = {"id", "command", "source", "do", "value", "column", "text", "absent", "rc", "message", "rtol"}


@dataclass(frozen=True)
class Case:
    id: str
    command: str
    """Name of the command it proves, or `functions` for expressions."""
    source: str
    do: str
    value: dict[str, str | int | float]
    column: dict[str, str]
    text: list[str]
    absent: list[str]
    """What the output must not contain."""
    rc: int
    message: str
    rtol: float

    @property
    def datasets(self) -> list[str]:
        """Published datasets that the do-lines read."""
        return re.findall(r"\bdata/(\w+\.\w+)", self.do)

    @property
    def runnable(self) -> bool:
        return all((GOLDEN / "data" / name).exists() for name in self.datasets)


def load_file(path: Path) -> list[Case]:
    """The cases of one file. Raises ValueError for a case that is incomplete or expects nothing."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return [_case(path, content.get("command", path.stem), raw) for raw in content["case"]]


def _case(path: Path, command: str, raw: dict[str, Any]) -> Case:
    unknown = raw.keys() - KEYS
    if unknown:
        raise ValueError(f"{path.name}: {raw.get('id')}: unknown keys {sorted(unknown)}")
    missing = {"id", "source", "do"} - raw.keys()
    if missing:
        raise ValueError(f"{path.name}: {raw.get('id')}: no {sorted(missing)}")
    if not raw.keys() & {"value", "column", "text", "absent", "rc", "message"}:
        raise ValueError(f"{path.name}: {raw['id']}: expects nothing")
    command = raw.get("command", command)
    return Case(
        id="-".join(dict.fromkeys((path.stem, command, raw["id"]))),
        command=command,
        source=raw["source"],
        do=raw["do"],
        value=raw.get("value", {}),
        column=raw.get("column", {}),
        text=raw.get("text", []),
        absent=raw.get("absent", []),
        rc=raw.get("rc", 0),
        message=raw.get("message", ""),
        rtol=raw.get("rtol", 1e-6),
    )


def all_cases() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.toml")) for case in load_file(path)]


def execute(case: Case, folder: Path) -> Execution:
    """Run a case's lines in a fresh session in `folder`."""
    lines = [SourceLine(line.text, index, line.typed) for index, line in enumerate(logical_lines(case.do))]
    return execute_lines(case.id, lines, len(lines), folder, set())


def problems(case: Case, execution: Execution) -> list[str]:
    """One line per expectation that does not hold."""
    session = execution.session
    assert session is not None
    found = []
    if execution.rc != case.rc:
        found.append(f"r({execution.rc}) {execution.message!r} at line {execution.failed_at}, not r({case.rc})")
    if case.message and case.message not in execution.output:
        found.append(f"message {case.message!r} is not printed")
    found += [f"{name}: {why}" for name, wanted in case.value.items() if (why := _differs(session, name, wanted, case))]
    found += [
        f"{name}: {why}" for name, wanted in case.column.items() if (why := _column_differs(session, name, wanted))
    ]
    found += [f"text {wanted!r} is not printed" for wanted in case.text if not _shown(wanted, execution.output)]
    found += [f"text {unwanted!r} is printed" for unwanted in case.absent if _shown(unwanted, execution.output)]
    return found


def _shown(wanted: str, output: str) -> bool:
    """Whether the text stands in the output; blanks count as one."""
    return " ".join(wanted.split()) in " ".join(output.split())


def _differs(session: Session, expression: str, wanted: str | int | float, case: Case) -> str | None:
    try:
        got = session.evaluate_scalar(expression)
    except StataError as error:
        return f"r({error.rc}) {error.message}"
    if isinstance(got, str):
        return None if got == str(wanted) else f"got {got!r}, not {wanted!r}"
    return None if _agrees(got, wanted, case.rtol) else f"got {_shown_number(got)}, not {wanted}"


def _agrees(got: float, wanted: str | int | float, rtol: float) -> bool:
    if isinstance(wanted, str):
        if re.fullmatch(r"\.[a-z]?", wanted):
            return got >= MISSING and missing_name(got) == wanted
        number = float(wanted.replace(",", ""))
        digits = wanted.lower().partition("e")
        decimals = len(digits[0].partition(".")[2]) - (int(digits[2]) if digits[2] else 0)
        return got < MISSING and abs(got - number) <= 0.5 * 10.0**-decimals * (1 + 1e-6)
    if isinstance(wanted, int):
        return got == wanted
    return math.isclose(got, wanted, rel_tol=rtol, abs_tol=1e-12 if wanted == 0 else 0.0)


def _shown_number(value: float) -> str:
    return missing_name(value) if value >= MISSING else f"{value:.10g}"


def _column_differs(session: Session, name: str, wanted: str) -> str | None:
    if name not in session.data.variables:
        return "no such variable"
    cells = wanted.split()
    if len(cells) != session.data.n_obs:
        return f"{session.data.n_obs} observations, not {len(cells)}"
    if session.data.variables[name].is_string:
        got = [str(value) for value in session.data.strings(name)]
        return None if got == [cell if cell != '""' else "" for cell in cells] else f"got {got}"
    numbers = [float(value) for value in session.data.numeric(name)]
    agree = all(_agrees(number, cell, 0.0) for number, cell in zip(numbers, cells, strict=True))
    return None if agree else f"got {' '.join(map(_shown_number, numbers))}"
