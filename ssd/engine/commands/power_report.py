"""What `power` prints and draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ssd.engine.commands.graph_diagnostics import show_panel
from ssd.engine.commands.power_methods import Method, Parameters, Row
from ssd.engine.graphics.model import Graph, Layer, Panel, Style, Text
from ssd.engine.graphics.options import Options
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import count
from ssd.engine.session import Session

_SIZES = {"N", "N1", "N2", "N_per_group", "N_g"}
_LABELS = {"N_per_group": "N per group", "sddiff": "sd_d"}
_ITERATED = {"m0", "m1", "p1", "v0", "v1", "ma1", ""}
"""First arguments of the methods whose size is found by iteration; the others have a closed form."""


def _heading(method: Method, row: Row) -> list[str]:
    what = {"power": "power", "effect": method.finds_effect, "size": "sample size"}[row.found]
    if row.found == "size" and method.samples == 2:
        what += "s"
    null, _, alternative = method.hypotheses.partition("!=")
    sign = "!="
    if row.sides == 1 and not method.groups:
        first, second = (row.values[name] for name in method.arguments[:2]) if "da" not in row.values else (
            row.values["d0"], row.values["da"])  # fmt: skip
        sign = ">" if second > first else "<"
    return [f"Estimated {what} for {method.title}", method.test(row.values, row.known), f"{null}{sign}{alternative}"]


def print_one(session: Session, method: Method, row: Row) -> None:
    """The report of a single combination."""
    log = session.log
    results = row.results
    iterated = row.found == "effect" or (
        row.found == "size" and not row.known and (method.arguments or ("",))[0] in _ITERATED
    )
    log.line()
    if iterated:
        log.line("Performing iteration ...")
        log.line()
    for line in _heading(method, row):
        log.line(line)
    log.line()
    log.line("Study parameters:")
    log.line()
    log.line(_parameter("alpha", results["alpha"]))
    if row.found != "power":
        log.line(_parameter("power", results["power"]))
    sizes: list[str] = [name for name in ("N", "N1", "N2", "N_g", "N_per_group") if name in results]
    if method.samples == 2 and row.sizes[0] == row.sizes[1]:
        sizes = ["N", "N_per_group"]
        results["N_per_group"] = results["N1"]
    if row.found != "size":
        for name in sizes:
            log.line(_parameter(name, results[name]))
    if row.found != "effect":
        log.line(_parameter("delta", results["delta"]))
    if row.found == "size" and method.groups:
        log.line(_parameter("N_g", results["N_g"]))
    last = method.arguments[-1] if method.arguments else ""
    skipped = {"alpha", "power", "beta", "delta", "nratio", *_SIZES} | ({last} if row.found == "effect" else set())
    skipped |= {"sd"} if "sd1" in row.values else set()
    if method.samples == 2 and row.found == "size" and row.values["nratio"] != 1:
        results["nratio"] = row.values["nratio"]
    for name, value in results.items():
        if name not in skipped:
            log.line(_parameter(name, value))
    if method.samples == 2 and row.found == "size" and row.values["nratio"] != 1:
        log.line(f"{'N2/N1':>13} = {row.values['nratio']:>9.4f}")
    log.line()
    if row.found == "power":
        log.line("Estimated power:")
        log.line()
        log.line(_parameter("power", row.reached))
    elif row.found == "effect":
        log.line(f"Estimated effect size and {method.finds_effect}:")
        log.line()
        log.line(_parameter("delta", results["delta"]))
        log.line(_parameter(last, row.values[last]))
    else:
        log.line(f"Estimated sample size{'s' if method.samples == 2 else ''}:")
        log.line()
        for name in sizes:
            if name != "N_g":
                log.line(_parameter(name, results[name]))


def _parameter(name: str, value: float) -> str:
    text = count(value) if name in _SIZES else f"{value:.4f}"
    return f"{_LABELS.get(name, name):>13} = {text:>9}"


def print_table(session: Session, method: Method, rows: Sequence[Row]) -> None:
    """One line for each combination."""
    log = session.log
    log.line()
    if any(row.found != "power" and not row.known for row in rows):
        log.line("Performing iteration ...")
        log.line()
    for line in _heading(method, rows[0]):
        log.line(line)
    log.line()
    columns = _columns(rows)
    width = 8 * len(columns) + 1
    head = "".join(f"{_LABELS.get(name, name).replace(' ', '_')[:11]:>8}" for name in columns)
    log.line("  +" + "-" * width + "+")
    log.line(f"  |{head} |")
    log.line("  |" + "-" * width + "|")
    for row in rows:
        cells = "".join(f"{_cell(name, row.results[name]):>8}" for name in columns)
        log.line(f"  |{cells} |")
    log.line("  +" + "-" * width + "+")


def _columns(rows: Sequence[Row]) -> list[str]:
    results = rows[0].results
    hidden = {"beta", "N_per_group" if not rows[0].method.groups else ""}
    hidden |= {"sd"} if "sd1" in rows[0].values else set()
    if all(row.values.get("nratio", 1.0) == 1.0 for row in rows):
        hidden.add("nratio")
    return [name for name in results if name not in hidden]


def _cell(name: str, value: float) -> str:
    return format_value(value, "%7.0fc" if name in _SIZES else "%7.4g").strip()


def draw(session: Session, method: Method, rows: Sequence[Row], options: Options) -> None:
    """Power against the sample size, or the sample size (or effect) against what varies."""
    axis = _varying(rows, ["N"] if rows[0].found == "power" else ["delta", "power", "alpha"])
    outcome = {"power": "power", "size": "N", "effect": "delta"}[rows[0].found]
    others = [name for name in _columns(rows) if name not in {axis, outcome, "N1", "N2", "nratio", "delta", "beta"}]
    series: dict[tuple[tuple[str, float], ...], list[Row]] = {}
    for row in rows:
        key = tuple((name, row.results[name]) for name in others if len({r.results[name] for r in rows}) > 1)
        key = tuple(pair for pair in key if pair[0] != _source(axis, method))
        series.setdefault(key, []).append(row)
    layers = []
    for key, found in series.items():
        members = sorted(found, key=lambda row: row.results[axis])
        label = ", ".join(f"{_LABELS.get(name, name)} = {value:g}" for name, value in key)
        x = np.array([row.results[axis] for row in members])
        y = np.array([row.results[outcome] for row in members])
        layers.append(Layer("connected", x, y, label=label, style=Style()))
    panel = Panel(layers=layers)
    names = {"power": "Power (1-β)", "N": "Total sample size (N)" if method.samples == 2 or method.groups
             else "Sample size (N)", "delta": "Effect size (δ)", "alpha": "Significance level (α)"}  # fmt: skip
    panel.x.title, panel.y.title = Text(names.get(axis, axis)), Text(names[outcome])
    graph = Graph()
    title, test, hypotheses = _heading(method, rows[0])
    graph.title, graph.subtitle = Text(title), Text(f"{test}\n{hypotheses}")
    graph.note = Text("Parameters: " + ", ".join(_fixed(rows, others)))
    graph.legend.shown = len(layers) > 1
    show_panel(session, panel, options, graph)


def _source(axis: str, method: Method) -> str:
    """The parameter whose variation makes the axis vary."""
    return method.arguments[-1] if axis == "delta" and method.arguments else axis


def _varying(rows: Sequence[Row], candidates: Sequence[str]) -> str:
    for name in candidates:
        if len({row.results[name] for row in rows}) > 1:
            return name
    return candidates[0]


def _fixed(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    values: Parameters = rows[0].results
    same = [name for name in ["alpha", *names] if len({row.results[name] for row in rows}) == 1]
    return [f"{_LABELS.get(name, name)} = {values[name]:g}" for name in dict.fromkeys(same)]
