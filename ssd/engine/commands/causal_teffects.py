"""teffects: treatment effects of a binary treatment from observational data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    build_regressors,
    level_of,
    outcome_and_terms,
    parse_varlist,
    parse_vce,
    require_numeric,
    store,
    take_sample,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.quoting import closing, split_comma
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.effects import print_effects
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_header
from ssd.engine.stats.design import Design
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.terms import Term, split_words
from ssd.engine.stats.treatment import Estimator, Link, Statistic, TreatmentProblem

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
_LINKS: dict[str, Link] = {"linear": "linear", "logit": "logit", "probit": "probit", "poisson": "poisson"}


@command(
    "teffects",
    "[anything(everything)] [if] [in] [fweight pweight] [, ATE ATET POMeans CONtrol(string) TLevel(string) "
    "AEQuations NOLOg VCE(string) Level(cilevel) PSTOLerance(real 1e-5) OSample(string) NLS WNLS NNeighbor(integer 1) "
    "BIASadj(string) EMatch(string) CALiper(real 0) METric(string) DMVariables GENerate(string)]",
    minimum=4,
    by="recall",
    stored="e(N) e(n0) e(n1) e(k_levels) e(treated) e(control) e(cmd) e(subcmd) e(depvar) e(tvar) e(omodel) e(tmodel) "
    "e(stat) e(b) e(V) r(table)",
    refused="treatments with more than two levels, hetprobit, fractional outcome models, tlevel(), osample(), "
    "generate(), psmatch with atet, vce(cluster), vce(bootstrap), teffects overlap, predict after teffects, tebalance",
)
def teffects(session: Session, line: Line) -> None:
    """Treatment effects: ra, ipw, aipw, ipwra, psmatch, nnmatch."""
    estimator, _, body = line.anything.strip().partition(" ")
    if estimator not in TITLES:
        if estimator == "overlap":
            raise unsupported("teffects overlap is")
        raise StataError(198, f"invalid subcommand {estimator}" if estimator else "subcommand required")
    for name in ("tlevel", "osample", "generate"):
        if line.options.get(name):
            raise unsupported(f"option {name}() of teffects is")
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
    treated: BoolArray
    control: int
    level: int
    labels: dict[int, str]

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
        vce = parse_vce(session, line, ("robust",), "robust") if estimator not in {"psmatch", "nnmatch"} else None
        extra = _extra_terms(session, line)
        everything = [(depvar,), (tvar,), *outcome_terms, *treatment_terms, *extra]
        sample = take_sample(session, line, source, everything, vce)
        t = source.get(tvar.variable)[sample.rows]
        levels = [int(level) for level in np.unique(t)]
        if np.any(t != np.floor(t)) or np.any(t < 0):
            raise StataError(459, f"treatment variable {tvar.variable} must contain nonnegative integers")
        if len(levels) < 2:
            raise StataError(459, f"treatment variable {tvar.variable} must have at least two levels")
        if len(levels) > 2:
            raise unsupported("a treatment with more than two levels is")
        labels = session.data.labels_of(tvar.variable)
        control = _control(line, levels, labels)
        level = next(value for value in levels if value != control)
        y = source.get(depvar.variable, depvar.operator)[sample.rows]
        return cls(
            estimator, statistic, depvar.variable, tvar.variable, outcome, treatment, outcome_terms, treatment_terms,
            outcome_constant, treatment_constant, source, sample, y, t == level, control, level, labels,
        )  # fmt: skip

    def name_of(self, level: int) -> str:
        return self.labels.get(level, str(level))

    def effect_names(self) -> tuple[list[str], list[tuple[str, list[tuple[str, str, int]]]]]:
        """Names in e(b) and the blocks of the table for the effects."""
        contrast = f"r{self.level}vs{self.control}.{self.tvar}"
        shown = f"({self.name_of(self.level)} vs {self.name_of(self.control)})"
        if self.statistic == "pomeans":
            names = [f"POmeans:{value}.{self.tvar}" for value in (self.control, self.level)]
            rows = [
                (self.tvar if i == 0 else " ", self.name_of(v), i) for i, v in enumerate((self.control, self.level))
            ]
            return names, [("POmeans", rows)]
        title = self.statistic.upper()
        names = [f"{title}:{contrast}", f"POmean:{self.control}.{self.tvar}"]
        blocks = [(title, [(self.tvar, shown, 0)]), ("POmean", [(self.tvar, self.name_of(self.control), 1)])]
        return names, blocks


def _extra_terms(session: Session, line: Line) -> list[Term]:
    """Variables of biasadj() and ematch(), which must not be missing either."""
    terms: list[Term] = []
    for option in ("biasadj", "ematch"):
        text = line.text_option(option)
        if text:
            terms += parse_varlist(session, split_words(text))
    require_numeric(session, terms)
    return terms


def _control(line: Line, levels: list[int], labels: dict[int, str]) -> int:
    typed = line.text_option("control")
    if not typed:
        return levels[0]
    for level in levels:
        if typed.strip('"') in {str(level), labels.get(level)}:
            return level
    raise StataError(198, f"control level {typed} is not a level of the treatment variable")


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
        if word in _LINKS:
            link = _LINKS[word]
        elif "noconstant".startswith(word) and len(word) >= 6:
            constant = False
        elif word.split("(")[0] in {"hetprobit", "flogit", "fprobit", "fhetprobit"}:
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
        cast(Estimator, setup.estimator), setup.statistic, setup.y, setup.treated,
        with_constant(outcome.X, setup.outcome_constant), with_constant(treatment.X, setup.treatment_constant),
        setup.outcome, setup.treatment, line.flag("wnls"), sample.raw, sample.kind == "fweight",
    )  # fmt: skip
    theta = problem.solve()
    if problem.has_treatment:
        _check_overlap(line, problem.propensity(theta[-problem.sizes[3] :]))
    covariance = problem.covariance(theta)
    names, blocks = setup.effect_names()
    b, V = _expand(problem, theta, covariance, [outcome.design, outcome.design, treatment.design])
    position = len(names)
    if problem.has_outcome:
        for level in (setup.control, setup.level):
            position = _add_equation(names, blocks, f"OME{level}", outcome.design, position)
    if problem.has_treatment:
        position = _add_equation(names, blocks, f"TME{setup.level}", treatment.design, position)
    if not line.flag("nolog"):
        moments = problem.moments(theta) * problem.weights[:, None]
        criterion = float(np.sum((moments.sum(axis=0) / len(setup.y)) ** 2))
        session.log.line()
        session.log.line(f"Iteration 0:  EE criterion = {criterion:10.4g}")
    shown: str = setup.outcome if problem.has_outcome else "weighted mean"
    if setup.estimator == "aipw":
        shown += " by WNLS" if line.flag("wnls") else " by NLS" if line.flag("nls") else " by ML"
    left = [f"Outcome model  : {shown}", f"Treatment model: {setup.treatment if problem.has_treatment else 'none'}"]
    if not line.flag("aequations"):
        blocks = blocks[: 1 if setup.statistic == "pomeans" else 2]
    finish(session, line, setup, names, b, V, blocks, left, [], "Robust")


def _check_outcome(setup: Setup) -> None:
    y = setup.y
    if setup.estimator == "ipw":
        return
    if setup.outcome in {"logit", "probit"} and not np.all((y == 0.0) | (y == 1.0)):
        raise StataError(459, f"outcome {setup.depvar} must be 0 or 1 for the {setup.outcome} model")
    if setup.outcome == "poisson" and np.any(y < 0.0):
        raise StataError(459, f"outcome {setup.depvar} must be nonnegative for the poisson model")


def _check_overlap(line: Line, p: FloatArray) -> None:
    tolerance = float(cast(float, line.options["pstolerance"]))
    outside = int(np.count_nonzero((p < tolerance) | (p > 1.0 - tolerance)))
    if outside:
        raise StataError(
            498,
            f"treatment overlap assumption has been violated; {outside} observations have propensity scores outside "
            f"[{tolerance:g}, 1 - {tolerance:g}]",
        )


def _expand(
    problem: TreatmentProblem, theta: FloatArray, V: FloatArray, designs: list[Design]
) -> tuple[FloatArray, FloatArray]:
    """Parameters with zeros for omitted and base terms."""
    flags = [np.ones(2, dtype=np.bool_)]
    if problem.has_outcome:
        flags += [designs[0].active, designs[1].active]
    if problem.has_treatment:
        flags.append(designs[2].active)
    active = np.concatenate(flags)
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
) -> None:
    """Store e() and print header and table."""
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
        print_effects(log, table, blocks)

    estimation = Estimation({}, table, show)
    scalars = {
        "N": setup.sample.n, "k_levels": 2.0, "treated": float(setup.level), "control": float(setup.control),
        f"n{setup.control}": float(np.count_nonzero(~setup.treated)),
        f"n{setup.level}": float(np.count_nonzero(setup.treated)),
        "converged": 1.0, "k_eq": float(len({name.partition(":")[0] for name in names})),
    }  # fmt: skip
    macros = {
        "cmd": "teffects", "subcmd": setup.estimator, "depvar": setup.depvar, "tvar": setup.tvar,
        "omodel": setup.outcome if setup.outcome_terms else "", "stat": setup.statistic,
        "tmodel": setup.treatment if setup.treatment_terms else "", "title": "Treatment-effects estimation",
        "tlevels": f"{setup.control} {setup.level}", "vce": "robust", "vcetype": heading,
    }  # fmt: skip
    store(session, line, estimation, sample=setup.sample.rows, scalars=scalars, macros=macros)
    show()


def complete_columns(session: Session, setup: Setup, terms: list[Term]) -> FloatArray:
    """The columns of some terms on the sample, collinear ones left out: (n, k)."""
    found = build_regressors(session, setup.source, terms, setup.sample, constant=True)
    assert not np.any(is_missing(found.X))
    return found.X
