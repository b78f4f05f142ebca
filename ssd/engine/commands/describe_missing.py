"""misstable: counts and patterns of missing values."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, is_missing
from ssd.engine.output.tables import abbreviate, count, number, right
from ssd.engine.results import ResultSet
from ssd.engine.session import Session


@command(
    "misstable",
    "anything [if] [in] [, All SHOWzeros GENerate(string) FREQuency ASIS BYPatterns EXOK EXMiss]",
    minimum=6,
    stored="r(max) or r(N_complete) r(N_incomplete) r(K)",
    refused="tree, nested, generate(), exok, bypatterns",
)
def misstable(session: Session, line: Line) -> None:
    """Report counts or patterns of missing values."""
    words = line.anything.split()
    kind = next((k for k in ("summarize", "patterns") if words and len(words[0]) >= 3 and k.startswith(words[0])), "")
    if words and words[0] == "sum":
        kind = "summarize"
    if not kind:
        if words and words[0] in ("tree", "nested"):
            raise unsupported(f"misstable {words[0]}")
        raise StataError(198, "misstable subcommand must be summarize or patterns")
    for refused in ("exok", "bypatterns"):
        if line.flag(refused):
            raise unsupported(f"misstable, {refused}")
    if line.options.get("generate"):
        raise unsupported("misstable, generate()")
    names = session.expand_varlist(" ".join(words[1:]) or "_all")
    names = [n for n in names if not session.data.variables[n].is_string]
    mask = line.sample(session)
    (_summarize if kind == "summarize" else _patterns)(session, line, names, mask)


def _summarize(session: Session, line: Line, names: list[str], mask: np.ndarray) -> None:
    log = session.log
    shown = []
    for name in names:
        x = session.data.numeric(name)[mask]
        missing = is_missing(x)
        system = int(np.sum(x[missing] == MISSING))
        if missing.any() or line.flag("all"):
            shown.append((name, x[~missing], system, int(missing.sum()) - system))
    if not shown:
        log.line("(variables nonmissing or string)")
        session.r = ResultSet(scalars={"max": 0.0})
        return
    log.line(" " * 63 + "Obs<.")
    log.line(" " * 48 + "+" + "-" * 30)
    log.line(" " * 15 + "|" + " " * 32 + "| Unique")
    log.line("      Variable |     Obs=.     Obs>.     Obs<.  | values        Min         Max")
    log.line("  " + "-" * 13 + "+" + "-" * 32 + "+" + "-" * 30)
    for name, kept, system, extended in shown:
        cells = "".join(
            right(count(n) if n or line.flag("showzeros") else "", 10) for n in (system, extended, kept.size)
        )
        unique = int(np.unique(kept).size)
        values = right(str(unique) if unique <= 500 else ">500", 7)
        low, high = (number(float(kept.min())), number(float(kept.max()))) if kept.size else (".", ".")
        log.line(f"  {right(abbreviate(name, 12), 12)} |{cells}  |{values}{right(low, 11)}{right(high, 12)}")
    log.line("  " + "-" * 77)
    session.r = ResultSet(scalars={"max": float(max(s + e for _, _, s, e in shown))})


def _patterns(session: Session, line: Line, names: list[str], mask: np.ndarray) -> None:
    log = session.log
    columns = {name: is_missing(session.data.numeric(name)[mask]) for name in names}
    columns = {name: missing for name, missing in columns.items() if missing.any()}
    n = int(mask.sum())
    if not columns:
        log.line("(no missing values)")
        session.r = ResultSet(scalars={"N_complete": float(n), "N_incomplete": 0.0, "K": 0.0})
        return
    ordered = list(columns) if line.flag("asis") else sorted(columns, key=lambda name: int(columns[name].sum()))
    grid = np.column_stack([~columns[name] for name in ordered]).astype(np.int8)
    patterns, frequency = np.unique(grid, axis=0, return_counts=True)
    complete = int(frequency[patterns.all(axis=1)].sum())
    rows = [(tuple(int(v) for v in p), int(f)) for p, f in zip(patterns, frequency, strict=True)]
    rows.sort(key=lambda row: (sum(row[0]) < len(ordered), -row[1], tuple(-v for v in row[0])))
    counts = line.flag("frequency")
    width = max(13, 3 * len(ordered) + 2 * ((len(ordered) - 1) // 4) + 1)
    pad = " " * (2 + max(0, (12 + width - 22) // 2))
    log.line()
    log.line(f"{pad}Missing-value patterns")
    log.line(f"{pad}  (1 means complete)")
    log.line()
    log.line(" " * 14 + "|   Pattern")
    head = "    Frequency" if counts else "    Percent  "
    log.line(f"{head} |{_spaced(range(1, len(ordered) + 1))}")
    rule = "  " + "-" * 12 + "+" + "-" * width
    log.line(rule)
    for position, (pattern, times) in enumerate(rows):
        share = f"{count(times):>13}" if counts else _percent(100 * times / n, mark=position == 0)
        log.line(f"{share} |{_spaced(pattern)}")
        if sum(pattern) == len(ordered):
            log.line(" " * 14 + "|")
    log.line(rule)
    log.line(f"{f'{count(n):>13}' if counts else _percent(100.0, mark=True)} |")
    log.line()
    log.line("  Variables are  " + "  ".join(f"({j + 1}) {name}" for j, name in enumerate(ordered)))
    session.r = ResultSet(
        scalars={
            "N_complete": float(complete),
            "N_incomplete": float(n - complete),
            "K": float(len(rows) - (complete > 0)),
        }
    )


def _percent(value: float, *, mark: bool) -> str:
    """A share in the 13 columns before the bar; the first and the total carry the sign."""
    shown = "<1" if 0 < value < 1 else f"{value:.0f}"
    return f"{shown:>9}{'%' if mark else ' '}   "


def _spaced(values: Iterable[int]) -> str:
    """The cells of a pattern in groups of four."""
    return "".join(("  " if j and j % 4 == 0 else "") + f"{value:>3}" for j, value in enumerate(values))
