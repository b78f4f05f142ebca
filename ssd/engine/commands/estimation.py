"""What every estimation command does before and after its computation: sample, weights, vce(), e()."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.data.timeseries import apply_operators
from ssd.engine.errors import (
    StataError,
    insufficient_observations,
    invalid_syntax,
    no_observations,
    unsupported,
)
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.display import DISPLAY_OPTIONS, DisplayStyle
from ssd.engine.output.estimation import CoefficientTable, result_table
from ssd.engine.output.formats import format_width, is_string_format
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import IndexArray, group_ids
from ssd.engine.stats.design import Design, build, complete
from ssd.engine.stats.linear import independent_columns
from ssd.engine.stats.terms import Component, Term, parse_terms, split_words

if TYPE_CHECKING:
    from ssd.engine.session import Session
    from ssd.engine.stats.survey import SurveyDesign


class SessionSource:
    """Columns of the data in memory under time-series operators, each computed once."""

    def __init__(self, session: Session) -> None:
        self._data = session.data
        self._cache: dict[tuple[str, str], FloatArray] = {}

    def get(self, variable: str, operator: str = "") -> FloatArray:
        key = (variable, operator)
        if key not in self._cache:
            values = self._data.numeric(variable)
            self._cache[key] = apply_operators(self._data, values, operator) if operator else values
        return self._cache[key]


@dataclass(frozen=True)
class Vce:
    """A vce() request. `kind` is ols, robust, hc2, hc3, cluster, conventional, oim, opg, …"""

    kind: str
    cluster: str = ""
    typed: bool = True

    @property
    def is_robust(self) -> bool:
        return self.kind in {"robust", "cluster", "hc2", "hc3"}

    @property
    def heading(self) -> str:
        """e(vcetype)."""
        return {
            "robust": "Robust",
            "cluster": "Robust",
            "hc2": "Robust HC2",
            "hc3": "Robust HC3",
            "opg": "OPG",
        }.get(self.kind, "")


_VCE = (
    ("ols", 3), ("robust", 1), ("cluster", 2), ("hc2", 3), ("hc3", 3), ("conventional", 4), ("oim", 3), ("opg", 3),
    ("unadjusted", 5), ("iid", 3), ("bootstrap", 4), ("jackknife", 4), ("eim", 3), ("hac", 3),
)  # fmt: skip


def parse_vce(session: Session, line: Line, allowed: Sequence[str], default: str) -> Vce:
    """vce() with the older robust and cluster() options. Raises r(198) for types the command has not."""
    typed = line.text_option("vce")
    cluster = line.text_option("cluster") if "cluster" in line.options else None
    if typed is None and cluster:
        typed = f"cluster {cluster}"
    if typed is None:
        if "robust" in line.options and line.flag("robust"):
            return Vce("robust")
        if line.weight is not None and line.weight.kind == "pweight":
            return Vce("robust", typed=False)
        return Vce(default, typed=False)
    words = typed.replace(",", " , ").split()
    if not words:
        raise invalid_syntax("option vce() incorrectly specified")
    kind = next((name for name, least in _VCE if name.startswith(words[0]) and len(words[0]) >= least), None)
    if kind is None:
        raise StataError(198, f"vcetype {words[0]} not allowed")
    if kind not in allowed:
        if kind in {"bootstrap", "jackknife", "opg", "hac"}:
            raise unsupported(f"vce({kind}) is")
        raise StataError(198, f"vcetype {words[0]} not allowed")
    if kind == "cluster":
        if len(words) != 2:
            if len(words) > 2:
                raise unsupported("vce(cluster) with more than one variable is")
            raise invalid_syntax("option vce() incorrectly specified")
        return Vce("cluster", session.variable_named(words[1]))
    if len(words) > 1:
        raise unsupported(f"vce({typed}) is")
    if line.weight is not None and line.weight.kind == "pweight" and kind not in {"robust", "cluster"}:
        raise StataError(101, f"pweights not allowed with vce({kind})" if line.text_option("vce") else "")
    return Vce(kind)


def parse_varlist(session: Session, words: Sequence[str]) -> list[Term]:
    """Terms of a varlist with factor and time-series operators."""

    def resolve(word: str) -> list[str]:
        return [word] if word in session.data.variables else session.expand_varlist(word)

    return [_with_bases(session, term) for term in parse_terms(split_words(" ".join(words)), resolve)]


BASE_CHARACTERISTIC = "_fv_base"
"""Where `fvset base` keeps the base level of a variable."""


def _with_bases(session: Session, term: Term) -> Term:
    """Factors typed without a base take the one that `fvset base` gave their variable."""
    if all(part.kind != "i" or part.base for part in term):
        return term
    chars = [session.data.variables[part.variable].chars.get(BASE_CHARACTERISTIC, "") for part in term]
    return tuple(
        replace(part, base=base) if part.kind == "i" and not part.base and base else part
        for part, base in zip(term, chars, strict=True)
    )


def outcome_and_terms(session: Session, words: Sequence[str]) -> tuple[Component, list[Term]]:
    """The dependent variable and the regressors. Raises r(198) when the outcome is a factor variable."""
    terms = parse_varlist(session, words)
    if not terms:
        raise StataError(100, "varlist required")
    first = terms[0]
    if len(first) > 1 or first[0].kind == "i":
        raise StataError(198, "depvar may not be a factor variable")
    require_numeric(session, terms)
    return first[0], terms[1:]


def require_numeric(session: Session, terms: Sequence[Term]) -> None:
    """Raises r(109) naming the first string variable among the terms."""
    for term in terms:
        for part in term:
            if session.data.variables[part.variable].is_string:
                if part.kind == "i":
                    raise StataError(109, f"{part.variable}:  string variables may not be used as factor variables")
                raise StataError(2000, "no observations")


def operated_name(part: Component) -> str:
    return f"{part.operator}.{part.variable}" if part.operator else part.variable


@dataclass
class Sample:
    """Observations, weights and clusters of one estimation."""

    rows: BoolArray
    """e(sample)."""
    w: FloatArray | None
    """Weights of the sample's observations as the estimator uses them; None for equal weights."""
    raw: FloatArray | None
    """Weights as typed."""
    kind: str
    """fweight, aweight, pweight, iweight or empty."""
    n: float
    """Number of observations as reported: the sum of frequency weights, or the count."""
    clusters: IndexArray | None = None
    n_clusters: int = 0
    sum_of_weights: float = 0.0
    survey: SurveyDesign | None = None
    """The design under which svy runs the command."""

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.rows))

    @property
    def likelihood_weights(self) -> FloatArray:
        """Weights of the observations' log likelihoods, (n,): as typed, but analytic weights sum to the number of
        observations ([P] ml, Remarks on weights)."""
        if self.raw is None:
            return np.ones(self.count)
        return self.w if self.kind == "aweight" and self.w is not None else self.raw

    @property
    def frequencies(self) -> FloatArray | None:
        return self.raw if self.kind == "fweight" else None


