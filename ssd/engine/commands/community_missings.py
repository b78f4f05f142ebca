"""missings (Stata Journal, dm0085): report, tag and drop missing values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.community_counts import missing_values
from ssd.engine.commands.data_delimited import family_line
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.data.storage import smallest
from ssd.engine.errors import StataError, already_defined, no_observations, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.counting import counted
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_COMMON = "NUMeric STRing SYSmiss noHEADER"
_GRAMMARS = {
    "report": f"[varlist(default=none)] [if] [in] [, {_COMMON} OBServations MINimum(integer 1) Percent Format(string) "
    "SORT SORT(string) SHOW(integer 0) IDentify(varlist)]",
    "tag": f"[varlist(default=none)] [if] [in] , Generate(name) [{_COMMON}]",
    "dropvars": f"[varlist(default=none)] [, {_COMMON} FORCE]",
    "dropobs": f"[varlist(default=none)] [if] [in] [, {_COMMON} FORCE]",
}


@command(
    "missings",
    "*",
    stored="r(N) r(varlist) or r(n_dropped)",
    refused="the subcommands breakdown, list and table; report with observations or identify()",
)
def missings(session: Session, line: Line) -> None:
    """Report missing values, tag observations by them, drop empty variables or observations."""
    word, _, rest = line.text.strip().replace(",", " ,", 1).partition(" ")
    if not word or word == ",":
        raise StataError(198, "subcommand needed; see help on missings")
    if word in {"breakdown", "list", "table"} or (word[0] in "bl" and ("breakdown".startswith(word))):
        raise unsupported(f"missings {word} is")
    name = "report" if "report".startswith(word) else word
    if name not in _GRAMMARS:
        raise StataError(198, "illegal missings subcommand")
    inner = family_line(session, f"missings {name}", rest, _GRAMMARS[name])
    if name.startswith("drop") and session.data.changed and not inner.flag("force"):
        raise StataError(4, "force option required with changed dataset")
    if inner.flag("observations") or inner.options.get("identify"):
        raise unsupported("missings report, observations is")
    checked = _check(session, inner)
    {"report": _report, "tag": _tag, "dropvars": _dropvars, "dropobs": _dropobs}[name](session, inner, checked)


@dataclass(frozen=True)
class _Checked:
    names: list[str]
    rows: BoolArray
    gone: dict[str, BoolArray]
    """Missing values of each variable within the rows."""
    per_row: FloatArray


def _check(session: Session, line: Line) -> _Checked:
    data = session.data
    names = list(line.varlist) or list(data.variables)
    kinds = [kind for kind in ("numeric", "string") if line.flag(kind)]
    if len(kinds) == 1:
        names = [name for name in names if data.variables[name].is_string == (kinds[0] == "string")]
        if not names:
            raise StataError(100, "no variables specified")
    rows = line.sample(session)
    if not rows.any():
        raise no_observations()
    system = line.flag("sysmiss")
    gone = {}
    for name in names:
        if system and not data.variables[name].is_string:
            gone[name] = (data.numeric(name) == MISSING) & rows
        else:
            gone[name] = missing_values(session, name) & rows
    per_row = np.sum([each.astype(np.float64) for each in gone.values()], axis=0)
    log = session.log
    log.line()
    if not line.flag("noheader"):
        listed = " ".join(line.varlist) if line.varlist else (
            f"all {kinds[0]} variables" if len(kinds) == 1 else " all variables".strip())  # fmt: skip
        log.line(f"Checking missings in {listed}:")
    number = int((per_row > 0).sum())
    what = "system missing values" if system else "missing values"
    log.line(f"{counted(number, 'observation')} with {what}")
    session.r = ResultSet(scalars={"N": float(rows.sum())})
    return _Checked(names, rows, gone, per_row)


def _report(session: Session, line: Line, checked: _Checked) -> None:
    least = line.options.get("minimum")
    low = int(least) if isinstance(least, int) else 1
    rows = [(name, int(each.sum())) for name, each in checked.gone.items() if each.sum() >= low]
    if not (checked.per_row > 0).any():
        return
    listed = [name for name, _ in rows]
    order = _order(line)
    if order:
        key, down = order
        rows.sort(key=lambda row: row[1] if key == "missing" else row[0], reverse=down)
        limit = line.options.get("show")
        if isinstance(limit, int) and limit > 0:
            rows = rows[:limit]
    style = line.text_option("format") or "%5.2f"
    total = int(checked.rows.sum())
    columns = [("", [abbreviate(name, 9) for name, _ in rows]), ("# missing", [str(count) for _, count in rows])]
    if line.flag("percent"):
        shares = [format_value(100.0 * count / total, style).strip() for _, count in rows]
        columns.append(("% missing", shares))
    _print(session, columns)
    session.r.macros["varlist"] = " ".join(listed)


def _order(line: Line) -> tuple[str, bool] | None:
    typed = line.options.get("sort")
    if typed is True:
        return "missing", True
    if not isinstance(typed, str):
        return None
    found = set()
    for word in typed.lower().split():
        full = next((each for each in ("missings", "alpha", "descending") if each.startswith(word)), None)
        if full is None:
            raise StataError(198, "sort() option invalid?")
        found.add(full)
    keys = found - {"descending"}
    if len(keys) != 1:
        raise StataError(198, "sort request invalid")
    return ("alpha" if "alpha" in keys else "missing"), "descending" in found


def _print(session: Session, columns: list[tuple[str, list[str]]]) -> None:
    """The box of `list`, without observation numbers, a rule after every five rows."""
    widths = [max([len(head), *map(len, cells)]) for head, cells in columns]
    rule = "-" * (sum(widths) + 3 * (len(widths) - 1) + 2)
    log = session.log
    log.line()
    log.line(f"  +{rule}+")
    log.line("  | " + "   ".join(head.rjust(w) for (head, _), w in zip(columns, widths, strict=True)) + " |")
    log.line(f"  |{rule}|")
    for i in range(len(columns[0][1])):
        if i and i % 5 == 0:
            log.line(f"  |{rule}|")
        log.line("  | " + "   ".join(cells[i].rjust(w) for (_, cells), w in zip(columns, widths, strict=True)) + " |")
    log.line(f"  +{rule}+")


def _tag(session: Session, line: Line, checked: _Checked) -> None:
    name = line.text_option("generate") or ""
    check_name(name)
    if name in session.data.variables:
        raise already_defined(name)
    values = np.where(checked.rows, checked.per_row, MISSING)
    session.data.add(name, values, smallest(values, "double"))


def _dropvars(session: Session, line: Line, checked: _Checked) -> None:
    session.log.line()
    empty = [name for name, each in checked.gone.items() if each.sum() == checked.rows.sum()]
    if empty:
        session.data.drop(empty)
        session.log.line(f"note: {' '.join(empty)} dropped")
    else:
        session.log.line("note: no variables qualify")
    session.r.macros["varlist"] = " ".join(empty)


def _dropobs(session: Session, line: Line, checked: _Checked) -> None:
    session.log.line()
    empty = checked.rows & (checked.per_row == len(checked.names))
    number = int(empty.sum())
    if number:
        session.data.keep_observations(~empty)
        session.log.line(f"({counted(number, 'observation')} deleted)")
    else:
        session.log.line("note: no observations qualify")
    session.r.scalars["n_dropped"] = float(number)
