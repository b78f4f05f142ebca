"""heckprobit and etregress: a probit seen only when selected, a regression with an endogenous treatment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import SessionSource, Vce, level_of, operated_name, outcome_and_terms, replay
from ssd.engine.commands.likelihood_equations import (
    LIKELIHOOD_STORED,
    VARLIST,
    WEIGHTS,
    Block,
    Footer,
    Opening,
    assemble,
    assemble_from,
    exponential_row,
    fit_blocks,
    log_fit,
    open_model,
    option_terms,
    refuse_constraints,
    split_at_comma,
    tanh_row,
    test_line,
    wald_on,
)
from ssd.engine.commands.maximum import ML_OPTIONS, MlResult, finish, log_heading
from ssd.engine.commands.postestimation_predict import Request, linear_prediction
from ssd.engine.commands.response_predictions import Prediction, Predictions, linear_form
from ssd.engine.commands.selection import SelectionModel, prepare_selection, selection_probit
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import CoefficientTable, Entry, count, number
from ssd.engine.stats.binary import Probit
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.jets import binormal_probability, normal_probability, tanh
from ssd.engine.stats.likelihood import Equation, Maximum, maximize
from ssd.engine.stats.linear import least_squares
from ssd.engine.stats.selection import mills
from ssd.engine.stats.selection_probit import EndogenousTreatment, SelectionProbit, two_step_treatment
from ssd.engine.stats.terms import split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session

_SELECTION = VARLIST + WEIGHTS + "[, SELect(string) FIRST LRMODEL " + ML_OPTIONS + "]"
_SELECTION_REFUSED = "offset(), first, lrmodel, constraints(), technique() other than nr"
_SELECTION_STORED = LIKELIHOOD_STORED + " e(N_selected) e(N_nonselected) e(rho) e(ll_c) e(chi2_c) e(p_c)"


@command("heckprobit", _SELECTION, minimum=8, by="recall", stored=_SELECTION_STORED, refused=_SELECTION_REFUSED)
def heckprobit(session: Session, line: Line) -> None:
    """Probit model with sample selection."""
    _selected_probit(session, line)


@command("heckprob", _SELECTION, by="recall", stored="as heckprobit", refused=_SELECTION_REFUSED)
def heckprob(session: Session, line: Line) -> None:
    """Probit model with sample selection (name of heckprobit before version 13)."""
    _selected_probit(session, line)


def _selected_probit(session: Session, line: Line) -> None:
    if replay(session, line, "heckprobit"):
        return
    refuse_constraints(line)
    for option in ("first", "lrmodel"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    level = level_of(session, line)
    model = prepare_selection(session, line)
    y = model.y != 0.0
    if np.unique(y[model.selected]).size < 2:
        raise StataError(2000, "outcome does not vary among the selected observations")
    source = SessionSource(session)
    outcome, terms = outcome_and_terms(session, line.varlist)
    opening = Opening(
        session, line, level, model.vce, source, outcome, model.depvar, model.sample, model.constant, terms
    )
    w = model.weights
    inside = model.selected
    log_heading(session, line, "Fitting probit model:")
    probit = maximize(
        Probit(y[inside].astype(np.float64)), [Equation(model.X[inside])], np.zeros(model.X.shape[1]), w[inside]
    )
    log_fit(opening, probit)
    selection = selection_probit(model)
    log_fit(opening, selection, "Fitting selection model:")
    ll_c = probit.log_likelihood + selection.log_likelihood
    if not line.flag("nolog"):
        session.log.line()
        session.log.line(f"Comparison:    Log likelihood = {number(ll_c, '%10.0g')}")
    blocks = [
        Block(model.depvar, model.outcome_design, model.X),
        Block(model.selection_key, model.selection_design, model.Z),
        Block("athrho"),
    ]
    start = np.concatenate([probit.coefficients, selection.coefficients, [0.0]])
    fit = fit_blocks(SelectionProbit(y, inside), blocks, start, w)
    log_fit(opening, fit, "Fitting full model:")
    result = assemble(opening, blocks, fit, "Probit model with sample selection", "heckprobit", "heckprob_p")
    wald_on(result, [model.depvar])
    _selection_counts(result, model)
    result.macros["depvar"] = f"{model.depvar} {model.selection_name}".strip()
    result.macros["marginsok"] = "default PMargin P11 P10 P01 P00 PSel PCond XB XBSel"
    _independence(opening, result, fit, ll_c, scaled=False)
    result.predictions.update(_selected_predictions(model.depvar).entries())
    finish(session, line, result, level)


def _selection_counts(result: MlResult, model: SelectionModel) -> None:
    chosen = model.weights if model.sample.kind == "fweight" else np.ones(len(model.y))
    inside = float(chosen[model.selected].sum())
    outside = model.sample.n - inside
    result.header_extra = [
        Entry("      Selected", count(inside)), Entry("      Nonselected", count(outside)), Entry("", ""),
    ]  # fmt: skip
    result.scalars.update(N_selected=inside, N_nonselected=outside, N_cens=outside, k_dv=2.0)


def _independence(opening: Opening, result: MlResult, fit: Maximum, ll_c: float, *, scaled: bool) -> None:
    """Footer with rho (and sigma, lambda) and the test that the errors of the two equations are unrelated."""
    place = result.names.index("/:athrho")
    athrho, variance = float(result.b[place]), float(result.V[place, place])
    robust = opening.vce.is_robust
    chi2 = athrho**2 / variance if robust else max(2.0 * (fit.log_likelihood - ll_c), 0.0)
    kind = "Wald" if robust else "LR"
    result.scalars.update(rho=math.tanh(athrho), chi2_c=chi2, p_c=chi2_tail(chi2, 1))
    if not robust:
        result.scalars["ll_c"] = ll_c
    result.macros["chi2_ct"] = kind
    footer = Footer(opening.session, result, [tanh_row("rho", place)])
    if scaled:
        at = result.names.index("/:lnsigma")
        footer.rows.append(exponential_row("sigma", at))
        rho, sigma = math.tanh(athrho), math.exp(float(result.b[at]))
        G = np.array([(1.0 - rho * rho) * sigma, rho * sigma])
        se = math.sqrt(max(float(G @ result.V[np.ix_([place, at], [place, at])] @ G), 0.0))
        footer.derived.append(("lambda", rho * sigma, se))
        result.scalars.update(sigma=sigma, lambdase=se)
        result.scalars["lambda"] = rho * sigma
    footer.lines = [test_line(f"{kind} test of indep. eqns. (rho = 0)", 1, chi2)]
    footer.attach()


def _selected_predictions(depvar: str) -> Predictions:
    def joint(a: float, b: float) -> Prediction:
        label = f"Pr({depvar}={int(a > 0)},select={int(b > 0)})"
        return Prediction(label, lambda at: binormal_probability(at[0] * a, at[1] * b, tanh(at[2]) * (a * b)))

    both = joint(1.0, 1.0).formula
    return Predictions(
        depvar, "pmargin", f"(option pmargin assumed; Pr({depvar}=1))",
        {
            "pmargin": Prediction(f"Pr({depvar}=1)", lambda at: normal_probability(at[0])),
            "p11": joint(1.0, 1.0), "p10": joint(1.0, -1.0), "p01": joint(-1.0, 1.0), "p00": joint(-1.0, -1.0),
            "psel": Prediction("Pr(select=1)", lambda at: normal_probability(at[1])),
            "pcond": Prediction(f"Pr({depvar}=1|select=1)", lambda at: both(at) / normal_probability(at[1])),
            "xb": linear_form(), "xbsel": Prediction("Linear prediction of selection", lambda at: at[1]),
        },
    )  # fmt: skip


_TREATMENT = (
    VARLIST + WEIGHTS + "[, TREat(string) TWOstep CFUNCtion POUTcomes FIRST HAzard(name) LRMODEL " + ML_OPTIONS + "]"
)
_TREATMENT_STORED = LIKELIHOOD_STORED + (
    " e(sigma) e(rho) e(lambda) e(lambdase) e(ll_c) e(chi2_c) e(p_c) e(method) e(treat)"
)
_TREATMENT_REFUSED = "cfunction, poutcomes, first, hazard(), lrmodel, constraints(), technique() other than nr"


@command("etregress", _TREATMENT, minimum=5, by="recall", stored=_TREATMENT_STORED, refused=_TREATMENT_REFUSED)
def etregress(session: Session, line: Line) -> None:
    """Linear regression with an endogenous binary treatment: maximum likelihood and two-step."""
    _treatment(session, line)


@command("treatreg", _TREATMENT, by="recall", stored="as etregress", refused=_TREATMENT_REFUSED)
def treatreg(session: Session, line: Line) -> None:
    """Treatment-effects model (name of etregress before version 13)."""
    _treatment(session, line)


def _treatment(session: Session, line: Line) -> None:
    if replay(session, line, "etregress"):
        return
    for option in ("cfunction", "poutcomes", "first", "lrmodel"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    if line.text_option("hazard"):
        raise unsupported("option hazard() is")
    typed = line.text_option("treat")
    if not typed:
        raise StataError(198, "option treat() required")
    body, suboptions = split_at_comma(typed)
    left, equals, right = body.partition("=")
    if not equals:
        raise StataError(198, "treat() must be depvar_t = indepvars_t")
    treatment, _ = outcome_and_terms(session, split_words(left))
    terms, options = option_terms(session, f"{right},{suboptions}")
    if "offset" in options:
        raise StataError(198, "option offset() not allowed")
    name = operated_name(treatment)
    opening = open_model(session, line, [(treatment,), *terms], words=[*line.varlist, f"i.{name}"])
    t = opening.source.get(treatment.variable, treatment.operator)[opening.sample.rows]
    if not np.isin(t, (0.0, 1.0)).all() or np.unique(t).size < 2:
        raise StataError(198, f"treatment variable {name} must take on two values, 0 and 1")
    main = opening.main
    selection = opening.block(name, terms, constant="noconstant" not in options)
    if selection.size == 0:
        raise StataError(198, "the treatment equation needs a variable or a constant")
    probit = maximize(Probit(t), [selection.equation], np.zeros(selection.size), opening.w)
    if line.flag("twostep"):
        _two_step(opening, main, selection, t == 1.0, probit)
    else:
        _maximum_likelihood(opening, main, selection, t == 1.0, probit)


def _maximum_likelihood(
    opening: Opening, main: Block, selection: Block, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    probit: Maximum,
) -> None:  # fmt: skip
    session, line, w, y = opening.session, opening.line, opening.w, opening.y
    assert main.X is not None
    assert selection.X is not None
    ols = least_squares(main.X, y, w, constant=False)
    size = float(w.sum())
    index = selection.X @ probit.coefficients
    steps = two_step_treatment(y, main.X, selection.X, treated, index, probit.covariance)
    start = np.concatenate(
        [steps.b[:-1], probit.coefficients, [math.atanh(max(-0.85, min(0.85, steps.rho)))], [math.log(steps.sigma)]]
    )
    blocks = [main, selection, Block("athrho"), Block("lnsigma")]
    fit = fit_blocks(EndogenousTreatment(y, treated), blocks, start, w)
    log_fit(opening, fit)
    title = "Linear regression with endogenous treatment"
    result = assemble(opening, blocks, fit, title, "etregress", "etregress_p")
    wald_on(result, [opening.depvar])
    result.header_left = ["Estimator: Maximum likelihood"]
    ll_c = probit.log_likelihood - 0.5 * size * (math.log(2.0 * math.pi) + math.log(ols.rss / size) + 1.0)
    _describe_treatment(opening, result, selection.name, "ml")
    _independence(opening, result, fit, ll_c, scaled=True)
    result.predictions.update(_treatment_predictions(opening.depvar, selection.name).entries())
    finish(session, line, result, opening.level)


def _describe_treatment(opening: Opening, result: MlResult, name: str, method: str) -> None:
    result.scalars["k_dv"] = 2.0
    result.macros.update(method=method, treat=name, depvar=f"{opening.depvar} {name}")
    result.macros["title"] = "Linear regression with endogenous treatment"


def _two_step(
    opening: Opening, main: Block, selection: Block, treated: np.ndarray[tuple[int, ...], np.dtype[np.bool_]],
    probit: Maximum,
) -> None:  # fmt: skip
    if opening.vce.typed or opening.sample.kind:
        raise StataError(198, "weights and vce() are not allowed with twostep")
    assert main.X is not None
    assert selection.X is not None
    index = selection.X @ probit.coefficients
    steps = two_step_treatment(opening.y, main.X, selection.X, treated, index, probit.covariance)
    opening.vce = Vce("conventional", typed=False)
    blocks = [main, selection, Block("hazard:lambda")]
    k, q = main.size, selection.size
    order = [*range(k), k + q]
    V = np.zeros((k + q + 1, k + q + 1))
    V[np.ix_(order, order)] = steps.V
    V[k : k + q, k : k + q] = probit.covariance
    coefficients = np.concatenate([steps.b[:-1], probit.coefficients, steps.b[-1:]])
    title = "Linear regression with endogenous treatment"
    result = assemble_from(opening, blocks, coefficients, V, math.nan, title, "etregress", "etregress_p")
    result.names[-1] = "/hazard:lambda"
    wald_on(result, [opening.depvar])
    result.header_left = ["Estimator: Two-step"]
    result.no_likelihood = True
    _describe_treatment(opening, result, selection.name, "twostep")
    result.macros["vce"] = "conventional"
    result.scalars.update(rho=steps.rho, sigma=steps.sigma, lambdase=math.sqrt(max(float(V[-1, -1]), 0.0)))
    result.scalars["lambda"] = float(steps.b[-1])
    result.no_footer = True
    log = opening.session.log

    def footer(table: CoefficientTable) -> None:
        log.line("-" * (table.width + 1) + "+" + "-" * 64)
        log.line(f"{'rho':>{table.width}} |{steps.rho:>11.5f}")
        log.line(f"{'sigma':>{table.width}} |{number(steps.sigma, '%10.0g'):>11}")
        log.line("-" * (table.width + 66))

    result.footer = footer
    result.predictions.update(_treatment_predictions(opening.depvar, selection.name).entries())
    finish(opening.session, opening.line, result, opening.level)


def _treatment_predictions(depvar: str, name: str) -> Predictions:
    """xb, ptrt and xbtrt for margins too; yctrt and ycntrt for predict ([TE] etregress postestimation)."""

    def index(request: Request) -> FloatArray:
        return linear_prediction(request.session, request.estimation, request.rows, name, offset=False).xb(request.rows)

    def conditional(request: Request, treated: bool) -> FloatArray:
        names = request.session.e.matrices["b"].cols
        effect = float(request.session.e.matrices["b"].values[0, names.index(f"{depvar}:1.{name}")])
        actual = request.session.evaluate_numbers(name)[request.rows]
        base = request.xb + effect * (float(treated) - actual)
        z = index(request)
        hazard = mills(z) if treated else -mills(-z)
        return np.asarray(base + request.scalar("lambda") * hazard, dtype=np.float64)

    extra = {
        "yctrt": lambda request: conditional(request, True),
        "ycntrt": lambda request: conditional(request, False),
    }
    return Predictions(
        depvar, "xb", "(option xb assumed; fitted values)",
        {
            "xb": linear_form(), "xbtrt": Prediction("Linear prediction of treatment", lambda at: at[1]),
            "ptrt": Prediction(f"Pr({name})", lambda at: normal_probability(at[1])),
        },
        {}, extra,
    )  # fmt: skip
