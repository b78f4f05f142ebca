"""nl: nonlinear least squares."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import (
    Estimation,
    Sample,
    SessionSource,
    Vce,
    level_of,
    parse_vce,
    replay,
    store,
    take_sample,
    vce_macros,
    weight_note,
)
from ssd.engine.commands.nonlinear_curves import CURVES, curve_start
from ssd.engine.commands.parameter_expressions import Equation, Expressions, parse_expressions
from ssd.engine.errors import StataError, insufficient_observations, invalid_syntax, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.estimation import (
    CoefficientTable,
    Entry,
    cluster_note,
    count,
    number,
    print_coefficients,
    print_header,
)
from ssd.engine.stats.covariance import frequency_meat, meat, sandwich
from ssd.engine.stats.nonlinear import NonlinearFit, constant_parameter, fit_nonlinear

if TYPE_CHECKING:
    from ssd.engine.session import Session


class _Expressions(Expressions):
    """Substitutable expressions whose derivatives are taken with steps of the parameters' own size."""

    def derivatives(self, b: FloatArray) -> list[FloatArray]:
        self.residuals(b)
        found = []
        for equation in self.equations:
            D = np.zeros((int(self.rows.sum()), len(b)))
            for key in equation.used:
                slope = self._slope(equation, key, self.index(key, b))
                if key not in self.parameters.combinations:
                    D[:, self.parameters.names.index(f"/:{key}")] += slope
                    continue
                positions, words = self.parameters.combinations[key]
                if words:
                    D[:, positions[: len(words)]] += slope[:, None] * self.columns[key][self.rows]
                if len(positions) > len(words):
                    D[:, positions[-1]] += slope
            found.append(D)
        return found

    def _slope(self, equation: Equation, key: str, at: FloatArray) -> FloatArray:
        """Central difference by one scratch variable over the sample."""
        step = 6e-6 * (float(np.abs(at).max()) or 1.0)
        self._put(key, at + step)
        up = self._evaluate(equation)[self.rows]
        self._put(key, at - step)
        down = self._evaluate(equation)[self.rows]
        self._put(key, at)
        return np.asarray((up - down) / (2.0 * step), dtype=np.float64)


@dataclass(frozen=True)
class _Model:
    depvar: str
    expression: str
    title: str = ""
    curve: str = ""
    regressor: str = ""


def _model(session: Session, text: str) -> _Model:
    """`(y = expression)`, or `curve: y x` for a built-in function."""
    stripped = text.strip()
    if "@" in stripped.split("(")[0]:
        raise unsupported("nl with a function-evaluator program is")
    if stripped.startswith("("):
        if not stripped.endswith(")"):
            raise invalid_syntax()
        left, equals, right = stripped[1:-1].partition("=")
        if not equals or not right.strip():
            raise invalid_syntax("equal sign missing in the substitutable expression")
        names = session.expand_varlist(left.strip(), ts=True)
        if len(names) != 1:
            raise invalid_syntax()
        return _Model(names[0], right.strip())
    found = re.fullmatch(r"(\w+)\s*(?::|\s)\s*(.+)", stripped, re.DOTALL)
    if found is None:
        raise invalid_syntax()
    name = found.group(1)
    if name not in CURVES:
        raise unsupported(f"nl with the substitutable-expression program {name} is")
    names = session.expand_varlist(found.group(2))
    if len(names) != 2:
        raise StataError(
            102 if len(names) < 2 else 103, f"too {'few' if len(names) < 2 else 'many'} variables specified"
        )
    y, x = names
    curve = CURVES[name]
    return _Model(y, curve.expression.replace("X", x), f"{curve.title}, {y} = {curve.shown.format(x=x)}", name, x)


