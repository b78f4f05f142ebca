"""brant, fitstat and listcoef: Long and Freese's (SPost) commands after models for categorical and count outcomes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.category_predictions import probabilities
from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of
from ssd.engine.commands.postestimation_predict import Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import inverse_link
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.binary import Logit, logistic
from ssd.engine.stats.distributions import chi2_tail, two_sided
from ssd.engine.stats.likelihood import Equation, maximize
from ssd.engine.stats.linear import with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session

_ERROR_VARIANCE = {"logit": math.pi**2 / 3.0, "logistic": math.pi**2 / 3.0, "ologit": math.pi**2 / 3.0,
                   "probit": 1.0, "oprobit": 1.0, "cloglog": math.pi**2 / 6.0}  # fmt: skip


def _linear(session: Session, estimation: Estimation) -> FloatArray:
    sample = session.e.sample
    assert sample is not None
    return linear_prediction(session, estimation, sample).xb(sample)


def _outcome(session: Session) -> FloatArray:
    sample = session.e.sample
    assert sample is not None
    return np.asarray(session.evaluate(session.e.macros["depvar"].split()[0]), dtype=np.float64)[sample]


# --- brant ---


@command("brant", "[, Detail]", stored="r(chi2) r(p) r(df) r(ivtests)", refused="weighted ologit")
def brant(session: Session, line: Line) -> None:
    """Brant test of the parallel regression assumption after ologit."""
    estimation = estimation_of(session)
    if session.e.macros.get("cmd") != "ologit":
        raise StataError(301, "brant can only be used after ologit")
    if estimation.weights[0]:
        raise unsupported("brant after a weighted ologit is")
    sample = session.e.sample
    assert sample is not None
    design = next(iter(estimation.designs.values()))
    X = design.matrix(SessionSource(session), sample)
    names = [column.name for column in design.columns if column.active]
    y = _outcome(session)
    categories = np.unique(y)
    if len(categories) < 3:
        raise StataError(148, "brant needs an outcome with more than two categories")
    b, V, constants = _binary_logits(y, categories, X)
    k, m = X.shape[1], len(categories) - 1

    def statistic(places: list[int]) -> tuple[float, int]:
        """Wald test that the slopes at these places are the same in all logits."""
        rows = []
        for j in range(1, m):
            for i in places:
                row = np.zeros(m * k)
                row[i], row[j * k + i] = 1.0, -1.0
                rows.append(row)
        D = np.array(rows)
        gap = D @ b.reshape(-1)
        return float(gap @ np.linalg.solve(D @ V @ D.T, gap)), len(rows)

    total, df = statistic(list(range(k)))
    single = [statistic([i])[0] for i in range(k)]
    _print_brant(session, names, b, constants, categories, (total, df), single, m - 1, detail=line.flag("detail"))
    tests = np.array([[value, chi2_tail(value, m - 1)] for value in single])
    session.r = ResultSet(
        scalars={"chi2": total, "df": float(df), "p": chi2_tail(total, df)},
        matrices={"ivtests": Matrix(tests, names, ["chi2", "p>chi2"])},
    )


def _binary_logits(y: FloatArray, categories: FloatArray, X: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Slopes (m, k) of the logits of y > c, their joint covariance (mk, mk) (Brant 1990), and the constants."""
    full = with_constant(X, True)
    k, m = X.shape[1], len(categories) - 1
    fits, shares, inverses = [], [], []
    for cut in categories[:-1]:
        above = np.asarray(y > cut, dtype=np.float64)
        try:
            fit = maximize(Logit(above), [Equation(full)], np.zeros(k + 1), np.ones(len(y)))
        except StataError:
            raise StataError(499, "not all independent variables can be retained in all binary logits\n"
                             "brant test cannot be computed") from None  # fmt: skip
        p = logistic(full @ fit.coefficients)
        fits.append(fit.coefficients)
        shares.append(p)
        inverses.append(np.linalg.inv(full.T @ (full * (p * (1.0 - p))[:, None])))
    V = np.zeros((m * k, m * k))
    for i in range(m):
        for j in range(i, m):
            # Pr(y > c_i and y > c_j) = Pr(y > c_j) for i <= j
            w = shares[j] - shares[i] * shares[j]
            block = (inverses[i] @ (full.T @ (full * w[:, None])) @ inverses[j])[:k, :k]
            V[i * k : (i + 1) * k, j * k : (j + 1) * k] = block
            V[j * k : (j + 1) * k, i * k : (i + 1) * k] = block.T
    B = np.array(fits)
    return B[:, :k], V, B[:, k]


