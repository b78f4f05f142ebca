"""teffects: treatment effects from observational data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.causal_predictions import predict_effects
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    build_regressors,
    level_of,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    require_numeric,
    store,
    take_sample,
)
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.quoting import closing, split_comma
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.effects import print_effects
from ssd.engine.output.estimation import CoefficientTable, Entry, cluster_note, count, print_header
from ssd.engine.stats.covariance import sum_by_group
from ssd.engine.stats.design import Design
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import Term, split_words
from ssd.engine.stats.treatment import Estimator, GroupArray, Link, Statistic, TreatmentProblem

if TYPE_CHECKING:
    from ssd.engine.session import Session

TITLES = {
    "ra": "regression adjustment",
    "ipw": "inverse-probability weights",
    "aipw": "augmented IPW",
    "ipwra": "IPW regression adjustment",
    "psmatch": "propensity-score matching",
    "nnmatch": "nearest-neighbor matching",
}
_SHOWN: dict[Link, str] = {"flogit": "fractional logit", "fprobit": "fractional probit"}
_LINKS: tuple[Link, ...] = ("linear", "logit", "probit", "poisson", "flogit", "fprobit")


@command(
    "teffects",
    "[anything(everything)] [if] [in] [fweight pweight] [, ATE ATET POMeans CONtrol(string) TLevel(string) "
    "AEQuations NOLOg VCE(string) Level(cilevel) PSTOLerance(real 1e-5) OSample(string) NLS WNLS NNeighbor(integer 1) "
    "BIASadj(string) EMatch(string) CALiper(real 0) METric(string) DMVariables GENerate(string) *]",
    minimum=4,
    by="recall",
    stored="e(N) e(n0) e(n1) … e(k_levels) e(treated) e(control) e(N_clust) e(cmd) e(subcmd) e(depvar) e(tvar) "
    "e(omodel) e(tmodel) e(stat) e(tlevels) e(clustvar) e(b) e(V) r(table)",
    refused="hetprobit, fhetprobit; psmatch with atet and metric(matrix) of the matching estimators; "
    "nls and wnls with nonlinear outcome models; vce(bootstrap); matching with more than two treatment levels",
)
def teffects(session: Session, line: Line) -> None:
    """Treatment effects: ra, ipw, aipw, ipwra, psmatch, nnmatch."""
    estimator, _, body = line.anything.strip().partition(" ")
    if estimator == "overlap":
        from ssd.engine.commands.causal_balance import overlap

        overlap(session, line.text.partition("overlap")[2])
        return
    extra = str(line.options.get("*") or "").split()
    if extra:
        raise StataError(198, f"option {extra[0]} not allowed")
    if estimator not in TITLES:
        raise StataError(198, f"invalid subcommand {estimator}" if estimator else "subcommand required")
    if line.options.get("generate") and estimator not in {"psmatch", "nnmatch"}:
        raise StataError(198, "option generate() not allowed")
    osample = line.text_option("osample")
    if osample:
        check_name(osample)
        if osample in session.data.variables:
            raise already_defined(osample)
    setup = Setup.read(session, line, estimator, body)
    if estimator in {"psmatch", "nnmatch"}:
        from ssd.engine.commands.causal_matching import matching

        matching(session, line, setup)
    else:
        _equations(session, line, setup)


@dataclass
class Setup:
    """What all estimators share: outcome, treatment, models and sample."""

    estimator: str
    statistic: Statistic
    depvar: str
    tvar: str
    outcome: Link
    treatment: Link
    outcome_terms: list[Term]
    treatment_terms: list[Term]
    outcome_constant: bool
    treatment_constant: bool
    source: SessionSource
    sample: Sample
    y: FloatArray
    group: GroupArray
    """Position of each observation's treatment level."""
    levels: list[int]
    control: int
    level: int
    """The level the ATET is about."""
    labels: dict[int, str]
    vce: Vce | None

    @property
    def others(self) -> list[int]:
        """Levels but the control."""
        return [level for level in self.levels if level != self.control]

    @property
    def treated(self) -> BoolArray:
        """Of a binary treatment."""
        return np.asarray(self.group == self.levels.index(self.level), dtype=np.bool_)

    @classmethod
    def read(cls, session: Session, line: Line, estimator: str, body: str) -> Setup:
        chosen = [name for name in ("ate", "atet", "pomeans") if line.flag(name)]
        if len(chosen) > 1:
            raise StataError(198, "only one of ate, atet, or pomeans is allowed")
        statistic = cast(Statistic, chosen[0] if chosen else "ate")
        if statistic == "atet" and estimator == "aipw":
            raise StataError(198, "option atet not allowed")
        if statistic == "pomeans" and estimator in {"psmatch", "nnmatch"}:
            raise StataError(198, "option pomeans not allowed")
        groups = parenthesized(body)
        if len(groups) != 2:
            raise StataError(198, "outcome and treatment models must be specified in parentheses")
        outcome_words, outcome, outcome_constant = _model(groups[0], "linear")
        treatment_words, treatment, treatment_constant = _model(groups[1], "logit")
        if treatment not in {"logit", "probit"}:
            raise StataError(198, f"{treatment} is not a treatment model")
        source = SessionSource(session)
        depvar, outcome_terms = outcome_and_terms(session, outcome_words)
        tvar, treatment_terms = outcome_and_terms(session, treatment_words)
        if estimator in {"ipw", "psmatch"} and outcome_terms:
            raise StataError(198, f"the outcome model of teffects {estimator} has no covariates")
        if estimator in {"ra", "nnmatch"} and treatment_terms:
            raise StataError(198, f"the treatment model of teffects {estimator} has no covariates")
        vce = (
            parse_vce(session, line, ("robust", "cluster"), "robust")
            if estimator not in {"psmatch", "nnmatch"}
            else None
        )
        extra = _extra_terms(session, line)
        everything = [(depvar,), (tvar,), *outcome_terms, *treatment_terms, *extra]
        sample = take_sample(session, line, source, everything, vce)
        t = source.get(tvar.variable)[sample.rows]
        levels = [int(level) for level in np.unique(t)]
        if np.any(t != np.floor(t)) or np.any(t < 0):
            raise StataError(459, f"treatment variable {tvar.variable} must contain nonnegative integers")
        if len(levels) < 2:
            raise StataError(459, f"treatment variable {tvar.variable} must have at least two levels")
        if len(levels) > 2 and estimator in {"psmatch", "nnmatch"}:
            raise StataError(459, f"treatment variable {tvar.variable} must have 2 levels for teffects {estimator}")
        if len(levels) > 2 and treatment == "probit" and estimator != "ra":
            raise StataError(459, "probit treatment models require a treatment with 2 levels")
        if len(levels) > 20:
            raise StataError(459, f"treatment variable {tvar.variable} has more than 20 levels")
        labels = session.data.labels_of(tvar.variable)
        if line.text_option("tlevel") and statistic != "atet" and estimator not in {"psmatch", "nnmatch"}:
            raise StataError(198, "option tlevel() is allowed only with atet")
        control = _chosen_level(line, "control", levels, labels) or levels[0]
        level = _chosen_level(line, "tlevel", levels, labels)
        if level is None:
            level = next(value for value in levels if value != control)
        if level == control:
            raise StataError(198, "control() and tlevel() may not specify the same treatment level")
        y = source.get(depvar.variable, depvar.operator)[sample.rows]
        return cls(
            estimator, statistic, depvar.variable, tvar.variable, outcome, treatment, outcome_terms, treatment_terms,
            outcome_constant, treatment_constant, source, sample, y, np.searchsorted(levels, t), levels, control, level,
            labels, vce,
        )  # fmt: skip

    def name_of(self, level: int) -> str:
        return self.labels.get(level, str(level))

    def effect_names(self) -> tuple[list[str], list[tuple[str, list[tuple[str, str, int]]]]]:
        """Names in e(b) and the blocks of the table for the effects."""
        if self.statistic == "pomeans":
            names = [f"POmeans:{value}.{self.tvar}" for value in self.levels]
            return names, [("POmeans", self._rows([self.name_of(value) for value in self.levels], 0))]
        title = self.statistic.upper()
        names = [f"{title}:r{value}vs{self.control}.{self.tvar}" for value in self.others]
        names.append(f"POmean:{self.control}.{self.tvar}")
        base = self.name_of(self.control)
        effects = self._rows([f"({self.name_of(value)} vs {base})" for value in self.others], 0)
        return names, [(title, effects), ("POmean", self._rows([base], len(self.others)))]

    def _rows(self, labels: list[str], start: int) -> list[tuple[str, str, int]]:
        """Rows under one heading."""
        return [(self.tvar if i == 0 else " ", label, start + i) for i, label in enumerate(labels)]


