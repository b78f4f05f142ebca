"""predict: fitted values, residuals and the other statistics of the last estimation."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, SessionSource, estimation_of, key_values, marked_sample
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.varlist import new_names
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.stats.design import Design, Source
from ssd.engine.stats.linear import with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session

_FLAGS = (
    "XB", "CE", "LEVELs", "STDP", "STDF", "STDR", "Residuals", "SCore", "RSTAndard", "RSTUdent", "Cooksd", "Leverage",
    "Hat", "DFITS", "WELsch", "COVratio", "PR", "N", "IR", "MU", "ETA", "U", "UE", "E", "XBU", "XBD", "DEviance",
    "Pearson", "D", "DR",
    "RESPonse", "NOOFFset", "SCOREs", "P", "ANScombe", "XBSel", "PSel", "MIlls", "YCond", "YExpected",
    "PC1", "PU0", "NU0", "IRU0", "Y", "YResiduals", "MSE", "Variance", "YHAT", "TE", "PO", "M", "SIGMA",
    "P11", "P10", "P01", "P00", "PMargin", "PMARG1",
    "PMARG2", "PCOND", "PCOND1", "PCOND2", "XBTRT", "PTRT", "YCTRT", "YCNTRT", "CTE", "CMean", "CVARiance", "XBSCAle",
    "YStar", "FITted", "REFfects",
    "BARTlett", "REGRession", "NOROTated", "CENTer",
    "HR", "SHR", "BASESurv", "BASEChazard", "BASEHc", "CSNell", "MGale", "SCHoenfeld", "SCAledsch", "ESR", "DFBeta",
    "SUrv", "HAZard", "MEDian", "MEAN", "TIME", "LNTime", "CSUrv", "CCSnell", "CMGale", "BASECif", "BASECSHazard",
)  # fmt: skip


@dataclass
class Linear:
    """The linear prediction of one equation over all observations."""

    design: Design
    b: FloatArray
    V: FloatArray
    source: Source
    rows: BoolArray
    offset: FloatArray | None = None

    @property
    def defined(self) -> BoolArray:
        """Observations where every variable of the equation (and the offset) is known."""
        good = self.rows.copy()
        for column in self.design.columns:
            if column.active:
                for part in column.parts:
                    good &= ~is_missing(self.source.get(part.variable, part.operator))
        if self.offset is not None:
            good &= ~is_missing(self.offset)
        return good

    def matrix(self, rows: BoolArray) -> FloatArray:
        return with_constant(self.design.matrix(self.source, rows), self.design.constant)

    @property
    def active(self) -> BoolArray:
        return self.design.active

    def xb(self, rows: BoolArray) -> FloatArray:
        values = self.matrix(rows) @ self.b[self.active]
        return values if self.offset is None else values + self.offset[rows]

    def stdp(self, rows: BoolArray) -> FloatArray:
        X = self.matrix(rows)
        V = self.V[np.ix_(self.active, self.active)]
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", X @ V, X)), dtype=np.float64)


def linear_prediction(
    session: Session,
    estimation: Estimation,
    rows: BoolArray,
    equation: str | None = None,
    *,
    offset: bool = True,
    source: Source | None = None,
) -> Linear:
    """The equation's design with its coefficients taken from e(b)."""
    names = list(estimation.designs)
    if not names:
        raise unsupported(f"the linear prediction after {session.e.macros.get('cmd', '')} is")
    name = names[0] if equation is None else equation
    if name not in estimation.designs:
        raise StataError(111, f"equation [{name}] not found")
    design = estimation.designs[name]
    stored_names = session.e.matrices["b"].cols
    prefix = f"{name}:" if name else ""
    positions = [stored_names.index(prefix + each) for each in design.names]
    b = session.e.matrices["b"].values[0, positions]
    V = session.e.matrices["V"].values[np.ix_(positions, positions)]
    chosen = source or SessionSource(session)
    return Linear(design, b, V, chosen, rows, _offset(session, estimation, chosen) if offset else None)