@command(
    "nl",
    "[anything(everything equalok)] [if] [in] [aweight fweight iweight pweight] [, vce(string) Robust "
    "CLuster(varname) HC2 HC3 INITial(string) VARiables(varlist) HASConstant(name) NOConstant NOLOg "
    "ITERate(integer 10000) Level(cilevel) noHEader noTABle TItle(string) DELta(real 0)]",
    by="recall",
    stored="e(N) e(k) e(k_eq_model) e(df_m) e(df_r) e(df_t) e(mss) e(rss) e(tss) e(mms) e(msr) e(r2) e(r2_a) e(rmse) "
    "e(dev) e(N_clust) e(rank) e(ic) e(converge) e(cj) e(cmd) e(depvar) e(params) e(sexp) e(title) e(vce) e(b) e(V) "
    "e(init) r(table)",
    refused="function-evaluator programs (@), own substitutable-expression programs, lnlsq(), delta(), eps()",
)
def nl(session: Session, line: Line) -> None:
    """Nonlinear least squares of a substitutable expression or a built-in growth curve."""
    if replay(session, line, "nl"):
        return
    if "delta" in line.typed:
        raise unsupported("option delta() of nl is")
    level = level_of(session, line)
    vce = _vce(session, line)
    model = _model(session, line.anything)
    equations, parameters = parse_expressions(session, f"({model.expression})")
    source = SessionSource(session)
    operator, _, variable = model.depvar.rpartition(".")
    y_all = source.get(variable, operator)
    known = ~is_missing(y_all)
    for name in _variables_in(session, model.expression, line):
        known &= ~is_missing(session.data.numeric(name))
    for _, words in parameters.combinations.values():
        for word in words:
            known &= ~is_missing(session.data.numeric(word))
    masked = Line(**{**line.__dict__, "by_mask": known if line.by_mask is None else known & line.by_mask})
    sample = take_sample(session, masked, source, [], vce)
    y = y_all[sample.rows]
    if len(y) < len(parameters.names):
        raise insufficient_observations()
    weight_note(session, sample, line)
    if model.curve and not line.text_option("initial"):
        for name, value in curve_start(model.curve, session.data.numeric(model.regressor)[sample.rows], y).items():
            parameters.start[parameters.names.index(f"/:{name}")] = value
    start = _initial(session, line, parameters.names, np.array(parameters.start))
    with _Expressions(session, equations, parameters) as expressions:
        expressions.rows = sample.rows

        def mean(b: FloatArray) -> FloatArray | None:
            fitted = expressions.residuals(b)[sample.rows, 0]
            return None if np.any(is_missing(fitted)) else np.asarray(fitted, dtype=np.float64)

        fit = fit_nonlinear(mean, lambda b: expressions.derivatives(b)[0], y, start, sample.w,
                            int(str(line.options["iterate"])))  # fmt: skip
    if not line.flag("nolog"):
        for index, value in enumerate(fit.iterations):
            session.log.line(f"{f'Iteration {index}:':<13} Residual SS =  {number(value, '%9.0g')}")
    _finish(session, line, model, sample, vce, fit, list(parameters.names), y, start, level)


def _vce(session: Session, line: Line) -> Vce:
    for kind in ("hc2", "hc3"):
        if line.flag(kind):
            return Vce(kind)
    typed = line.text_option("vce")
    if typed is not None and typed.strip() == "gnr":
        return Vce("gnr")
    return parse_vce(session, line, ("robust", "cluster", "hc2", "hc3"), "gnr")


def _variables_in(session: Session, expression: str, line: Line) -> list[str]:
    """Data variables the expression mentions, and those of variables()."""
    bare = re.sub(r"\{[^{}]*\}|\"[^\"]*\"", " ", expression)
    words = [word for word in re.findall(r"[^\W\d]\w*(?!\w|\s*\()", bare) if word in session.data.variables]
    extra = line.options.get("variables")
    words += [str(name) for name in extra] if isinstance(extra, list) else []
    return [name for name in dict.fromkeys(words) if not session.data.variables[name].is_string]