def _extra_terms(session: Session, line: Line) -> list[Term]:
    """Variables of biasadj() and ematch(), which must not be missing either."""
    terms: list[Term] = []
    for option in ("biasadj", "ematch"):
        text = line.text_option(option)
        if text:
            terms += parse_varlist(session, split_words(text))
    require_numeric(session, terms)
    return terms


def _chosen_level(line: Line, option: str, levels: list[int], labels: dict[int, str]) -> int | None:
    typed = line.text_option(option)
    if not typed:
        return None
    for level in levels:
        if typed.strip('"') in {str(level), labels.get(level)}:
            return level
    raise StataError(198, f"{option} level {typed} is not a level of the treatment variable")


def parenthesized(text: str) -> list[str]:
    """The texts inside the top-level parentheses of a command."""
    groups: list[str] = []
    position = 0
    while position < len(text):
        if text[position] == "(":
            end = closing(text, position)
            groups.append(text[position + 1 : end])
            position = end + 1
        elif text[position].isspace():
            position += 1
        else:
            raise StataError(198, f"invalid syntax: {text[position:].split(maxsplit=1)[0]} found where ( expected")
    return groups


def _model(text: str, default: Link) -> tuple[list[str], Link, bool]:
    """Words, link and whether there is a constant."""
    main, options = split_comma(text)
    link, constant = default, True
    for word in re.findall(r"\w+(?:\([^)]*\))?", options or ""):
        named = next((name for name in _LINKS if name == word), None)
        if named is not None:
            link = named
        elif "noconstant".startswith(word) and len(word) >= 6:
            constant = False
        elif word.split("(")[0] in {"hetprobit", "fhetprobit"}:
            raise unsupported(f"{word.split('(')[0]} in teffects is")
        else:
            raise StataError(198, f"option {word} not allowed")
    return split_words(main), link, constant