def _offset(session: Session, estimation: Estimation, source: Source) -> FloatArray | None:
    text = estimation.predictions.get("offset")
    if not isinstance(text, str) or not text:
        return None
    logged = re.fullmatch(r"ln\((\w+)\)", text)
    if logged:
        values = source.get(logged.group(1))
        good = ~is_missing(values) & (values > 0)
        return np.where(good, np.log(np.where(good, values, 1.0)), MISSING)
    return source.get(text)


Statistic = Callable[["Request"], FloatArray]


@dataclass
class Request:
    """What one statistic is computed from; results are for the observations flagged in `rows`."""

    session: Session
    line: Line
    estimation: Estimation
    linear: Linear
    rows: BoolArray

    @property
    def y(self) -> FloatArray:
        return self.session.evaluate_numbers(self.session.e.macros["depvar"].split()[0])[self.rows]

    @property
    def xb(self) -> FloatArray:
        return self.linear.xb(self.rows)

    def scalar(self, name: str) -> float:
        return self.session.e.scalars[name]

    def group(self, effects: FloatArray, variable: str) -> FloatArray:
        """Panel effects spread to observations; `.` for panels outside the estimation sample."""
        keys = key_values(self.session, variable)
        sample = marked_sample(self.session)
        known = np.unique(keys[sample])
        position = np.clip(np.searchsorted(known, keys[self.rows]), 0, len(known) - 1)
        return np.where(known[position] == keys[self.rows], effects[position], MISSING)


@command(
    "predict",
    "anything(id=newvarlist) [if] [in] [, "
    + " ".join(_FLAGS)
    + " Equation(string) OUTcome(string) DYNamic(string) STRuctural PR(string) E(string) YStar(string) TLevel(string)]",
    minimum=4,
    refused="reps(), statistics of commands not listed in the reference",
)
def predict(session: Session, line: Line) -> None:
    """Predictions, residuals and influence statistics after estimation."""
    from ssd.engine.commands.category_predictions import chosen_outcome
    from ssd.engine.commands.postestimation_statistics import statistics_of

    estimation = estimation_of(session)
    line.varlist, line.types = _typed_names(session, line, estimation)
    several = estimation.predictions.get("predict_several")
    if callable(several) and several(session, line):
        return
    storage, names = new_variables(session, line)
    whole = estimation.predictions.get("predict_all")
    if callable(whole):
        whole(session, line, storage, names)
        return
    own = estimation.predictions.get("predict")
    if callable(own):
        _store_own(session, line, own, storage, names)
        return
    for option in ("dynamic", "structural", "tlevel"):
        if option in line.typed:
            raise StataError(198, f"option {option} not allowed")
    statistics = statistics_of(session, estimation)
    chosen = [flag.lower() for flag in _FLAGS if flag != "NOOFFset" and line.flag(flag.lower())]
    chosen += [name for name in ("pr", "e", "ystar") if line.text_option(name) is not None]
    if len(chosen) > 1:
        raise StataError(198, "only one statistic may be specified")
    default, note = statistics.default, statistics.note
    name = chosen[0] if chosen else default
    name = {"hat": "leverage", "d": "cooksd", "score": "score", "scores": "score", "p": "pr"}.get(name, name)
    if name == "cooksd" and "cooksd" not in statistics.functions and "deviance" in statistics.functions:
        name = "deviance"
    if name not in statistics.functions:
        raise StataError(198, f"option {chosen[0] if chosen else name} not allowed")
    if not chosen and note:
        session.log.line(note.replace("predicted probability)", "predicted probabilities)") if len(names) > 1 else note)
    equation = line.text_option("equation")
    rows = line.sample(session)
    if statistics.sample_only(name):
        rows = rows & marked_sample(session)
    linear = linear_prediction(
        session, estimation, rows, _equation_name(estimation, equation), offset=not line.flag("nooffset")
    )
    defined = linear.defined
    if statistics.needs_outcome(name):
        defined = defined & ~is_missing(session.evaluate_numbers(session.e.macros["depvar"].split()[0]))
    request = Request(session, line, estimation, linear, defined)
    title = estimation.predictions.get("outcome_title")
    if len(names) > 1:
        if name != "pr" or statistics.many is None:
            raise StataError(103, "too many variables specified")
        columns = statistics.many(request)
        if len(names) != columns.shape[1]:
            raise StataError(103, f"you must specify {columns.shape[1]} new variables")
        titles = [title(session, j) if callable(title) else statistics.label(name) for j in range(len(names))]
        for each, column, label in zip(names, columns.T, titles, strict=True):
            store_prediction(session, storage, each, column, defined, label)
        return
    label = statistics.label(name)
    if callable(title) and name == "pr":
        label = title(session, chosen_outcome(session, line.text_option("outcome")))
    store_prediction(session, storage, names[0], statistics.functions[name](request), defined, label)


