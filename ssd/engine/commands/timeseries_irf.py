"""irf: impulse responses and variance decompositions of the last vector autoregression."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_var import VectorResult, result_of
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import split_comma, strip_quotes
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import number
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import critical
from ssd.engine.stats.vector_autoregression import Responses, ordered_cholesky, response_errors, responses

if TYPE_CHECKING:
    from ssd.engine.graphics.model import Panel
    from ssd.engine.session import Session

STATISTICS = ("irf", "oirf", "cirf", "coirf", "fevd")


@dataclass(frozen=True)
class IrfResult:
    """One irf create: estimates and standard errors by statistic, each (steps, response, impulse)."""

    names: list[str]
    order: list[str]
    steps: int
    estimates: Responses
    errors: Responses | None


@dataclass
class IrfSet:
    """The results of one irf file."""

    file: str
    results: dict[str, IrfResult] = field(default_factory=dict)


def _sets(session: Session) -> dict[str, IrfSet]:
    found: dict[str, IrfSet] = session.state.setdefault("irf", {})
    return found


def active_set(session: Session) -> IrfSet:
    """The set that irf set made active. Raises r(111)."""
    sets = _sets(session)
    if not sets:
        raise StataError(111, "no irf file active")
    return list(sets.values())[-1]


def _activate(session: Session, name: str, *, replace: bool) -> IrfSet:
    file = name if name.endswith(".irf") else f"{name}.irf"
    sets = _sets(session)
    log = session.log
    if file in sets and not replace:
        found = sets.pop(file)
    else:
        if not replace and session.path(file).exists():
            raise unsupported("reading an irf file of an earlier run is")
        sets.pop(file, None)
        found = IrfSet(file)
        session.output_path(file)
        log.line(f"(file {file} created)")
    sets[file] = found
    log.line(f"(file {file} now active)")
    return found


def create_responses(
    session: Session,
    name: str,
    steps: int,
    order: list[str] | None,
    *,
    errors: bool = True,
    quiet: bool = True,
) -> IrfResult:
    """Compute the responses of the last var and keep them under a name in the active set."""
    result = result_of(session)
    system = result.system
    names = system.names
    chosen = order or names
    if sorted(chosen) != sorted(names):
        raise StataError(198, "order() must list the endogenous variables")
    position = [names.index(each) for each in chosen]
    A = system.lag_matrices(result.fit.coefficients)
    estimates = responses(A, ordered_cholesky(result.sigma, position), steps)
    found = IrfResult(names, chosen, steps, estimates, _errors(result, A, steps, position) if errors else None)
    active_set(session).results[name] = found
    return found


def _errors(result: VectorResult, A: FloatArray, steps: int, order: list[int]) -> Responses:
    positions = result.system.lag_positions().astype(np.intp)
    known = positions >= 0
    covariance = np.zeros((len(positions), len(positions)))
    covariance[np.ix_(known, known)] = result.V[np.ix_(positions[known], positions[known])]
    return response_errors(A, result.sigma, covariance, result.fit.n, steps, order)


def _write(session: Session, irf_set: IrfSet) -> None:
    """Save the set as a dataset, one row per result, impulse, response and step."""
    from ssd.engine.data.dataset import Dataset
    from ssd.engine.data.dta import write_dta

    columns: dict[str, list[object]] = {"irfname": [], "impulse": [], "response": [], "step": []}
    for statistic in STATISTICS:
        columns[statistic] = []
        columns[f"std{statistic}"] = []
    for name, result in irf_set.results.items():
        for i, impulse in enumerate(result.names):
            for r, response in enumerate(result.names):
                for step in range(result.steps + 1):
                    for key, value in zip(("irfname", "impulse", "response"), (name, impulse, response), strict=True):
                        columns[key].append(value)
                    columns["step"].append(float(step))
                    for statistic in STATISTICS:
                        columns[statistic].append(float(getattr(result.estimates, statistic)[step, r, i]))
                        error = 2.0**1023 if result.errors is None else getattr(result.errors, statistic)[step, r, i]
                        columns[f"std{statistic}"].append(float(error))
    data = Dataset()
    for key, values in columns.items():
        text = key in {"irfname", "impulse", "response"}
        data.add(key, np.array(values, dtype=object) if text else np.array(values, dtype=np.float64),
                 None if text else "double")  # fmt: skip
    write_dta(data, session.output_path(irf_set.file))


@command(
    "irf",
    "*",
    stored="irf create: results in the active set, also written to its file; irf table: nothing",
    refused="bs, bsp, dynamic multipliers (dm, cdm), structural responses (sirf), irf cgraph/ograph/ctable/add/rename, "
    "reading files of earlier runs",
)
def irf(session: Session, line: Line) -> None:
    """Impulse responses: set, create, table, graph, describe, drop."""
    main, option_text = split_comma(line.text)
    words = main.split()
    if not words:
        raise invalid_syntax("irf subcommand required")
    options = read_options(option_text or "")
    subcommand = words[0]
    names = ("set", "create", "table", "graph", "describe", "drop")
    full = next((n for n in names if n.startswith(subcommand) and len(subcommand) >= min(len(n), 2)), None)
    if full is None:
        if subcommand in {"cgraph", "ograph", "ctable", "add", "rename"}:
            raise unsupported(f"irf {subcommand} is")
        raise StataError(198, f"irf {subcommand}: invalid subcommand")
    if full in {"table", "graph"}:
        _report(session, full, words[1:], options, option_text or "")
        return
    typed = _taken(options)
    if full == "set":
        _set(session, words[1:], typed)
    elif full == "create":
        _create(session, words[1:], typed)
    elif full == "describe":
        _only(typed)
        _describe(session)
    else:
        _only(typed)
        for name in words[1:]:
            if active_set(session).results.pop(name, None) is None:
                raise StataError(111, f"irfname {name} not found")
            session.log.line(f"({name} dropped)")


def _taken(options: list[TypedOption]) -> dict[str, str | None]:
    return {item.word: item.value for item in options}


def _only(typed: dict[str, str | None], *allowed: str) -> None:
    for word in typed:
        if word not in allowed:
            raise StataError(198, f"option {word} not allowed")


def _set(session: Session, words: list[str], typed: dict[str, str | None]) -> None:
    _only(typed, "replace", "clear")
    if "clear" in typed:
        _sets(session).clear()
        return
    if len(words) != 1:
        if not words:
            file = active_set(session).file if _sets(session) else "no irf file active"
            session.log.line(file)
            return
        raise invalid_syntax()
    _activate(session, strip_quotes(words[0]), replace="replace" in typed)


def _create(session: Session, words: list[str], typed: dict[str, str | None]) -> None:
    for word in ("bs", "bsp", "estimates"):
        if word in typed:
            raise unsupported(f"irf create, {word} is")
    for short, full in (("s", "step"), ("st", "step"), ("ste", "step"), ("or", "order"), ("ord", "order")):
        if short in typed:
            typed[full] = typed.pop(short)
    _only(typed, "step", "order", "replace", "set", "nose", "reps", "nodots")
    if len(words) != 1:
        raise invalid_syntax("irfname required")
    name = words[0]
    if typed.get("set"):
        file, _, inner = str(typed["set"]).partition(",")
        _activate(session, strip_quotes(file.strip()), replace="replace" in inner)
    irf_set = active_set(session)
    if name in irf_set.results and "replace" not in typed:
        raise StataError(110, f"irfname {name} already in {irf_set.file}")
    if "replace" in typed and name not in irf_set.results:
        session.log.line(f"(irfname {name} not found in {irf_set.file})")
    steps = typed.get("step") or "8"
    if not steps.isdigit() or int(steps) < 1:
        raise StataError(198, "step() must be a positive integer")
    order = [word.replace(".", "_") for word in str(typed["order"]).split()] if typed.get("order") else None
    create_responses(session, name, int(steps), order, errors="nose" not in typed)
    _write(session, irf_set)
    session.log.line(f"(file {irf_set.file} updated)")


def _describe(session: Session) -> None:
    irf_set = active_set(session)
    log = session.log
    log.line()
    log.line(f"Contains irf results from {irf_set.file}")
    for name, result in irf_set.results.items():
        log.line(
            f"    {name}: endogenous {' '.join(result.names)}; order {' '.join(result.order)}; step {result.steps}"
        )


def start_varbasic(session: Session) -> None:
    """Make an empty set _varbasic active; it is kept in memory only."""
    sets = _sets(session)
    sets.pop("_varbasic.irf", None)
    sets["_varbasic.irf"] = IrfSet("_varbasic.irf")


@dataclass(frozen=True)
class _Selection:
    results: list[str]
    impulses: list[str] | None
    responses: list[str] | None

    def pairs(self, irf_set: IrfSet) -> list[tuple[str, str, str]]:
        """(irfname, impulse, response) in the order Stata lists them."""
        found = []
        for name in self.results or list(irf_set.results):
            if name not in irf_set.results:
                raise StataError(111, f"irfname {name} not found in {irf_set.file}")
            names = irf_set.results[name].names
            for wanted in [*(self.impulses or []), *(self.responses or [])]:
                if wanted not in names:
                    raise StataError(111, f"{wanted} not found among the variables of {name}")
            found += [(name, i, r) for i in (self.impulses or names) for r in (self.responses or names)]
        if not found:
            raise StataError(111, "no irf results in the active file")
        return found


def _statistics(words: list[str]) -> list[str]:
    for word in words:
        if word not in STATISTICS:
            raise unsupported(f"irf statistic {word} is")
    return words


def _report(session: Session, what: str, words: list[str], options: list[TypedOption], text: str) -> None:
    rest: list[TypedOption] = []
    values: dict[str, str] = {}
    for item in options:
        full = next(
            (n for n in ("impulse", "response", "irf", "level", "noci", "set", "individual", "byopts", "iname")
             if n.startswith(item.word) and len(item.word) >= 1), None,
        )  # fmt: skip
        if full is None:
            rest.append(item)
        else:
            values[full] = item.value or ""
    for refused in ("set", "individual", "iname"):
        if refused in values:
            raise unsupported(f"irf {what}, {refused} is")
    chosen = _Selection(
        values.get("irf", "").split(),
        [w.replace(".", "_") for w in values["impulse"].split()] if "impulse" in values else None,
        [w.replace(".", "_") for w in values["response"].split()] if "response" in values else None,
    )
    level = float(values["level"]) if values.get("level") else float(session.settings.get("level", "95"))
    if what == "table":
        if rest:
            raise StataError(198, f"option {rest[0].named} not allowed")
        _table(session, _statistics(words) or list(STATISTICS), chosen, level, "noci" in values)
        return
    if not words:
        raise invalid_syntax("irf statistic required")
    graph_responses(
        session, chosen.results, _statistics(words), chosen.impulses, chosen.responses,
        " ".join(str(item) for item in rest), level=level, bands="noci" not in values,
    )  # fmt: skip


def _column(result: IrfResult, statistic: str, impulse: str, response: str) -> tuple[FloatArray, FloatArray | None]:
    i, r = result.names.index(impulse), result.names.index(response)
    values = getattr(result.estimates, statistic)[:, r, i]
    return values, None if result.errors is None else getattr(result.errors, statistic)[:, r, i]


def _table(session: Session, statistics: list[str], chosen: _Selection, level: float, plain: bool) -> None:
    irf_set = active_set(session)
    pairs = chosen.pairs(irf_set)
    log = session.log
    z = critical(level, None)
    used = list(dict.fromkeys(name for name, _, _ in pairs))
    log.line()
    log.line(f"Results from {', '.join(used)}")
    columns: list[tuple[str, str, list[list[str]]]] = []
    for index, (name, impulse, response) in enumerate(pairs, start=1):
        result = irf_set.results[name]
        for statistic in statistics:
            values, errors = _column(result, statistic, impulse, response)
            cells = [[_cell(v)] for v in values]
            heading = [statistic]
            if not plain and errors is not None:
                heading += ["Lower", "Upper"]
                for step, (v, se) in enumerate(zip(values, errors, strict=True)):
                    cells[step] += [_cell(v - z * se), _cell(v + z * se)]
            for c, title in enumerate(heading):
                columns.append((f"({index})", title, [[row[c]] for row in cells]))
    steps = max(irf_set.results[name].steps for name in used) + 1
    per_block = 9
    for start in range(0, len(columns), per_block):
        _block(session, columns[start : start + per_block], steps)
    log.line(f"{level:g}% lower and upper bounds reported." if not plain else "")
    for index, (name, impulse, response) in enumerate(pairs, start=1):
        log.line(f"({index}) irfname = {name}, impulse = {impulse}, and response = {response}.")
    session.r = ResultSet()


def _cell(value: float) -> str:
    return number(float(value), "%8.0g")


def _block(session: Session, columns: list[tuple[str, str, list[list[str]]]], steps: int) -> None:
    log = session.log
    wide = 12 * len(columns) - 1
    log.line()
    log.line("-" * (10 + wide))

    def row(first: str, cells: list[str]) -> str:
        return f"{first:>8} |" + f"{cells[0]:>9}" + "".join(f"{cell:>12}" for cell in cells[1:])

    log.line(row("", [mark for mark, _, _ in columns]))
    log.line(row("Step", [title for _, title, _ in columns]))
    log.line("-" * 9 + "+" + "-" * wide)
    for step in range(steps):
        log.line(row(str(step), [cells[step][0] if step < len(cells) else "" for _, _, cells in columns]))
    log.line("-" * (10 + wide))


def graph_responses(
    session: Session, names: list[str], statistics: list[str], impulses: list[str] | None,
    wanted: list[str] | None, option_text: str, *, level: float = 95.0, bands: bool = True,
) -> None:  # fmt: skip
    """One panel per irfname, impulse and response, with confidence bands."""
    from ssd.engine.graphics.model import Graph, Text
    from ssd.engine.graphics.options import Options, read_graph
    from ssd.engine.graphics.twoway import finish

    irf_set = active_set(session)
    pairs = _Selection(names, impulses, wanted).pairs(irf_set)
    panels = [_panel(irf_set.results[name], name, i, r, statistics, level, bands) for name, i, r in pairs]
    graph = Graph(panels=panels, columns=int(np.ceil(np.sqrt(len(panels)))))
    graph.common_y = False
    graph.note = Text("Graphs by irfname, impulse variable, and response variable")
    graph.legend.shown = len(statistics) > 1
    graph.width = max(5.5, 2.6 * graph.columns)
    graph.height = max(4.0, 2.0 * -(-len(panels) // graph.columns))
    options = Options(option_text)
    read_graph(options, graph, session)
    finish(session, graph, options)


def _panel(
    result: IrfResult,
    name: str,
    impulse: str,
    response: str,
    statistics: list[str],
    level: float,
    bands: bool,
) -> Panel:
    from ssd.engine.graphics.model import Layer, Panel, Text

    steps = np.arange(result.steps + 1, dtype=np.float64)
    z = critical(level, None)
    panel = Panel(title=f"{name}, {impulse}, {response}")
    panel.x.title = Text("Step")
    for index, statistic in enumerate(statistics):
        values, errors = _column(result, statistic, impulse, response)
        if bands and errors is not None:
            layer = Layer("rarea", steps, values - z * errors, values + z * errors, keyed=False, color_index=index)
            layer.style.opacity = 0.3
            panel.layers.append(layer)
        panel.layers.append(Layer("line", steps, values, label=statistic, color_index=index))
    return panel
