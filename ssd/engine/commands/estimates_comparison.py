"""estimates table: the coefficients of several stored models side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimates import named_estimates, names_of, shown_name
from ssd.engine.commands.postestimation_tables import information_row
from ssd.engine.errors import StataError, unsupported
from ssd.engine.expr.estimates import plain_term
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import MISSING
from ssd.engine.output.coefficient_labels import coefficient_status
from ssd.engine.output.display import PLAIN, DisplayStyle
from ssd.engine.output.estimation import CoefficientTable, label_lines, number
from ssd.engine.output.formats import format_width
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session


_TABLE_OPTIONS = (
    ("b", 1), ("se", 2), ("t", 1), ("p", 1), ("stats", 1), ("star", 4), ("stfmt", 5), ("keep", 1), ("drop", 1),
    ("title", 2), ("eform", 2), ("baselevels", 4), ("allbaselevels", 7), ("noomitted", 5), ("noemptycells", 7),
    ("vsquish", 7), ("nofvlabel", 7), ("style", 3), ("varwidth", 4), ("modelwidth", 6), ("equations", 2),
)  # fmt: skip


def estimates_table(session: Session, names: list[str], options: list[TypedOption]) -> None:
    """estimates table: models side by side."""
    typed: dict[str, str | None] = {}
    for item in options:
        full = next((key for key, least in _TABLE_OPTIONS if key.startswith(item.word) and len(item.word) >= least), "")
        if not full:
            raise StataError(198, f"option {item.named} not allowed")
        if full in {"style", "varwidth", "modelwidth", "equations"}:
            raise unsupported(f"option {full} of estimates table is")
        typed[full] = item.value
    if "star" in typed and {"se", "t", "p"} & typed.keys():
        raise StataError(198, "option star may not be combined with se, t, or p")
    models = names_of(session, names) if names else ["."]
    results = [named_estimates(session, name) for name in models]
    order = _rows_of(results)
    for key in ("keep", "drop"):
        if typed.get(key):
            wanted = {plain_term(word) for word in str(typed[key]).split()}
            order = [n for n in order if (plain_term(n.rpartition(":")[2]) in wanted) == (key == "keep")]
    fmt = typed.get("b") or "%10.0g"
    defaults = {"se": fmt, "t": "%7.2f", "p": "%7.4f"}
    lines = [("b", fmt)] + [(key, typed[key] or default) for key, default in defaults.items() if key in typed]
    style = DisplayStyle(
        omitted="noomitted" not in typed, empty="noemptycells" not in typed, squished="vsquish" in typed,
        every_base="allbaselevels" in typed, value_labels="nofvlabel" not in typed, stretched=False,
    )  # fmt: skip
    look = Comparison(
        lines, _star_levels(typed), str(typed.get("stats") or ""), typed.get("stfmt") or fmt, typed.get("title") or "",
        style, base_levels="baselevels" in typed, eform="eform" in typed,
    )  # fmt: skip
    print_comparison(session, models, results, order, look)


def _rows_of(results: list[ResultSet]) -> list[str]:
    """Names of all coefficients by equation, the constant last; a level is a base only where it always is."""
    chosen: dict[str, dict[str, str]] = {}
    for each in results:
        for column in each.matrices["b"].cols:
            equation, _, _ = column.rpartition(":")
            known = chosen.setdefault(equation, {})
            plain = plain_term(column)
            if plain not in known or (coefficient_status(known[plain]) and not coefficient_status(column)):
                known[plain] = column
    order = []
    for known in chosen.values():
        constants = [name for name in known.values() if name.rpartition(":")[2] == "_cons"]
        order += [name for name in known.values() if name not in constants] + constants
    return order


@dataclass(frozen=True)
class Comparison:
    """What a table of several models shows."""

    lines: list[tuple[str, str]]
    """Kinds (b, se, t, p) with their formats."""
    stars: list[str] = field(default_factory=list)
    stats: str = ""
    stats_format: str = "%10.0g"
    title: str = ""
    style: DisplayStyle = PLAIN
    base_levels: bool = False
    eform: bool = False


def _star_levels(typed: dict[str, str | None]) -> list[str]:
    """Significance levels as typed, from the largest down. Raises r(198)."""
    if "star" not in typed:
        return []
    levels = (typed["star"] or "0.05 0.01 0.001").split()
    try:
        ordered = sorted(levels, key=float, reverse=True)
    except ValueError:
        raise StataError(198, "option star() invalid") from None
    if len(ordered) > 3 or not all(0.0 < float(level) < 1.0 for level in ordered):
        raise StataError(198, "option star() invalid")
    return ordered


def coefficient_of(results: ResultSet, name: str) -> tuple[float, float, float | None] | None:
    """Estimate, standard error and degrees of freedom of a name, or None when the model has not got it."""
    b = results.matrices["b"]
    wanted = plain_term(name)
    for position, column in enumerate(b.cols):
        if plain_term(column) == wanted:
            variance = float(results.matrices["V"].values[position, position])
            df = results.scalars.get("df_r")
            return float(b.values[0, position]), math.sqrt(max(variance, 0.0)), df
    return None


def print_comparison(
    session: Session, models: list[str], results: list[ResultSet], order: list[str], look: Comparison
) -> None:
    """The table of estimates table, and r(coef)."""
    log = session.log
    stars = look.stars
    # Without stars a column is at least eight wide.
    base = max(1 if stars else 8, *(format_width(fmt) for _, fmt in look.lines))
    width = base + (3 if stars else 0)
    rule = "-" * 13 + "+" + "-" * ((width + 3) * len(models))
    log.line()
    if look.title:
        log.line(look.title)
    log.line("-" * len(rule))
    log.line(f"{'Variable':>12} |" + "".join(f"{name[:width]:^{width + 2}} " for name in models).rstrip())
    equations = [name.rpartition(":")[0] for name in order]
    table = CoefficientTable(
        order, np.zeros(len(order)), np.zeros((len(order), len(order))), data=session.data, style=look.style,
        base_levels=look.base_levels,
    )  # fmt: skip
    start = 0
    for end in range(1, len(order) + 1):
        if end < len(order) and equations[end] == equations[start]:
            continue
        log.line(rule)
        if equations[start]:
            log.line(f"{shown_name(equations[start]):<12} |")
        for label, j in label_lines(table, range(start, end)):
            if j is None:
                log.line(label)
                continue
            for index, (kind, fmt) in enumerate(look.lines):
                marks = stars if kind == "b" else []
                cells = [_cell(each, order[j], kind, fmt, marks, base, width, eform=look.eform) for each in results]
                stub = label if index == 0 else " " * 12 + " |"
                log.line(f"{stub} " + "   ".join(cells).rstrip())
        start = end
    if look.stats:
        log.line(rule)
        for statistic in look.stats.replace(",", " ").split():
            cells = []
            for each in results:
                value = _statistic(each, statistic)
                text = "" if value is None else number(value, look.stats_format if statistic != "N" else "%10.0g")
                cells.append(f"{text:>{base}}{'' if not stars else '   '}")
            log.line(f"{statistic[:12]:>12} | " + "   ".join(cells).rstrip())
    log.line("-" * len(rule))
    if len(look.lines) > 1:
        log.line(f"{'Legend: ' + '/'.join(kind for kind, _ in look.lines):>{len(rule)}}")
    elif stars:
        signs = "; ".join(f"{'*' * (i + 1)} p<{level}" for i, level in enumerate(stars))
        log.line(f"{'Legend: ' + signs:>{len(rule)}}")
    coefficients = np.full((len(order), 2 * len(results)), MISSING)
    for i, name in enumerate(order):
        for j, each in enumerate(results):
            found = coefficient_of(each, name)
            if found is not None:
                coefficients[i, 2 * j], coefficients[i, 2 * j + 1] = found[0], found[1] ** 2
    columns = [f"{name}:{part}" for name in models for part in ("b", "var")]
    session.r = ResultSet(macros={"names": " ".join(models)}, matrices={"coef": Matrix(coefficients, order, columns)})


def _statistic(results: ResultSet, name: str) -> float | None:
    lower = {"aic": 4, "bic": 5}
    if name in lower and "ll" in results.scalars:
        return float(information_row(results.scalars)[lower[name]])
    value = results.scalars.get(name)
    return None if value is None or value >= MISSING else value


def _cell(
    results: ResultSet, name: str, kind: str, fmt: str, stars: list[str], base: int, width: int, *, eform: bool = False
) -> str:
    found = coefficient_of(results, name)
    if found is None:
        return " " * width
    b, se, df = found
    status = coefficient_status(name)
    if se == 0.0 and status:
        text = f"({status})" if kind == "b" else ""
        return f"{text:>{base}}".ljust(width)
    if kind == "b":
        text = number(math.exp(b) if eform else b, fmt)
        if stars and se > 0.0:
            p = two_sided(b / se, df)
            text = f"{text:>{base}}" + "".join("*" for level in stars if p < float(level))
        return f"{text:>{base}}".ljust(width)
    # A perfect fit leaves no standard error to test with.
    t = b / se if se > 0.0 else math.nan
    value = {"se": se * math.exp(b) if eform else se, "t": t, "p": two_sided(t, df)}[kind]
    return f"{number(value, fmt):>{base}}".ljust(width)