def _print_brant(
    session: Session, names: list[str], b: FloatArray, constants: FloatArray, categories: FloatArray,
    total: tuple[float, int], single: list[float], df: int, *, detail: bool,
) -> None:  # fmt: skip
    log = session.log
    width = max(12, *(len(name) + 1 for name in names))
    if detail:
        log.line()
        log.line("Estimated coefficients from binary logits")
        log.line()
        heads = [f"y_gt_{value:g}" for value in categories[:-1]]
        log.line(" " * width + " |" + "".join(f"{head:>12}" for head in heads))
        log.line("-" * (width + 1) + "+" + "-" * (12 * len(heads)))
        for i, name in enumerate(names):
            log.line(f"{name:>{width}} |" + "".join(f"{value:>12.4f}" for value in b[:, i]))
        log.line(f"{'_cons':>{width}} |" + "".join(f"{value:>12.4f}" for value in constants))
        log.line("-" * (width + 1) + "+" + "-" * (12 * len(heads)))
    log.line()
    log.line("Brant test of parallel regression assumption")
    log.line()
    rule = " " + "-" * (width + 1) + "+" + "-" * 30
    log.line(f" {'':>{width}} |{'chi2':>11}{'p>chi2':>11}{'df':>8}")
    log.line(rule)
    log.line(f" {'All':>{width}} |{total[0]:>11.2f}{chi2_tail(*total):>11.3f}{total[1]:>8d}")
    log.line(rule)
    for name, value in zip(names, single, strict=True):
        log.line(f" {name:>{width}} |{value:>11.2f}{chi2_tail(value, df):>11.3f}{df:>8d}")
    log.line()
    log.line("A significant test statistic provides evidence that the parallel")
    log.line("regression assumption has been violated.")


# --- fitstat ---

_FITTED = ("logit", "logistic", "probit", "cloglog", "ologit", "oprobit", "mlogit", "poisson", "nbreg", "zip", "zinb",
           "regress", "tobit")  # fmt: skip


@command("fitstat", "[, SAVing(string) SAVE USing(string) DIFf FORCE BIC IC]",
         stored="r(N) r(dev) r(dev_df) r(ll) r(ll_0) r(lrx2) r(lrx2_df) r(lrx2_p) r(r2_mf) r(r2_mfadj) r(r2_ml) "
         "r(r2_cu) r(r2_mz) r(r2_ef) r(r2_tjur) r(r2_ct) r(r2_ctadj) r(v_error) r(v_ystar) r(aic) r(aic_n) r(bic) "
         "r(bic_p) r(r2) r(r2_adj)",
         refused="saving(), save, using(), diff, force, bic, ic")  # fmt: skip
def fitstat(session: Session, line: Line) -> None:
    """Measures of fit of the last model."""
    for option in ("saving", "using"):
        if line.text_option(option):
            raise unsupported(f"option {option}() is")
    for option in ("save", "diff", "force", "bic", "ic"):
        if line.flag(option):
            raise unsupported(f"option {option} is")
    estimation = estimation_of(session)
    name = session.e.macros.get("cmd", "")
    if name not in _FITTED:
        raise StataError(198, f"fitstat does not work with {name}")
    if "pseudolikelihood" in session.e.macros.get("crittype", "") or session.e.macros.get("vcetype") == "Robust":
        raise unsupported("fitstat after robust or clustered standard errors is")
    scalars = _measures(session, estimation, name)
    _print_fit(session, name, scalars)
    session.r = ResultSet(scalars=scalars)


