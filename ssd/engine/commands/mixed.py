"""mixed (xtmixed): linear mixed-effects models with nested or crossed random effects."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    key_values,
    level_of,
    operated_name,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    replay,
    require_numeric,
    store,
    take_sample,
    vce_macros,
)
from ssd.engine.commands.mixed_report import Group, MixedReport, Parameter, show_mixed
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.missing import MISSING
from ssd.engine.output.estimation import CoefficientTable, number
from ssd.engine.stats.covariance import IndexArray, group_ids, wald
from ssd.engine.stats.design import Design, build
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.mixed import Effects, Level, MixedFit, MixedModel, Structure, fit_mixed, joint_covariance
from ssd.engine.stats.terms import Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FIXED = (
    "[anything] [if] [in] [fweight pweight] [, noCONStant MLe REML VARiance STDDEViations vce(string) Robust "
    "CLuster(varname) Level(cilevel) noLOg noGRoup noHEader noTABle noRETable noFETable noLRtest noSTDerr "
    "BASElevels ITERate(integer 300) TOLerance(real 1e-6) COVariance(string) DFMethod(string) DFTable "
    "RESiduals(string) EMOnly EMITerate(integer 20) EMTOLerance(real 1e-10) EMLOg EMDots DIFficult COLlinear "
    "PWscale(string) SMALL MATLOg MATSQrt ESTMetric TECHnique(string) FWeight(string) PWeight(string)]"
)
_STRUCTURES: tuple[tuple[Structure, int], ...] = (
    ("independent", 3), ("exchangeable", 2), ("identity", 2), ("unstructured", 2),
)  # fmt: skip
_REFUSED = (
    "dfmethod", "dftable", "emonly", "emlog", "emdots", "collinear", "pwscale", "small", "estmetric", "technique",
    "fweight", "pweight", "residuals", "cluster",
)  # fmt: skip


@dataclass(frozen=True)
class RandomPart:
    """One `|| group: effects, options` of the command line."""

    group: str
    """Empty stands for _all."""
    terms: list[Term]
    factor: str
    """Variable of R.varname, or empty."""
    structure: Structure | None
    constant: bool


@dataclass
class MixedResult:
    """What predict and estat need after mixed."""

    model: MixedModel
    fit: MixedFit
    parts: list[RandomPart]
    groups: list[Group]
    design: Design
    sample: Sample
    names: list[list[str]] = field(default_factory=list)
    """Names of the effects, per level."""
    has_covariates: bool = False


def _split_equations(text: str) -> list[str]:
    """The parts between `||`, outside parentheses and quotes."""
    parts, depth, start, quoted, index = [], 0, 0, False, 0
    while index < len(text):
        char = text[index]
        if char == '"':
            quoted = not quoted
        elif not quoted and char in "([":
            depth += 1
        elif not quoted and char in ")]":
            depth -= 1
        elif not quoted and depth == 0 and text.startswith("||", index):
            parts.append(text[start:index])
            index += 2
            start = index
            continue
        index += 1
    return [*parts, text[start:]]


def _read_line(session: Session, line: Line) -> list[RandomPart]:
    """Fill `line` from the fixed part and the options of all parts; the random parts."""
    pieces = _split_equations(line.text)
    grammar = compile_grammar(_FIXED)
    fixed = split_line(pieces[0])
    options = [fixed.options or ""]
    raw: list[tuple[str, Line]] = []
    for piece in pieces[1:]:
        parts = split_line(piece)
        if parts.range is not None or parts.weight is not None or parts.using is not None:
            raise invalid_syntax()
        if parts.condition is not None:
            if fixed.condition is not None:
                raise invalid_syntax()
            # An `if` after the last equation belongs to the whole command.
            fixed.condition = parts.condition
        own = Line(line.command, piece)
        own_text = parts.options or ""
        local, rest = _local_options(own_text)
        options.append(rest)
        fill_line(own, split_line(f"{parts.subject} , {local}"), grammar, session)
        raw.append((parts.subject, own))
    fixed.options = " ".join(options)
    fill_line(line, fixed, grammar, session)
    return [_random_part(session, subject, own) for subject, own in raw]


def _local_options(text: str) -> tuple[str, str]:
    """Options of a random-effects equation, and the others, which belong to the command."""
    from ssd.engine.lang.options import read_options

    local: list[str] = []
    rest: list[str] = []
    for item in read_options(text):
        word = item.word.lower()
        own = (item.value is None and len(word) >= 6 and "noconstant".startswith(word)) or (
            item.value is not None and len(word) >= 3 and "covariance".startswith(word)
        )
        (local if own else rest).append(str(item))
    return " ".join(local), " ".join(rest)


def _random_part(session: Session, subject: str, own: Line) -> RandomPart:
    name, colon, effects = subject.partition(":")
    if not colon:
        raise StataError(198, "invalid specification of random effects; a colon must follow the group variable")
    name = name.strip()
    group = "" if name == "_all" else session.variable_named(name)
    factor = ""
    words = effects.split()
    if len(words) == 1 and words[0][:2] in {"R.", "r."}:
        factor = session.variable_named(words[0][2:])
        words = []
    terms = parse_varlist(session, words) if words else []
    require_numeric(session, terms)
    typed = own.text_option("covariance")
    structure: Structure | None = None
    if typed is not None:
        structure = next((s for s, least in _STRUCTURES if s.startswith(typed) and len(typed) >= least), None)
        if structure is None:
            raise unsupported(f"covariance({typed}) is")
    return RandomPart(group, terms, factor, structure, not own.flag("noconstant") and not factor)


_STORED = (
    "e(N) e(k) e(k_f) e(k_r) e(k_rs) e(k_rc) e(df_m) e(ll) e(ll_c) e(chi2) e(p) e(chi2_c) e(df_c) e(p_c) e(rank) "
    "e(N_clust) e(cmd) e(depvar) e(ivars) e(model) e(method) e(redim) e(vartypes) e(revars) e(vce) e(b) e(V) e(N_g) "
    "e(g_min) e(g_avg) e(g_max) r(table)"
)
_NOT_DONE = (
    "weights, dfmethod(), residuals(), covariance(fixed()|pattern()), vce(robust) with reml, vce(cluster), small, "
    "pwscale(), emonly, estmetric; predict with reses; the iteration log shows Newton's own steps"
)


@command("mixed", "*", by="recall", stored=_STORED, refused=_NOT_DONE)
def mixed(session: Session, line: Line) -> None:
    """Linear mixed-effects (multilevel) regression by ML or REML."""
    _mixed(session, line)


@command("xtmixed", "*", by="recall", stored=_STORED, refused=_NOT_DONE)
def xtmixed(session: Session, line: Line) -> None:
    """Older name of mixed; shows standard deviations unless variance is typed."""
    _mixed(session, line)


def _mixed(session: Session, line: Line) -> None:
    parts = _read_line(session, line)
    if not parts and replay(session, line, line.command):
        return
    _check_options(line)
    level = level_of(session, line)
    vce = parse_vce(session, line, ("conventional", "oim", "robust"), "conventional")
    restricted = line.flag("reml")
    if vce.is_robust and restricted:
        raise StataError(198, "vce(robust) is not allowed with reml")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.anything.split())
    named = [part.group for part in parts if part.group] + [part.factor for part in parts if part.factor]
    everything: list[Term] = [(outcome,), *terms, *[term for part in parts for term in part.terms]]
    sample = take_sample(session, line, source, everything, vce, named)
    constant = not line.flag("noconstant")
    regressors = build_regressors(session, source, terms, sample, constant=constant)
    X = with_constant(regressors.X, constant)
    y = source.get(outcome.variable, outcome.operator)[sample.rows]
    levels, groups, names = _levels(session, source, sample, parts)
    if len(y) <= X.shape[1]:
        raise StataError(2001, "insufficient observations")
    model = MixedModel(y, X, levels, restricted)
    fit = fit_mixed(model)
    if vce.is_robust:
        if not groups:
            raise unsupported("vce(robust) without random effects is")
        vce = Vce("cluster", groups[0].variable or "_all")
        sample.n_clusters = groups[0].count
    result = MixedResult(model, fit, parts, groups, regressors.design, sample, names, bool(terms))
    _finish(session, line, result, vce, operated_name(outcome), level)


def _check_options(line: Line) -> None:
    for name in _REFUSED:
        value = line.options.get(name)
        if name in line.typed and value not in (None, False):
            raise unsupported(f"option {name} of {line.command} is")
    if line.weight is not None:
        raise unsupported(f"{line.weight.kind}s with {line.command} are")
    if line.flag("mle") and line.flag("reml"):
        raise StataError(198, "only one of mle or reml can be specified")
    if line.flag("variance") and line.flag("stddeviations"):
        raise StataError(198, "only one of variance or stddeviations can be specified")
    if line.text_option("covariance"):
        raise StataError(198, "option covariance() must follow a random-effects equation")


def _levels(
    session: Session, source: SessionSource, sample: Sample, parts: Sequence[RandomPart]
) -> tuple[list[Level], list[Group], list[list[str]]]:
    """Groupings, outermost first; consecutive parts of the same group variable form one level."""
    levels: list[Level] = []
    groups: list[Group] = []
    names: list[list[str]] = []
    ids: IndexArray = np.zeros(sample.count, dtype=np.intp)
    previous: str | None = None
    for part in parts:
        block, labels = _effects(session, source, sample, part)
        if part.group == previous and levels:
            last = levels[-1]
            levels[-1] = Level(last.ids, [*last.blocks, block])
            names[-1] += labels
        else:
            if part.group:
                own, _ = group_ids(key_values(session, part.group)[sample.rows])
                # Groups are counted within the groups above them.
                ids = group_ids(ids * (int(own.max()) + 1) + own)[0]
            levels.append(Level(ids, [block]))
            names.append(list(labels))
            groups.append(Group(part.group, np.bincount(ids).astype(np.float64)))
            previous = part.group
        groups[-1].blocks.append(_block_title(part, block))
    return levels, groups, names


def _effects(session: Session, source: SessionSource, sample: Sample, part: RandomPart) -> tuple[Effects, list[str]]:
    if part.factor:
        ids, count = group_ids(key_values(session, part.factor)[sample.rows])
        return Effects(np.eye(count)[ids], "identity"), [f"R.{part.factor}"] * count
    design = build(part.terms, source, sample.rows, constant=False)
    columns = [column.name for column in design.columns if column.active]
    Z = design.matrix(source, sample.rows)
    if part.constant:
        Z, columns = with_constant(Z), [*columns, "_cons"]
    if not columns:
        raise StataError(198, f"no random effects in equation {part.group or '_all'}")
    return Effects(Z, part.structure or "independent"), columns


def _block_title(part: RandomPart, block: Effects) -> str:
    if part.factor or (block.size == 1 and part.structure in {None, "independent", "identity"}):
        return "Identity"
    return block.structure.capitalize()


def parameters_of(result: MixedResult) -> list[Parameter]:
    """The variance components in the order of e(b), without the residual's."""
    found: list[Parameter] = []
    for depth, level in enumerate(result.model.levels):
        start = 0
        for position, block in enumerate(level.blocks):
            labels = result.names[depth][start : start + block.size]
            start += block.size
            where = f"{depth + 1}_{position + 1}"
            title = result.groups[depth].blocks[position]
            shared = " ".join(dict.fromkeys(labels))
            if block.n_spreads == block.size:
                shown = [[label] for label in labels]
            else:
                shown = [labels[:1] if labels[0].startswith("R.") else list(dict.fromkeys(labels))]
            for j, label in enumerate(shown):
                found.append(Parameter(depth, position, f"lns{where}_{j + 1}", " ".join(label), "", title))
            pairs = list(itertools.combinations(range(1, block.size + 1), 2)) if block.n_correlations else []
            if block.structure == "exchangeable":
                pairs = pairs[:1]
            for i, j in pairs:
                pair = (labels[i - 1], labels[j - 1]) if block.structure == "unstructured" else (shared, "")
                found.append(Parameter(depth, position, f"atr{where}_{i}_{j}", pair[0], pair[1], title, True))
    return found