_STUB = re.compile(r"((?:byte|int|long|float|double)\s+)?([^\W\d]\w*)\*")


def _typed_names(session: Session, line: Line, estimation: Estimation) -> tuple[list[str], list[str]]:
    """New names and their types; `stub*` stands for one variable per outcome or factor.

    Raises r(110) for a name that exists and r(198) for an invalid one.
    """
    stub = _STUB.fullmatch(line.anything.strip())
    if stub is None:
        return new_names(line.anything, session)
    every = estimation.predictions.get("every_prediction")
    count = len(every(session)) if callable(every) else int(session.e.scalars.get("f", 0.0))
    if not count:
        # Commands with predictions of several columns read the stub themselves.
        return new_names(line.anything, session)
    return new_names((stub[1] or "") + f"{stub[2]}1-{stub[2]}{count}", session)


def _store_own(
    session: Session,
    line: Line,
    predictor: Callable[[Session, Line, str], tuple[FloatArray, str, str]],
    storage: str,
    names: list[str],
) -> None:
    """Predictions of a command that brings its own predictor (time-series models)."""
    chosen = [flag.lower() for flag in _FLAGS if flag != "NOOFFset" and line.flag(flag.lower())]
    if len(chosen) > 1:
        raise StataError(198, "only one statistic may be specified")
    if len(names) > 1:
        raise StataError(103, "too many variables specified")
    values, label, note = predictor(session, line, chosen[0] if chosen else "")
    if note:
        session.log.line(note)
    rows = line.sample(session) & ~is_missing(values)
    store_prediction(session, storage, names[0], values[rows], rows, label)


def _equation_name(estimation: Estimation, typed: str | None) -> str | None:
    if not typed:
        return None
    if typed.startswith("#"):
        names = list(estimation.designs)
        index = int(typed[1:]) - 1
        if not 0 <= index < len(names):
            raise StataError(303, f"equation {typed} not found")
        return names[index]
    return typed


def new_variables(session: Session, line: Line) -> tuple[str, list[str]]:
    """Storage type and names typed after predict. Raises r(100), r(110) and r(198)."""
    words = line.varlist or line.anything.split()
    if not words:
        raise StataError(100, "newvarname required")
    storage = "float"
    typed = line.text.split(",")[0].split()
    if typed and typed[0] in {"byte", "int", "long", "float", "double"}:
        storage = typed[0]
        words = [word for word in words if word != storage] or words
    for name in words:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    return storage, words


def store_prediction(
    session: Session, storage: str, name: str, values: FloatArray, defined: BoolArray, label: str
) -> None:
    """Add a variable whose values are those of the observations flagged in `defined`."""
    full = np.full(session.data.n_obs, MISSING)
    full[defined] = np.where(np.isfinite(values), values, MISSING)
    session.data.add(name, full, storage, label=label)
    missing = int(np.count_nonzero(is_missing(full)))
    if missing:
        session.log.line(f"({missing:,} missing value{'s' if missing != 1 else ''} generated)")