def _measures(session: Session, estimation: Estimation, name: str) -> dict[str, float]:
    e = session.e.scalars
    n, ll, ll_0 = e["N"], e["ll"], e.get("ll_0", math.nan)
    parameters = float(np.count_nonzero(np.diag(session.e.matrices["V"].values) > 0.0))
    # The residual variance of regress counts among its parameters only in the information criteria of SPost 13.
    slopes = e["df_m"]
    lr = 2.0 * (ll - ll_0)
    found = {
        "N": n, "ll": ll, "ll_0": ll_0, "dev": -2.0 * ll, "dev_df": n - parameters, "lrx2": lr, "lrx2_df": slopes,
        "lrx2_p": chi2_tail(lr, slopes) if slopes else math.nan, "aic": -2.0 * ll + 2.0 * parameters,
        "aic_n": (-2.0 * ll + 2.0 * parameters) / n, "bic": -2.0 * ll + parameters * math.log(n),
        "bic_p": -lr + slopes * math.log(n), "bic_df": parameters,
    }  # fmt: skip
    if name == "regress":
        found.update(r2=e["r2"], r2_adj=e["r2_a"])
    else:
        found.update(r2_mf=1.0 - ll / ll_0, r2_mfadj=1.0 - (ll - parameters) / ll_0)
    found["r2_ml"] = 1.0 - math.exp(2.0 * (ll_0 - ll) / n)
    found["r2_cu"] = found["r2_ml"] / (1.0 - math.exp(2.0 * ll_0 / n))
    if name in _ERROR_VARIANCE:
        spread = float(np.var(_linear(session, estimation), ddof=1))
        found.update(v_error=_ERROR_VARIANCE[name], v_ystar=spread + _ERROR_VARIANCE[name])
        found["r2_mz"] = spread / found["v_ystar"]
    y = _outcome(session)
    if name in {"logit", "logistic", "probit", "cloglog"}:
        positive = y != 0.0
        p = inverse_link(name, _linear(session, estimation))
        mean = float(positive.mean())
        found["r2_ef"] = 1.0 - float(((positive - p) ** 2).sum() / ((positive - mean) ** 2).sum())
        found["r2_tjur"] = float(p[positive].mean() - p[~positive].mean())
        _count_measures(found, float(np.mean((p > 0.5) == positive)), max(mean, 1.0 - mean))
    elif name in {"ologit", "oprobit", "mlogit"}:
        sample = session.e.sample
        assert sample is not None
        linear = linear_prediction(session, estimation, sample)
        columns = probabilities(Request(session, Line(name, ""), estimation, linear, sample))
        categories, place = np.unique(y, return_inverse=True)
        right = float(np.mean(columns.argmax(axis=1) == place.reshape(-1)))
        _count_measures(found, right, float(np.bincount(place.reshape(-1)).max()) / len(y) if len(categories) else 0.0)
    return found


def _count_measures(found: dict[str, float], right: float, largest: float) -> None:
    found["r2_ct"] = right
    found["r2_ctadj"] = (right - largest) / (1.0 - largest)


_SECTIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Log-likelihood", (("Model", "ll"), ("Intercept-only", "ll_0"))),
    ("Chi-square", (("Deviance(df={dev_df:.0f})", "dev"), ("LR(df={lrx2_df:.0f})", "lrx2"), ("p-value", "lrx2_p"))),
    ("R2", (("R2", "r2"), ("Adjusted R2", "r2_adj"), ("McFadden", "r2_mf"), ("McFadden(adjusted)", "r2_mfadj"),
            ("McKelvey & Zavoina", "r2_mz"), ("Cox-Snell/ML", "r2_ml"), ("Cragg-Uhler/Nagelkerke", "r2_cu"),
            ("Efron", "r2_ef"), ("Tjur's D", "r2_tjur"), ("Count", "r2_ct"), ("Count(adjusted)", "r2_ctadj"))),
    ("IC", (("AIC", "aic"), ("AIC divided by N", "aic_n"), ("BIC(df={bic_df:.0f})", "bic"))),
    ("Variance of", (("e", "v_error"), ("y-star", "v_ystar"))),
)  # fmt: skip


