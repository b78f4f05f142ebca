"""margins: predictive margins and marginal effects with delta-method standard errors."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    SessionSource,
    display_style,
    estimation_of,
    level_of,
    parse_varlist,
    refuse_display_options,
)
from ssd.engine.commands.margins_contrasts import (
    Axis,
    Block,
    Margins,
    contrast_options,
    show_contrasts,
    show_pairs,
    take_operators,
)
from ssd.engine.commands.margins_expression import parse_expression
from ssd.engine.commands.margins_report import (
    HEADINGS,
    Plan,
    _listed,
    all_variables,
    is_conditional,
    joined_design,
    note_factors,
    print_head,
    settings_of,
    title_of,
)
from ssd.engine.commands.margins_scenario import (
    Scenario,
    ScenarioColumns,
    parse_at,
    relations_of,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.missing import MISSING, BoolArray
from ssd.engine.output.estimation import (
    CoefficientTable,
    print_coefficients,
    result_table,
)
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session
from ssd.engine.commands.margins_cells import (
    Cell,
    MarginsRequest,
    averaging_weights,
    derivative,
    level_change,
    prediction,
    predictor_of,
)


@command(
    "margins",
    "[anything] [if] [in] [, DYDX(string) EYEX(string) DYEX(string) EYDX(string) ATMEANS OVER(string) "
    "EXPression(string) Level(cilevel) POST NOATlegend NOSE VCE(string) SUBpop(string) "
    "CONTinuous NOEsample FORCE NOESTIMcheck PWCompare PWCompare(string) CONTrast CONTrast(string) "
    "MCOMPare(string) BASElevels *]",
    stored="r(N) r(b) r(V) r(table) r(at) r(title) r(expression) r(xvars) r(derivatives); with post e(b) e(V)",
    refused="expression() with dydx() and its kin, vce(unconditional), subpop(), within(), asbalanced, nose; "
    "the operators gw., h., j., p., q. and custom {}; contrast(overall, atjoint, lincom); "
    "pwcompare(groups, cimargins, sort)",
)
def margins(session: Session, line: Line) -> None:
    """Marginal means, predictive margins and marginal effects."""
    for name in ("subpop", "nose", "continuous"):
        if line.options.get(name):
            raise unsupported(f"option {name}() of margins is")
    vce = line.text_option("vce")
    if vce and not "delta".startswith(vce):
        raise unsupported(f"vce({vce}) of margins is")
    estimation = estimation_of(session)
    level = level_of(session, line)
    at_texts, predict_texts = _repeated_options(line)
    effects = [name for name in ("dydx", "eyex", "dyex", "eydx") if line.text_option(name)]
    if len(effects) > 1:
        raise StataError(198, f"only one of {effects[0]}() and {effects[1]}() is allowed")
    rows = line.sample(session)
    if not line.flag("noesample"):
        if session.e.sample is None or not session.e.sample.any():
            raise StataError(322, "e(sample) does not identify the estimation sample")
        rows = rows & session.e.sample
    source = SessionSource(session)
    typed = line.text_option("expression")
    expression = None
    if typed:
        if effects or predict_texts:
            raise unsupported("expression() with effects or predict() is")
        expression = parse_expression(session, estimation, rows, typed, source)
        predictors = [expression.first]
    else:
        every = estimation.predictions.get("every_prediction")
        texts = predict_texts or (every(session) if callable(every) else [""])
        predictors = [predictor_of(session, estimation, rows, text, source) for text in texts]
    predictor = predictors[0]
    for linear in predictor.equations:
        rows = rows & linear.defined
    if not rows.any():
        raise StataError(2000, "no observations")
    request = MarginsRequest(
        session, predictor, session.e.matrices["b"].values.shape[1], averaging_weights(session, estimation, rows), rows,
        source, effects[0] if effects else "", own=expression.cell if expression is not None else None,
        predictors=predictors,
    )  # fmt: skip
    if session.e.sample is not None and len(session.e.sample) == session.data.n_obs:
        for linear in predictor.equations:
            request.relations += relations_of(linear.design, source, session.e.sample)
    _run(session, line, estimation, request, at_texts, level)


def _repeated_options(line: Line) -> tuple[list[str], list[str]]:
    """Texts of the repeatable at() and predict() options. Raises r(198) for anything else that was not declared."""
    at_texts, predict_texts = [], []
    extra = line.options.get("*")
    for item in read_options(extra if isinstance(extra, str) else ""):
        if item.word == "at" and item.value is not None:
            at_texts.append(item.value)
        elif item.value is not None and len(item.word) >= 4 and "predict".startswith(item.word):
            predict_texts.append(item.value)
        else:
            if item.word in {"within", "asbalanced", "group", "emptycells"}:
                raise unsupported(f"option {item.word} of margins is")
            raise StataError(198, f"option {item.named} not allowed")
    return at_texts, predict_texts


def _run(
    session: Session, line: Line, estimation: Estimation, request: MarginsRequest, at_texts: list[str], level: float
) -> None:
    columns = request.columns(request.rows)
    base = Scenario()
    if line.flag("atmeans"):
        base = Scenario({}, dict.fromkeys(all_variables(request), "mean"))
    scenarios = [base]
    if at_texts:
        scenarios = []
        for text in at_texts:
            parsed, _ = parse_at(session, text, joined_design(request), columns)
            scenarios.extend(_merge(base, each) for each in parsed)
    marginlist, operators, asked = take_operators(line.anything)
    over, over_axes, over_asked = _over_groups(session, line, request)
    plan = Plan(scenarios, over, over_axes, _level_terms(session, marginlist, request))
    if request.effect:
        xvars = _effect_terms(session, line.text_option(request.effect) or "", request)
        if not xvars:
            raise StataError(322, f"invalid {request.effect}() option;\nthe model has no such covariates")
        names = _effects(request, plan, xvars)
    else:
        xvars = []
        names = _predictive(request, plan)
    J = np.array([cell.gradient for cell in request.cells])
    b = np.array([cell.value for cell in request.cells])
    V = J @ session.e.matrices["V"].values @ J.T
    V = (V + V.T) / 2.0
    bad = frozenset(name for name, cell in zip(names, request.cells, strict=True) if not cell.estimable)
    for j, cell in enumerate(request.cells):
        if not cell.estimable:
            b[j] = 0.0
            V[j, :] = V[:, j] = 0.0
    df = session.e.scalars.get("df_r")
    if df is not None and df >= MISSING:
        df = None
    conditional = is_conditional(request, plan)
    title = title_of(request, plan, conditional)
    if line.options.get("pwcompare") or line.options.get("contrast") or asked or over_asked:
        refuse_display_options(line, "margins with contrasts or pairwise comparisons")
        lost = np.array([not cell.estimable for cell in request.cells])
        compared = Margins(names, b, V, df, level, HEADINGS.get(request.effect, ""), lost)
        _compare(session, line, request, plan, compared, title, xvars, operators)
        return
    table = CoefficientTable(
        names, b, V, "", df, level, "Delta-method",
        coefficient_heading=HEADINGS.get(request.effect, "Margin"),
        data=session.data, equation_headings=bool(request.effect) and any(":" in name for name in names),
        not_estimable=bad, base_levels=line.flag("baselevels"), style=display_style(session, line),
        base_equations=frozenset(n.rpartition(":")[0] for n in names if re.match(r"\d+b\.\w+:", n)),
    )  # fmt: skip
    _show(session, line, request, plan, table, title, xvars)
    _store(session, line, request, plan, table, title, xvars)


def _merge(base: Scenario, given: Scenario) -> Scenario:
    averaged = {k: v for k, v in base.averaged.items() if k not in given.fixed}
    return Scenario(dict(given.fixed), {**averaged, **given.averaged})


def _over_groups(
    session: Session, line: Line, request: MarginsRequest
) -> tuple[list[tuple[str, BoolArray]], list[Axis], bool]:
    """Groups of over() with the axes they make, and whether contrasts between them are asked."""
    typed = line.text_option("over")
    if not typed:
        return [], [], False
    text, operators, asked = take_operators(typed)
    variables = session.expand_varlist(re.sub(r"\bi\.", "", text))
    combinations = [sorted({float(v) for v in request.source.get(name)[request.rows]}) for name in variables]
    groups: list[tuple[str, BoolArray]] = []
    for values in itertools.product(*combinations):
        mask = request.rows.copy()
        for name, value in zip(variables, values, strict=True):
            mask &= request.source.get(name) == value
        if mask.any():
            groups.append(("#".join(f"{v:.0f}.{n}" for n, v in zip(variables, values, strict=True)), mask))
    axes = [
        _axis(session, name, [int(v) for v in values], operators.get(name, ""))
        for name, values in zip(variables, combinations, strict=True)
    ]
    return groups, axes, asked


def _axis(session: Session, variable: str, levels: list[int], operator: str) -> Axis:
    labels = session.data.labels_of(variable) if variable in session.data.variables else {}
    return Axis(variable, [str(v) for v in levels], [labels.get(v, str(v)) for v in levels], operator)


def _level_terms(
    session: Session, marginlist: str, request: MarginsRequest
) -> list[tuple[list[str], list[dict[str, float]]]]:
    factors: dict[str, list[int]] = {}
    for linear in request.predictor.equations:
        factors.update(linear.design.factors)
    terms = []
    text = marginlist.strip()
    if not text:
        return []
    for term in parse_varlist(session, [re.sub(r"\b(\w+)\b", r"\1", text)]):
        variables = [part.variable for part in term]
        for variable in variables:
            if variable not in factors:
                raise StataError(322, f"factor {variable} not found in list of covariates"
                                 if variable not in all_variables(request)
                                 else f"{variable} is not a factor variable in the model")  # fmt: skip
        choices = [list(part.levels) or factors[part.variable] for part in term]
        for part, levels in zip(term, choices, strict=True):
            for each in levels:
                if each not in factors[part.variable]:
                    raise StataError(111, f"level {each} of factor {part.variable} not found in list of covariates")
        combos = [dict(zip(variables, map(float, combo), strict=True)) for combo in itertools.product(*choices)]
        terms.append((variables, combos))
    return terms


def _effect_terms(session: Session, text: str, request: MarginsRequest) -> list[tuple[str, str, bool]]:
    """(variable, operator, is factor) of dydx(); `*`, `_all`, `_continuous` and `_factor` select."""
    available: list[tuple[str, str, bool]] = []
    for linear in request.predictor.equations:
        for column in linear.design.columns:
            for part in column.parts:
                entry = (part.variable, part.operator, part.level is not None)
                if entry not in available and (column.status != "omitted" or len(column.parts) > 1):
                    available.append(entry)
    stripped = text.strip()
    if stripped in {"*", "_all"}:
        return available
    if stripped in {"_continuous", "_factor"}:
        return [entry for entry in available if entry[2] == (stripped == "_factor")]
    chosen: list[tuple[str, str, bool]] = []
    for term in parse_varlist(session, [stripped]):
        typed = term[0]
        found = next((e for e in available if e[0] == typed.variable and e[1] == typed.operator), None)
        if found is None:
            raise StataError(322, f"invalid dydx() option;\nvariable {typed.variable} not found in list of covariates")
        if found not in chosen:
            chosen.append(found)
    return chosen


def _prefixes(request: MarginsRequest, plan: Plan) -> list[tuple[list[str], MarginsRequest, Scenario, ScenarioColumns]]:
    """Name parts, prediction, scenario and rows of every combination of predictions, at points and over groups."""
    groups = plan.over or [("", request.rows)]
    found = []
    for number, predictor in enumerate(request.predictors):
        predicted = [f"{number + 1}._predict"] if len(request.predictors) > 1 else []
        single = replace(request, predictor=predictor)
        for index, scenario in enumerate(plan.scenarios):
            at = [f"{index + 1}._at"] if len(plan.scenarios) > 1 else []
            for name, mask in groups:
                parts = [*predicted, *at, *([name] if name else [])]
                found.append((parts, single, scenario, request.columns(mask)))
    return found


def _predictive(request: MarginsRequest, plan: Plan) -> list[str]:
    names: list[str] = []
    prefixes = _prefixes(request, plan)
    if not plan.level_terms:
        for parts, single, scenario, columns in prefixes:
            request.cells.append(prediction(single, columns, scenario))
            names.append("#".join(parts) or "_cons")
        return _marked(names)
    for variables, combos in plan.level_terms:
        for parts, single, scenario, columns in prefixes:
            for combo in combos:
                request.cells.append(prediction(single, columns, scenario.with_levels(combo)))
                names.append("#".join([*parts, *(f"{combo[v]:.0f}.{v}" for v in variables)]))
    return _marked(names)


def _marked(names: list[str]) -> list[str]:
    """The first level of every factor in names carries Stata's `bn` mark."""
    first: dict[str, str] = {}
    marked = []
    for name in names:
        pieces = []
        for piece in name.split("#"):
            operator, dot, variable = piece.partition(".")
            if dot and first.setdefault(variable, operator) == operator:
                pieces.append(f"{operator}bn.{variable}")
            else:
                pieces.append(piece)
        marked.append("#".join(pieces))
    return marked