def _finish(session: Session, line: Line, result: MixedResult, vce: Vce, depvar: str, level: float) -> None:
    model, fit, design = result.model, result.fit, result.design
    k = model.k
    V_active = np.zeros((k + model.n_parameters,) * 2)
    if vce.is_robust:
        V_active = joint_covariance(model, fit, robust=True)
    else:
        V_active[:k, :k], V_active[k:, k:] = fit.V_b, fit.V_theta
    parameters = parameters_of(result)
    ancillary = [*(f"{p.name}:_cons" for p in parameters), "lnsig_e:_cons"]
    names = [*(f"{depvar}:{name}" for name in design.names), *ancillary]
    full = np.concatenate([np.flatnonzero(design.active), len(design.names) + np.arange(len(ancillary))])
    b, V = np.zeros(len(names)), np.zeros((len(names), len(names)))
    b[full] = np.concatenate([fit.b, fit.theta])
    V[np.ix_(full, full)] = V_active
    slopes = [j for j, flag in enumerate(design.active) if flag and design.names[j] != "_cons"]
    chi2, df_m = wald(b[slopes], V[np.ix_(slopes, slopes)]) if slopes else (math.nan, 0)
    linear = fit_mixed(MixedModel(model.y, model.X, [], model.restricted)).log_likelihood
    df_c = model.n_parameters - 1
    chi2_c = max(0.0, 2.0 * (fit.log_likelihood - linear))
    p_c = chi2_tail(chi2_c, df_c) if df_c else math.nan
    if df_c == 1:
        p_c = 0.5 * p_c if chi2_c > 0 else 1.0
    deviations = line.flag("stddeviations") or (line.command == "xtmixed" and not line.flag("variance"))
    report = MixedReport(
        "REML" if model.restricted else "ML", depvar, result.sample.n, result.groups, fit.log_likelihood, chi2, df_m,
        parameters, fit.theta, V_active[k:, k:], chi2_c, df_c, p_c, deviations, vce, fit.iterations,
    )  # fmt: skip
    k_fixed = len(design.names)
    table = CoefficientTable(
        names, b, V, depvar, None, level, vce.heading,
        empty=frozenset(f"{depvar}:{c.name}" for c in design.columns if c.status == "empty"),
        base_levels=line.flag("baselevels"), data=session.data,
        hidden_equations=frozenset(name.rpartition(":")[0] for name in ancillary),
    )  # fmt: skip
    fixed_table = CoefficientTable(
        names[:k_fixed], b[:k_fixed], V[:k_fixed, :k_fixed], depvar, None, level, vce.heading, empty=table.empty,
        base_levels=table.base_levels, data=session.data,
    )  # fmt: skip

    def show() -> None:
        fixed_table.level = table.level
        show_mixed(session, line, report, fixed_table)

    from ssd.engine.commands.mixed_postestimation import ESTAT, predict_mixed, statistics_mixed

    estimation = Estimation({depvar: design}, table, show, predictions={
        "mixed": result, "estat": ESTAT, "statistics": statistics_mixed(depvar), "predict_several": predict_mixed,
    })  # fmt: skip
    scalars, macros = _stored(result, vce, depvar, fit, k, df_m, chi2, chi2_c, df_c, p_c, linear, line)
    from ssd.engine.results import Matrix

    sizes = [group.sizes for group in result.groups]
    labels = [f"c{j + 1}" for j in range(len(sizes))]
    matrices = {
        name: Matrix(np.array([[float(function(each)) for each in sizes]]), ["r1"], labels)
        for name, function in (("N_g", len), ("g_min", np.min), ("g_avg", np.mean), ("g_max", np.max))
    } if sizes else {}  # fmt: skip
    store(session, line, estimation, sample=result.sample.rows, scalars=scalars, macros=macros, matrices=matrices)
    if not line.flag("nolog"):
        _iteration_log(session, report)
    show()


