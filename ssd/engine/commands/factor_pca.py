"""pca and pcamat: principal components."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import estimation_of
from ssd.engine.commands.factor_model import (
    Moments,
    Solution,
    last_solution,
    moments_of_data,
    moments_of_matrix,
    save_scores,
    standardized,
    store_solution,
)
from ssd.engine.commands.factor_statistics import STATISTICS
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import FloatArray
from ssd.engine.output import factors as layout
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import count, number
from ssd.engine.session import Session
from ssd.engine.stats import factors

OPTIONS = (
    "COMponents(integer 0) FACtors(integer 0) MINEigen(real 1e-5) BLanks(real 0) CORrelation COVariance "
    "VCE(string) TOL(real 0) IGNore NORotated MEans Level(cilevel)"
)
STORED = (
    "e(N) e(f) e(rho) e(trace) e(lndet) e(cond) e(cmd) e(C) e(Ev) e(L) e(Psi) e(means) e(sds) e(r_L) "
    "e(r_T) e(r_Ev) e(r_criterion)"
)
REFUSED = "vce(normal), tol(), ignore, means"


@command(
    "pca",
    f"[varlist(default=none numeric)] [if] [in] [aweight fweight] [, {OPTIONS}]",
    stored=STORED,
    refused=REFUSED,
)
def pca(session: Session, line: Line) -> None:
    """Principal components of the correlations (or covariances) of variables."""
    if not line.varlist:
        show_components(session, last_solution(session), float(str(line.options.get("blanks") or 0)))
        return
    _check(line)
    _components(session, line, moments_of_data(session, line, covariance=line.flag("covariance")))


@command(
    "pcamat",
    "name, N(integer) [NAMes(string) SHape(string) MEans(string) SDS(string) FORCEpsd "
    f"{OPTIONS.replace(' MEans', '')}]",
    stored=STORED,
    refused=REFUSED + ", forcepsd",
)
def pcamat(session: Session, line: Line) -> None:
    """Principal components of a correlation or covariance matrix."""
    if line.flag("forcepsd"):
        raise unsupported("pcamat, forcepsd is")
    _check(line)
    _components(session, line, moments_of_matrix(session, line))


def _check(line: Line) -> None:
    for name in ("vce", "ignore"):
        if line.options.get(name):
            raise unsupported(f"{line.command}, {name} is")
    if line.flag("means"):
        raise unsupported(f"{line.command}, means is")
    if line.options.get("tol"):
        raise unsupported(f"{line.command}, tol() is")
    if line.flag("correlation") and line.flag("covariance"):
        raise StataError(198, "options correlation and covariance may not be combined")


def _components(session: Session, line: Line, moments: Moments) -> None:
    most = int(str(line.options.get("components") or line.options.get("factors") or 0))
    least = float(str(line.options.get("mineigen") or 1e-5))
    values, vectors = factors.ordered_eigen(moments.C)
    f = factors.retained(values, least, most or None)
    if f == 0:
        raise StataError(498, "no components are retained")
    L = vectors[:, :f]
    unexplained = np.maximum(np.diag(moments.C) - (L**2 * values[:f]).sum(axis=1), 0.0)
    trace = float(values.sum())
    solution = Solution(moments, "Comp", L, unexplained, values, trace)
    positive = values[values > 0]
    determinant = np.linalg.slogdet(moments.C)[1]
    scalars = {
        "N": moments.n,
        "f": float(f),
        "rho": float(values[:f].sum()) / trace,
        "trace": trace,
        "lndet": float(determinant) if np.isfinite(determinant) else -1e300,
        "cond": float(values[0] / positive[-1]) if positive.size else 0.0,
    }
    macros = {
        "cmd": "pca",
        "Ctype": "covariance" if moments.covariance else "correlation",
        "title": "Principal components",
        "predict": "pca_p",
        "rotate_cmd": "pca_rotate",
        "estat_cmd": "pca_estat",
    }
    store_solution(session, line, solution, scalars, macros, {"predict_all": predict_components, "estat": STATISTICS})
    show_components(session, solution, float(str(line.options.get("blanks") or 0)))


def component_variances(solution: Solution) -> FloatArray:
    """Variances of the rotated components."""
    assert solution.rotated is not None
    f = solution.loadings.shape[1]
    weighted = solution.rotated.T @ solution.loadings * solution.eigenvalues[:f]
    return np.asarray((weighted * (solution.rotated.T @ solution.loadings)).sum(axis=1))


def show_components(session: Session, solution: Solution, blanks: float = 0.0) -> None:
    """Header, eigenvalues and eigenvectors, of the rotated components where there are any."""
    log = session.log
    f = solution.loadings.shape[1]
    kind = "covariance" if solution.moments.covariance else "correlation"
    share = float(solution.eigenvalues[:f].sum()) / solution.total
    rotated = solution.rotated is not None
    text = solution.rotation if rotated else "(unrotated = principal)"
    log.line()
    layout.heading_line(log, f"Principal components/{kind}", f"Number of obs    = {count(solution.moments.n):>10}")
    layout.heading_line(log, "", f"Number of comp.  = {f:>10}")
    layout.heading_line(log, "", f"Trace            = {number(solution.total, '%10.7g'):>10}")
    layout.heading_line(log, f"    Rotation: {text}", f"Rho              = {share:10.4f}")
    log.line()
    if solution.rotated is None:
        layout.component_eigenvalues(log, solution.eigenvalues, solution.total)
        shown, title = solution.loadings, "Principal components (eigenvectors)"
    else:
        oblique = solution.phi is not None and not np.allclose(solution.phi, np.eye(f))
        layout.component_variances(log, component_variances(solution), solution.total, correlated=oblique)
        shown, title = solution.rotated, "Rotated components"
    log.line()
    log.line(title + (f" (blanks are abs(loading)<{number(blanks)})" if blanks else " "))
    cells = [f"{_unexplained(value):>12} " for value in solution.uniqueness]
    layout.loading_table(log, solution.moments.names, solution.columns, shown, ("Unexplained", cells), blanks=blanks)
    if solution.rotated is not None and solution.T is not None:
        layout.square_table(log, solution.columns, solution.T, "Component rotation matrix")


def _unexplained(value: float) -> str:
    return format_value(0.0 if abs(value) < 1e-14 else float(value), "%8.4g").strip()


def predict_components(session: Session, line: Line, storage: str, names: list[str]) -> None:
    """Scores of the (rotated) components: the weighted sum of standardized variables."""
    solution = last_solution(session)
    allowed = {"score", "norotated", "center"}
    for name in line.typed:
        if name not in allowed:
            raise unsupported(f"predict, {name} after pca is")
    unrotated = line.flag("norotated") or solution.rotated is None
    L = solution.loadings if solution.rotated is None or unrotated else solution.rotated
    if len(names) > L.shape[1]:
        raise StataError(103, "too many variables specified")
    if not line.flag("score"):
        session.log.line("(score assumed)")
    skipped = L.shape[1] - len(names)
    if skipped:
        session.log.line(f"({skipped} component{'s' if skipped != 1 else ''} skipped)")
    rows = line.sample(session)
    covariance = solution.moments.covariance
    X = standardized(session, solution, rows, centre=not covariance or line.flag("center"), scale=not covariance)
    which = "unrotated principal" if unrotated else solution.rotation
    session.log.line()
    session.log.line("Scoring coefficients " + ("" if unrotated else f"for {which} rotation"))
    session.log.line("    sum of squares(column-loading) = 1")
    layout.loading_table(session.log, solution.moments.names, solution.columns, L, None)
    labels = [f"Scores for component {k + 1}" for k in range(len(names))]
    save_scores(session, line, storage, names, X, L, rows, labels)
    estimation_of(session)
