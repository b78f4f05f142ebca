"""The predictions margins averages after survival models: relative hazards and linear predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssd.engine.commands.estimation import Estimation, SessionSource
from ssd.engine.commands.margins_cells import Predictor, active_positions
from ssd.engine.commands.postestimation_predict import linear_prediction
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray
from ssd.engine.stats.response import exponential, identity

if TYPE_CHECKING:
    from ssd.engine.session import Session


def hazard_predictor(
    session: Session, estimation: Estimation, rows: BoolArray, text: str, source: SessionSource
) -> Predictor:
    """Relative hazard (the default) or the linear prediction after stcox and stcrreg."""
    if session.e.macros.get("tvc"):
        raise unsupported("margins after stcox with tvc() is")
    words = text.replace(",", " ").split()
    offset = "nooffset" not in words
    wanted = next((word for word in words if word != "nooffset"), "")
    subhazard = session.e.macros.get("cmd") == "stcrreg"
    ratio = "shr" if subhazard else "hr"
    chosen = wanted or ratio
    if chosen not in {ratio, "xb"}:
        raise StataError(198, f"prediction statistic {chosen} is not appropriate with margins")
    linear = linear_prediction(session, estimation, rows, offset=offset, source=source)
    label = "Linear prediction" if chosen == "xb" else f"Relative {'subhazard' if subhazard else 'hazard'}"
    return Predictor(
        identity if chosen == "xb" else exponential, [linear], [active_positions(session, estimation, 0)], label,
        f"predict({chosen})" if wanted else "predict()",
    )  # fmt: skip
