"""use, save, saveold, sysuse, clear."""

from __future__ import annotations

import re
from pathlib import Path

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.dta import read_dta, write_dta
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.lang.syntax import parse_range
from ssd.engine.session import Session


def with_suffix(name: str, suffix: str) -> str:
    """`name` with the suffix unless it has one."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return name if "." in last.lstrip(".") else name + suffix


def require_saved(session: Session, line: Line) -> None:
    """Raises r(4) when unsaved changes would be lost and `clear` was not given."""
    if session.data.changed and not line.flag("clear") and session.data.variables:
        raise StataError(4, "no; data in memory would be lost")


def load_dta(session: Session, name: str) -> Dataset:
    """Read a .dta file named in a command. Raises r(601), r(603), r(610); web addresses are refused."""
    shown = with_suffix(name, ".dta")
    if re.match(r"https?://|ftp://", shown):
        raise unsupported("reading data from the web")
    return read_dta(session.path(shown), shown_as=shown)


def adopt(session: Session, data: Dataset) -> None:
    """Make `data` the data in memory; estimation samples of other data do not survive."""
    session.data = data
    session.e.sample = None


def show_label(session: Session) -> None:
    if session.data.label:
        session.log.line(f"({session.data.label})")


@command("use", "[anything] [if] [in] [using/] [, clear nolabel]", minimum=1, refused="use of web addresses")
def use(session: Session, line: Line) -> None:
    """Load a Stata dataset."""
    subset = line.using is not None
    name = line.using if subset else strip_quotes(line.anything)
    if not name:
        raise invalid_syntax()
    require_saved(session, line)
    previous = session.data
    data = load_dta(session, str(name))
    adopt(session, data)
    try:
        if subset or line.condition is not None or line.range is not None:
            _reduce(session, line, subset=subset)
    except StataError:
        session.data = previous
        raise
    if line.flag("nolabel"):
        data.value_labels = {}
        for column in data.variables.values():
            column.value_label = ""
    data.changed = False
    show_label(session)


def _reduce(session: Session, line: Line, *, subset: bool) -> None:
    """Keep the observations and variables that were asked for."""
    data = session.data
    line.range = parse_range(_range_text(line), data.n_obs) if line.range is not None else None
    mask = line.sample(session)
    names = session.expand_varlist(line.anything) if subset and line.anything else list(data.variables)
    if not mask.all():
        data.keep_observations(mask)
    wanted = set(names)
    gone = [name for name in data.variables if name not in wanted]
    if gone:
        data.drop(gone)


def _range_text(line: Line) -> str:
    """The `in` text, whose end may be counted only once the file is read."""
    found = re.search(r"\bin\s+([-+\dfFlL/ ]+)", line.text)
    return found[1].strip() if found else "f/l"


@command("save", "[anything] [, replace EMPTYok ORphans nolabel all]", minimum=2)
def save(session: Session, line: Line) -> None:
    """Save the data in memory to a file."""
    name = strip_quotes(line.anything) or session.data.filename
    if not name:
        raise invalid_syntax("invalid file specification")
    if not session.data.variables and not line.flag("emptyok"):
        raise StataError(111, "no variables defined")
    save_data(session, session.data, name, replace=line.flag("replace"), no_label=line.flag("nolabel"))
    session.data.filename = with_suffix(name, ".dta")
    session.data.changed = False


def save_data(
    session: Session, data: Dataset, name: str, *, replace: bool, no_label: bool = False, version: int = 118
) -> None:
    """Write a .dta file and say so. Raises r(602) when it exists and `replace` was not given."""
    shown = with_suffix(name, ".dta")
    path: Path = session.output_path(shown)
    exists = path.exists()
    if exists and not replace:
        raise StataError(602, f"file {shown} already exists")
    if replace and not exists:
        session.log.line(f"(file {shown} not found)")
    if no_label:
        data = data.copy()
        data.value_labels = {}
    write_dta(data, path, version=version, shown_as=shown)
    session.log.line(f"file {shown} saved")


@command("saveold", "anything [, replace Version(integer 13) nolabel all]", refused="versions before 13")
def saveold(session: Session, line: Line) -> None:
    """Save the data in an older format."""
    version = line.options["version"]
    if not isinstance(version, int) or version < 13:
        raise unsupported("saveold to versions before 13")
    save_data(
        session, session.data, strip_quotes(line.anything), replace=line.flag("replace"),
        no_label=line.flag("nolabel"), version=117 if version == 13 else 118,
    )  # fmt: skip


@command("clear", "[anything]")
def clear(session: Session, line: Line) -> None:
    """Clear memory."""
    what = line.anything.strip()
    if what not in ("", "all", "*", "mata", "results", "matrix", "programs", "ado"):
        raise invalid_syntax()
    if what in ("", "all", "*"):
        adopt(session, Dataset())
    if what in ("all", "*", "matrix"):
        session.matrices.clear()
    if what in ("all", "*", "results"):
        for results in (session.r, session.e, session.s):
            results.scalars.clear()
            results.macros.clear()
            results.matrices.clear()
            results.hidden.clear()
            results.sample = None
    if what in ("all", "*"):
        session.scalars.clear()
        session.clear_state()
    if what in ("all", "*", "programs"):
        session.programs.clear()


@command("sysuse", "anything [, clear]", refused="datasets shipped with Stata that are not in the working folder")
def sysuse(session: Session, line: Line) -> None:
    """Use a dataset by name from the working folder (Stata's own example data are not shipped)."""
    require_saved(session, line)
    name = with_suffix(strip_quotes(line.anything), ".dta")
    if not session.path(name).is_file():
        raise StataError(601, f'file "{name}" not found')
    adopt(session, load_dta(session, name))
    show_label(session)
