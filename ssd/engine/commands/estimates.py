"""estimates store, restore, table, stats, dir, drop, replay; hausman and lrtest on stored results."""

from __future__ import annotations

import copy
import math
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, store_table
from ssd.engine.commands.postestimation_tables import information_row, print_information
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.missing import MISSING
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session


def shown_name(name: str) -> str:
    """A coefficient name without its equation, cut to the column of names."""
    bare = name.rpartition(":")[2]
    return bare if len(bare) <= 12 else bare[:10] + "~" + bare[-1]


def stored_estimates(session: Session) -> dict[str, ResultSet]:
    """Results kept by `estimates store`, in order."""
    kept: dict[str, ResultSet] = session.state.setdefault("estimates", {})
    return kept


def named_estimates(session: Session, name: str) -> ResultSet:
    """Stored results, or the current ones for `.`. Raises r(111)."""
    if name == ".":
        if "b" not in session.e.matrices:
            raise StataError(301, "last estimates not found")
        return session.e
    found = stored_estimates(session).get(name)
    if found is None:
        raise StataError(111, f"estimation result {name} not found")
    return found


def keep_estimates(session: Session, name: str, title: str = "") -> None:
    """Store the current results under a name. Raises r(301) when there are none."""
    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    if not re.fullmatch(r"[^\W\d]\w*", name):
        raise StataError(198, f"{name} invalid name")
    kept = ResultSet(
        dict(session.e.scalars), dict(session.e.macros), copy.deepcopy(session.e.matrices),
        None if session.e.sample is None else session.e.sample.copy(), dict(session.e.hidden),
    )  # fmt: skip
    kept.macros["_estimates_name"] = name
    if title:
        kept.macros["estimates_title"] = title
    stored_estimates(session)[name] = kept


_SUBCOMMANDS = (
    ("store", 2), ("restore", 3), ("table", 3), ("stats", 4), ("dir", 3), ("drop", 4), ("clear", 5), ("replay", 1),
    ("query", 1), ("title", 3), ("save", 4), ("use", 3), ("for", 3), ("selected", 3), ("describe", 1), ("esample", 2),
)  # fmt: skip


@command("estimates", "*", minimum=3, stored="r(coef), r(stats) with table; r(S) with stats",
         refused="for, selected, notes; save with append; use with number()")  # fmt: skip
def estimates(session: Session, line: Line) -> None:
    """Keep, compare and bring back estimation results."""
    if _in_files(session, line.text):
        return
    body, _, option_text = _split_options(line.text)
    words = body.split()
    if not words:
        raise invalid_syntax("subcommand expected")
    name = next((key for key, least in _SUBCOMMANDS if key.startswith(words[0]) and len(words[0]) >= least), None)
    if name is None:
        raise StataError(198, f"invalid subcommand {words[0]}")
    options = read_options(option_text)
    rest = words[1:]
    if name == "store":
        if len(rest) != 1:
            raise invalid_syntax()
        title = next((o.value or "" for o in options if o.word == "title"), "")
        if any(o.word not in {"title", "nocopy"} for o in options):
            raise StataError(198, f"option {options[0].named} not allowed")
        keep_estimates(session, rest[0], title.strip('"'))
    elif name == "restore":
        restore(session, rest[0] if rest else ".")
    elif name == "replay":
        _replay(session, rest)
    elif name == "table":
        from ssd.engine.commands.estimates_comparison import estimates_table

        estimates_table(session, rest, options)
    elif name == "stats":
        _stats(session, rest)
    elif name == "dir":
        _dir(session)
    elif name == "drop":
        for each in names_of(session, rest or ["_none"]):
            del stored_estimates(session)[each]
    elif name == "clear":
        stored_estimates(session).clear()
    elif name == "query":
        active = session.e.macros.get("_estimates_name")
        text = f"active results are stored as {active}" if active else "active results have not yet been stored"
        session.log.line(f"({text})")
    elif name == "describe":
        _describe(session, rest)
    else:
        raise unsupported(f"estimates {name} is")