def _initial(session: Session, line: Line, names: list[str], start: FloatArray) -> FloatArray:
    """initial(name # …) or a row vector. Raises r(480) for names the expression has not."""
    typed = line.text_option("initial")
    if not typed:
        return start
    words = typed.replace(",", " ").split()
    if len(words) == 1:
        matrix = session.matrices.get(words[0])
        if matrix is None:
            raise StataError(111, f"matrix {words[0]} not found")
        values = np.asarray(matrix.values, dtype=np.float64).reshape(-1)
        if len(values) != len(start):
            raise StataError(503, "conformability error")
        return values
    if len(words) % 2:
        raise invalid_syntax("option initial() incorrectly specified")
    chosen = start.copy()
    for name, value in zip(words[::2], words[1::2], strict=True):
        plain = name.strip("{}")
        spellings = [f"/:{plain}", plain]
        position = next((names.index(each) for each in spellings if each in names), None)
        if position is None:
            raise StataError(480, f"{plain} is not a parameter of the expression")
        chosen[position] = session.evaluate_number(value)
    return chosen


def _covariance(fit: NonlinearFit, e: FloatArray, sample: Sample, vce: Vce, df_r: float) -> FloatArray:
    """Gauss–Newton covariance, or a sandwich of the derivatives, with the corrections of regress."""
    n = sample.n
    k = n - df_r
    D = fit.derivatives
    w, f = sample.w, sample.frequencies
    if not vce.is_robust:
        return fit.inverse * (fit.rss / df_r)
    if vce.kind in {"hc2", "hc3"}:
        h = np.einsum("ij,ij->i", D @ fit.inverse, D) * (1.0 if w is None or f is not None else w)
        e = e / (np.sqrt(1.0 - h) if vce.kind == "hc2" else 1.0 - h)
    scores = D * (e if w is None or f is not None else e * w)[:, None]
    if vce.kind == "cluster":
        groups = sample.n_clusters
        scores = D * (e if w is None else e * w)[:, None]
        factor = groups / (groups - 1.0) * (n - 1.0) / (n - k)
        return sandwich(fit.inverse, meat(scores, sample.clusters, groups), factor)
    filling = meat(scores) if f is None else frequency_meat(scores, f)
    return sandwich(fit.inverse, filling, n / (n - k) if vce.kind == "robust" else 1.0)


def _finish(
    session: Session, line: Line, model: _Model, sample: Sample, vce: Vce, fit: NonlinearFit, names: list[str],
    y: FloatArray, start: FloatArray, level: float,
) -> None:  # fmt: skip
    n = sample.n
    rank = int(np.count_nonzero(np.diag(fit.inverse)))
    df_r = n - rank
    if df_r <= 0:
        raise insufficient_observations()
    w = np.ones(len(y)) if sample.w is None else sample.w
    constant = _constant(line, fit, names)
    centre = float(w @ y) / float(w.sum()) if constant is not None else 0.0
    tss = float(w @ (y - centre) ** 2)
    df_m = rank - int(constant is not None)
    mss = tss - fit.rss
    df_t = df_m + df_r
    r2 = mss / tss if tss > 0.0 else math.nan
    values = {
        "N": n, "k": float(len(names)), "k_eq_model": 0.0, "df_m": float(df_m), "df_t": df_t,
        "mss": mss, "rss": fit.rss, "tss": tss, "mms": mss / df_m if df_m else math.nan, "msr": fit.rss / df_r,
        "r2": r2, "r2_a": 1.0 - (1.0 - r2) * df_t / df_r, "rmse": math.sqrt(fit.rss / df_r),
        "dev": n * (1.0 + math.log(2.0 * math.pi * fit.rss / n)) if fit.rss > 0.0 else math.nan,
        "rank": float(rank), "ic": float(len(fit.iterations) - 1), "converge": 1.0,
        "cj": 0.0 if constant is None else constant + 1.0,
    }  # fmt: skip
    V = _covariance(fit, y - fit.fitted, sample, vce, df_r)
    tested = sample.n_clusters - 1.0 if vce.kind == "cluster" else df_r
    values["df_r"] = tested
    if vce.kind == "cluster":
        values["N_clust"] = float(sample.n_clusters)
    table = CoefficientTable(names, fit.parameters, V, model.depvar, tested, level, vce.heading, data=session.data)
    log = session.log

    def show() -> None:
        if not line.flag("noheader"):
            _header(session, model, values, df_r, vce, sample)
        if not line.flag("notable"):
            print_coefficients(log, table)
            if constant is not None:
                parameter = names[constant].removeprefix("/:")
                log.line(f"Note: Parameter {parameter} is used as a constant term during estimation.")

    predictions: dict[str, object] = {"predict": _predictor(model, names)}
    estimation = Estimation({}, table, show, (sample.kind, line.weight.expression if line.weight else ""), predictions,
                            sample.w)  # fmt: skip
    plain = " ".join(name.removeprefix("/:") for name in names)
    macros = {
        "cmd": "nl", "depvar": model.depvar, "params": plain, "sexp": f"{model.depvar} = {model.expression}",
        "title": line.text_option("title") or "Nonlinear regression", "title_2": model.title, "type": "1",
        "predict": "nl_p", "init": " ".join(f"{name.removeprefix('/:')} {value:g}" for name, value in
                                              zip(names, start, strict=True)),
        **vce_macros(vce, "gnr"),
    }  # fmt: skip
    store(session, line, estimation, sample=sample.rows, scalars=values, macros=macros)
    show()