def _equations(session: Session, line: Line, setup: Setup) -> None:
    """ra, ipw, aipw and ipwra."""
    for name in ("biasadj", "ematch", "metric"):
        if line.options.get(name):
            raise StataError(198, f"option {name}() not allowed")
    if (line.flag("nls") or line.flag("wnls")) and setup.estimator != "aipw":
        raise StataError(198, f"option {'nls' if line.flag('nls') else 'wnls'} not allowed")
    if (line.flag("nls") or line.flag("wnls")) and setup.outcome != "linear":
        raise unsupported("nls and wnls with a nonlinear outcome model are")
    sample = setup.sample
    outcome = build_regressors(session, setup.source, setup.outcome_terms, sample, constant=setup.outcome_constant)
    treatment = build_regressors(
        session, setup.source, setup.treatment_terms, sample, constant=setup.treatment_constant
    )
    _check_outcome(setup)
    problem = TreatmentProblem(
        cast(Estimator, setup.estimator), setup.statistic, setup.y, setup.group,
        with_constant(outcome.X, setup.outcome_constant), with_constant(treatment.X, setup.treatment_constant),
        setup.outcome, setup.treatment, line.flag("wnls"), sample.raw, sample.kind == "fweight",
        setup.levels.index(setup.control), setup.levels.index(setup.level),
    )  # fmt: skip
    theta = problem.solve()
    if problem.has_treatment:
        _check_overlap(session, line, setup, problem.propensity(theta[-problem.sizes[-1] :]))
    covariance = problem.covariance(theta, _cluster_sums(sample))
    names, blocks = setup.effect_names()
    designs: dict[str, Design] = {}
    if problem.has_outcome:
        designs.update({f"OME{level}": outcome.design for level in setup.levels})
    if problem.has_treatment:
        designs.update({f"TME{level}": treatment.design for level in setup.others})
    b, V = _expand(problem.levels, theta, covariance, designs)
    position = len(names)
    for equation, design in designs.items():
        position = _add_equation(names, blocks, equation, design, position)
    if not line.flag("nolog"):
        moments = problem.moments(theta) * problem.weights[:, None]
        criterion = float(np.sum((moments.sum(axis=0) / len(setup.y)) ** 2))
        session.log.line()
        session.log.line(f"Iteration 0:  EE criterion = {criterion:10.4g}")
    shown: str = _SHOWN.get(setup.outcome, setup.outcome) if problem.has_outcome else "weighted mean"
    treatment_shown = setup.treatment if len(setup.levels) == 2 else f"(multinomial) {setup.treatment}"
    if setup.estimator == "aipw":
        shown += " by WNLS" if line.flag("wnls") else " by NLS" if line.flag("nls") else " by ML"
    left = [f"Outcome model  : {shown}", f"Treatment model: {treatment_shown if problem.has_treatment else 'none'}"]
    if not line.flag("aequations"):
        blocks = blocks[: 1 if setup.statistic == "pomeans" else 2]
    finish(session, line, setup, names, b, V, blocks, left, [], "Robust", designs, problem)


