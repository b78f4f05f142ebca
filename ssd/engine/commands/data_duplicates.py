"""duplicates, isid, levelsof."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.data_list import shown_values
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.storage import stored_missing
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.missing import EXTENDED, MISSING, BoolArray, missing_name
from ssd.engine.output.counting import counted
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_SUBCOMMANDS = ("report", "examples", "list", "tag", "drop")


@command(
    "duplicates",
    "anything [if] [in] [, force GENerate(newvarname) Compress noLabel SEPBY(varlist) SEParator(integer 5)]",
    stored="r(unique_value) r(N_drop)",
    refused="options of list",
)
def duplicates(session: Session, line: Line) -> None:
    """Report, tag, list or drop duplicate observations."""
    word, _, rest = line.anything.partition(" ")
    matches = [name for name in _SUBCOMMANDS if word and name.startswith(word)]
    if len(matches) != 1:
        raise invalid_syntax()
    names = session.expand_varlist(rest) if rest.strip() else list(session.data.variables)
    every = not rest.strip()
    if not names:
        raise StataError(111, "no variables defined")
    mask = line.sample(session)
    rows = np.flatnonzero(mask)
    ids, n_groups = _groups(session, names, rows)
    sizes = np.bincount(ids, minlength=n_groups)
    title = "all variables" if every else " ".join(names)
    if matches[0] != "tag":
        session.log.line()
        session.log.line(f"Duplicates in terms of {title}")
    {"report": _report, "examples": _examples, "list": _list, "tag": _tag, "drop": _drop}[matches[0]](
        session, line, names, rows, ids, sizes
    )


def _groups(session: Session, names: list[str], rows: IndexArray) -> tuple[IndexArray, int]:
    return group_numbers([key[rows] for key in session.data.keys(names)])


def _report(
    session: Session, line: Line, names: list[str], rows: IndexArray, ids: IndexArray, sizes: IndexArray
) -> None:
    log = session.log
    log.line()
    log.line("-" * 38)
    log.line("   Copies | Observations       Surplus")
    log.line("----------+---------------------------")
    for copies in np.unique(sizes).tolist():
        groups = int(np.count_nonzero(sizes == copies))
        log.line(f"{copies:>9} | {groups * copies:>12}  {groups * (copies - 1):>12}")
    log.line("-" * 38)
    session.r = ResultSet(scalars={"unique_value": float(sizes.size), "N": float(rows.size)})


def _nothing(session: Session, sizes: IndexArray) -> bool:
    if sizes.size and sizes.max() > 1:
        return False
    session.log.line()
    session.log.line("(0 observations are duplicates)")
    return True


def _examples(
    session: Session, line: Line, names: list[str], rows: IndexArray, ids: IndexArray, sizes: IndexArray
) -> None:
    if _nothing(session, sizes):
        return
    first = np.zeros(sizes.size, dtype=np.intp)
    first[ids[::-1]] = rows[::-1]
    chosen = first[sizes > 1]
    _print_rows(session, names, chosen, [("#", [str(size) for size in sizes[sizes > 1].tolist()])])


def _list(session: Session, line: Line, names: list[str], rows: IndexArray, ids: IndexArray, sizes: IndexArray) -> None:
    if _nothing(session, sizes):
        return
    repeated = sizes > 1
    chosen = np.flatnonzero(repeated[ids])
    order = chosen[np.argsort(ids[chosen], kind="stable")]
    number = np.cumsum(repeated)[ids[order]]
    _print_rows(session, names, rows[order], [("Group", [str(n) for n in number.tolist()])])


def _print_rows(session: Session, names: list[str], rows: IndexArray, extra: list[tuple[str, list[str]]]) -> None:
    columns = [*extra, ("Obs", [str(row + 1) for row in rows.tolist()])]
    columns += [(name, shown_values(session.data, name, rows)) for name in names]
    widths = [max([len(head), *map(len, texts)]) for head, texts in columns]
    rule = "-" * (sum(widths) + 3 * (len(widths) - 1) + 2)
    log = session.log
    log.line()
    log.line(f"  +{rule}+")
    log.line("  | " + "   ".join(head.rjust(w) for (head, _), w in zip(columns, widths, strict=True)) + " |")
    log.line(f"  |{rule}|")
    for position in range(len(rows)):
        cells = (texts[position].rjust(w) for (_, texts), w in zip(columns, widths, strict=True))
        log.line("  | " + "   ".join(cells) + " |")
    log.line(f"  +{rule}+")


def _tag(session: Session, line: Line, names: list[str], rows: IndexArray, ids: IndexArray, sizes: IndexArray) -> None:
    new = line.text_option("generate")
    if not new:
        raise StataError(198, "option generate() required")
    values = np.full(session.data.n_obs, MISSING)
    values[rows] = (sizes - 1)[ids]
    session.log.line()
    title = "all variables" if len(line.anything.split()) == 1 else " ".join(names)
    session.log.line(f"Duplicates in terms of {title}")
    largest = int(sizes.max()) if sizes.size else 0
    session.data.add(new, values, "byte" if largest <= 100 else "int" if largest <= 32740 else "long")
    gone = int(np.count_nonzero(values >= MISSING))
    if gone:
        session.log.line(f"({counted(gone, 'missing value')} generated)")


def _drop(session: Session, line: Line, names: list[str], rows: IndexArray, ids: IndexArray, sizes: IndexArray) -> None:
    if len(line.anything.split()) > 1 and not line.flag("force"):
        raise StataError(198, "option force required with varlist")
    first = np.zeros(sizes.size, dtype=np.intp)
    first[ids[::-1]] = rows[::-1]
    kept: BoolArray = np.ones(session.data.n_obs, dtype=np.bool_)
    kept[rows] = False
    kept[first] = True
    gone = int(kept.size - np.count_nonzero(kept))
    session.log.line()
    if gone == 0:
        session.log.line("(0 observations are duplicates)")
    else:
        session.data.keep_observations(kept)
        session.log.line(f"({counted(gone, 'observation')} deleted)")
    session.r = ResultSet(scalars={"N_drop": float(gone)})


@command("isid", "varlist [using/] [, Sort MISSok]", refused="using")
def isid(session: Session, line: Line) -> None:
    """Check for unique identifiers."""
    from ssd.engine.errors import unsupported

    if line.using is not None:
        raise unsupported("isid using")
    data = session.data
    if not line.flag("missok"):
        for name in line.varlist:
            column = data.variables[name]
            gone = column.values == "" if column.is_string else stored_missing(column.values, column.type)
            if gone.any():
                noun = "variables" if len(line.varlist) > 1 else "variable"
                raise StataError(459, f"{noun} {' '.join(line.varlist)} should never be missing")
    _, count = group_numbers(data.keys(line.varlist))
    if count != data.n_obs:
        noun, verb = ("variables", "do") if len(line.varlist) > 1 else ("variable", "does")
        raise StataError(459, f"{noun} {' '.join(line.varlist)} {verb} not uniquely identify the observations")
    if line.flag("sort"):
        data.sort(line.varlist)


@command(
    "levelsof",
    "varname [if] [in] [, Clean Local(name) MISSing Separate(string) MATROW(name) HEXadecimal]",
    stored="r(levels) r(N) r(r)",
    refused="hexadecimal",
)
def levelsof(session: Session, line: Line) -> None:
    """Distinct levels of a variable."""
    from ssd.engine.errors import unsupported

    if line.flag("hexadecimal"):
        raise unsupported("levelsof, hexadecimal")
    data = session.data
    name = line.varlist[0]
    column = data.variables[name]
    mask = line.sample(session)
    with_missing = line.flag("missing")
    if column.is_string:
        texts = sorted(set(column.values[mask].tolist()))
        levels = [text for text in texts if text or with_missing]
        shown = levels if line.flag("clean") else [f'`"{text}"\'' for text in levels]
        number = int(np.count_nonzero(mask & ((column.values != "") | with_missing)))
    else:
        x = data.numeric(name)
        values = np.unique(x[mask & ((x < MISSING) | with_missing)])
        shown = [_number_text(value) for value in values.tolist()]
        number = int(np.count_nonzero(mask & ((x < MISSING) | with_missing)))
        row_name = line.text_option("matrow")
        if row_name:
            from ssd.engine.results import Matrix

            session.matrices[row_name] = Matrix.of(values[:, None])
    separator = line.text_option("separate")
    text = (separator if separator is not None else " ").join(shown)
    session.log.line(text)
    target = line.text_option("local")
    if target:
        session.locals[-1][target] = text
    session.r = ResultSet(scalars={"N": float(number), "r": float(len(shown))}, macros={"levels": text})


def _number_text(value: float) -> str:
    """Shortest text that reads back as the number, without a leading zero, as macros show numbers."""
    if value >= MISSING:
        return missing_name(value) if value in EXTENDED else "."
    text = f"{value:.16g}" if float(f"{value:.16g}") == value else f"{value:.17g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text