def take_sample(
    session: Session,
    line: Line,
    source: SessionSource,
    terms: Sequence[Term],
    vce: Vce | None = None,
    extra: Sequence[str] = (),
) -> Sample:
    """Listwise complete sample of `if`, `in`, weights, terms, the cluster variable and `extra` variables.

    Raises r(2000) when nothing is left.
    """
    rows = complete(terms, source, line.sample(session))
    for name in extra:
        rows &= not_missing(session, name)
    if vce is not None and vce.cluster:
        rows &= not_missing(session, vce.cluster)
    raw_all = line.weights(session)
    kind = line.weight.kind if line.weight is not None else ""
    if raw_all is not None:
        rows &= ~is_missing(raw_all) & (raw_all != 0.0)
    if not rows.any():
        raise no_observations()
    raw = None if raw_all is None else raw_all[rows]
    return finish_sample(session, rows, raw, kind, vce)


def finish_sample(session: Session, rows: BoolArray, raw: FloatArray | None, kind: str, vce: Vce | None) -> Sample:
    """Normalise weights and number the clusters of a known set of observations."""
    n = int(np.count_nonzero(rows))
    w = raw
    reported = float(n)
    if raw is not None:
        if kind in {"aweight", "pweight"}:
            w = raw * (n / raw.sum())
        else:
            reported = float(raw.sum())
    sample = Sample(rows, w, raw, kind, reported, sum_of_weights=float(n if raw is None else raw.sum()))
    if vce is not None and vce.cluster:
        sample.clusters, sample.n_clusters = group_ids(key_values(session, vce.cluster)[rows])
        if sample.n_clusters < 2:
            raise insufficient_observations()
    survey = session.state.get("survey")
    if survey is not None:
        sample.survey = survey.design(rows)
    return sample


