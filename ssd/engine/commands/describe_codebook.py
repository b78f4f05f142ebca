"""codebook and inspect: what a variable holds."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_varlist, value_text
from ssd.engine.errors import unsupported
from ssd.engine.missing import FloatArray, is_missing, missing_name
from ssd.engine.output.log import Log
from ssd.engine.output.tables import abbreviate, clip, count, number, right, variable_header
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.moments import moments, percentiles


@command(
    "codebook",
    "[varlist] [if] [in] [, All Header Notes Mv Tabulate(integer 9) Problems DETail Compact DOTs]",
    by="recall",
    stored="none",
    refused="all, header, notes, mv, problems, detail, dots, languages()",
)
def codebook(session: Session, line: Line) -> None:
    """Describe the contents of variables."""
    for refused in ("all", "header", "notes", "mv", "problems", "detail", "dots"):
        if line.flag(refused):
            raise unsupported(f"codebook, {refused}")
    names = line.varlist or list(session.data.variables)
    mask = line.sample(session)
    if line.flag("compact"):
        _compact(session, names, mask)
        return
    limit = line.options.get("tabulate")
    for name in names:
        session.log.line()
        for text in variable_header(name, session.data.variables[name].label, session.log.linesize):
            session.log.line(text)
        session.log.line()
        if session.data.variables[name].is_string:
            _string_entry(session, name, session.data.strings(name)[mask].astype(str))
        else:
            _numeric_entry(session, name, session.data.numeric(name)[mask], int(limit) if isinstance(limit, int) else 9)
    session.r = ResultSet()


def _entry(session: Session, title: str, text: str, second: str = "", value: str = "") -> None:
    line = f"{right(title, 22)}: {text}"
    if second:
        line = f"{line:<49}{right(second, 13)}: {value}"
    session.log.line(line)


def _units(x: FloatArray) -> str:
    """The coarsest power of ten of which all values are multiples."""
    if x.size == 0 or np.all(x == 0):
        return "."
    integers = np.all(x == np.round(x))
    if integers:
        power = 0
        while power < 15 and np.all(np.round(x / 10.0 ** (power + 1)) * 10.0 ** (power + 1) == x):
            power += 1
        return number(10.0**power)
    power = -1
    while power > -9 and not np.allclose(x, np.round(x * 10.0**-power) / 10.0**-power, rtol=1e-7, atol=0):
        power -= 1
    return number(10.0**power)


def _numeric_entry(session: Session, name: str, x: FloatArray, limit: int) -> None:
    variable = session.data.variables[name]
    missing = is_missing(x)
    kept = x[~missing]
    unique, frequency = np.unique(kept, return_counts=True)
    codes = sorted({missing_name(float(v)) for v in x[missing]})
    system = int(sum(1 for v in x[missing] if missing_name(float(v)) == ".")) if missing.any() else 0
    dates = variable.format.startswith("%t")
    kind = f"Numeric {'daily date ' if variable.format.startswith('%td') else ''}({variable.type})"
    _entry(session, "Type", kind)
    labelled = bool(variable.value_label) and variable.value_label in session.data.value_labels
    if variable.value_label:
        _entry(session, "Label", variable.value_label + ("" if labelled else ", but label does not exist"))
    session.log.line()
    low, high = (float(unique[0]), float(unique[-1])) if unique.size else (0.0, 0.0)
    _entry(
        session,
        "Range",
        f"[{number(low)},{number(high)}]" if unique.size else "[.,.]",
        "Units",
        _units(unique),
    )
    if dates and unique.size:
        shown = f"[{number(low, variable.format)},{number(high, variable.format)}]"
        _entry(session, "Or equivalently", shown, "Units", "days" if variable.format.startswith("%td") else "")
    _entry(session, "Unique values", count(unique.size), "Missing .", f"{count(system)}/{count(x.size)}")
    if missing.sum() > system:
        others = [c for c in codes if c != "."]
        _entry(
            session,
            "Unique mv codes",
            str(len(others)),
            "Missing .*",
            f"{int(missing.sum()) - system}/{x.size}",
        )
    session.log.line()
    if unique.size == 0:
        return
    if unique.size <= limit:
        _tabulation(session, name, unique, frequency, x[missing], labelled)
    elif labelled:
        _examples(session, [f"{number(v)}  {value_text(session, name, v)}" for v in _spread(kept)])
    else:
        m = moments(kept)
        fmt = variable.format if dates else "%9.0g"
        _entry(session, "Mean", number(m.mean, fmt))
        _entry(session, "Std. dev.", number(m.sd))
        session.log.line()
        points = percentiles(kept, np.array([10.0, 25.0, 50.0, 75.0, 90.0]))
        heads = "".join(right(f"{p}%", 10) for p in (10, 25, 50, 75, 90))
        session.log.line(f"{right('Percentiles', 22)}: {heads}")
        session.log.line(" " * 24 + "".join(right(number(float(p), fmt), 10) for p in points))


def _spread(x: FloatArray) -> list[float]:
    return [float(v) for v in percentiles(np.sort(x), np.array([20.0, 40.0, 60.0, 80.0]))]


def _examples(session: Session, texts: list[str]) -> None:
    for position, text in enumerate(texts):
        if position == 0:
            _entry(session, "Examples", text)
        else:
            session.log.line(" " * 24 + text)


def _tabulation(
    session: Session,
    name: str,
    unique: FloatArray,
    frequency: np.ndarray,
    missing: FloatArray,
    labelled: bool,
) -> None:
    log = session.log
    head = "Freq.   Numeric  Label" if labelled else "Freq.  Value"
    log.line(f"{right('Tabulation', 22)}: {head}")
    missing_codes, missing_counts = np.unique(missing, return_counts=True)
    rows = list(zip(unique, frequency, strict=True)) + list(zip(missing_codes, missing_counts, strict=True))
    for value, times in rows:
        shown = number(float(value)) if not bool(is_missing(np.array([value]))[0]) else missing_name(float(value))
        if labelled:
            text = value_text(session, name, float(value))
            label = text if text != shown else ""
            log.line((" " * 22 + right(count(float(times)), 7) + right(shown, 10) + "  " + label).rstrip())
        else:
            log.line(" " * 22 + right(count(float(times)), 7) + "  " + shown)


def _string_entry(session: Session, name: str, texts: np.ndarray) -> None:
    variable = session.data.variables[name]
    empty = int(np.sum(texts == ""))
    unique, frequency = np.unique(texts[texts != ""], return_counts=True)
    longest = max((len(t) for t in unique), default=0)
    kind = f"String ({variable.type})"
    declared = int(variable.type[3:]) if variable.type[3:].isdigit() else 0
    if declared > longest > 0:
        kind += f", but longest is str{longest}"
    _entry(session, "Type", kind)
    session.log.line()
    _entry(session, "Unique values", count(unique.size), 'Missing ""', f"{count(empty)}/{count(texts.size)}")
    session.log.line()
    if unique.size == 0:
        return
    if unique.size <= 9:
        session.log.line(f"{right('Tabulation', 22)}: Freq.  Value")
        rows = ([('""', empty)] if empty else []) + [(f'"{t}"', int(f)) for t, f in zip(unique, frequency, strict=True)]
        for text, times in rows:
            session.log.line(" " * 22 + right(count(times), 7) + "  " + text)
    else:
        ordered = np.sort(texts)
        picks = [ordered[min(texts.size - 1, int(texts.size * q))] for q in (0.2, 0.4, 0.6, 0.8)]
        _examples(session, [f'"{clip(str(t), 50)}"' for t in picks])
    blanks = [
        word
        for word, found in (
            ("embedded blanks", any(" " in t.strip() for t in unique)),
            ("leading blanks", any(t[0] == " " for t in unique)),
            ("trailing blanks", any(t[-1] == " " for t in unique)),
        )
        if found
    ]
    if blanks:
        session.log.line()
        _entry(session, "Warning", f"Variable has {' and '.join(blanks)}.")


def _compact(session: Session, names: list[str], mask: np.ndarray) -> None:
    """One line per variable in columns as wide as their contents."""
    log = session.log
    rows = [("Variable", "Obs", "Unique", "Mean", "Min", "Max", "Label")]
    for name in names:
        variable = session.data.variables[name]
        if variable.is_string:
            texts = session.data.strings(name)[mask].astype(str)
            filled = texts[texts != ""]
            cells = (count(filled.size), count(np.unique(filled).size), ".", ".", ".")
        else:
            x = session.data.numeric(name)[mask]
            x = x[~is_missing(x)]
            m = moments(x)
            values = (number(m.mean), number(m.minimum), number(m.maximum))
            cells = (count(x.size), count(np.unique(x).size), *values)
        rows.append((abbreviate(name, 12), *cells, variable.label))
    widths = [max(len(row[j]) for row in rows) for j in range(6)]
    room = log.linesize - 1 - sum(widths) - 11
    log.line()
    for position, row in enumerate(rows):
        numbers = f"{row[1]:>{widths[1]}} {row[2]:>{widths[2]}}" + "".join(
            f"  {row[j]:>{widths[j]}}" for j in (3, 4, 5)
        )
        log.line(f"{row[0]:<{widths[0]}}  {numbers}  {clip(row[6], room)}".rstrip())
        if position in (0, len(rows) - 1):
            log.line("-" * (log.linesize - 1))
    session.r = ResultSet()


@command(
    "inspect",
    "[varlist] [if] [in]",
    minimum=3,
    by="recall",
    stored="r(N) r(N_neg) r(N_0) r(N_pos) r(N_negint) r(N_posint) r(N_unique) r(N_undoc)",
    refused="none",
)
def inspect(session: Session, line: Line) -> None:
    """Counts of negative, zero, positive, missing values with a small histogram."""
    names = numeric_varlist(session, line)
    mask = line.sample(session)
    for name in names:
        if session.data.variables[name].is_string:
            continue
        session.r = _inspect_one(session, name, session.data.numeric(name)[mask])


def _inspect_one(session: Session, name: str, x: FloatArray) -> ResultSet:
    log = session.log
    missing = is_missing(x)
    kept = x[~missing]
    integer = kept == np.round(kept)
    rows = [("Negative", kept < 0), ("Zero", kept == 0), ("Positive", kept > 0)]
    bars = np.histogram(kept, bins=5)[0] if kept.size and kept.min() < kept.max() else np.array([0, 0, kept.size, 0, 0])
    heights = np.ceil(bars / max(1, bars.max()) * 5).astype(int)
    # A bar too short for a full mark shows a dot in the lowest line.
    bottom = ["." if bar > 0 and bar / max(1, bars.max()) < 0.1 else "#" if bar else " " for bar in bars]
    picture = ["|  " + "   ".join("#" if height >= level else " " for height in heights) for level in (5, 4, 3, 2)]
    picture.append("|  " + "   ".join(bottom))
    title = f"{name}:  {clip(session.data.variables[name].label, 36)}"
    log.line()
    log.line(f"{title:<48}Number of observations")
    log.line(f"{'-' * len(title):<39}{'-' * 39}")
    log.line(" " * 45 + "Total      Integers   Nonintegers")
    _inspect_rows(log, picture, [(name, *_tally(chosen, integer)) for name, chosen in rows], kept, integer, missing)
    unique = int(np.unique(kept).size)
    log.line(f"({unique if unique <= 99 else 'More than 99'} unique value{'s' if unique != 1 else ''})")
    labels = session.data.value_labels.get(session.data.variables[name].value_label, {})
    undocumented = sum(1 for v in np.unique(kept) if v != round(v) or int(v) not in labels) if labels else 0
    return ResultSet(
        scalars={
            "N": float(kept.size),
            "N_neg": float((kept < 0).sum()),
            "N_0": float((kept == 0).sum()),
            "N_pos": float((kept > 0).sum()),
            "N_negint": float(((kept < 0) & integer).sum()),
            "N_posint": float(((kept > 0) & integer).sum()),
            "N_unique": float(unique),
            "N_undoc": float(undocumented),
        }
    )


def _tally(chosen: np.ndarray, integer: np.ndarray) -> tuple[int, int, int]:
    """All, integer and other values among the chosen ones."""
    total, whole = int(chosen.sum()), int((chosen & integer).sum())
    return total, whole, total - whole


def _inspect_rows(
    log: Log,
    picture: list[str],
    rows: list[tuple[str, int, int, int]],
    kept: FloatArray,
    integer: np.ndarray,
    missing: np.ndarray,
) -> None:
    """The histogram beside the counts, and the range below it."""

    def put(left: str, title: str, *counts: int) -> None:
        cells = "".join(
            f"{'-' if n == 0 else count(n):>{21 - len(title) if j == 0 else 14}}" for j, n in enumerate(counts)
        )
        log.line(f"{left:<29}{title}{cells}".rstrip())

    lines = iter(picture)
    for title, *counts in rows:
        put(next(lines), title, *counts)
    log.line(f"{next(lines):<39}" + "   ".join(["-" * 11] * 3))
    put(next(lines), "Total", *_tally(np.ones(kept.size, dtype=np.bool_), integer))
    put("|", "Missing", int(missing.sum()))
    log.line(f"{'+' + '-' * 22:<39}{'-' * 11}")
    low, high = (number(float(kept.min())), number(float(kept.max()))) if kept.size else (".", ".")
    log.line(f"{low:<11}{high:>12}{count(kept.size + int(missing.sum())):>27}")