def _effects(request: MarginsRequest, plan: Plan, xvars: list[tuple[str, str, bool]]) -> list[str]:
    names: list[str] = []
    prefixes = _prefixes(request, plan)
    several = len(prefixes) > 1 or bool(plan.level_terms)
    bases: dict[str, int | None] = {}
    factors: dict[str, list[int]] = {}
    for linear in request.predictor.equations:
        bases.update(linear.design.bases)
        factors.update(linear.design.factors)
    combos: list[tuple[list[str], dict[str, float]]] = [([], {})]
    if plan.level_terms:
        combos = [
            ([f"{combo[v]:.0f}.{v}" for v in variables], combo)
            for variables, group in plan.level_terms for combo in group
        ]  # fmt: skip
    for variable, operator, is_factor in xvars:
        if not is_factor:
            label = f"{operator}.{variable}" if operator else variable
            block = []
            for parts, single, scenario, columns in prefixes:
                for extra, combo in combos:
                    request.cells.append(derivative(single, columns, scenario.with_levels(combo), variable, operator))
                    block.append("#".join([*parts, *extra]))
            names += [f"{label}:{name}" for name in _marked(block)] if several else [label]
            continue
        base = bases.get(variable)
        reference = factors[variable][0] if base is None else base
        for level in factors[variable]:
            mark = "b" if level == reference else ""
            block = []
            for parts, single, scenario, columns in prefixes:
                for extra, combo in combos:
                    if level == reference:
                        request.cells.append(Cell(0.0, np.zeros(request.p)))
                    else:
                        request.cells.append(
                            level_change(single, columns, scenario.with_levels(combo), variable, level, reference)
                        )
                    block.append("#".join([*parts, *extra]))
            label = f"{level}{mark}.{variable}"
            names += [f"{label}:{name}" for name in _marked(block)] if several else [label]
    return names