def key_values(session: Session, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    """Values of a grouping variable, numeric or string."""
    if session.data.variable(name).is_string:
        return session.data.strings(name).astype(str)
    return session.data.numeric(name)


def not_missing(session: Session, name: str) -> BoolArray:
    if session.data.variable(name).is_string:
        return np.asarray(session.data.strings(name) != "", dtype=np.bool_)
    return ~is_missing(session.data.numeric(name))


@dataclass
class Regressors:
    """Design and matrix of one equation on the estimation sample."""

    design: Design
    X: FloatArray
    """Active columns without the constant: (n, k)."""


def build_regressors(
    session: Session,
    source: SessionSource,
    terms: Sequence[Term],
    sample: Sample,
    *,
    constant: bool = True,
    check: bool = True,
) -> Regressors:
    """Design-matrix columns with collinear ones omitted and noted in the log."""
    design = build(terms, source, sample.rows, constant=constant)
    X = design.matrix(source, sample.rows)
    if check:
        kept = independent_columns(X, sample.w, constant=constant)
        if not kept.all():
            design.omit(kept)
            X = np.asfortranarray(X[:, kept])
    for note in design.notes:
        session.log.line(note)
    return Regressors(design, X)


@dataclass
class Estimation:
    """What replaying and postestimation need beyond e()."""

    designs: dict[str, Design]
    """By equation name; the main equation first ("" when there is only one)."""
    table: CoefficientTable
    show: Callable[[], None]
    """Print header, table and footer again."""
    weights: tuple[str, str] = ("", "")
    """Kind and expression."""
    predictions: dict[str, object] = field(default_factory=dict)
    """What predict of this command needs (offset expression, cut points, panel effects, …)."""
    normalised: FloatArray | None = None
    """Weights of the sample in estimation order."""


def estimation_of(session: Session) -> Estimation:
    """The last estimation. Raises r(301)."""
    found = session.e.hidden.get("estimation")
    if not isinstance(found, Estimation):
        raise StataError(301, "last estimates not found")
    return found


def marked_sample(session: Session) -> BoolArray:
    """e(sample). Raises r(498) when the data it marked are gone, as after `clear`."""
    sample = session.e.sample
    if sample is None or len(sample) != session.data.n_obs or not sample.any():
        raise StataError(498, "e(sample) information not available")
    return sample


def spread_over_sample(session: Session, values: FloatArray, outside: float = MISSING) -> FloatArray:
    """Values kept for the observations of e(sample), in their order, on all observations: (n_obs,).

    Raises r(459) when observations of the sample were dropped since.
    """
    sample = marked_sample(session)
    if int(np.count_nonzero(sample)) != len(values):
        raise StataError(459, "data have changed since estimation")
    full = np.full(len(sample), outside)
    full[sample] = values
    return full


def store(
    session: Session,
    line: Line,
    estimation: Estimation,
    *,
    sample: BoolArray,
    scalars: dict[str, float],
    macros: dict[str, str],
    matrices: dict[str, Matrix] | None = None,
) -> None:
    """Replace e() and r(table). Scalars that are not numbers become missing.

    Raises r(504) when a coefficient or its variance is not a number.
    """
    table = estimation.table
    table.style = display_style(session, line)
    table.base_levels = table.base_levels or session.settings.get("showbaselevels") == "on"
    names = list(table.names)
    if not (np.isfinite(table.b).all() and np.isfinite(table.V).all()):
        # As `ereturn post` refuses them.
        raise StataError(504, "matrix has missing values")
    values = ResultSet()
    values.scalars = {k: float(v) if math.isfinite(v) else MISSING for k, v in scalars.items()}
    values.macros = {"cmdline": command_line(line), **{k: v for k, v in macros.items() if v != ""}}
    values.macros.setdefault("properties", "b V")
    if estimation.weights[0]:
        values.macros["wtype"] = estimation.weights[0]
        values.macros["wexp"] = f"= {estimation.weights[1]}"
    values.matrices = {"b": Matrix(table.b.reshape(1, -1).copy(), ["y1"], names)}
    values.matrices["V"] = Matrix(table.V.copy(), list(names), list(names))
    values.matrices.update(matrices or {})
    values.sample = sample
    values.hidden["estimation"] = estimation
    if (survey := session.state.get("survey")) is not None:
        values.hidden["survey"] = survey.design(sample)
    session.e = values
    store_table(session, table)


def store_table(session: Session, table: CoefficientTable) -> None:
    session.r = ResultSet(scalars={"level": table.level}, matrices={"table": result_table(table)})


def command_line(line: Line) -> str:
    return re.sub(r"\s+", " ", f"{line.command} {line.text}").strip()


def vce_macros(vce: Vce, base: str) -> dict[str, str]:
    """vce, vcetype and clustvar."""
    return {
        "vce": "cluster" if vce.kind == "cluster" else (vce.kind if vce.is_robust else base),
        "vcetype": vce.heading,
        "clustvar": vce.cluster,
    }


def display_style(session: Session, line: Line) -> DisplayStyle:
    """The display options of a line over the `set` defaults. Raises r(198) for formats wider than their column."""
    settings = session.settings

    def shown_as(option: str, default: str) -> str:
        fmt = line.text_option(option) or settings.get(option) or default
        width = int(default[1])
        if is_string_format(fmt) or format_width(fmt) > width:
            raise StataError(198, f"{option}() specified incorrectly; the format may be at most {width} wide")
        return fmt

    wrap = line.options.get("fvwrap")
    wrap_on = line.text_option("fvwrapon") or "word"
    if wrap_on not in {"word", "width"}:
        raise StataError(198, "option fvwrapon() invalid")
    return DisplayStyle(
        intervals=not line.flag("noci"),
        pvalues=not line.flag("nopvalues"),
        omitted=not line.flag("noomitted") and settings.get("showomitted") != "off",
        empty=not line.flag("noemptycells") and settings.get("showemptycells") != "off",
        squished=line.flag("vsquish"),
        every_base=line.flag("allbaselevels") or settings.get("showbaselevels") == "all",
        value_labels=not line.flag("nofvlabel") and settings.get("fvlabel") != "off",
        stretched=not line.flag("nolstretch") and settings.get("lstretch") != "off",
        wrap=wrap if isinstance(wrap, int) else int(settings.get("fvwrap", "1")),
        wrap_on="width" if wrap_on == "width" else "word",
        legend=line.flag("coeflegend"),
        coefficient_format=shown_as("cformat", "%9.0g"),
        p_format=shown_as("pformat", "%5.3f"),
        statistic_format=shown_as("sformat", "%8.2f"),
    )


def refuse_display_options(line: Line, what: str) -> None:
    """Raises r(198) for display options typed where the table has its own layout; `vsquish` changes nothing there."""
    names = {option.lower().partition("(")[0] for option in DISPLAY_OPTIONS.split()} - {"vsquish"}
    typed = sorted(line.typed & names)
    if typed:
        raise unsupported(f"option {typed[0]} of {what} is")


def level_of(session: Session, line: Line) -> float:
    """Confidence level: the level() option or `set level`. Raises r(198) outside 10 to 99.99."""
    value = line.options.get("level")
    if value is None or value is False:
        return float(session.settings.get("level", "95"))
    number = float(value) if isinstance(value, int | float | str) else math.nan
    if not 10.0 <= number <= 99.99:
        raise StataError(198, "level() must be between 10 and 99.99 inclusive")
    return number


def weight_note(session: Session, sample: Sample, line: Line) -> None:
    """`(sum of wgt is …)` that commands with analytic or probability weights print."""
    from ssd.engine.output.formats import format_value

    if sample.kind in {"aweight", "pweight", "iweight"}:
        session.log.line(f"(sum of wgt is {format_value(sample.sum_of_weights, '%16.0gc').strip()})")


# `regress` also shows the regression behind the last anova; logit and logistic are one model on two scales.
_REPLAYED_BY = {"regress": ("regress", "anova"), "logit": ("logit", "logistic"), "logistic": ("logit", "logistic")}


def replay(session: Session, line: Line, command: str) -> bool:
    """Show the last results again when the command was typed without a varlist; True when done.

    A line with vce(bootstrap) or vce(jackknife) is handed to that prefix, which is as final.
    """
    if _resampled(session, line):
        return True
    if line.varlist or line.text.split(",")[0].strip():
        return False
    estimation = session.e.hidden.get("estimation")
    shown_by = _REPLAYED_BY.get(command, (command,))
    if session.e.macros.get("cmd") not in shown_by or not isinstance(estimation, Estimation):
        raise StataError(301, "last estimates not found")
    if line.options.get("level"):
        estimation.table.level = level_of(session, line)
    if "coeflegend" in line.options:
        estimation.table.style = display_style(session, line)
        estimation.table.base_levels = line.flag("baselevels") or session.settings.get("showbaselevels") == "on"
    if command in {"logit", "logistic"}:
        odds = command == "logistic" and not line.flag("coef")
        estimation.table.eform = odds
        estimation.table.coefficient_heading = eform_heading("or") if odds else "Coefficient"
    for name in line.options:
        if name in {"or", "irr", "rrr", "eform", "hr"} and line.flag(name):
            estimation.table.eform = True
            estimation.table.coefficient_heading = eform_heading(name)
        elif name == "coef" and line.flag("coef"):
            estimation.table.eform = False
            estimation.table.coefficient_heading = "Coefficient"
    estimation.show()
    store_table(session, estimation.table)
    return True


def _resampled(session: Session, line: Line) -> bool:
    typed = (line.text_option("vce") or "") if "vce" in line.options else ""
    word = re.match(r"\w*", typed.strip())
    kind = word.group() if word is not None else ""
    prefix = next((name for name in ("bootstrap", "jackknife") if len(kind) >= 4 and name.startswith(kind)), None)
    if prefix is None or line.command.startswith("xt"):
        return False
    if line.by_mask is not None:
        raise unsupported(f"vce({kind}) under by is")
    from ssd.engine.commands.resampling import run_prefixed

    run_prefixed(session, line, prefix, typed.strip()[len(kind) :].lstrip(" ,"))
    return True


def eform_heading(option: str) -> str:
    return {"or": "Odds ratio", "irr": "IRR", "rrr": "RRR", "hr": "Haz. ratio"}.get(option, "exp(b)")


def offset_of(session: Session, line: Line, rows_needed: BoolArray | None = None) -> tuple[FloatArray | None, str]:
    """offset() or ln of exposure() over all observations, and its name as e(offset)."""
    offset = line.text_option("offset") if "offset" in line.options else None
    exposure = line.text_option("exposure") if "exposure" in line.options else None
    if offset and exposure:
        raise StataError(198, "only one of offset() or exposure() can be specified")
    if offset:
        name = session.variable_named(offset)
        return session.data.numeric(name), name
    if exposure:
        name = session.variable_named(exposure)
        values = session.data.numeric(name)
        inside = ~is_missing(values) & (rows_needed if rows_needed is not None else True)
        if np.any(values[inside] < 0.0):
            raise StataError(459, "exposure() must be greater than zero")
        positive = ~is_missing(values) & (values > 0.0)
        return np.where(positive, np.log(np.where(positive, values, 1.0)), MISSING), f"ln({name})"
    return None, ""