def _print_fit(session: Session, name: str, found: dict[str, float]) -> None:
    log = session.log
    rule = "-" * 25 + "+" + "-" * 13
    log.line()
    log.line(" " * 25 + f"|{name:>12} ")
    for heading, rows in _SECTIONS:
        shown = [(label.format(**found), found[key]) for label, key in rows if key in found]
        if not shown:
            continue
        log.line(rule)
        log.line(f"{heading:<25}|")
        for label, value in shown:
            log.line(f"{label:>24} |{value:>12.3f} ")


# --- listcoef ---

_ODDS = ("logit", "logistic", "ologit", "clogit")
_COUNTS = ("poisson", "nbreg")
_LISTED = (*_ODDS, *_COUNTS, "probit", "oprobit", "regress", "cloglog", "tobit")


@command("listcoef", "[varlist(default=none)] [, Factor Percent Std Help CONStant PValue(real 0)]",
         stored="r(table)", refused="after mlogit, slogit, zip and zinb; pvalue(), varlist")  # fmt: skip
def listcoef(session: Session, line: Line) -> None:
    """Transformed coefficients: factor or percent changes and standardized coefficients."""
    estimation = estimation_of(session)
    name = session.e.macros.get("cmd", "")
    if name not in _LISTED:
        raise unsupported(f"listcoef after {name} is")
    if "pvalue" in line.typed or line.varlist:
        raise unsupported("pvalue() and a varlist with listcoef are")
    kinds = [option for option in ("factor", "percent", "std") if line.flag(option)]
    if len(kinds) > 1:
        raise StataError(198, "only one of factor, percent and std may be specified")
    kind = kinds[0] if kinds else ("factor" if name in (*_ODDS, *_COUNTS) else "std")
    if kind != "std" and name not in (*_ODDS, *_COUNTS):
        raise StataError(198, f"option {kind} is not available after {name}")
    if kind == "std" and name in (*_COUNTS, "clogit"):
        raise StataError(198, f"option std is not available after {name}")
    sample = session.e.sample
    assert sample is not None
    equation, design = next(iter(estimation.designs.items()))
    X = design.matrix(SessionSource(session), sample)
    columns = [column.name for column in design.columns if column.active]
    weights = estimation.normalised
    sd = _deviations(X, np.ones(len(X)) if weights is None else weights)
    stored = session.e.matrices["b"].cols
    prefix = f"{equation}:" if equation else ""
    b = session.e.matrices["b"].values[0]
    V = session.e.matrices["V"].values
    rows = []
    sd_y = _outcome_deviation(session, estimation, name)
    for column, s in zip(columns, sd, strict=True):
        place = stored.index(prefix + column)
        rows.append((column, float(b[place]), math.sqrt(float(V[place, place])), float(s)))
    constant = prefix + "_cons"
    _print_coefficients(session, name, kind, rows, sd_y, estimation.table.df,
                        (float(b[stored.index(constant)]), math.sqrt(float(V[stored.index(constant)][stored.index(
                            constant)]))) if constant in stored else None, line.flag("help"))  # fmt: skip


def _deviations(X: FloatArray, w: FloatArray) -> FloatArray:
    mean = w @ X / w.sum()
    return np.asarray(np.sqrt(w @ (X - mean) ** 2 / (w.sum() - 1.0)), dtype=np.float64)


def _outcome_deviation(session: Session, estimation: Estimation, name: str) -> float:
    """Standard deviation of the outcome, latent where the model has one."""
    if name in _ERROR_VARIANCE:
        return math.sqrt(float(np.var(_linear(session, estimation), ddof=1)) + _ERROR_VARIANCE[name])
    return float(np.std(_outcome(session), ddof=1))


