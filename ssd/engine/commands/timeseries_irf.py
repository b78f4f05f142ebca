"""irf: impulse responses and variance decompositions of the last vector autoregression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_irf_graph import (
    combined_graph,
    entries_exist,
    graph_responses,
    overlaid_graph,
)
from ssd.engine.commands.timeseries_irf_results import (
    Pair,
    activate,
    active_set,
    check_statistics,
    create_responses,
    irf_sets,
    select,
    start_varbasic,
    write_set,
)
from ssd.engine.commands.timeseries_irf_tables import group_of, print_groups
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import split_comma, strip_quotes
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

__all__ = ["create_responses", "graph_responses", "start_varbasic"]

_SUBCOMMANDS: Final = (
    ("set", 3), ("create", 2), ("table", 1), ("graph", 1), ("describe", 1), ("drop", 4), ("ctable", 2),
    ("cgraph", 2), ("ograph", 2), ("rename", 3), ("add", 3),
)  # fmt: skip


@command(
    "irf",
    "*",
    stored="irf create: results in the active set, also written to its file; irf table: nothing",
    refused="bs, bsp, dynamic multipliers (dm, cdm), irf add from another file, reading files of earlier runs",
)
def irf(session: Session, line: Line) -> None:
    """Impulse responses: set, create, table, ctable, graph, cgraph, ograph, describe, rename, drop."""
    main, option_text = split_comma(line.text)
    words = main.split()
    if not words:
        raise invalid_syntax("irf subcommand required")
    options = read_options(option_text or "")
    word = words[0]
    full = next((n for n, least in _SUBCOMMANDS if n.startswith(word) and len(word) >= least), None)
    if full is None:
        raise StataError(198, f"irf {word}: invalid subcommand")
    if full == "add":
        raise unsupported("irf add is")
    if full in {"table", "graph"}:
        _report(session, full, words[1:], options)
    elif full in {"ctable", "cgraph", "ograph"}:
        _combined(
            session, full, main[len(word) :].strip() if main.startswith(word) else main.partition(word)[2], options
        )
    elif full == "set":
        _set(session, words[1:], _taken(options))
    elif full == "create":
        _create(session, words[1:], _taken(options))
    elif full == "describe":
        _only(_taken(options))
        _describe(session)
    elif full == "rename":
        _only(_taken(options))
        _rename(session, words[1:])
    else:
        _only(_taken(options))
        _drop(session, words[1:])


def _taken(options: list[TypedOption]) -> dict[str, str | None]:
    return {item.word: item.value for item in options}


def _only(typed: dict[str, str | None], *allowed: str) -> None:
    for word in typed:
        if word not in allowed:
            raise StataError(198, f"option {word} not allowed")


def _set(session: Session, words: list[str], typed: dict[str, str | None]) -> None:
    _only(typed, "replace", "clear")
    if "clear" in typed:
        irf_sets(session).clear()
        return
    if len(words) != 1:
        if not words:
            session.log.line(active_set(session).file if irf_sets(session) else "no irf file active")
            return
        raise invalid_syntax()
    activate(session, strip_quotes(words[0]), replace="replace" in typed)


def _create(session: Session, words: list[str], typed: dict[str, str | None]) -> None:
    for word in ("bs", "bsp", "estimates"):
        if word in typed:
            raise unsupported(f"irf create, {word} is")
    for short, full in (("s", "step"), ("st", "step"), ("ste", "step"), ("or", "order"), ("ord", "order")):
        if short in typed:
            typed[full] = typed.pop(short)
    _only(typed, "step", "order", "replace", "set", "nose", "nodots")
    if len(words) != 1:
        raise invalid_syntax("irfname required")
    name = words[0]
    if typed.get("set"):
        file, _, inner = str(typed["set"]).partition(",")
        activate(session, strip_quotes(file.strip()), replace="replace" in inner)
    irf_set = active_set(session)
    if name in irf_set.results and "replace" not in typed:
        raise StataError(110, f"irfname {name} already in {irf_set.file}")
    steps = typed.get("step") or "8"
    if not steps.isdigit() or int(steps) < 1:
        raise StataError(198, "step() must be a positive integer")
    order = [word.replace(".", "_") for word in str(typed["order"]).split()] if typed.get("order") else None
    absent = name not in irf_set.results
    create_responses(session, name, int(steps), order, errors="nose" not in typed)
    if "replace" in typed and absent:
        session.log.line(f"(irfname {name} not found in {irf_set.file})")
    write_set(session, irf_set)
    session.log.line(f"(file {irf_set.file} updated)")


def _describe(session: Session) -> None:
    irf_set = active_set(session)
    log = session.log
    log.line()
    log.line(f"Contains irf results from {irf_set.file}")
    log.line()
    log.line("     irfname |  model  endogenous variables and order (*)")
    log.line("-------------+" + "-" * 64)
    for name, result in irf_set.results.items():
        log.line(f"{name[:12]:>12} | {result.model:>6}  {' '.join(result.order)}")
    log.line("-" * 78)
    log.line("(*) order is relevant only when model is var")


def _rename(session: Session, words: list[str]) -> None:
    if len(words) != 2:
        raise invalid_syntax("irf rename oldname newname")
    irf_set = active_set(session)
    old, new = words
    irf_set.get(old)
    if new in irf_set.results:
        raise StataError(110, f"irfname {new} already in {irf_set.file}")
    irf_set.results = {new if name == old else name: result for name, result in irf_set.results.items()}
    write_set(session, irf_set)
    session.log.line(f"({old} renamed to {new})")


def _drop(session: Session, words: list[str]) -> None:
    irf_set = active_set(session)
    for name in words:
        irf_set.get(name)
    for name in words:
        irf_set.results.pop(name, None)
        session.log.line(f"({name} dropped)")
    if irf_set.results:
        write_set(session, irf_set)


_REPORT_OPTIONS: Final = (
    ("impulse", 1), ("response", 1), ("irf", 2), ("level", 1), ("noci", 4), ("std", 3), ("step", 4), ("title", 2),
    ("lstep", 3), ("ustep", 3), ("set", 3), ("individual", 3), ("byopts", 2), ("iname", 2),
)  # fmt: skip


def _read_report(what: str, options: list[TypedOption]) -> tuple[dict[str, str], list[TypedOption]]:
    """Options of a table or graph by full name, and those that belong to the picture."""
    values: dict[str, str] = {}
    rest: list[TypedOption] = []
    picture = what in {"graph", "cgraph", "ograph"}
    for item in options:
        full = next((n for n, least in _REPORT_OPTIONS if n.startswith(item.word) and len(item.word) >= least), None)
        if full is None or (picture and full in {"title", "std", "step"}):
            rest.append(item)
        else:
            values[full] = item.value or ""
    for refused in ("set", "individual", "iname", "byopts"):
        if refused in values:
            raise unsupported(f"irf {what}, {refused} is")
    if not picture and rest:
        raise StataError(198, f"option {rest[0].named} not allowed")
    return values, rest


def _level(session: Session, values: dict[str, str]) -> float:
    text = values.get("level") or session.settings.get("level", "95")
    try:
        level = float(text)
    except ValueError:
        raise StataError(198, "level() must be between 10 and 99.99 inclusive") from None
    if not 10.0 <= level <= 99.99:
        raise StataError(198, "level() must be between 10 and 99.99 inclusive")
    return level


def _step(values: dict[str, str], name: str) -> int | None:
    if name not in values:
        return None
    if not values[name].strip().isdigit():
        raise StataError(198, f"{name}() must be a nonnegative integer")
    return int(values[name])


def _report(session: Session, what: str, words: list[str], options: list[TypedOption]) -> None:
    values, rest = _read_report(what, options)
    names = values.get("irf", "").split()
    impulses = [w.replace(".", "_") for w in values["impulse"].split()] if "impulse" in values else None
    wanted = [w.replace(".", "_") for w in values["response"].split()] if "response" in values else None
    level = _level(session, values)
    statistics = check_statistics(words)
    if what == "graph":
        if not statistics:
            raise invalid_syntax("irf statistic required")
        first, last = _step(values, "lstep") or 0, _step(values, "ustep")
        graph_responses(
            session, names, statistics, impulses, wanted, " ".join(str(item) for item in rest), level=level,
            bands="noci" not in values, steps=(first, last),
        )  # fmt: skip
        return
    irf_set = active_set(session)
    pairs = select(irf_set, names, impulses, wanted)
    common = [s for s in ("irf", "oirf", "cirf", "coirf", "fevd", "sirf", "sfevd")
              if all(s in irf_set.get(pair.irfname).estimates for pair in pairs)]  # fmt: skip
    groups = [
        group_of(irf_set, pair, statistics or common, level, bounds="noci" not in values, errors="std" in values)
        for pair in pairs
    ]
    longest = max(irf_set.get(pair.irfname).steps for pair in pairs)
    steps = _step(values, "step")
    title = strip_quotes(values["title"]) if "title" in values else ""
    print_groups(session, groups, (longest if steps is None else min(steps, longest)) + 1, level, title=title)
    session.r = ResultSet()


def _combined(session: Session, what: str, text: str, options: list[TypedOption]) -> None:
    """ctable, cgraph and ograph: lists of (irfname impulse response statistics)."""
    values, rest = _read_report(what, options)
    level = _level(session, values)
    bands = "noci" not in values if what != "ograph" else any(item.word == "ci" for item in rest)
    rest = [item for item in rest if item.word != "ci"] if what == "ograph" else rest
    if re.sub(r"\([^()]*\)", "", text).strip() or not text:
        raise invalid_syntax("(irfname impulse response statistic) required")
    entries: list[tuple[Pair, str]] = []
    for inner in re.findall(r"\(([^()]*)\)", text):
        words = inner.partition(",")[0].split()
        if "," in inner:
            raise unsupported(f"options within an element of irf {what} are")
        if len(words) < 4:
            raise invalid_syntax("(irfname impulse response statistic) required")
        pair = Pair(words[0], words[1].replace(".", "_"), words[2].replace(".", "_"))
        entries += [(pair, statistic) for statistic in check_statistics(words[3:])]
    irf_set = active_set(session)
    entries_exist(irf_set, entries)
    picture = " ".join(str(item) for item in rest)
    if what == "cgraph":
        combined_graph(session, entries, picture, level=level, bands=bands)
    elif what == "ograph":
        overlaid_graph(session, entries, picture, level=level, bands=bands)
    else:
        merged: dict[Pair, list[str]] = {}
        for pair, statistic in entries:
            merged.setdefault(pair, []).append(statistic)
        groups = [
            group_of(irf_set, pair, each, level, bounds=bands, errors="std" in values) for pair, each in merged.items()
        ]
        longest = max(irf_set.get(pair.irfname).steps for pair in merged)
        steps = _step(values, "step")
        title = strip_quotes(values["title"]) if "title" in values else ""
        print_groups(session, groups, (longest if steps is None else min(steps, longest)) + 1, level, title=title)
        session.r = ResultSet()