def _constant(line: Line, fit: NonlinearFit, names: list[str]) -> int | None:
    """The parameter that acts as a constant: the one hasconstant() names or the one found."""
    if line.flag("noconstant"):
        return None
    typed = line.text_option("hasconstant")
    if not typed:
        return constant_parameter(fit.derivatives)
    if f"/:{typed}" not in names:
        raise StataError(480, f"{typed} is not a parameter of the expression")
    return names.index(f"/:{typed}")


def _header(session: Session, model: _Model, values: dict[str, float], df_r: float, vce: Vce, sample: Sample) -> None:
    log = session.log
    log.line()
    entries = [
        Entry("Number of obs", count(values["N"])), Entry("R-squared", f"{values['r2']:.4f}"),
        Entry("Adj R-squared", f"{values['r2_a']:.4f}"), Entry("Root MSE", number(values["rmse"])),
        Entry("Res. dev.", number(values["dev"])),
    ]  # fmt: skip
    if vce.is_robust:
        print_header(log, ["Nonlinear regression"], entries, label_width=13, value_width=10)
    else:
        rule = "-" * 13 + "+" + "-" * 34
        left = [
            rule,
            _anova_row("Model", values["mss"], values["df_m"]),
            _anova_row("Residual", values["rss"], df_r),
            rule,
            _anova_row("Total", values["tss"], values["df_t"]),
        ]
        log.line("      Source |      SS            df       MS")
        for text, entry in zip(left, entries, strict=True):
            log.line(f"{text:<48}    {entry.label:<13} = {entry.value:>10}")
    log.line()
    if model.title:
        log.line(model.title)
    if vce.kind == "cluster":
        log.line(f"{cluster_note(sample.n_clusters, vce.cluster):>78}")


def _anova_row(name: str, ss: float, df: float) -> str:
    ms = ss / df if df else math.nan
    return f"{name:>12} |{number(ss, '%10.0g'):>11}{df:>11.0f}{number(ms, '%11.0g'):>12}"


def _predictor(model: _Model, names: list[str]) -> object:
    """What `predict` offers: fitted values and residuals."""

    def predict(session: Session, line: Line, chosen: str) -> tuple[FloatArray, str, str]:
        if chosen not in {"", "yhat", "residuals"}:
            raise StataError(198, f"option {chosen} not allowed")
        equations, parameters = parse_expressions(session, f"({model.expression})")
        stored = session.e.matrices["b"]
        b = np.array([stored.values[0, stored.cols.index(name)] for name in names])
        with _Expressions(session, equations, parameters) as expressions:
            fitted = np.asarray(expressions.residuals(b)[:, 0], dtype=np.float64)
        if chosen != "residuals":
            note = "" if chosen else "(option yhat assumed; fitted values)"
            return fitted, "Fitted values", note
        outcome = session.evaluate_numbers(model.depvar)
        known = ~is_missing(outcome) & ~is_missing(fitted)
        return np.where(known, outcome - fitted, MISSING), "Residuals", ""

    return predict
