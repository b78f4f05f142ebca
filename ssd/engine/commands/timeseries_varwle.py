"""varwle: Wald lag-exclusion statistics after var."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_var import result_of
from ssd.engine.missing import MISSING
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.distributions import chi2_tail, f_tail
from ssd.engine.stats.vector_autoregression import block_wald

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("varwle", "", stored="r(chi2) r(F) r(df) r(p)", refused="estimates(), separator()")
def varwle(session: Session, line: Line) -> None:
    """Tests that all endogenous variables at one lag are zero, in each equation and in all."""
    result = result_of(session)
    system, b = result.system, result.fit.coefficients.T.ravel()
    k, m, count = len(system.endogenous), system.Z.shape[1], len(system.lags)
    log = session.log
    statistics = np.full((k + 1, count), MISSING)
    freedom, tails = statistics.copy(), statistics.copy()
    heading = "       F    df   df_r  Prob > F  " if result.small else "      chi2    df   Prob > chi2 "
    wide = len(heading)
    for row in range(k + 1):
        equations = [row] if row < k else list(range(k))
        log.line()
        log.line(f"   Equation: {system.names[row] if row < k else 'All'}")
        log.line("  +" + "-" * (wide + 7) + "+")
        log.line(f"  | lag  |{heading}|")
        log.line("  |------+" + "-" * wide + "|")
        for column, lag in enumerate(system.lags):
            index = np.array([e * m + v * count + column for e in equations for v in range(k)], dtype=np.intp)
            chi2, df = block_wald(b[index], result.V[np.ix_(index, index)])
            if result.small and df:
                value = chi2 / df
                p = f_tail(value, df, result.df_r)
                log.line(f"  |{lag:>4}  |{value:>8.4f}{df:>6}{result.df_r:>7}{p:>10.4f}  |")
            else:
                value, p = chi2, chi2_tail(chi2, df) if df else np.nan
                log.line(f"  |{lag:>4}  |{value:>10.4f}{df:>6}{p:>12.3f}   |")
            statistics[row, column], freedom[row, column] = value, float(df)
            tails[row, column] = p if np.isfinite(p) else MISSING
        log.line("  +" + "-" * (wide + 7) + "+")
    rows = [*system.names, "All"]
    columns = [f"lag{lag}" for lag in system.lags]
    session.r = ResultSet(
        matrices={
            "F" if result.small else "chi2": Matrix.of(statistics, rows, columns),
            "df": Matrix.of(freedom, rows, columns), "p": Matrix.of(tails, rows, columns),
        }
    )  # fmt: skip
