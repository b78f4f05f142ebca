"""What bootstrap and jackknife print above their tables."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import Entry, chi2_entry, f_entry, number
from ssd.engine.results import ResultSet
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, f_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session


def warn_without_sample(session: Session, prefix: str, command: str) -> None:
    """Say that a command which does not set e(sample) is run on all observations."""
    text = (
        f"warning: {command} does not set e(sample), so no observations will be excluded from the resampling because "
        "of missing values or other reasons. To exclude observations, press Break, save the data, drop any "
        f"observations that are to be excluded, and rerun {prefix}."
    )
    session.log.line()
    for line in textwrap.wrap(text, 78, subsequent_indent=" " * 9):
        session.log.line(line)


def _slopes(results: ResultSet, names: list[str], V: FloatArray) -> list[int]:
    """Coefficients that the model test covers: all but constants and ancillary parameters, of the tested equations."""
    tested = int(results.scalars.get("k_eq_model", 1.0))
    equations = list(dict.fromkeys(name.rpartition(":")[0] for name in names if not name.startswith("/")))[:tested]
    return [
        j
        for j, name in enumerate(names)
        if name.rpartition(":")[0] in equations and not name.endswith("_cons") and V[j, j] > 0.0
    ]


def test_model(results: ResultSet, names: list[str], b: FloatArray, V: FloatArray, df: float | None) -> list[Entry]:
    """The Wald test of the model with resampled covariance, stored in e() and as entries of the header.

    chi2 for the bootstrap; F with `df` denominator degrees of freedom for the jackknife.
    """
    for name in ("chi2", "F", "p", "df_m"):
        results.scalars.pop(name, None)
    slopes = _slopes(results, names, V)
    if not slopes:
        return []
    W, rank = wald(b[slopes], V[np.ix_(slopes, slopes)])
    results.scalars["df_m"] = float(rank)
    if df is None:
        results.scalars.update(chi2=W, p=chi2_tail(W, rank))
        return chi2_entry("Wald", rank, W)
    F = W / rank if rank else math.nan
    results.scalars.update(F=F, p=f_tail(F, rank, df))
    return f_entry(rank, df, F)


def fit_entries(results: ResultSet) -> tuple[str, list[Entry]]:
    """The log likelihood at the left of the last line, and the measures of fit at the right."""
    scalars = results.scalars
    entries = []
    if "rmse" in scalars and "r2" in scalars:
        entries.append(Entry("R-squared", f"{scalars['r2']:.4f}"))
        if "r2_a" in scalars:
            entries.append(Entry("Adj R-squared", f"{scalars['r2_a']:.4f}"))
        entries.append(Entry("Root MSE", number(scalars["rmse"], "%9.4f")))
        return "", entries
    if "r2_p" in scalars:
        entries.append(Entry("Pseudo R2", f"{scalars['r2_p']:.4f}"))
    ll = scalars.get("ll", MISSING)
    return (f"Log likelihood = {number(ll, '%10.0g')}" if math.isfinite(ll) and ll < MISSING else ""), entries