# --- showing ---


def _show(
    session: Session, line: Line, request: MarginsRequest, plan: Plan, table: CoefficientTable, title: str,
    xvars: list[tuple[str, str, bool]],
) -> None:  # fmt: skip
    print_head(session, line, request, plan, title, xvars)
    print_coefficients(session.log, table)
    note_factors(session, request, xvars)


def _store(
    session: Session, line: Line, request: MarginsRequest, plan: Plan, table: CoefficientTable, title: str,
    xvars: list[tuple[str, str, bool]],
) -> None:  # fmt: skip
    names = list(table.names)
    b = Matrix(table.b.reshape(1, -1), ["r1"], list(names))
    V = Matrix(table.V, list(names), list(names))
    results = ResultSet(
        scalars={"N": float(np.count_nonzero(request.rows)), "level": table.level, "k_margins": float(len(names))},
        macros={
            "cmd": "margins", "title": title, "predict_label": request.predictor.label,
            "est_cmd": session.e.macros["cmd"],
            "expression": request.predictor.expression, "derivatives": request.effect,
            "xvars": " ".join(v for v, _, _ in xvars), "vce": "delta", "cmdline": f"margins {line.text}".strip(),
        },
        matrices={"b": b, "V": V, "table": result_table(table)},
    )  # fmt: skip
    results.hidden["at"] = settings_of(plan)
    if line.anything.strip():
        results.macros["margins"] = _listed(line)
    if table.df is not None:
        results.scalars["df_r"] = table.df
    session.r = results
    if line.flag("post"):
        posted = ResultSet(
            scalars=dict(results.scalars), macros={**results.macros, "properties": "b V"},
            matrices={"b": Matrix(table.b.reshape(1, -1), ["y1"], list(names)), "V": V}, sample=session.e.sample,
        )  # fmt: skip
        show: Callable[[], None] = lambda: print_coefficients(session.log, table)
        posted.hidden["estimation"] = Estimation({}, table, show)
        session.e = posted


