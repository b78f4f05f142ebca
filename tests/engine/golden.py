"""Runs a published Stata case in the engine and compares every number it printed.

The cases lie outside the project (see docs/engine.md); without them nothing here runs.
"""

from __future__ import annotations

import io
import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ssd.engine.cli import new_session
from ssd.engine.data.dataset import Dataset
from ssd.engine.errors import StataError
from ssd.engine.lang.calls import Call, ExitLevel
from ssd.engine.lang.program import Reader
from ssd.engine.lang.source import SourceLine, logical_lines
from ssd.engine.missing import MISSING, missing_name
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session

GOLDEN = Path(__file__).resolve().parents[2].parent / "shared" / "golden"
PENDING_FILE = Path(__file__).with_name("golden_pending.txt")

REWORDED = ((re.compile(r"^unrecognized command:  (\w+)$"), r"command \1 is unrecognized"),)
"""Messages that Stata worded differently before version 14, in the wording followed here."""


DESCRIBED = {"header has no R-squared line": lambda output: "R-squared" not in output}
"""Expectations that a case states in words."""


@dataclass
class Snapshot:
    """What a session held right after one command."""

    output: str
    r: ResultSet
    e: ResultSet
    s: ResultSet
    data: Dataset | None


@dataclass
class Execution:
    """A case that has run: a snapshot per command index, and the error that ended it, if any."""

    snapshots: dict[int, Snapshot] = field(default_factory=dict)
    rc: int = 0
    message: str = ""
    failed_at: int | None = None
    session: Session | None = None

    @property
    def output(self) -> str:
        seen: list[Snapshot] = []
        for snapshot in self.snapshots.values():
            if not seen or seen[-1] is not snapshot:
                seen.append(snapshot)
        return "".join(snapshot.output for snapshot in seen)


def case_files() -> list[Path]:
    return sorted((GOLDEN / "cases").glob("*.json")) if GOLDEN.is_dir() else []


def pending() -> set[str]:
    """Case ids that are not expected to pass yet."""
    lines = PENDING_FILE.read_text(encoding="utf-8").splitlines() if PENDING_FILE.exists() else []
    return {line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()}


def execute(case: dict[str, Any], folder: Path) -> Execution:
    """Run the commands of a case in a fresh session in `folder`, which receives a link to the data."""
    keep_data = {item.get("cmd") for item in case["expect"] if re.search(r"\[\d+\]$", item["name"])}
    return execute_lines(case["id"], _lines(case["commands"]), len(case["commands"]), folder, keep_data)


def execute_lines(name: str, lines: list[SourceLine], count: int, folder: Path, keep_data: set[Any]) -> Execution:
    """Run logical lines numbered 0 to `count` - 1, with a snapshot after each."""
    link = folder / "data"
    if not link.exists():
        link.symlink_to(GOLDEN / "data")
    stream = io.StringIO()
    session = new_session(folder, stream)
    execution = Execution(session=session)
    reader = Reader(lines)
    call = Call("do", name, "", reader=reader)
    with session.interpreter.level(call, {}):
        try:
            _run(session, reader, stream, execution, keep_data)
        except StataError as error:
            execution.rc, execution.message = error.rc, error.message
            execution.failed_at = call.line
            if error.message:
                session.log.error_line(error.message)
            _keep(execution, session, stream, range(call.line, count), copy=False)
        execution.snapshots.setdefault(-1, _snapshot(session, stream, copy=True))
    return execution


def _lines(commands: list[str]) -> list[SourceLine]:
    """Logical lines numbered by the index of their command."""
    lines = []
    for index, text in enumerate(commands):
        lines.extend(SourceLine(line.text, index, line.typed) for line in logical_lines(text))
    return lines


def _run(session: Session, reader: Reader, stream: io.StringIO, execution: Execution, keep: set[Any]) -> None:
    while (statement := reader.next_statement()) is not None:
        stop = max(line.number for line in statement.typed) + 1
        try:
            session.interpreter.run_statement(statement)
        except ExitLevel:
            return
        _keep(
            execution,
            session,
            stream,
            range(statement.line, stop),
            copy=bool(keep & set(range(statement.line, stop))),
        )


def _keep(execution: Execution, session: Session, stream: io.StringIO, indices: range, *, copy: bool) -> None:
    snapshot = _snapshot(session, stream, copy=copy)
    for index in indices:
        execution.snapshots[index] = snapshot


def _snapshot(session: Session, stream: io.StringIO, *, copy: bool) -> Snapshot:
    text = stream.getvalue()
    stream.seek(0)
    stream.truncate()
    return Snapshot(
        text,
        _copied(session.r),
        _copied(session.e),
        _copied(session.s),
        session.data.copy() if copy else None,
    )


