"""boottest: wild cluster bootstrap tests after regress, areg, reghdfe and xtreg, fe."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of, key_values, marked_sample
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.formats import format_value
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.absorb import Absorber, nested
from ssd.engine.stats.covariance import IndexArray, group_ids
from ssd.engine.stats.linear import with_constant
from ssd.engine.stats.wild_bootstrap import WildBootstrap, auxiliary_weights

if TYPE_CHECKING:
    from ssd.engine.session import Session

_MODELS = ("regress", "areg", "reghdfe", "xtreg")
_KINDS = ("rademacher", "mammen", "webb", "normal", "gamma")
_PTYPES = {
    "symmetric": "Prob>|t|", "equaltail": "2 * min(Prob>t, Prob<t)", "lower": "Prob<t", "upper": "Prob>t",
}  # fmt: skip


@command(
    "boottest",
    "[anything(everything)] [, Reps(integer 999) WEIGHTtype(string) Level(real 95) NONULl NOCI NOGRaph SEED(string) "
    "PTYPE(string) CLuster(varname) QUIetly SMall GRIDmin(string) GRIDmax(string) GRIDPoints(string) "
    "BOOTCLuster(string) BOOTtype(string) AR STATistic(string) MADJust(string) SVMat H0(string) JACKknife "
    "MATSIZEgb(string)]",
    stored="r(t) r(p) r(F) r(df) r(df_r) r(reps) r(level) r(null) r(CI) r(weighttype) r(boottype) r(clustvars)",
    refused="joint hypotheses, several clustering variables, weights, instrumental variables and maximum likelihood "
    "models, score bootstrap, jackknife, ar, statistic(c), madjust(), bootcluster() and svmat; the graph of the "
    "p-values is not drawn; draws are this engine's own",
)
def boottest(session: Session, line: Line) -> None:
    """Wild cluster bootstrap test of a coefficient: p-value and confidence set."""
    for name in ("gridmin", "gridmax", "gridpoints", "boottype", "ar", "statistic", "madjust", "svmat", "h0",
                 "jackknife", "bootcluster", "matsizegb"):  # fmt: skip
        if name in line.typed:
            raise unsupported(f"option {name} of boottest is")
    reps = int(cast(int, line.options["reps"]))
    if reps < 1:
        raise StataError(198, "reps() must be positive")
    level = float(cast(float, line.options["level"]))
    if not 10.0 <= level < 100.0:
        raise StataError(198, "level() must be between 10 and 99.99 inclusive")
    typed = (line.text_option("weighttype") or "rademacher").lower()
    kind = next((each for each in _KINDS if each.startswith(typed)), "")
    if not kind:
        raise StataError(198, "weighttype() must be rademacher, mammen, webb, normal or gamma")
    ptype = (line.text_option("ptype") or "symmetric").lower()
    ptype = next((each for each in _PTYPES if each.startswith(ptype)), "")
    if not ptype:
        raise StataError(198, "ptype() must be symmetric, equaltail, lower or upper")
    seed = line.text_option("seed")
    if seed:
        if not seed.strip().isdigit():
            raise StataError(198, "seed() must be a nonnegative integer")
        session.rng.seed(int(seed))
    fitted = _Fitted(session, line.text_option("cluster") or "")
    hypotheses = _hypotheses(line.anything)
    clusters = fitted.n_clusters
    weights = auxiliary_weights(kind, clusters, reps, session.rng.uniform)
    quiet = line.flag("quietly")
    log = session.log
    if not quiet and 2.0**clusters < reps and kind in {"rademacher", "mammen"}:
        log.line()
        once = "Sampling each once." if kind == "rademacher" else ""
        log.line(
            f"Warning: with {clusters} bootstrap clusters, the number of replications, {reps}, exceeds the universe of "
            f"{kind.capitalize()} draws, 2^{clusters} = {2**clusters}. {once}"
        )
        log.line("Consider Webb weights instead, using weight(webb).")
    results = ResultSet(
        scalars={"level": level, "null": float(not line.flag("nonull")), "reps": float(weights.shape[1])},
        macros={"weighttype": kind, "boottype": "wild", "clustvars": fitted.cluster},
    )
    if not quiet and (clusters > 12 or kind != "rademacher"):
        share = level / 100.0 * (weights.shape[1] + 1)
        if abs(share - round(share)) > 1e-9:
            log.line()
            log.line(f"Note: The bootstrap usually performs best when the confidence level (here, {level:g}%)")
            total = weights.shape[1] + 1
            log.line(f"      times the number of replications plus 1 ({weights.shape[1]}+1={total}) is an integer.")
    for number, (text, name, value) in enumerate(hypotheses, 1):
        bootstrap = fitted.bootstrap(name, weights, null=not line.flag("nonull"))
        suffix = f"_{number}" if len(hypotheses) > 1 else ""
        interval = None if line.flag("noci") else bootstrap.interval(level, ptype)
        _report(session, fitted, text, bootstrap, value, ptype, kind, interval, level, results, suffix)
    results.scalars["NH0s"] = float(len(hypotheses))
    session.r = results


def _hypotheses(text: str) -> list[tuple[str, str, float]]:
    """Hypotheses as typed, their coefficient and its value; several stand in braces."""
    text = text.strip()
    if not text:
        raise StataError(198, "a hypothesis is required")
    parts = re.findall(r"\{([^}]*)\}", text) if text.startswith("{") else [text]
    found = []
    for part in parts:
        stripped = part.strip()
        if stripped.startswith("(") and stripped.endswith(")") and ")" not in stripped[:-1]:
            stripped = stripped[1:-1].strip()
        match = re.fullmatch(r"(?:_b\[)?\s*([\w.#]+)\s*\]?\s*(?:={1,2}\s*([-+]?[\d.]+(?:e[-+]?\d+)?))?", stripped)
        if match is None:
            raise unsupported("a hypothesis other than one coefficient equal to a number is")
        found.append((stripped, match[1], float(match[2] or 0.0)))
    return found


class _Fitted:
    """The last linear regression: its matrices, residuals and clusters."""

    def __init__(self, session: Session, cluster: str) -> None:
        e = session.e
        self.command = e.macros.get("cmd", "")
        if not self.command:
            raise StataError(301, "last estimates not found")
        if self.command not in _MODELS or (self.command == "xtreg" and e.macros.get("model") != "fe"):
            raise unsupported(f"boottest after {self.command} is")
        estimation = estimation_of(session)
        if estimation.weights[0]:
            raise unsupported("boottest after weighted estimation is")
        clusters = e.macros.get("clustvar", "").split()
        if len(clusters) > 1:
            raise unsupported("boottest with several clustering variables is")
        if not clusters:
            raise unsupported("boottest without clustered standard errors is")
        self.cluster = clusters[0]
        if cluster and cluster != self.cluster:
            raise unsupported("cluster() other than that of the estimation is")
        self.rows: BoolArray = marked_sample(session)
        self.estimation: Estimation = estimation
        self.b, self.V = e.matrices["b"], e.matrices["V"]
        self.df_r = e.scalars.get("df_r", math.nan)
        self.clusters, self.n_clusters = group_ids(key_values(session, self.cluster)[self.rows])
        effects = _effects(session, e.macros, self.rows)
        source = SessionSource(session)
        design = next(iter(estimation.designs.values()))
        self.names = [name for name, active in zip(design.names, design.active, strict=True) if active]
        X = design.matrix(source, self.rows)
        depvar = e.macros["depvar"]
        y = session.evaluate_numbers(depvar)[self.rows]
        if np.any(is_missing(y)) or np.any(is_missing(X)):
            raise StataError(459, "the data have changed since estimation")
        if effects:
            absorber = Absorber(effects, None)
            X = np.column_stack([absorber.partial(X[:, j]) for j in range(X.shape[1])])
            y = absorber.partial(y)
            self.names = [name for name in self.names if name != "_cons"]
            crossing = not all(nested(each, self.clusters) for each in effects)
            self.projected = absorber.partial if crossing else None
        else:
            X = with_constant(X, design.constant)
            self.projected = None
        self.X: FloatArray = X
        beta = np.linalg.lstsq(X, y, rcond=None)[0]
        self.residuals: FloatArray = y - X @ beta

    def bootstrap(self, name: str, weights: FloatArray, *, null: bool) -> WildBootstrap:
        """The test of one coefficient. Raises r(111) for a name that is not among the coefficients."""
        if name not in self.names or name not in self.b.cols:
            raise StataError(111, f"{name} not found")
        contrast = np.zeros(len(self.names))
        contrast[self.names.index(name)] = 1.0
        place = self.b.cols.index(name)
        error = math.sqrt(float(self.V.values[place, place]))
        if not error > 0.0:
            raise StataError(498, f"{name} has no standard error")
        return WildBootstrap(
            self.X, self.residuals, contrast, float(self.b.values[0, place]), error, self.clusters, self.n_clusters,
            weights, null, self.projected,
        )  # fmt: skip


def _effects(session: Session, macros: dict[str, str], rows: BoolArray) -> list[IndexArray]:
    """Group numbers of the absorbed effects in the sample."""
    command = macros["cmd"]
    if command == "regress":
        return []
    text = {"areg": macros.get("absvar", ""), "xtreg": macros.get("ivar", "")}.get(command, macros.get("absvars", ""))
    found = []
    for label in text.split():
        if label == "_cons":
            continue
        names = [part.removeprefix("i.") for part in label.split("#")]
        if any(name not in session.data.variables for name in names):
            raise unsupported(f"boottest with the absorbed term {label} is")
        parts = [group_ids(key_values(session, name)[rows])[0] for name in names]
        combined = parts[0]
        for each in parts[1:]:
            combined = np.unique(combined * (int(each.max()) + 1) + each, return_inverse=True)[1]
        found.append(np.asarray(combined, dtype=np.intp))
    return found


def _report(
    session: Session,
    fitted: _Fitted,
    text: str,
    bootstrap: WildBootstrap,
    value: float,
    ptype: str,
    kind: str,
    interval: tuple[float, float] | None,
    level: float,
    results: ResultSet,
    suffix: str,
) -> None:
    log = session.log
    t, p = bootstrap.statistic(value), bootstrap.p_value(value, ptype)
    log.line()
    log.line(
        f"Wild bootstrap-t, null {'' if bootstrap.null else 'not '}imposed, {bootstrap.v.shape[1]} replications, "
        f"Wald test, clustering by {fitted.cluster}, bootstrap clustering by {fitted.cluster}, "
        f"{kind.capitalize()} weights:"
    )
    log.line(f"  {text}")
    log.line()
    log.line(f"{f't({fitted.df_r:.0f})':>32} = {t:10.4f}")
    log.line(f"{_PTYPES[ptype]:>32} = {p:10.4f}")
    results.scalars.update({
        f"t{suffix}": t, f"p{suffix}": p if math.isfinite(p) else MISSING, f"F{suffix}": t * t, f"df{suffix}": 1.0,
        f"df_r{suffix}": fitted.df_r if math.isfinite(fitted.df_r) else MISSING,
    })  # fmt: skip
    if interval is None:
        return
    low, high = interval
    left = "(-∞" if math.isinf(low) else "[" + format_value(low, "%10.4g").strip()
    right = "∞)" if math.isinf(high) else format_value(high, "%10.4g").strip() + "]"
    log.line()
    shown = f"{left}, {right}".replace("-", "\N{MINUS SIGN}")
    log.line(f"{level:g}% confidence set for null hypothesis expression: {shown}")
    bounds = np.array([[low if math.isfinite(low) else MISSING, high if math.isfinite(high) else MISSING]])
    results.matrices[f"CI{suffix}"] = Matrix(bounds, [text], ["lo", "hi"])