def _compare(
    session: Session, line: Line, request: MarginsRequest, plan: Plan, margins: Margins, title: str,
    xvars: list[tuple[str, str, bool]], operators: dict[str, str],
) -> None:  # fmt: skip
    """Contrasts or pairwise comparisons in place of the margins themselves."""
    pairs = bool(line.options.get("pwcompare"))
    typed = line.text_option("contrast") or ""
    options = contrast_options("" if pairs else typed, line.text_option("mcompare"))
    blocks = _blocks(session, request, plan, xvars, operators, options.at, joint=not pairs)
    if line.flag("post"):
        raise unsupported("option post of margins with contrasts is")
    kind = "Pairwise comparisons" if pairs else "Contrasts"
    print_head(session, line, request, plan, f"{kind} of {title.lower()}", xvars)
    if pairs:
        results = show_pairs(session, margins, blocks, line.text_option("pwcompare") or "",
                             line.text_option("mcompare"))  # fmt: skip
        results.matrices["b"] = Matrix(margins.b.reshape(1, -1), ["r1"], list(margins.names))
        results.matrices["V"] = Matrix(margins.V, list(margins.names), list(margins.names))
    else:
        bases: dict[str, str] = {}
        for linear in request.predictor.equations:
            bases |= {name: str(base) for name, base in linear.design.bases.items() if base is not None}
        results = show_contrasts(session, margins, blocks, options, bases)
    note_factors(session, request, xvars)
    results.hidden["at"] = settings_of(plan)
    results.scalars["N"] = float(np.count_nonzero(request.rows))
    results.macros |= {"margins": _listed(line)} if line.anything.strip() else {}
    results.macros |= {
        "cmd": "pwcompare" if pairs else "contrast", "cmd2": "margins", "cmdline": f"margins {line.text}".strip(),
        "est_cmd": session.e.macros["cmd"], "title": f"{kind} of {title.lower()}",
        "predict_label": request.predictor.label, "expression": request.predictor.expression,
        "derivatives": request.effect, "xvars": " ".join(v for v, _, _ in xvars), "vce": "delta",
    }  # fmt: skip
    if margins.df is not None:
        results.scalars["df_r"] = margins.df
    session.r = results