def _describe(session: Session, names: list[str]) -> None:
    """The command that made results."""
    results = named_estimates(session, names[0] if names else ".")
    command_line = results.macros.get("cmdline")
    if not command_line:
        raise StataError(301, "last estimates not found")
    log = session.log
    log.line()
    log.line("  Estimation results produced by")
    log.line()
    log.line(f"     . {command_line}")
    log.line()
    session.r = ResultSet(macros={"cmdline": command_line, "title": results.macros.get("_estimates_title", "")})


def _in_files(session: Session, text: str) -> bool:
    """save, use, esample and title, which have a syntax of their own; True when done."""
    found = re.match(r"\s*(save|use|es|esa\w*|tit\w*)\b", text)
    if found is None:
        return False
    from ssd.engine.commands import estimates_files as files

    rest = text[found.end() :]
    if found[1] == "save":
        files.save_estimates(session, rest)
    elif found[1] == "use":
        files.use_estimates(session, rest)
    elif found[1].startswith("es") and "esample".startswith(found[1]):
        files.set_sample(session, rest)
    elif "title".startswith(found[1]):
        files.set_title(session, rest)
    else:
        return False
    return True


def _split_options(text: str) -> tuple[str, str, str]:
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            return text[:index], ",", text[index + 1 :]
    return text, "", ""


def names_of(session: Session, patterns: list[str]) -> list[str]:
    kept = stored_estimates(session)
    found: list[str] = []
    for pattern in patterns:
        if pattern == "_all":
            hits = list(kept)
        elif "*" in pattern or "?" in pattern:
            hits = [name for name in kept if fnmatchcase(name, pattern)]
        else:
            named_estimates(session, pattern)
            hits = [pattern]
        if not hits:
            raise StataError(111, f"estimation result {pattern} not found")
        found.extend(name for name in hits if name not in found)
    return found


def restore(session: Session, name: str) -> None:
    """Make stored results the current ones."""
    kept = named_estimates(session, name)
    sample = kept.sample
    if sample is not None and len(sample) != session.data.n_obs:
        sample = None
    session.e = ResultSet(
        dict(kept.scalars), dict(kept.macros), copy.deepcopy(kept.matrices), sample, dict(kept.hidden)
    )
    if name != ".":
        session.log.line(f"(results {name} are active now)")


def _replay(session: Session, names: list[str]) -> None:
    for name in names_of(session, names) if names else ["."]:
        kept = named_estimates(session, name)
        if name != ".":
            session.log.line()
            session.log.line("-" * 78)
            session.log.line(f"Model {name}")
            session.log.line("-" * 78)
        estimation = kept.hidden.get("estimation")
        if not isinstance(estimation, Estimation):
            raise StataError(301, "last estimates not found")
        estimation.show()
        store_table(session, estimation.table)


def _dir(session: Session) -> None:
    log = session.log
    kept = stored_estimates(session)
    if not kept:
        return
    log.line()
    log.line("-" * 62)
    log.line("             |            Dependent  Number of")
    log.line("        Name | Command    variable     param.  Title")
    log.line("-" * 13 + "+" + "-" * 48)
    for name, results in kept.items():
        title = results.macros.get("estimates_title") or results.macros.get("title", "")
        log.line(
            f"{name[:12]:>12} | {results.macros.get('cmd', '')[:9]:<9}  {results.macros.get('depvar', '')[:9]:<9}"
            f"{results.matrices['b'].values.shape[1]:>9}  {title[:20]}".rstrip()
        )
    log.line("-" * 62)


def _stats(session: Session, names: list[str]) -> None:
    rows = []
    for name in names_of(session, names) if names else ["."]:
        results = named_estimates(session, name)
        rows.append((name, information_row(results.scalars)))
    session.log.line()
    print_information(session, rows)
    values = np.array([[v if math.isfinite(v) else MISSING for v in row] for _, row in rows])
    session.r = ResultSet(
        matrices={"S": Matrix(values, [name for name, _ in rows], ["N", "ll0", "ll", "df", "AIC", "BIC"])}
    )