def _copied(results: ResultSet) -> ResultSet:
    return ResultSet(dict(results.scalars), dict(results.macros), dict(results.matrices), results.sample)


# --- comparison ---


def mismatches(case: dict[str, Any], execution: Execution) -> list[str]:
    """One line per expectation that does not hold."""
    found = []
    expects_error = "error" in case
    if execution.rc and not expects_error:
        commands = case["commands"]
        at = execution.failed_at or 0
        found.append(
            f"r({execution.rc}) {execution.message!r} at command {at}: {commands[at] if at < len(commands) else ''}"
        )
    for item in case["expect"]:
        problem = _check(item, execution)
        if problem:
            found.append(f"{item['kind']} {item['name']} = {item['value']} (command {item.get('cmd')}): {problem}")
    return found


def _check(item: dict[str, Any], execution: Execution) -> str | None:
    kind = item["kind"]
    if kind == "rc" or item["name"] == "_rc":
        return None if execution.rc == int(item["value"]) else f"r({execution.rc})"
    snapshots = _candidates(item, execution)
    output = snapshots[0].output if item.get("cmd") is not None and snapshots else execution.output
    if kind == "message" or item["name"] == "message":
        wanted = item["value"]
        for pattern, modern in REWORDED:
            wanted = pattern.sub(modern, wanted)
        return None if wanted.strip() in output else "not printed"
    if not snapshots:
        return "the command did not run"
    if re.search(r"\[\d+\]$", item["name"]):
        return _check_observation(item, snapshots, execution)
    if item["name"] in DESCRIBED:
        return None if DESCRIBED[item["name"]](output) else "does not hold"
    if kind == "text":
        return None if _printed(item, output) or item["value"].lower() in output.lower() else "not printed"
    if kind == "cell":
        return None if _printed(item, output) or _printed_after_name(item, output) else "not printed"
    values = _stored(item, snapshots)
    if not values:
        return None if _printed(item, output) else "neither stored nor printed"
    if any(_agrees(value, item) for value in values):
        return None
    return f"got {values[0]:.10g}"


def _candidates(item: dict[str, Any], execution: Execution) -> list[Snapshot]:
    index = item.get("cmd")
    if index is not None:
        return [execution.snapshots[index]] if index in execution.snapshots else []
    order = sorted((key for key in execution.snapshots if key >= 0), reverse=True)
    return [execution.snapshots[key] for key in order]


def tolerance(item: dict[str, Any]) -> float:
    """Half a unit of the last printed digit, or the stated relative or absolute tolerance, whichever is wider."""
    value = abs(float(item["value"])) if _number(item["value"]) is not None else 0.0
    widths = [1e-12 * max(1.0, value)]
    if "decimals" in item:
        widths.append(0.5 * 10.0 ** -item["decimals"] * (1 + 1e-6))
    if "rtol" in item:
        widths.append(item["rtol"] * value)
    if "atol" in item:
        widths.append(item["atol"])
    return max(widths)


def _number(text: str) -> float | None:
    try:
        return float(str(text).replace(",", ""))
    except ValueError:
        return None


def _agrees(value: float, item: dict[str, Any]) -> bool:
    wanted = _number(item["value"])
    if wanted is None:
        return item["value"] == "." and not value < MISSING
    return math.isfinite(value) and abs(value - wanted) <= tolerance(item)


_TOKEN = re.compile(r"(?<![\w.])-?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[+-]?\d+)?(?!\w)")


def _printed(item: dict[str, Any], output: str) -> bool:
    """Whether the value stands somewhere in the output, to its precision."""
    wanted = _number(item["value"])
    if wanted is None:
        return str(item["value"]) in output
    width = tolerance(item)
    for token in _TOKEN.findall(output):
        value = _number(token)
        if value is not None and abs(value - wanted) <= width:
            return True
    return False


def _printed_after_name(item: dict[str, Any], output: str) -> bool:
    """`display "gmu_ave" gmu_ave` prints the number right after its name."""
    name = re.escape(item["name"].rpartition(":")[2])
    numbers = (_number(text) for text in re.findall(rf"\b{name} *(-?[\d.,]+(?:e[+-]?\d+)?)", output))
    return any(value is not None and _agrees(value, item) for value in numbers)


