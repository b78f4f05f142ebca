"""estat aroots: stability and invertibility of the process of arima."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ssd.engine.commands.timeseries_roots_graph import graph_roots
from ssd.engine.commands.timeseries_vardiagnostics import print_eigenvalues
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import FloatArray
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.arma import Arma
from ssd.engine.stats.vector_autoregression import companion, sorted_eigenvalues

if TYPE_CHECKING:
    from ssd.engine.session import Session


class Process(Protocol):
    """What the roots need to know of the orders."""

    @property
    def names(self) -> list[str]: ...

    def arma(self, values: FloatArray) -> Arma: ...


def roots_handler(orders: Process) -> Callable[[Session, str, list[TypedOption]], None]:
    """The estat subcommand for the process of one arima command."""

    def run(session: Session, words: str, options: list[TypedOption]) -> None:
        for item in options:
            if item.word in {"dlabel", "modlabel"}:
                raise unsupported(f"estat aroots, {item.word} is")
            if item.word != "nograph":
                raise StataError(198, f"option {item.named} not allowed")
        if words.strip():
            raise StataError(198, f"{words.strip()} not allowed")
        if not orders.names:
            raise StataError(321, "no ARMA parameters in the last model")
        stored = session.e.matrices["b"]
        process = orders.arma(np.array([stored.values[0, stored.cols.index(name)] for name in orders.names]))
        matrices: dict[str, Matrix] = {}
        drawn: list[tuple[str, list[complex]]] = []
        for kind, values, condition in (
            ("ar", process.ar, "AR parameters satisfy stability condition."),
            ("ma", -process.ma, "MA parameters satisfy invertibility condition."),
        ):
            lags = np.trim_zeros(values, "b")
            if not len(lags):
                continue
            roots = sorted_eigenvalues(companion(lags[:, None, None]))
            drawn.append((f"{kind.upper()} roots", roots))
            print_eigenvalues(session, roots)
            if all(abs(root) < 1.0 for root in roots):
                session.log.line("   All the eigenvalues lie inside the unit circle.")
                session.log.line(f"   {condition}")
            else:
                session.log.line("   At least one eigenvalue is at least 1.0.")
                session.log.line(f"   {condition.replace('satisfy', 'do not satisfy')}")
            matrices[f"Re_{kind}"] = Matrix.of(np.array([root.real for root in roots]))
            matrices[f"Im_{kind}"] = Matrix.of(np.array([root.imag for root in roots]))
            matrices[f"Modulus_{kind}"] = Matrix.of(np.array([abs(root) for root in roots]))
        if not any(item.word == "nograph" for item in options):
            graph_roots(session, drawn, "Inverse roots of ARMA polynomials")
        session.r = ResultSet(matrices=matrices)

    return run
