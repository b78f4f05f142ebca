"""What rdrobust and rdbwselect share: options, sample, and the two sides of the cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import SessionSource, key_values, not_missing, parse_varlist, require_numeric
from ssd.engine.errors import StataError, no_observations
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.stats.design import build, complete
from ssd.engine.stats.discontinuity import Kernel, Options, Side, Variance
from ssd.engine.stats.discontinuity_bandwidth import SELECTORS, Choice
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.terms import Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

GRAMMAR = (
    "C(real 0) P(integer 1) Q(integer 0) DERiv(integer 0) FUZzy(string) COVS(string) COVS_drop(string) KERnel(string) "
    "WEIGHTS(varname) BWSelect(string) VCE(string) SCALEREGUL(real 1) MASSpoints(string) BWCHECK(integer 0) "
    "BWRESTRICT(string) STDVARS(string) NOCHECKS ALL SHARPBW"
)
_KERNELS: dict[str, Kernel] = {
    "tri": "triangular", "triangular": "triangular", "epa": "epanechnikov", "epanechnikov": "epanechnikov",
    "uni": "uniform", "uniform": "uniform",
}  # fmt: skip
_MASS_SHARE = 0.2
"""Share of repeated values of the running variable from which mass points are reported."""


@dataclass
class Design:
    """A discontinuity design with its two sides."""

    options: Options
    choice: Choice
    rows: BoolArray
    left: Side
    right: Side
    cutoff: float
    outcome: str
    running: str
    fuzzy: str
    sharp_bandwidth: str
    """Why bandwidths are those of the sharp design: `sharpbw`, `compliance` or empty."""
    covariates: list[str]
    vce_name: str
    cluster: str
    mass_option: str
    mass_points: bool
    ends: tuple[float, ...]
    """Smallest and largest running variable left, then right."""

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.left, self.right

    @property
    def for_bandwidth(self) -> tuple[Side, Side, Options]:
        """Sides and options as the search for bandwidths takes them."""
        if not (self.options.fuzzy and self.sharp_bandwidth):
            return self.left, self.right, self.options
        o = self.options
        sharp = Options(o.p, o.q, o.deriv, o.kernel, o.vce, o.matches, False, o.clustered, o.scale)
        return self.left.without_treatment(), self.right.without_treatment(), sharp

    def title(self, opening: str = "") -> str:
        """Kind of design as the titles name it: `Sharp RD`, `Covariate-adjusted fuzzy kink RD`, …"""
        kind = "fuzzy" if self.fuzzy else "sharp"
        words = (
            f"{'covariate-adjusted ' if self.covariates else ''}{kind}{' kink' if self.options.deriv == 1 else ''} RD"
        )
        return f"{opening}{words}" if opening else words[0].upper() + words[1:]

    @property
    def derivative_note(self) -> str:
        return f" Derivative of order {self.options.deriv}." if self.options.deriv > 1 else ""


def read_design(session: Session, line: Line) -> Design:
    """Options, sample and sides of an rdrobust or rdbwselect line, with the notes on mass points."""
    if len(line.varlist) != 2:
        raise StataError(
            102 if len(line.varlist) < 2 else 103,
            f"too {'few' if len(line.varlist) < 2 else 'many'} variables specified",
        )
    outcome, running = line.varlist
    fuzzy, sharp = _fuzzy(session, line)
    vce_name, vce, cluster, matches = _variance(session, line)
    covariates = parse_varlist(session, [line.text_option("covs") or ""]) if line.text_option("covs") else []
    require_numeric(session, covariates)
    rows, weight = _rows(session, line, [outcome, running, *([fuzzy] if fuzzy else [])], covariates, cluster)
    data = session.data
    cutoff = float(cast(float, line.options["c"]))
    x = data.numeric(running)[rows] - cutoff
    columns = [data.numeric(name)[rows] for name in (outcome, *([fuzzy] if fuzzy else []))]
    D = np.column_stack([*columns, _covariates(session, covariates, rows)])
    ids = None if not cluster else np.unique(key_values(session, cluster)[rows], return_inverse=True)[1].astype(np.intp)
    below = x < 0.0
    if not x.min() < 0.0 < x.max() or below.all():
        raise StataError(125, f"c() should be set within the range of {running}")
    left, right = (
        Side.of(x[side], D[side], None if weight is None else weight[rows][side], None if ids is None else ids[side])
        for side in (below, ~below)
    )
    if fuzzy and not sharp and any(np.ptp(side.D[:, 1]) == 0.0 for side in (left, right)):
        sharp = "compliance"
    mass_option = (line.text_option("masspoints") or "adjust").lower()
    if mass_option not in {"adjust", "check", "off"}:
        raise StataError(7, "masspoints() incorrectly specified")
    mass = mass_option != "off" and max(1.0 - len(side.distinct) / len(side.x) for side in (left, right)) >= _MASS_SHARE
    if mass:
        session.log.line("Mass points detected in the running variable.")
        if mass_option == "check":
            session.log.line("Try using option masspoints(adjust).")
    return Design(
        _options(line, vce, matches, fuzzy=bool(fuzzy), clustered=bool(cluster)),
        _choice(line, mass_option, mass), rows, left, right, cutoff, outcome, running, fuzzy, sharp,
        (line.text_option("covs") or "").split(), vce_name, cluster, mass_option, mass,
        (*(float(left.x[end]) + cutoff for end in (0, -1)), *(float(right.x[end]) + cutoff for end in (0, -1))),
    )  # fmt: skip


def _fuzzy(session: Session, line: Line) -> tuple[str, str]:
    words = (line.text_option("fuzzy") or "").split()
    if len(words) > 2:
        raise StataError(125, "fuzzy() only accepts two inputs")
    if len(words) == 2 and words[1] != "sharpbw":
        raise StataError(125, "fuzzy() only accepts sharpbw as a second input")
    if not words:
        if line.flag("sharpbw"):
            raise StataError(198, "option sharpbw requires option fuzzy()")
        return "", ""
    name = session.variable_named(words[0])
    session.data.numeric(name)
    return name, "sharpbw" if len(words) == 2 or line.flag("sharpbw") else ""


def _variance(session: Session, line: Line) -> tuple[str, Variance, str, int]:
    """Name as printed, residuals, cluster variable and number of neighbours."""
    words = (line.text_option("vce") or "nn").split()
    kind = words[0].lower()
    clustered = kind in {"cluster", "nncluster"}
    if kind not in {"nn", "hc0", "hc1", "hc2", "hc3"} and not clustered:
        raise StataError(7, "vce() incorrectly specified")
    if len(words) > (3 if kind == "nncluster" else 2 if clustered or kind == "nn" else 1) or (
        clustered and len(words) < 2
    ):
        raise StataError(125, "vce() incorrectly specified")
    cluster = session.variable_named(words[1]) if clustered else ""
    typed = words[-1] if len(words) > 1 + clustered else "3"
    if not typed.isdigit() or int(typed) < 1:
        raise StataError(411, "p(), q(), deriv(), nnmatch() should be positive")
    name = {"cluster": "Cluster", "nncluster": "NNcluster"}.get(kind, kind.upper())
    residuals = {"cluster": "hc0", "nncluster": "nn"}.get(kind, kind)
    return name, cast(Variance, residuals), cluster, int(typed)


def _rows(
    session: Session, line: Line, names: list[str], covariates: list[Term], cluster: str
) -> tuple[BoolArray, FloatArray | None]:
    rows = complete(covariates, SessionSource(session), line.sample(session))
    for name in names:
        rows &= ~is_missing(session.data.numeric(name))
    if cluster:
        rows &= not_missing(session, cluster)
    weight = None
    weight_name = line.text_option("weights")
    if weight_name:
        weight = session.data.numeric(weight_name)
        rows &= ~is_missing(weight) & (weight > 0.0)
    if not rows.any():
        raise no_observations()
    return rows, weight


def _covariates(session: Session, terms: list[Term], rows: BoolArray) -> FloatArray:
    """Columns of the covariates without collinear ones: (n, k)."""
    source = SessionSource(session)
    X = build(terms, source, rows).matrix(source, rows)
    return np.asarray(X[:, independent_columns(X)], dtype=np.float64) if X.shape[1] else X


def _options(line: Line, vce: Variance, matches: int, *, fuzzy: bool, clustered: bool) -> Options:
    p, q, deriv = (int(cast(int, line.options[name])) for name in ("p", "q", "deriv"))
    if deriv > 0 and p == 1 and q == 0:
        p = deriv + 1
    if p < 0 or q < 0 or deriv < 0:
        raise StataError(411, "p(), q(), deriv(), nnmatch() should be positive")
    q = p + 1 if q == 0 else q
    if q <= p:
        raise StataError(125, "q() should be higher than p()")
    if deriv > p:
        raise StataError(125, "deriv() can not be higher than p()")
    if q > 20:
        raise StataError(125, "q() should not be higher than 20")
    kernel = _KERNELS.get((line.text_option("kernel") or "triangular").lower())
    if kernel is None:
        raise StataError(7, "kernel() incorrectly specified")
    scale = float(cast(float, line.options["scalepar"])) if "scalepar" in line.options else 1.0
    return Options(p, q, deriv, kernel, vce, matches, fuzzy, clustered, scale)


def _choice(line: Line, mass_option: str, mass: bool) -> Choice:
    least = int(cast(int, line.options["bwcheck"]))
    if least < 0:
        raise StataError(411, "bwcheck() should be positive")
    for name in ("bwrestrict", "stdvars"):
        if (line.text_option(name) or "on") not in {"on", "off"}:
            raise StataError(7, f"{name}() incorrectly specified")
    if (line.text_option("covs_drop") or "pinv") not in {"pinv", "invsym"}:
        raise StataError(7, "covs_drop() incorrectly specified")
    regularize = float(cast(float, line.options["scaleregul"]))
    if regularize < 0.0:
        raise StataError(411, "scaleregul() should not be negative")
    adjust = mass_option == "adjust"
    least = 10 if adjust and mass and not least else least
    return Choice(regularize, adjust, least, (line.text_option("bwrestrict") or "on") == "on")


def selector_of(line: Line) -> str:
    """The bandwidth selector typed. Raises r(7)."""
    name = (line.text_option("bwselect") or "mserd").lower()
    if name in {"cct", "ik", "cv"}:
        raise StataError(7, "bwselect() options IK, CCT and CV have been depricated. Please see help for new options")
    if name not in SELECTORS:
        raise StataError(7, "bwselect() incorrectly specified")
    return name