def _check_observation(item: dict[str, Any], snapshots: list[Snapshot], execution: Execution) -> str | None:
    match = re.fullmatch(r"(.+)\[(\d+)\]", item["name"])
    assert match is not None
    data = snapshots[0].data if item.get("cmd") is not None else execution.snapshots[-1].data
    if data is None or match[1] not in data.variables:
        return None if _printed(item, snapshots[0].output) else "not printed"
    column = data.variables[match[1]]
    row = int(match[2]) - 1
    if row >= data.n_obs:
        return "no such observation"
    if column.is_string:
        value = str(data.strings(match[1])[row])
        return None if value.strip() == str(item["value"]).strip() else f"got {value!r}"
    number = float(data.numeric(match[1])[row])
    if not number < MISSING:
        return None if item["value"] == missing_name(number) else "got missing"
    labelled = data.value_labels.get(column.value_label, {}).get(int(number)) if number == int(number) else None
    if labelled is not None and labelled == item["value"]:
        return None
    return None if _agrees(number, item) else f"got {number:.10g}"


_ROWS = {"coef": "b", "se": "se", "t": "t", "z": "z", "p": "pvalue", "ll": "ll", "ul": "ul"}


def _stored(item: dict[str, Any], snapshots: list[Snapshot]) -> list[float]:
    """Values the engine stored under the expectation's name, the likeliest first."""
    values: list[float] = []
    for snapshot in snapshots:
        if item["kind"] == "scalar":
            values.extend(_scalars(item["name"], snapshot))
        else:
            values.extend(_estimates(item, snapshot))
        if values and item.get("cmd") is None and any(_agrees(value, item) for value in values):
            return values
    return values


def _scalars(name: str, snapshot: Snapshot) -> list[float]:
    explicit = re.fullmatch(r"([ers])\((\w+)\)", name)
    if explicit is not None:
        results = snapshot.e if explicit[1] == "e" else snapshot.r
        return [results.scalars[explicit[2]]] if explicit[2] in results.scalars else []
    found = [results.scalars[name] for results in (snapshot.e, snapshot.r) if name in results.scalars]
    if name == "p_F" and "F" in snapshot.e.scalars and "df_r" in snapshot.e.scalars:
        from scipy.stats import f

        scalars = snapshot.e.scalars
        found.append(float(f.sf(scalars["F"], scalars["df_m"], scalars["df_r"])))
    if name == "p_chi2" and not found:
        found.extend(results.scalars["p"] for results in (snapshot.e, snapshot.r) if "p" in results.scalars)
    return found


def _estimates(item: dict[str, Any], snapshot: Snapshot) -> list[float]:
    """Coefficients, standard errors and the rest, from r(table) and from e(b), e(V)."""
    kind, _, own = item["kind"].partition("_")
    exponentiated = kind in ("or", "hr", "rrr", "irr")
    wanted = (own or "coef") if exponentiated else kind
    values: list[float] = []
    table = snapshot.r.matrices.get("table")
    b, variance = snapshot.e.matrices.get("b"), snapshot.e.matrices.get("V")
    if b is not None and variance is not None and wanted in ("coef", "se") and not exponentiated:
        errors = np.sqrt(np.maximum(np.diag(variance.values), 0.0))
        source = b.values[0] if wanted == "coef" else errors
        values.extend(float(source[index]) for index in _positions(item["name"], b))
    if table is not None:
        names = [row.lower() for row in table.rows]
        row = _ROWS[wanted]
        row = row if row in names else {"t": "z", "z": "t"}.get(row, row)
        if row in names:
            values.extend(float(table.values[names.index(row), index]) for index in _positions(item["name"], table))
    if not values and b is not None and variance is not None and wanted in ("t", "z") and not exponentiated:
        ratio = b.values[0] / np.sqrt(np.diag(variance.values))
        values.extend(float(ratio[index]) for index in _positions(item["name"], b))
    return [value for value in values if not math.isnan(value)]


def _positions(name: str, matrix: Matrix) -> list[int]:
    """Columns a coefficient name may mean: exact, without base markers, or by its own part alone."""
    wanted = _plain(name)
    exact = [i for i, column in enumerate(matrix.cols) if _plain(column) == wanted]
    if exact:
        return exact
    if ":" in name or name.startswith("/"):
        return []
    own = [i for i, column in enumerate(matrix.cols) if _plain(column).rpartition(":")[2] == wanted]
    # gmm named the parameters of a linear combination xb_x before version 14.
    return own or [i for i, column in enumerate(matrix.cols) if _plain(column).replace(":", "_") == wanted]


def _plain(name: str) -> str:
    text = name.strip()
    if text.startswith("/") and not text.startswith("/:"):
        text = "/:" + text[1:]
    if re.fullmatch(r"(lnsigma|sigma|lnalpha|athrho|lntheta|alpha|var\(.*\)):_cons", text):
        text = "/:" + text.split(":")[0]
    return re.sub(r"(\d+)[bo]+(n?)\.", r"\1.", text).replace("c.", "").replace(" ", "")


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return case
