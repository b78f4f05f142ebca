"""What stcox, streg and stcrreg share: sample, subjects, covariance, header."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import (
    Sample,
    SessionSource,
    Vce,
    finish_sample,
    level_of,
    parse_varlist,
    parse_vce,
    require_numeric,
)
from ssd.engine.commands.maximum import MlResult, likelihood_word, score_covariance
from ssd.engine.commands.survival_sample import settings_weight, take_records
from ssd.engine.data.survival import Records, SurvivalSettings, require_survival
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import cluster_note, count, number
from ssd.engine.output.formats import format_value
from ssd.engine.output.survival import remind
from ssd.engine.stats.covariance import sum_by_group
from ssd.engine.stats.design import Design, build, complete
from ssd.engine.stats.distributions import chi2_tail
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.terms import Term

if TYPE_CHECKING:
    from ssd.engine.session import Session

VCE_OPTIONS = "vce(string) Robust CLuster(varname) noADJust Level(cilevel)"
SHOW_OPTIONS = "noLOg noSHow noHEader noTABle BASElevels ITERate(integer 300) DIFficult TOLerance(real 1e-6)"


@dataclass
class ModelSetup:
    """The sample of a survival model with its records in data order."""

    session: Session
    line: Line
    settings: SurvivalSettings
    source: SessionSource
    level: float
    vce: Vce
    sample: Sample
    records: Records
    offset_name: str = ""
    offset: FloatArray | None = None

    @property
    def obs_weights(self) -> tuple[str, str]:
        weight = settings_weight(self.settings)
        return ("", "") if weight is None else (weight.kind, weight.expression)

    def scalars(self) -> dict[str, float]:
        """e(N_sub), e(N_fail), e(risk), e(tmin), e(tmax)."""
        r = self.records
        subjects = float(r.subjects)
        if self.settings.weight_kind in {"fweight", "iweight"}:
            first = np.unique(r.subject, return_index=True)[1]
            subjects = float(r.w[first].sum())
        return {
            "N_sub": subjects, "N_fail": r.failures, "risk": r.time_at_risk, "tmin": float(r.t0.min()),
            "tmax": float(r.t.max()),
        }  # fmt: skip

    def covariance(self, bread: FloatArray, scores: FloatArray) -> FloatArray:
        """By vce(); noadjust leaves out n/(n-1) and G/(G-1)."""
        if self.vce.is_robust and self.sample.n < 2:
            raise insufficient_observations()
        V = score_covariance(bread, scores, self.sample, self.vce)
        if self.vce.is_robust and self.line.flag("noadjust"):
            many = float(self.sample.n_clusters if self.vce.kind == "cluster" else self.sample.n)
            V = V * (many - 1.0) / many
        return V


def open_model(
    session: Session,
    line: Line,
    terms: list[Term],
    allowed: tuple[str, ...],
    default: str,
    extra: BoolArray | None = None,
) -> ModelSetup:
    """Settings, reminder, complete sample, weights and the kind of covariance. Raises r(119), r(2000)."""
    settings = require_survival(session.data)
    level = level_of(session, line)
    vce = parse_vce(session, line, allowed, default)
    if not vce.typed and settings.weight_kind == "pweight":
        vce = Vce("robust", typed=False)
    if vce.kind == "robust" and settings.id:
        vce = Vce("cluster", settings.id)
    source = SessionSource(session)
    rows = complete(terms, source, line.sample(session))
    if extra is not None:
        rows &= extra
    offset_name = line.text_option("offset") or "" if "offset" in line.options else ""
    offset = session.data.numeric(offset_name) if offset_name else None
    if offset is not None:
        rows &= ~is_missing(offset)
    if vce.cluster:
        from ssd.engine.commands.estimation import not_missing

        rows &= not_missing(session, vce.cluster)
    records = take_records(session, rows, settings)
    raw = records.w if settings.weight_kind else None
    sample = finish_sample(session, records.rows, raw, settings.weight_kind, vce)
    remind(session.log, settings, hidden=line.flag("noshow"))
    return ModelSetup(session, line, settings, source, level, vce, sample, records, offset_name,
                      None if offset is None else offset[records.rows])  # fmt: skip


def model_terms(session: Session, words: list[str]) -> list[Term]:
    """Terms of a list of regressors. Raises for string variables."""
    terms = parse_varlist(session, words) if words else []
    require_numeric(session, terms)
    return terms


def design_of(setup: ModelSetup, terms: list[Term], *, constant: bool) -> tuple[Design, FloatArray]:
    """Design and active columns, collinear ones (with the constant, present or not) omitted and noted."""
    design = build(terms, setup.source, setup.sample.rows, constant=constant)
    X = design.matrix(setup.source, setup.sample.rows)
    kept = independent_columns(X, setup.sample.w, constant=True)
    if not kept.all():
        design.omit(kept)
        X = X[:, kept]
    if design.notes:
        setup.session.log.line()
    for note in design.notes:
        setup.session.log.line(note)
    return design, np.asarray(X, dtype=np.float64)


def print_iterations(session: Session, line: Line, iterations: list[float], vce: Vce, title: str = "") -> None:
    """The log of one fit under an optional heading."""
    if line.flag("nolog"):
        return
    if title:
        session.log.line(title)
        if title != "Refining estimates:":
            session.log.line()
    for i, value in enumerate(iterations):
        session.log.line(f"{f'Iteration {i}:':<13} {likelihood_word(vce)} = {number(value, '%10.0g'):>10}")


def print_survival_header(setup: ModelSetup, result: MlResult, titles: list[str]) -> None:
    """The header of a survival model: subjects, failures, time at risk, test of the model."""
    log = setup.session.log
    log.line()
    for title in titles:
        log.line(title)
    log.line()
    counts = setup.scalars()
    left = [
        ("No. of subjects", count_text(counts["N_sub"])), ("No. of failures", count_text(counts["N_fail"])),
        ("Time at risk", number(counts["risk"], "%12.0gc")),
    ]  # fmt: skip
    width = max([6, *(len(value) for _, value in left)])
    p = chi2_tail(result.chi2, result.df_m) if result.df_m > 0 else float("nan")
    right = [
        ("Number of obs", count(result.sample.n)), None, None,
        (f"{result.chi2type} chi2({result.df_m})", _fixed(result.chi2, "%9.2f")),
        ("Prob > chi2", "." if np.isnan(p) else f"{p:.4f}"),
    ]  # fmt: skip
    label_width = max([13, *(len(entry[0]) for entry in right if entry is not None)])
    value_width = max([6, *(len(entry[1]) for entry in right if entry is not None)])
    texts = [f"{label:<15} = {value:>{width}}" for label, value in left]
    texts += ["", f"{likelihood_word(result.vce)} = {number(result.ll, '%10.0g')}"]
    for text, entry in zip(texts, right, strict=True):
        if entry is None:
            log.line(text)
            continue
        block = f"{entry[0]:<{label_width}} = {entry[1]:>{value_width}}"
        log.line(f"{text:<{78 - len(block)}}{block}")
    log.line()
    if result.vce.kind == "cluster":
        log.line(f"{cluster_note(result.sample.n_clusters, result.vce.cluster):>78}")


def count_text(value: float) -> str:
    """A count, weighted ones with their decimals."""
    return count(value) if value == round(value) else number(value, "%10.0gc")


def _fixed(value: float, fmt: str) -> str:
    return "." if np.isnan(value) else format_value(value, fmt).strip()


def refuse_constraints(line: Line) -> None:
    if line.options.get("constraints"):
        raise unsupported("option constraints() is")


def summed_by_record(scores: FloatArray, record: np.ndarray[tuple[int, ...], np.dtype[np.intp]], n: int) -> FloatArray:
    """Scores of pieces of records added up by record: (n, k)."""
    return sum_by_group(scores, record, n) if scores.shape[1] else np.zeros((n, 0))


def require_failures(records: Records) -> None:
    """Raises r(2000) when nothing fails."""
    if records.failures <= 0:
        raise StataError(2000, "no failures")
