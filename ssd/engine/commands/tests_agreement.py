"""alpha: reliability of scales."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_columns, select
from ssd.engine.errors import StataError, insufficient_observations, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, count, number
from ssd.engine.results import ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.agreement import (
    Alpha,
    cronbach,
    item_signs,
    pairwise_moments,
    scale_score,
)


@command(
    "alpha",
    "varlist(min=2 numeric) [if] [in] [, ASis CASEwise Detail GENerate(newvarname) Item Label MIN(integer 1) "
    "Reverse(varlist) STD]",
    by="recall",
    stored="r(alpha) r(k) r(cov) r(rho)",
    refused="detail, label",
)
def alpha(session: Session, line: Line) -> None:
    """Cronbach's alpha of a scale."""
    for refused in ("detail", "label"):
        if line.flag(refused):
            raise unsupported(f"alpha, {refused}")
    names = line.varlist
    chosen = select(session, line, names if line.flag("casewise") else None)
    everything = numeric_columns(session, names, chosen.mask)
    everything = np.where(is_missing(everything), np.nan, everything)
    counts = pairwise_moments(everything)[1]
    if not counts.size or counts.max() == 0:
        raise no_observations()
    if counts.min() < 2:
        raise insufficient_observations()
    if not np.all(np.nanstd(everything, axis=0) > 0):
        raise StataError(498, "constant items are not allowed; drop them from the scale")
    signs = _signs(line, names, everything)
    items = everything * signs
    standardize = line.flag("std")
    result = cronbach(items, standardize)
    log = session.log
    log.line()
    log.line(f"Test scale = mean({'standardized' if standardize else 'unstandardized'} items)")
    reversed_names = [n for n, s in zip(names, signs, strict=True) if s < 0]
    if reversed_names:
        log.line(f"Reversed item{'s' if len(reversed_names) > 1 else ''}: {' '.join(reversed_names)}")
    log.line()
    if line.flag("item"):
        _items(session, names, items, signs, standardize)
    else:
        average = "correlation:" if standardize else "covariance: "
        shown = f"{result.average:8.4f}" if standardize else f"{result.average:9.7g}"
        log.line(f"Average interitem {average}{shown:>14}")
        log.line(f"Number of items in the scale:  {result.k:>13}")
        log.line(f"Scale reliability coefficient: {result.alpha:13.4f}")
    generated = line.text_option("generate") or _first(line.options.get("generate"))
    if generated:
        score = scale_score(_scaled(items, standardize))
        least = int(str(line.options.get("min") or 1))
        enough = (~np.isnan(items)).sum(axis=1) >= least
        values = np.full(session.data.n_obs, MISSING)
        values[chosen.mask] = np.where(enough & ~np.isnan(score), score, MISSING)
        session.data.add(generated, values)
    session.r = ResultSet(
        scalars={
            "alpha": result.alpha,
            "k": float(result.k),
            "rho" if standardize else "cov": result.average,
        }
    )


def _first(given: object) -> str:
    return str(given[0]) if isinstance(given, list) and given else ""


def _signs(line: Line, names: list[str], items: FloatArray) -> FloatArray:
    reverse = line.options.get("reverse")
    if isinstance(reverse, list) and reverse:
        return np.array([-1.0 if n in reverse else 1.0 for n in names])
    return np.ones(len(names)) if line.flag("asis") else item_signs(items)


def _scaled(items: FloatArray, standardize: bool) -> FloatArray:
    if not standardize:
        return items
    return np.asarray((items - np.nanmean(items, axis=0)) / np.nanstd(items, axis=0, ddof=1))


def _correlation(x: FloatArray, y: FloatArray) -> float:
    both = ~np.isnan(x) & ~np.isnan(y)
    return float(np.corrcoef(x[both], y[both])[0, 1])


def _items(session: Session, names: list[str], items: FloatArray, signs: FloatArray, standardize: bool) -> None:
    """Item-test and item-rest correlations and alpha without each item."""
    log = session.log
    scale = _scaled(items, standardize)
    average = "correlation" if standardize else "covariance "
    log.line("                                                            Average")
    log.line("                             Item-test     Item-rest       interitem")
    log.line(f"Item         |  Obs  Sign   correlation   correlation     {average}      alpha")
    log.line("-" * 13 + "+" + "-" * 65)
    for position, name in enumerate(names):
        rest = np.delete(scale, position, axis=1)
        with_all = _correlation(scale[:, position], scale_score(scale))
        with_rest = _correlation(scale[:, position], scale_score(rest))
        cells = f"{with_all:13.4f}{with_rest:14.4f}"
        if rest.shape[1] > 1:
            without = cronbach(np.delete(items, position, axis=1), standardize)
            cells += f"{_average(without, standardize):>16}{without.alpha:12.4f}"
        sign = "+" if signs[position] > 0 else "-"
        n = int((~np.isnan(items[:, position])).sum())
        log.line(f"{abbreviate(name, 12):<12} |{count(n):>5}    {sign}{cells}")
    result = cronbach(items, standardize)
    log.line("-" * 13 + "+" + "-" * 65)
    log.line(f"{'Test scale':<12} |{'':37}{_average(result, standardize):>16}{result.alpha:12.4f}")


def _average(result: Alpha, standardize: bool) -> str:
    """Average correlations have four decimals, covariances as many as fit."""
    return f"{result.average:.4f}" if standardize else number(result.average)
