"""svyset and svydescribe: declare the survey design of the data."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import key_values
from ssd.engine.data.survey import SurveySettings, store_survey_settings, survey_settings
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.syntax import split_line
from ssd.engine.missing import is_missing
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.covariance import group_ids

_SINGLE = ("missing", "certainty", "scaled", "centered")


@command(
    "svyset",
    "*",
    stored="r(wtype) r(wvar) r(strata1) r(su1) r(fpc1) r(vce) r(singleunit) r(stages)",
    refused="vce(brr|jackknife|bootstrap|sdr), poststratification, calibration, replicate weights, dof(), and "
    "variances of stages after a first one with fpc()",
)
def svyset(session: Session, line: Line) -> None:
    """Declare weights, strata, sampling units and finite population corrections; without arguments, show them."""
    stages = line.text.split("||")
    parts = split_line(stages[0])
    options = read_options(parts.options or "") if parts.options else []
    if any(item.word == "clear" for item in options) and not parts.subject:
        store_survey_settings(session.data, None)
        return
    if not (parts.subject or parts.weight or options or len(stages) > 1):
        _show(session)
        return
    settings = _read(session, parts.subject, parts.weight, options)
    if len(stages) > 1:
        if settings.fpc:
            raise unsupported("svyset with fpc() in the first of several stages is")
        _check_later(session, stages[1:])
        session.log.line("Note: Stage 1 is sampled with replacement; further stages will be ignored for variance")
        session.log.line("      estimation.")
    store_survey_settings(session.data, settings)
    session.data.changed = True
    _show(session)


def _check_later(session: Session, stages: list[str]) -> None:
    for stage in stages:
        parts = split_line(stage)
        if parts.subject.strip() != "_n":
            session.expand_varlist(parts.subject)
        for item in read_options(parts.options or ""):
            if not (_is(item, "strata", 3) or _is(item, "fpc", 3)):
                raise StataError(198, f"option {item.named} not allowed")
            session.expand_varlist(item.value or "")


def _is(item: TypedOption, name: str, minimum: int) -> bool:
    return len(item.word) >= minimum and name.startswith(item.word)


def _read(session: Session, subject: str, weight: tuple[str, str] | None, options: list[TypedOption]) -> SurveySettings:
    values = {"units": "", "strata": "", "fpc": "", "single": "missing", "weight": "", "weight_kind": "pweight"}
    units = subject.strip()
    if units and units != "_n":
        values["units"] = _one(session, units)
    if weight is not None:
        kind, name = weight
        if not any(full.startswith(kind) and len(kind) >= 2 for full in ("pweight", "iweight", "pw", "iw")):
            raise StataError(101, f"{kind}s not allowed")
        values["weight"], values["weight_kind"] = (
            _one(session, name.lstrip("=")),
            "iweight" if kind[0] == "i" else "pweight",
        )
        if np.any(session.data.numeric(values["weight"]) < 0):
            raise StataError(402, "negative weights encountered")
    for item in options:
        if _is(item, "strata", 3):
            values["strata"] = _one(session, item.value or "")
        elif _is(item, "fpc", 3):
            values["fpc"] = _one(session, item.value or "")
        elif _is(item, "psu", 3):
            values["units"] = "" if (item.value or "").strip() == "_n" else _one(session, item.value or "")
        elif _is(item, "singleunit", 4):
            word = (item.value or "").strip()
            found = next((full for full in _SINGLE if len(word) >= 3 and full.startswith(word)), None)
            if found is None:
                raise StataError(198, f"option singleunit({word}) invalid")
            values["single"] = found
        elif _is(item, "vce", 3):
            if not "linearized".startswith((item.value or "").strip()) or not (item.value or "").strip():
                raise unsupported(f"svyset, vce({item.value}) is")
        elif _is(item, "clear", 5):
            continue
        elif item.word.startswith(("brr", "jkr", "bsr", "sdr", "post", "rake", "reg", "dof", "mse", "fay")):
            raise unsupported(f"option {item.named} of svyset is")
        else:
            raise StataError(198, f"option {item.named} not allowed")
    return SurveySettings(
        values["weight"], values["weight_kind"], values["strata"], values["units"], values["fpc"],
        single=values["single"],
    )  # fmt: skip


def _one(session: Session, text: str) -> str:
    names = session.expand_varlist(re.sub(r"^\s*=", "", text))
    if len(names) != 1:
        raise StataError(103 if names else 100, "too many variables specified" if names else "varlist required")
    return names[0]


def _show(session: Session) -> None:
    settings = survey_settings(session.data)
    log = session.log
    if settings is None:
        log.line("no survey characteristics are set")
        session.r = ResultSet()
        return
    log.line()
    if settings.weight:
        log.line(f"Sampling weights: {settings.weight}")
    else:
        log.line("Sampling weights: <none>")
    for label, value in (
        ("VCE", settings.vce),
        ("Single unit", settings.single),
        ("Strata 1", settings.strata or "<one>"),
        ("Sampling unit 1", settings.units or "<observations>"),
        ("FPC 1", settings.fpc or "<zero>"),
    ):
        log.line(f"{label:>16}: {value}")
    macros = {"vce": settings.vce, "singleunit": settings.single, "strata1": settings.strata,
              "su1": settings.units or "_n", "fpc1": settings.fpc}  # fmt: skip
    if settings.weight:
        macros |= {"wtype": settings.weight_kind, "wvar": settings.weight, "wexp": f"= {settings.weight}"}
    session.r = ResultSet(scalars={"stages": 1.0}, macros={name: text for name, text in macros.items() if text})


@command("svydescribe", "[varlist(default=none)] [if] [in] [, SINGle]", minimum=6,
         stored="r(N_strata) r(N_units) r(N)", refused="stage(), finalstage, generate()")  # fmt: skip
def svydescribe(session: Session, line: Line) -> None:
    """Strata and sampling units of the data, with the observations in them."""
    settings = survey_settings(session.data)
    if settings is None:
        raise StataError(119, "data not set up for svy, use svyset")
    _show(session)
    rows = line.sample(session)
    for name in [*settings.variables, *line.varlist]:
        column = session.data.variables[name]
        rows &= session.data.strings(name) != "" if column.is_string else ~is_missing(session.data.numeric(name))
    n = int(rows.sum())
    strata = key_values(session, settings.strata)[rows] if settings.strata else np.ones(n)
    stratum = group_ids(strata)[0]
    units = group_ids(key_values(session, settings.units)[rows])[0] if settings.units else np.arange(n)
    unit = group_ids(stratum * (int(units.max()) + 1 if n else 1) + units)[0]
    log = session.log
    log.line()
    log.line("                                    Number of obs per unit")
    log.line(" Stratum   # units     # obs       Min      Mean       Max")
    log.line("--------  --------  --------  --------  --------  --------")
    labels = np.unique(strata)
    total_units = 0
    for code, label in enumerate(labels):
        sizes = np.bincount(unit[stratum == code])
        sizes = sizes[sizes > 0]
        total_units += len(sizes)
        if line.flag("single") and len(sizes) > 1:
            continue
        name = str(label) if isinstance(label, str) else f"{float(label):g}"
        mark = "*" if len(sizes) == 1 else " "
        log.line(f"{name[:8]:>8}  {len(sizes):>8,}{mark}{_sizes(sizes)}")
    log.line("--------  --------  --------  --------  --------  --------")
    if n:
        sizes = np.bincount(unit)
        sizes = sizes[sizes > 0]
        log.line(
            f"{len(labels):>8,}  {total_units:>8,}  {n:>8,}  {sizes.min():>8,}  {sizes.mean():>8.1f}  {sizes.max():>8,}"
        )
    session.r = ResultSet(scalars={"N_strata": float(len(labels)), "N_units": float(total_units), "N": float(n)})


def _sizes(sizes: NDArray[np.intp]) -> str:
    return f" {int(sizes.sum()):>8,}  {sizes.min():>8,}  {sizes.mean():>8.1f}  {sizes.max():>8,}"