def _cluster_sums(sample: Sample) -> Callable[[FloatArray], FloatArray] | None:
    clusters = sample.clusters
    if clusters is None:
        return None
    return lambda rows: sum_by_group(rows, clusters, sample.n_clusters)


def _check_outcome(setup: Setup) -> None:
    y = setup.y
    if setup.estimator == "ipw":
        return
    if setup.outcome in {"logit", "probit"} and not np.all((y == 0.0) | (y == 1.0)):
        raise StataError(459, f"outcome {setup.depvar} must be 0 or 1 for the {setup.outcome} model")
    if setup.outcome in {"flogit", "fprobit"} and not np.all((y >= 0.0) & (y <= 1.0)):
        raise StataError(459, f"outcome {setup.depvar} must be between 0 and 1 for the {setup.outcome} model")
    if setup.outcome == "poisson" and np.any(y < 0.0):
        raise StataError(459, f"outcome {setup.depvar} must be nonnegative for the poisson model")


def _check_overlap(session: Session, line: Line, setup: Setup, p: FloatArray) -> None:
    tolerance = float(cast(float, line.options["pstolerance"]))
    violates = np.any((p < tolerance) | (p > 1.0 - tolerance), axis=1)
    mark_violations(session, line, setup, violates)
    outside = int(np.count_nonzero(violates))
    if outside:
        raise StataError(
            498,
            f"treatment overlap assumption has been violated; {outside} observations have propensity scores outside "
            f"[{tolerance:g}, 1 - {tolerance:g}]",
        )


def mark_violations(session: Session, line: Line, setup: Setup, violates: BoolArray) -> None:
    """osample(): flag the observations that violate the overlap assumption."""
    name = line.text_option("osample")
    if name:
        flags = np.full(session.data.n_obs, MISSING)
        flags[setup.sample.rows] = violates
        session.data.add(name, flags, "byte", label="overlap violation indicator")


