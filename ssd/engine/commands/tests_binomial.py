"""bitest and bitesti: the exact binomial test."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import select
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.missing import MISSING
from ssd.engine.output.tables import abbreviate, number, right
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

STORED = "r(N) r(P_p) r(k) r(k_opp) r(p_u) r(p_l) r(p)"


@command(
    "bitest", "anything [if] [in] [fweight] [, DETail]", by="recall", stored=STORED, refused="detail"
)  # fmt: skip
def bitest(session: Session, line: Line) -> None:
    """Exact test that a 0/1 variable has a given probability."""
    if line.flag("detail"):
        raise unsupported("bitest, detail is")
    match = re.fullmatch(r"\s*(\w+)\s*={1,2}\s*(.+?)\s*", line.anything)
    if match is None:
        raise invalid_syntax()
    name = session.variable_named(match[1])
    chosen = select(session, line, [name])
    x = session.data.numeric(name)[chosen.mask]
    if x.size == 0:
        raise no_observations()
    if np.any((x != 0) & (x != 1)):
        raise StataError(450, f"{name} not a 0/1 variable")
    weights = chosen.frequencies()
    _report(session, float(weights.sum()), float(weights @ x), session.evaluate_number(match[2]), name)


@command("bitesti", "anything [, DETail]", stored=STORED, refused="detail")
def bitesti(session: Session, line: Line) -> None:
    """Exact binomial test from #N #succ (or the proportion) and #p."""
    if line.flag("detail"):
        raise unsupported("bitesti, detail is")
    words = line.anything.split()
    if len(words) != 3:
        raise invalid_syntax()
    n, k, p = (session.evaluate_number(word) for word in words)
    if n != round(n) or n <= 0 or n >= MISSING:
        raise StataError(450, "number of observations invalid")
    if k != round(k):
        k = float(round(k * n))
    _report(session, n, k, p, "")


def _report(session: Session, n: float, k: float, p: float, name: str) -> None:
    from scipy.special import bdtr, bdtrc

    if not 0 <= k <= n:
        raise StataError(450, "number of successes invalid")
    if not 0 < p < 1:
        raise StataError(450, "p invalid")
    upper = float(bdtrc(k - 1, n, p)) if k > 0 else 1.0
    lower = float(bdtr(k, n, p))
    opposite = _opposite(int(n), int(k), p)
    log = session.log
    log.line()
    stub = f"{'Variable':>12} |" if name else ""
    log.line(f"{stub}        N   Observed k   Expected k   Assumed p   Observed p")
    log.line(("-" * 13 + "+" if name else "") + "-" * 60)
    row = f"{right(abbreviate(name, 12), 12)} |" if name else ""
    log.line(f"{row}{n:9.0f}{k:11.0f}    {number(n * p):>9}{p:14.5f}{k / n:13.5f}")
    log.line()
    above = k > n * p
    ends = f"k <= {k:.0f} or k >= {opposite}" if not above else f"k <= {opposite} or k >= {k:.0f}"
    if opposite is None:
        ends = f"k {'>=' if above else '<='} {k:.0f}"
        two = upper if above else lower
    elif above:
        two = min(1.0, upper + float(bdtr(opposite, n, p)))
    else:
        two = min(1.0, lower + float(bdtrc(opposite - 1, n, p)))
    if k == n * p:
        ends, two = f"k <= {k:.0f} or k >= {k:.0f}", 1.0
    width = len(ends)
    log.line(f"  Pr({f'k >= {k:.0f})':<{width + 1}} = {upper:.6f}  (one-sided test)")
    log.line(f"  Pr({f'k <= {k:.0f})':<{width + 1}} = {lower:.6f}  (one-sided test)")
    log.line(f"  Pr({ends}) = {two:.6f}  (two-sided test)")
    session.r = ResultSet(
        scalars={
            "N": n,
            "P_p": p,
            "k": k,
            "k_opp": MISSING if opposite is None else float(opposite),
            "p_u": upper,
            "p_l": lower,
            "p": two,
        }
    )


def _opposite(n: int, k: int, p: float) -> int | None:
    """Where the other tail begins: the outcomes no more probable than k; None when there are none."""
    from scipy.special import gammaln

    j = np.arange(n + 1, dtype=np.float64)
    logs = gammaln(n + 1) - gammaln(j + 1) - gammaln(n - j + 1) + j * np.log(p) + (n - j) * np.log1p(-p)
    rare = logs <= logs[k] + 1e-7
    tail = np.flatnonzero(rare & (j < n * p)) if k > n * p else np.flatnonzero(rare & (j > n * p))
    if tail.size == 0:
        return None
    return int(tail[-1] if k > n * p else tail[0])