_COLUMN_HELP = {
    "b": "raw coefficient", "e^b": "exp(b) = factor change in {thing} for unit increase in X",
    "e^bStdX": "exp(b*SD of X) = change in {thing} for SD increase in X",
    "%": "percent change in {thing} for unit increase in X",
    "%StdX": "percent change in {thing} for SD increase in X", "SDofX": "standard deviation of X",
    "bStdX": "x-standardized coefficient", "bStdY": "y-standardized coefficient",
    "bStdXY": "fully standardized coefficient",
}  # fmt: skip


def _print_coefficients(
    session: Session, name: str, kind: str, rows: list[tuple[str, float, float, float]], sd_y: float,
    df: float | None, constant: tuple[float, float] | None, explain: bool,
) -> None:  # fmt: skip
    log = session.log
    letter = "z" if df is None else "t"
    thing = "odds" if name in _ODDS else "expected count"
    heads = {"factor": ["e^b", "e^bStdX"], "percent": ["%", "%StdX"], "std": ["bStdX", "bStdY", "bStdXY"]}[kind]
    title = {
        "factor": f"Factor change in {thing}", "percent": f"Percentage change in {thing}",
        "std": "Unstandardized and standardized estimates",
    }[kind]  # fmt: skip
    log.line()
    log.line(f"{name} (N={session.e.scalars['N']:.0f}): {title} ")
    log.line()
    if name in {"logit", "logistic"} and kind != "std":
        log.line(f"  Odds of: {_outcome_label(session, 1)} vs {_outcome_label(session, 0)}")
        log.line()
    elif kind == "std":
        log.line(f"  {'Observed' if name not in _ERROR_VARIANCE else 'Latent'} SD: {sd_y:.4f}")
        log.line()
    widths = [10 if kind == "std" or i else 9 for i in range(len(heads))] + [11]
    head = f"{'b':>10}{letter:>9}{f'P>|{letter}|':>9}" + "".join(
        f"{text:>{width}}" for text, width in zip([*heads, "SDofX"], widths, strict=True)
    )
    width = max(12, *(len(row[0]) for row in rows)) if rows else 12
    log.line("-" * (width + len(head) + 3))
    log.line(" " * width + " |" + head)
    log.line("-" * (width + 1) + "+" + "-" * (len(head) + 1))
    values = []
    for column, b, se, sd in rows:
        t = b / se
        if kind == "std":
            extra = [b * sd, b / sd_y, b * sd / sd_y]
        else:
            extra = [math.exp(b), math.exp(b * sd)]
            if kind == "percent":
                extra = [100.0 * (value - 1.0) for value in extra]
        decimals = 1 if kind == "percent" else 3
        cells = "".join(f"{value:>{size}.{decimals}f}" for value, size in zip(extra, widths, strict=False))
        log.line(f"{column:>{width}} |{b:>10.4f}{t:>9.3f}{two_sided(t, df):>9.3f}{cells}{sd:>11.3f}")
        values.append([b, t, two_sided(t, df), *extra, sd])
    if constant is not None:
        t = constant[0] / constant[1]
        blanks = "".join(f"{'.':>{size}}" for size in widths)
        log.line(f"{'constant':>{width}} |{constant[0]:>10.4f}{t:>9.3f}{two_sided(t, df):>9.3f}{blanks}")
    log.line("-" * (width + len(head) + 3))
    if explain:
        meanings = {"b": _COLUMN_HELP["b"], letter: f"{letter}-score for test of b=0",
                    f"P>|{letter}|": f"p-value for {letter}-test"}  # fmt: skip
        meanings.update({each: _COLUMN_HELP[each].format(thing=thing) for each in [*heads, "SDofX"]})
        for label, text in meanings.items():
            log.line(f"{label:>8} = {text}")
    names = ["b", letter, "p", *heads, "SDofX"]
    table = np.array(values).reshape(len(rows), len(names))
    session.r = ResultSet(matrices={"table": Matrix(table, [row[0] for row in rows], names)})


def _outcome_label(session: Session, value: int) -> str:
    depvar = session.e.macros["depvar"]
    data = session.data
    if depvar not in data.variables:
        return str(value)
    return data.value_labels.get(data.variables[depvar].value_label, {}).get(value, str(value))