def _expand(levels: int, theta: FloatArray, V: FloatArray, designs: dict[str, Design]) -> tuple[FloatArray, FloatArray]:
    """Parameters with zeros for omitted and base terms."""
    active = np.concatenate([np.ones(levels, dtype=np.bool_), *(design.active for design in designs.values())])
    b = np.zeros(active.size)
    b[active] = theta
    full = np.zeros((active.size, active.size))
    full[np.ix_(active, active)] = V
    return b, full


def _add_equation(
    names: list[str],
    blocks: list[tuple[str, list[tuple[str, str, int]]]],
    equation: str,
    design: Design,
    position: int,
) -> int:
    rows = []
    for offset, (name, active) in enumerate(zip(design.names, design.active, strict=True)):
        names.append(f"{equation}:{name}")
        if active:
            rows.append(("", name if len(name) <= 12 else name[:10] + "~" + name[-1], position + offset))
    blocks.append((equation, rows))
    return position + len(design.names)


def finish(
    session: Session,
    line: Line,
    setup: Setup,
    names: list[str],
    b: FloatArray,
    V: FloatArray,
    blocks: list[tuple[str, list[tuple[str, str, int]]]],
    left: list[str],
    entries: list[Entry],
    heading: str,
    designs: dict[str, Design] | None = None,
    problem: TreatmentProblem | None = None,
) -> None:
    """Store e() and print header and table."""
    sample = setup.sample
    level = level_of(session, line)
    table = CoefficientTable(names, b, V, setup.depvar, None, level, heading, data=session.data)

    def show() -> None:
        log = session.log
        log.line()
        print_header(
            log,
            ["Treatment-effects estimation", f"Estimator      : {TITLES[setup.estimator]}", *left],
            [Entry("Number of obs", count(setup.sample.n)), *entries],
            label_width=14,
            value_width=10,
        )
        if setup.vce is not None and setup.vce.cluster:
            log.line(f"{cluster_note(sample.n_clusters, setup.vce.cluster):>78}")
        print_effects(log, table, blocks)

    estimation = Estimation(designs or {}, table, show)
    if line.weight is not None:
        estimation.weights = (line.weight.kind, line.weight.expression)
    estimation.predictions["treatment"] = (setup, problem, b)
    if problem is not None:
        estimation.predictions["predict_several"] = predict_effects
    scalars = {
        "N": setup.sample.n, "k_levels": float(len(setup.levels)),
        "treated": float(setup.level), "control": float(setup.control),
        **{f"n{level}": float(np.count_nonzero(setup.group == i)) for i, level in enumerate(setup.levels)},
        "converged": 1.0, "k_eq": float(len({name.partition(":")[0] for name in names})),
    }  # fmt: skip
    if setup.vce is not None and setup.vce.cluster:
        scalars["N_clust"] = float(sample.n_clusters)
    macros = {
        "cmd": "teffects", "subcmd": setup.estimator, "depvar": setup.depvar, "tvar": setup.tvar,
        "omodel": setup.outcome if setup.outcome_terms else "", "stat": setup.statistic,
        "tmodel": setup.treatment if setup.treatment_terms else "", "title": "Treatment-effects estimation",
        "tlevels": " ".join(str(level) for level in setup.levels), "vcetype": heading,
        "vce": "cluster" if setup.vce is not None and setup.vce.cluster else "robust",
        "clustvar": setup.vce.cluster if setup.vce is not None else "",
    }  # fmt: skip
    store(session, line, estimation, sample=setup.sample.rows, scalars=scalars, macros=macros)
    show()


def complete_columns(session: Session, setup: Setup, terms: list[Term]) -> FloatArray:
    """The columns of some terms on the sample, collinear ones left out: (n, k)."""
    found = build_regressors(session, setup.source, terms, setup.sample, constant=True)
    assert not np.any(is_missing(found.X))
    return found.X