def _blocks(
    session: Session, request: MarginsRequest, plan: Plan, xvars: list[tuple[str, str, bool]],
    operators: dict[str, str], at: str, *, joint: bool,
) -> list[Block]:  # fmt: skip
    """Which margins belong together: one block per term, and per variable of dydx()."""
    n_at, n_over = len(plan.scenarios), max(len(plan.over), 1)
    outer: list[Axis] = []
    if len(request.predictors) > 1:
        raise unsupported("comparisons of margins of several predictions (choose one with predict()) are")
    if n_at > 1:
        numbers = [str(k + 1) for k in range(n_at)]
        outer.append(Axis("_at", numbers, numbers, at))
    outer += plan.over_axes
    if math.prod(len(axis.levels) for axis in plan.over_axes) != n_over:
        raise unsupported("comparisons of margins over() variables with empty combinations are")
    terms: list[list[Axis]] = []
    for variables, combos in plan.level_terms:
        levels = [list(dict.fromkeys(int(combo[v]) for combo in combos)) for v in variables]
        axes = [_axis(session, v, each, operators.get(v, "")) for v, each in zip(variables, levels, strict=True)]
        # Without any operator the differences between the margins of the term are tested jointly.
        if joint and not at and not any(axis.operator for axis in [*axes, *outer]):
            axes = [replace(axis, operator="joint") for axis in axes]
        terms.append(axes)
    if not terms:
        if joint and not any(axis.operator for axis in outer):
            outer = [replace(axis, operator="joint") for axis in outer]
        terms = [[]]
    blocks: list[Block] = []
    first = 0
    if not request.effect:
        for axes in terms:
            blocks.append(Block("", [*outer, *axes], first))
            first += blocks[-1].size
        return blocks
    if len(terms) > 1 and n_at * n_over > 1:
        raise unsupported("comparisons of effects for several terms with at() or over() are")
    for heading, is_base in _effect_rows(request, xvars):
        for axes in terms:
            block = Block(heading, [*outer, *axes], first)
            first += block.size
            if not is_base:
                blocks.append(block)
    return blocks


def _effect_rows(request: MarginsRequest, xvars: list[tuple[str, str, bool]]) -> list[tuple[str, bool | None]]:
    """(label, is base) of each row of effects; None for continuous variables."""
    rows: list[tuple[str, bool | None]] = []
    bases: dict[str, int | None] = {}
    factors: dict[str, list[int]] = {}
    for linear in request.predictor.equations:
        bases.update(linear.design.bases)
        factors.update(linear.design.factors)
    for variable, operator, is_factor in xvars:
        if not is_factor:
            rows.append((f"{operator}.{variable}" if operator else variable, None))
            continue
        base = bases.get(variable)
        reference = factors[variable][0] if base is None else base
        rows += [(f"{level}.{variable}", level == reference) for level in factors[variable]]
    return rows
