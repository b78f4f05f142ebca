"""Sets of impulse responses: what irf create computes and where it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.timeseries_var import VectorResult, result_of
from ssd.engine.commands.timeseries_vec_results import VecResult
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.stats.structural_vector import StructuralFit
from ssd.engine.stats.vector_autoregression import (
    Responses,
    ordered_cholesky,
    response_errors,
    responses,
    structural_errors,
)

if TYPE_CHECKING:
    from ssd.engine.session import Session

STATISTICS: Final = ("irf", "oirf", "cirf", "coirf", "fevd", "sirf", "sfevd")
_REFUSED: Final = ("dm", "cdm")


@dataclass(frozen=True)
class IrfResult:
    """One irf create: estimates and standard errors by statistic, each (steps, response, impulse)."""

    names: list[str]
    order: list[str]
    steps: int
    model: str
    estimates: dict[str, FloatArray]
    errors: dict[str, FloatArray]
    """Empty where the model has no asymptotic standard errors (vec)."""

    def column(self, statistic: str, impulse: str, response: str) -> tuple[FloatArray, FloatArray | None]:
        """Values and standard errors by step. Raises r(198) for a statistic the model has not."""
        if statistic not in self.estimates:
            raise StataError(198, f"{statistic} is not available after {self.model}")
        i, r = self.names.index(impulse), self.names.index(response)
        errors = self.errors.get(statistic)
        return self.estimates[statistic][:, r, i], None if errors is None else errors[:, r, i]


@dataclass
class IrfSet:
    """The results of one irf file."""

    file: str
    results: dict[str, IrfResult] = field(default_factory=dict)

    def get(self, name: str) -> IrfResult:
        if name not in self.results:
            raise StataError(111, f"irfname {name} not found in {self.file}")
        return self.results[name]


def irf_sets(session: Session) -> dict[str, IrfSet]:
    found: dict[str, IrfSet] = session.state.setdefault("irf", {})
    return found


def active_set(session: Session) -> IrfSet:
    """The set that irf set made active. Raises r(111)."""
    sets = irf_sets(session)
    if not sets:
        raise StataError(111, "no irf file active")
    return list(sets.values())[-1]


def activate(session: Session, name: str, *, replace: bool) -> IrfSet:
    """Make a file's set active, a new one when there is none in memory."""
    file = name if name.endswith(".irf") else f"{name}.irf"
    sets = irf_sets(session)
    log = session.log
    if file in sets and not replace:
        found = sets.pop(file)
    else:
        if not replace and session.path(file).exists():
            raise unsupported("reading an irf file of an earlier run is")
        sets.pop(file, None)
        found = IrfSet(file)
        session.output_path(file)
        log.line(f"(file {file} created)")
    sets[file] = found
    log.line(f"(file {file} now active)")
    return found


def start_varbasic(session: Session) -> None:
    """Make an empty set _varbasic active; it is kept in memory only."""
    sets = irf_sets(session)
    sets.pop("_varbasic.irf", None)
    sets["_varbasic.irf"] = IrfSet("_varbasic.irf")


def create_responses(
    session: Session, name: str, steps: int, order: list[str] | None, *, errors: bool = True
) -> IrfResult:
    """Compute the responses of the last var, svar or vec and keep them under a name in the active set."""
    vec = session.e.hidden.get("vec")
    if isinstance(vec, VecResult):
        found = _of_vec(vec, steps, order)
    else:
        structure = session.e.hidden.get("structure")
        found = _of_var(
            result_of(session), steps, order, structure if isinstance(structure, StructuralFit) else None, errors=errors
        )
    active_set(session).results[name] = found
    return found


def _positions(names: list[str], order: list[str] | None) -> list[int]:
    chosen = order or names
    if sorted(chosen) != sorted(names):
        raise StataError(198, "order() must list the endogenous variables")
    return [names.index(each) for each in chosen]


def _by_statistic(values: Responses) -> dict[str, FloatArray]:
    return {statistic: getattr(values, statistic) for statistic in ("irf", "oirf", "cirf", "coirf", "fevd")}