def _stored(
    result: MixedResult, vce: Vce, depvar: str, fit: MixedFit, k: int, df_m: int, chi2: float, chi2_c: float,
    df_c: int, p_c: float, linear: float, line: Line,
) -> tuple[dict[str, float], dict[str, str]]:  # fmt: skip
    model = result.model
    spreads = sum(block.n_spreads for level in model.levels for block in level.blocks)
    scalars = {
        "N": result.sample.n, "k": float(k + model.n_parameters), "k_f": float(k), "k_r": float(model.n_parameters),
        "k_rs": float(spreads + 1), "k_rc": float(model.n_parameters - 1 - spreads), "k_res": 1.0, "nrgroups": 1.0,
        "df_m": float(df_m), "ll": fit.log_likelihood, "chi2": chi2, "p": chi2_tail(chi2, df_m) if df_m else MISSING,
        "ll_c": linear, "chi2_c": chi2_c, "df_c": float(df_c), "p_c": p_c, "rank": float(k + model.n_parameters),
        "converged": 1.0, "rc": 0.0,
    }  # fmt: skip
    if vce.kind == "cluster":
        scalars["N_clust"] = float(result.sample.n_clusters)
    macros = {
        "cmd": line.command, "title": f"Mixed-effects {'REML' if model.restricted else 'ML'} regression",
        "depvar": depvar, "model": "linear", "method": "REML" if model.restricted else "ML", "opt": "ml",
        "ivars": " ".join(group.variable or "_all" for group in result.groups),
        "redim": " ".join(str(level.size) for level in model.levels),
        "vartypes": " ".join(title for group in result.groups for title in group.blocks),
        "revars": " ".join(name for names in result.names for name in dict.fromkeys(names)),
        "chi2type": "Wald", "rstructure": "independent", "rstructlab": "Independent", "optmetric": "matsqrt",
        "emonly": "", "ml_method": "d0", "technique": "nr", "predict": "mixed_p", "estat_cmd": "mixed_estat",
        **vce_macros(vce, "conventional"),
    }  # fmt: skip
    if vce.kind == "cluster":
        macros["vce"] = "robust"
    return scalars, macros


def _iteration_log(session: Session, report: MixedReport) -> None:
    log = session.log
    log.line()
    log.line("Performing EM optimization ...")
    log.line()
    log.line("Performing gradient-based optimization: ")
    for i, value in enumerate(report.iterations):
        log.line(f"{f'Iteration {i}:':<13} {report.likelihood_word} = {number(value, '%10.0g'):>10}")
    log.line()
    log.line("Computing standard errors ...")
