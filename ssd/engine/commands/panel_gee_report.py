"""What population-averaged models print and predict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.matrix import list_matrix
from ssd.engine.commands.postestimation_predict import Request, linear_prediction
from ssd.engine.commands.postestimation_statistics import Statistics
from ssd.engine.errors import StataError
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.output.estimation import Entry, chi2_entry, count, number, print_header
from ssd.engine.stats.generalized import LINKS
from ssd.engine.stats.panel_gee import Correlation
from ssd.engine.stats.response import identity

if TYPE_CHECKING:
    from ssd.engine.commands.estimation import Estimation, SessionSource, Vce
    from ssd.engine.commands.maximum import MlResult
    from ssd.engine.session import Session


def print_gee_header(
    session: Session, result: MlResult, sizes: FloatArray, group: str, time: str, family: str, link: str,
    correlation: Correlation, phi: float, vce: Vce,
) -> None:  # fmt: skip
    """Title, family and correlation on the left, groups and the Wald test on the right."""
    timed = correlation in {"ar", "unstructured"}
    left = [
        "GEE population-averaged model",
        f"Group and time vars: {group} {time}" if timed else f"Group variable: {group}",
        f"Family: {family}", f"Link:   {link}",
        f"Correlation: {'AR(1)' if correlation == 'ar' else correlation}", "", "",
        f"Scale parameter = {number(phi)}",
    ]  # fmt: skip
    entries = [
        Entry("Number of obs", count(result.sample.n)), Entry("Number of groups", count(float(len(sizes)))),
        Entry("Obs per group:", ""), Entry("             min", f"{sizes.min():,.0f}"),
        Entry("             avg", f"{sizes.mean():,.1f}"), Entry("             max", f"{sizes.max():,.0f}"),
        *chi2_entry("Wald", result.df_m, result.chi2),
    ]  # fmt: skip
    session.log.line()
    print_header(session.log, left, entries)
    session.log.line()
    if vce.is_robust:
        session.log.line(f"{f'(Std. err. adjusted for clustering on {group})':>78}")


def mean_statistics(link: str, depvar: str) -> Statistics:
    """predict's mean, the default."""

    def mean(request: Request) -> FloatArray:
        return LINKS[link](request.xb[:, None])[0]

    return Statistics({"mu": mean}, "mu", f"(option mu assumed; predicted mean {depvar})", depvar)


def mean_predictor(link: str) -> object:
    """margins' mean, the default, and the linear prediction."""

    def make(session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource) -> Predictor:
        words = text.replace(",", " ").split()
        linear = linear_prediction(session, estimation, rows, offset="nooffset" not in words, source=source)
        wanted = next((word for word in words if word != "nooffset"), "")
        if wanted not in {"", "mu", "xb"}:
            raise StataError(198, f"prediction statistic {wanted} is not appropriate with margins")
        label = "Linear prediction" if wanted == "xb" else f"Predicted mean {session.e.macros['depvar']}"
        return Predictor(
            identity if wanted == "xb" else LINKS[link], [linear], [active_positions(session, estimation, 0)], label,
            f"predict({wanted})" if wanted else "predict()",
        )  # fmt: skip

    return make


def show_correlation(session: Session, _: str, options: list[TypedOption]) -> None:
    """estat wcorrelation: the working correlation matrix."""
    if options:
        raise StataError(198, f"option {options[0].named} not allowed")
    session.log.line()
    session.log.line(f"Estimated within-{session.e.macros['ivar']} correlation matrix R:")
    list_matrix(session, "", session.e.matrices["R"])
