"""veclmar, vecnorm, vecstable: diagnostics of vector error-correction models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.timeseries_roots_graph import graph_roots
from ssd.engine.commands.timeseries_vardiagnostics import lm_test, normality_tests, print_eigenvalues
from ssd.engine.commands.timeseries_vec_results import vec_result
from ssd.engine.errors import StataError
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.vector_autoregression import companion, sorted_eigenvalues

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("veclmar", "[, Mlag(integer 2)]", stored="r(lm)", refused="estimates(), separator()")
def veclmar(session: Session, line: Line) -> None:
    """LM test for residual autocorrelation after vec."""
    longest = int(str(line.options["mlag"]))
    if longest < 1:
        raise StataError(198, "mlag() must be a positive integer")
    fit = vec_result(session).fit
    lm_test(session, fit.residuals, fit.X, longest)


@command(
    "vecnorm", "[, Jbera Skewness Kurtosis CHOlesky]", stored="r(jb) r(skewness) r(kurtosis)",
    refused="dfk, estimates(), separator()",
)  # fmt: skip
def vecnorm(session: Session, line: Line) -> None:
    """Tests for normally distributed residuals after vec."""
    result = vec_result(session)
    normality_tests(session, line, result.fit.residuals, result.fit.omega, result.equations, dfk=False)


@command("vecstable", "[, AMat(name) GRAph]", stored="r(Re) r(Im) r(Modulus)", refused="dlabel, modlabel, estimates()")
def vecstable(session: Session, line: Line) -> None:
    """Eigenvalue stability condition after vec."""
    result = vec_result(session)
    F = companion(result.lag_matrices)
    values = sorted_eigenvalues(F)
    if line.text_option("amat"):
        session.matrices[str(line.text_option("amat"))] = Matrix.of(F)
    print_eigenvalues(session, values)
    unit = len(result.variables) - result.fit.rank
    session.log.line(f"   The VECM specification imposes {unit} unit {'modulus' if unit == 1 else 'moduli'}.")
    if line.flag("graph"):
        graph_roots(
            session, [("Eigenvalues", values)], "Roots of the companion matrix",
            f"The VECM specification imposes {unit} unit {'modulus' if unit == 1 else 'moduli'}",
        )  # fmt: skip
    session.r = ResultSet(
        matrices={
            "Modulus": Matrix.of(np.array([abs(v) for v in values])),
            "Im": Matrix.of(np.array([v.imag for v in values])),
            "Re": Matrix.of(np.array([v.real for v in values])),
        }
    )
