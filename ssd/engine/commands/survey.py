"""svy: estimation with the design that svyset declared."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, estimation_of, key_values, store_table
from ssd.engine.commands.repeated_runs import Prefix, run_quietly, split_prefix
from ssd.engine.commands.survey_report import print_survey_header, record_design, tabulate_survey
from ssd.engine.data.survey import SurveySettings, survey_settings
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.syntax import Parts, split_line
from ssd.engine.missing import BoolArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, print_coefficients
from ssd.engine.session import Session
from ssd.engine.stats.covariance import group_ids
from ssd.engine.stats.distributions import f_tail
from ssd.engine.stats.survey import SurveyDesign, SurveySample, adjusted_wald

MODELS: Final = {
    "regress": "Linear regression", "logit": "Logistic regression", "logistic": "Logistic regression",
    "probit": "Probit regression", "cloglog": "Complementary log-log regression",
    "ologit": "Ordered logistic regression", "oprobit": "Ordered probit regression",
    "mlogit": "Multinomial logistic regression", "poisson": "Poisson regression",
    "glm": "Generalized linear models",
}  # fmt: skip
"""Models whose covariance is made from scores in one place, and so knows of the design."""
DESCRIPTIVE: Final = ("mean", "total", "proportion", "ratio")


@command(
    "svy",
    "*",
    stored="e() of the model with e(N_strata) e(N_psu) e(N_pop) e(N_sub) e(N_subpop) e(df_r) e(prefix) e(vce); "
    "e(F) e(p) of the adjusted Wald test",
    refused="vcetypes other than linearized; models outside mean total proportion ratio tabulate regress logit "
    "logistic probit cloglog ologit oprobit mlogit poisson glm; dof(); several stages",
)
def svy(session: Session, line: Line) -> None:
    """Estimate with survey weights, strata and sampling units; subpop() for a part of the population."""
    settings = survey_settings(session.data)
    if settings is None:
        raise StataError(119, "data not set up for svy, use svyset")
    prefix = split_prefix(session, line, "SUBpop(string) Level(cilevel) noHEader noLEGend noADJust DOF(string)")
    kind = prefix.expressions.strip()
    if kind and not ("linearized".startswith(kind) and len(kind) >= 3):
        raise unsupported(f"svy {kind} is")
    if prefix.options.get("dof"):
        raise unsupported("option dof() of svy is")
    match = re.match(r"\s*(\w+)", prefix.command)
    if match is None:
        raise invalid_syntax()
    declared = session.interpreter.registry.find(match[1])
    if declared is None:
        raise StataError(199, f"command {match[1]} is unrecognized")
    name = declared.name
    if name not in MODELS and name not in DESCRIPTIVE and name != "tabulate":
        raise unsupported(f"svy: {name} is")
    parts = split_line(prefix.command[match.end() :])
    if parts.weight is not None:
        raise StataError(101, "weights not allowed with the svy prefix; they are set by svyset")
    sample = _sample(session, settings, parts, prefix)
    session.log.line(f"(running {name} on estimation sample)")
    if name == "tabulate":
        tabulate_survey(session, parts, sample)
        return
    _run(session, name, parts, settings, sample, prefix)
    if name in MODELS:
        _as_survey(session, name, f"svy: {prefix.command}", prefix)


def _sample(session: Session, settings: SurveySettings, parts: Parts, prefix: Prefix) -> SurveySample:
    data = session.data
    rows = np.ones(data.n_obs, dtype=np.bool_)
    if parts.condition is not None:
        rows &= session.evaluate_condition(parts.condition)
    if parts.range is not None:
        from ssd.engine.lang.syntax import parse_range

        first, last = parse_range(parts.range, data.n_obs)
        rows[:first] = False
        rows[last:] = False
    weights = data.numeric(settings.weight) if settings.weight else np.ones(data.n_obs)
    rows &= ~is_missing(weights) & (weights != 0)
    for name in (settings.strata, settings.units):
        if name:
            column = data.variables[name]
            rows &= data.strings(name) != "" if column.is_string else ~is_missing(data.numeric(name))
    fpc = data.numeric(settings.fpc) if settings.fpc else None
    if fpc is not None:
        rows &= ~is_missing(fpc)
    if not rows.any():
        raise StataError(2000, "no observations")
    stratum = group_ids(key_values(session, settings.strata))[0] if settings.strata else np.zeros(data.n_obs, np.intp)
    unit = group_ids(key_values(session, settings.units))[0] if settings.units else np.arange(data.n_obs)
    # Units are numbered within their stratum: the same number in two strata means two units.
    nested = group_ids(stratum * (int(unit.max()) + 1) + unit)[0]
    return SurveySample(rows, _members(session, prefix), nested, stratum, fpc, weights, settings.single)


def _members(session: Session, prefix: Prefix) -> BoolArray:
    typed = prefix.options.get("subpop")
    if not isinstance(typed, str):
        return np.ones(session.data.n_obs, dtype=np.bool_)
    parts = split_line(typed)
    inside = np.ones(session.data.n_obs, dtype=np.bool_)
    if parts.subject:
        names = session.expand_varlist(parts.subject)
        if len(names) != 1:
            raise invalid_syntax()
        values = session.data.numeric(names[0])
        inside &= (values != 0) & ~is_missing(values)
    if parts.condition is not None:
        inside &= session.evaluate_condition(parts.condition)
    if not inside.any():
        raise StataError(461, "no observations in subpop() subpopulation")
    return inside


_ROWS: Final = "__survey_rows"


def _run(
    session: Session, name: str, parts: Parts, settings: SurveySettings, sample: SurveySample, prefix: Prefix
) -> None:
    """The command on the members of the subpopulation, with `sample` where covariances are made."""
    session.data.add(_ROWS, (sample.rows & sample.members).astype(np.float64), "byte")
    weight = f" [pweight={settings.weight}]" if settings.weight else ""
    options = " ".join(filter(None, [parts.options, f"level({prefix.options['level']})" if _level(prefix) else ""]))
    session.state["survey"] = sample
    try:
        text = f"{name} {parts.subject} if {_ROWS}{weight}" + (f", {options}" if options else "")
        if name in DESCRIPTIVE:
            session.run(text)
        else:
            run_quietly(session, text)
    finally:
        del session.state["survey"]
        session.data.drop([_ROWS])
    session.e.macros["cmdline"] = f"svy: {name} {parts.subject}".strip()


def _level(prefix: Prefix) -> bool:
    return "level" in prefix.options and prefix.options["level"] is not None


def _as_survey(session: Session, name: str, typed: str, prefix: Prefix) -> None:
    """Turn the results of the command into those of svy: t and F statistics of the design, the survey header."""
    e = session.e
    design = e.hidden.get("survey")
    if not isinstance(design, SurveyDesign):
        raise unsupported(f"svy: {name} in this form is")
    estimation = estimation_of(session)
    table = replace(estimation.table, df=float(design.df), vce_heading="Linearized")
    slopes = _slopes(table, estimation)
    F, df1, df2 = adjusted_wald(table.b[slopes], table.V[np.ix_(slopes, slopes)], design.df)
    used = e.sample
    assert used is not None
    for gone in ("ll", "ll_0", "r2_p", "chi2", "rmse", "r2_a", "mss", "rss", "N_clust", "ic", "converged"):
        e.scalars.pop(gone, None)
    record_design(e, design, used)
    e.scalars |= {"F": F, "df_m": float(df1), "p": f_tail(F, df1, df2)} if df2 > 0 else {}
    e.macros |= {"cmdline": typed, "cmdname": name, "title": f"Survey: {MODELS[name]}"}
    for gone_macro in ("clustvar", "chi2type", "wtype", "wexp"):
        e.macros.pop(gone_macro, None)

    def show() -> None:
        if not prefix.options.get("noheader"):
            tests = [("F", F, df1, df2)]
            print_survey_header(session, f"Survey: {MODELS[name]}", design, used, tests, e.scalars.get("r2"))
            session.log.line()
        print_coefficients(session.log, table)

    e.hidden["estimation"] = Estimation(
        estimation.designs, table, show, ("", ""), estimation.predictions, estimation.normalised
    )
    store_table(session, table)
    show()


def _slopes(table: CoefficientTable, estimation: Estimation) -> list[int]:
    """Positions of the coefficients the model test is about."""
    variances = np.diag(table.V)
    found = []
    for position, full in enumerate(table.names):
        equation, _, bare = full.rpartition(":")
        ancillary = full.startswith("/") or equation.startswith("/") or equation in ("lnalpha", "sigma", "lnsigma")
        if bare != "_cons" and not ancillary and variances[position] > 0:
            found.append(position)
    return found
