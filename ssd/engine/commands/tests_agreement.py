"""alpha and kap: reliability of scales and agreement of raters."""

from __future__ import annotations

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import numeric_columns, select
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.tables import abbreviate, count, right
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.agreement import cronbach, item_signs, kappa_weights, two_rater_kappa


@command(
    "alpha",
    "varlist(min=2 numeric) [if] [in] [, ASis CASEwise Detail GENerate(newvarname) Item Label MIN(integer 1) "
    "Reverse(varlist) STD]",
    by="recall",
    stored="r(alpha) r(k) r(cov) r(rho)",
    refused="detail, label, min(); pairwise covariances with missing items",
)
def alpha(session: Session, line: Line) -> None:
    """Cronbach's alpha of a scale."""
    for refused in ("detail", "label"):
        if line.flag(refused):
            raise unsupported(f"alpha, {refused}")
    if line.options.get("min") not in (1, None):
        raise unsupported("alpha, min()")
    names = line.varlist
    chosen = select(session, line, names if line.flag("casewise") else None)
    everything = numeric_columns(session, names, chosen.mask)
    incomplete = is_missing(everything).any(axis=1)
    if incomplete.any() and not line.flag("casewise"):
        raise unsupported("alpha with missing items (pairwise covariances); use casewise:")
    if everything.shape[0] < 2:
        raise no_observations()
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
        scale = (items - items.mean(axis=0)) / items.std(axis=0, ddof=1) if standardize else items
        values = np.full(session.data.n_obs, MISSING)
        values[chosen.mask] = scale.mean(axis=1)
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


def _items(session: Session, names: list[str], items: FloatArray, signs: FloatArray, standardize: bool) -> None:
    """Item-test and item-rest correlations and alpha without each item."""
    log = session.log
    scale = (items - items.mean(axis=0)) / items.std(axis=0, ddof=1) if standardize else items
    average = "correlation" if standardize else "covariance "
    log.line("                                                            Average")
    log.line("                             Item-test     Item-rest       interitem")
    log.line(f"Item         |  Obs  Sign   correlation   correlation     {average}      alpha")
    log.line("-" * 13 + "+" + "-" * 65)
    for position, name in enumerate(names):
        rest = np.delete(scale, position, axis=1)
        with_all = float(np.corrcoef(scale[:, position], scale.mean(axis=1))[0, 1])
        with_rest = float(np.corrcoef(scale[:, position], rest.mean(axis=1))[0, 1])
        cells = f"{with_all:14.4f}{with_rest:14.4f}"
        if rest.shape[1] > 1:
            without = cronbach(np.delete(items, position, axis=1), standardize)
            cells += f"{without.average:16.7g}{without.alpha:11.4f}"
        sign = "+" if signs[position] > 0 else "-"
        log.line(f"{abbreviate(name, 12):<12} |{count(items.shape[0]):>5}   {sign}  {cells}")
    result = cronbach(items, standardize)
    log.line("-" * 13 + "+" + "-" * 65)
    log.line(f"{'Test scale':<12} |{'':39}{result.average:16.7g}{result.alpha:11.4f}")


@command(
    "kap",
    "varlist(min=2 max=2) [if] [in] [fweight] [, Tab Wgt(string) Absolute]",
    by="recall",
    stored="r(N) r(prop_o) r(prop_e) r(kappa) r(z) r(se)",
    refused="more than two raters, absolute, user weight matrices",
)
def kap(session: Session, line: Line) -> None:
    """Kappa of two unique raters."""
    if line.flag("absolute"):
        raise unsupported("kap, absolute")
    kind = (line.text_option("wgt") or "").strip()
    if kind not in ("", "w", "w2"):
        raise unsupported(f"kap, wgt({kind})")
    first, second = line.varlist
    chosen = select(session, line, line.varlist)
    if not chosen.mask.any():
        raise no_observations()
    a, b = session.data.numeric(first)[chosen.mask], session.data.numeric(second)[chosen.mask]
    levels = np.unique(np.concatenate([a, b]))
    k = levels.size
    if k < 2:
        raise StataError(2001, "insufficient observations")
    flat = np.bincount(
        np.searchsorted(levels, a) * k + np.searchsorted(levels, b),
        weights=chosen.frequencies(),
        minlength=k * k,
    )
    table = flat.astype(np.float64).reshape(k, k)
    if line.flag("tab"):
        session.run(f"tabulate {first} {second}")
    weights = kappa_weights(k, kind)
    test = two_rater_kappa(table, weights)
    log = session.log
    log.line()
    if kind:
        log.line("Ratings weighted by:")
        for row in weights:
            log.line("".join(right(f"{v:.4f}", 10) for v in row))
        log.line()
    log.line("             Expected")
    log.line("Agreement   agreement     Kappa   Std. err.         Z      Prob>Z")
    log.line("-" * 65)
    log.line(
        f"{100 * test.observed:7.2f}%{100 * test.expected:11.2f}%"
        f"{test.kappa:11.4f}{test.se:11.4f}{test.z:11.2f}{test.p:12.4f}"
    )
    session.r = ResultSet(
        scalars={
            "N": float(table.sum()),
            "prop_o": test.observed,
            "prop_e": test.expected,
            "kappa": test.kappa,
            "z": test.z,
            "se": test.se,
        },
        matrices={"table": Matrix.of(table)},
    )
