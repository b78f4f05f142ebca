"""tabulate, summarize(): tables of means, standard deviations and frequencies."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.describe_selection import Categories, Selection, categories, heading, select
from ssd.engine.missing import FloatArray
from ssd.engine.output.tables import centre, clip, count, display_width, number, right, rule, wrap_stub
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.moments import Moments, moments

COLUMN_TITLES = {"mean": "Mean", "sd": "Std. dev.", "freq": "Freq.", "obs": "Obs."}


def tabulate_summaries(session: Session, line: Line) -> None:
    """One- or two-way table of summary statistics of the variable in summarize()."""
    given = line.options["summarize"]
    target = str(given[0] if isinstance(given, list) else given).strip()
    target = session.variable_named(target)
    missing = line.flag("missing")
    chosen = select(session, line, [target] if missing else [target, *line.varlist])
    if not chosen.mask.any():
        session.log.line("no observations")
        session.r = ResultSet()
        return
    shown = _shown_statistics(line, chosen)
    tables = [categories(session, name, chosen.mask, nolabel=line.flag("nolabel")) for name in line.varlist]
    y = session.data.numeric(target)[chosen.mask]
    if len(tables) == 1:
        print_summaries(session, heading(session, target), tables[0], y, chosen, shown)
    else:
        _print_two_way(session, heading(session, target), tables[0], tables[1], y, chosen, shown)
    session.r = ResultSet()


def _shown_statistics(line: Line, chosen: Selection) -> list[str]:
    asked = [s for s, o in (("mean", "means"), ("sd", "standard"), ("obs", "obs")) if line.flag(o)]
    if asked:
        return asked
    shown = [] if line.flag("nomeans") else ["mean"]
    shown += [] if line.flag("nostandard") else ["sd"]
    shown += [] if line.flag("nofreq") else ["freq"]
    if chosen.kind == "aweight" and not line.flag("noobs"):
        shown.append("obs")
    return shown


def _texts(m: Moments, observations: int) -> dict[str, str]:
    if m.n == 0:
        return {"mean": ".", "sd": ".", "freq": "0", "obs": "0"}
    return {
        "mean": number(m.mean, "%10.0g"),
        "sd": number(m.sd, "%10.0g") if m.n > 1 else "0",
        "freq": count(m.sum_w),
        "obs": count(observations),
    }


def group_moments(y: FloatArray, inside: np.ndarray, chosen: Selection) -> Moments:
    """Moments of the chosen values where `inside`."""
    weights = None if chosen.weights is None else chosen.weights[inside]
    return moments(y[inside], weights, chosen.kind)


def print_summaries(
    session: Session, title: str, groups: Categories, y: FloatArray, chosen: Selection, shown: list[str]
) -> None:
    """The one-way table, also used by oneway, tabulate."""
    width = min(37, max([11, *(display_width(label) for label in groups.labels)]))
    span = 12 * len(shown)
    stub = wrap_stub(heading(session, groups.name), width)
    stub = [""] * (2 - len(stub)) + stub
    log = session.log
    log.line()
    for text in stub[:-2]:
        log.line(right(text, width) + " |")
    log.line(right(stub[-2], width) + " |" + centre(clip(f"Summary of {title}", span), span))
    log.line(right(stub[-1], width) + " |" + "".join(right(COLUMN_TITLES[s], 12) for s in shown))
    log.line(rule(width + 1, span))
    for code, label in enumerate(groups.labels):
        inside = groups.codes == code
        texts = _texts(group_moments(y, inside, chosen), int(inside.sum()))
        log.line(right(clip(label, width), width) + " |" + "".join(right(texts[s], 12) for s in shown))
    log.line(rule(width + 1, span))
    texts = _texts(group_moments(y, np.ones(y.size, dtype=np.bool_), chosen), y.size)
    log.line(right("Total", width) + " |" + "".join(right(texts[s], 12) for s in shown))


def _print_two_way(
    session: Session,
    title: str,
    rows: Categories,
    cols: Categories,
    y: FloatArray,
    chosen: Selection,
    shown: list[str],
) -> None:
    words = {
        "mean": "Means",
        "sd": "Standard Deviations",
        "freq": "Frequencies",
        "obs": "Numbers of Observations",
    }
    named = [words[s] for s in shown]
    listed = ", ".join(named[:-1]) + " and " + named[-1] if len(named) > 1 else named[0]
    width = min(21, max([10, *(display_width(label) for label in rows.labels)]))
    span = 11 * cols.size
    log = session.log
    log.line()
    log.line(centre(f"{listed} of {title}", width + 3 + span + 10))
    log.line()
    stub = wrap_stub(heading(session, rows.name), width)
    stub = [""] * (2 - len(stub)) + stub
    for text in stub[:-2]:
        log.line(right(text, width) + " |")
    log.line(right(stub[-2], width) + " |" + centre(clip(heading(session, cols.name), span), span))
    heads = "".join(right(clip(label, 9), 10) + " " for label in cols.labels)
    log.line(right(stub[-1], width) + " |" + heads + "|     Total")
    everywhere = np.ones(y.size, dtype=np.bool_)
    for code in range(rows.size + 1):
        if code == 0 or len(shown) > 1 or code == rows.size:
            log.line(rule(width + 1, span, 10))
        in_row = rows.codes == code if code < rows.size else everywhere
        label = rows.labels[code] if code < rows.size else "Total"
        cells = []
        for column in range(cols.size + 1):
            inside = in_row & (cols.codes == column if column < cols.size else everywhere)
            cells.append(_texts(group_moments(y, inside, chosen), int(inside.sum())))
        for depth, statistic in enumerate(shown):
            first = right(clip(label, width), width) if depth == 0 else " " * width
            body = "".join(right(cell[statistic], 10) + " " for cell in cells[:-1])
            log.line(f"{first} |{body}|{right(cells[-1][statistic], 10)} ")