def _of_vec(vec: VecResult, steps: int, order: list[str] | None) -> IrfResult:
    """Point estimates only, from the levels representation."""
    position = _positions(vec.names, order)
    estimates = responses(vec.lag_matrices, ordered_cholesky(vec.fit.omega, position), steps)
    return IrfResult(vec.names, order or vec.names, steps, "vec", _by_statistic(estimates), {})


def _of_var(
    result: VectorResult, steps: int, order: list[str] | None, structure: StructuralFit | None, *, errors: bool
) -> IrfResult:
    system = result.system
    position = _positions(system.names, order)
    A = system.lag_matrices(result.fit.coefficients)
    estimates = _by_statistic(responses(A, ordered_cholesky(result.sigma, position), steps))
    spread: dict[str, FloatArray] = {}
    covariance = _lag_covariance(result)
    if errors:
        spread = _by_statistic(response_errors(A, result.sigma, covariance, result.fit.n, steps, position))
    if structure is not None:
        structural = responses(A, np.asarray(np.linalg.solve(structure.A, structure.B)), steps)
        estimates |= {"sirf": structural.oirf, "sfevd": structural.fevd}
        if errors and structure.long_run is None:
            around = structural_errors(A, covariance, structure.A, structure.B, structure.covariance, steps)
            spread |= {"sirf": around.oirf, "sfevd": around.fevd}
    model = "var" if structure is None else "svar"
    return IrfResult(system.names, order or system.names, steps, model, estimates, spread)


def _lag_covariance(result: VectorResult) -> FloatArray:
    positions = result.system.lag_positions().astype(np.intp)
    known = positions >= 0
    covariance = np.zeros((len(positions), len(positions)))
    covariance[np.ix_(known, known)] = result.V[np.ix_(positions[known], positions[known])]
    return covariance


def write_set(session: Session, irf_set: IrfSet) -> None:
    """Save the set as a dataset, one row per result, impulse, response and step."""
    from ssd.engine.data.dataset import Dataset
    from ssd.engine.data.dta import write_dta

    text: dict[str, list[str]] = {"irfname": [], "impulse": [], "response": []}
    used = [s for s in STATISTICS if any(s in result.estimates for result in irf_set.results.values())] or ["irf"]
    values: dict[str, list[float]] = {"step": [], **{key: [] for s in used for key in (s, f"std{s}")}}
    for name, result in irf_set.results.items():
        for impulse in result.names:
            for response in result.names:
                steps = result.steps + 1
                for key, entry in zip(text, (name, impulse, response), strict=True):
                    text[key] += [entry] * steps
                values["step"] += [float(step) for step in range(steps)]
                for statistic in used:
                    column: FloatArray | None = None
                    errors: FloatArray | None = None
                    if statistic in result.estimates:
                        column, errors = result.column(statistic, impulse, response)
                    values[statistic] += [MISSING] * steps if column is None else [float(v) for v in column]
                    values[f"std{statistic}"] += [MISSING] * steps if errors is None else [float(v) for v in errors]
    data = Dataset()
    for key, entries in text.items():
        data.add(key, np.array(entries, dtype=object), None)
    for key, numbers in values.items():
        data.add(key, np.array(numbers, dtype=np.float64), "double")
    write_dta(data, session.output_path(irf_set.file))


@dataclass(frozen=True)
class Pair:
    """One response of one result."""

    irfname: str
    impulse: str
    response: str


def select(
    irf_set: IrfSet, names: Sequence[str], impulses: Sequence[str] | None, wanted: Sequence[str] | None
) -> list[Pair]:
    """The pairs in the order Stata lists them. Raises r(111) for unknown names."""
    found = []
    for name in names or list(irf_set.results):
        known = irf_set.get(name).names
        for each in [*(impulses or []), *(wanted or [])]:
            if each not in known:
                raise StataError(111, f"{each} not found among the variables of {name}")
        found += [Pair(name, i, r) for i in (impulses or known) for r in (wanted or known)]
    if not found:
        raise StataError(111, "no irf results in the active file")
    return found


def check_statistics(words: Sequence[str]) -> list[str]:
    """Raises r(198) for words that name no statistic, and refuses dynamic multipliers."""
    for word in words:
        if word in _REFUSED:
            raise unsupported(f"irf statistic {word} is")
        if word not in STATISTICS:
            raise StataError(198, f"{word} is not a valid irf statistic")
    return list(words)
