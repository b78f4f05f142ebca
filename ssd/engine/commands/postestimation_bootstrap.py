"""estat bootstrap: the confidence intervals of a bootstrap, of each kind asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.estimation import Estimation
from ssd.engine.errors import StataError, option_not_allowed, unsupported
from ssd.engine.lang.options import TypedOption
from ssd.engine.missing import FloatArray
from ssd.engine.output.estimation import Entry, count, print_header
from ssd.engine.output.formats import format_value
from ssd.engine.output.tables import abbreviate
from ssd.engine.results import Matrix

if TYPE_CHECKING:
    from ssd.engine.session import Session

_KINDS = {"normal": ("N", "Normal"), "percentile": ("P", "Percentile"), "bc": ("BC", "Bias-corrected")}


def estat_bootstrap(session: Session, _: str, options: list[TypedOption]) -> None:
    """Print observed coefficients, bias, standard errors and intervals. Raises r(301) without a bootstrap."""
    e = session.e
    rows = e.hidden.get("replicates")
    if e.macros.get("prefix") != "bootstrap" or not isinstance(rows, np.ndarray):
        raise StataError(301, "last estimates not found")
    chosen = _chosen(options)
    names = list(e.matrices["b"].cols)
    b, se = e.matrices["b"].values[0], e.matrices["se"].values[0]
    bias = e.matrices["bias"].values[0]
    level = e.scalars["level"]
    limits = {kind: _limits(kind, rows, b, se, level) for kind in chosen}
    log = session.log
    log.line()
    estimation = e.hidden.get("estimation")
    title = e.macros.get("title", "") if isinstance(estimation, Estimation) else ""
    entries = [Entry("Number of obs", count(e.scalars["N"]))]
    if "N_clust" in e.scalars:
        entries.append(Entry("Number of clusters", count(e.scalars["N_clust"])))
    entries.append(Entry("Replications", count(e.scalars["N_reps"] + e.scalars.get("N_misreps", 0.0))))
    print_header(log, [title or "Bootstrap results"], entries)
    log.line()
    rule = "-" * 78
    log.line(rule)
    log.line(f"{'':13}|{'Observed':>12}{'Bootstrap':>26}")
    depvar = abbreviate(e.macros.get("depvar", ""), 12)
    log.line(f"{depvar:>12} |{'coefficient':>12}{'Bias':>11}{'std. err.':>13}{f'[{level:g}% conf. interval]':>24}")
    log.line(f"{'-' * 13}+{'-' * 64}")
    for j, name in enumerate(names):
        shown = abbreviate(name.rpartition(":")[2], 12)
        start = f"{_cell(b[j]):>12}{_cell(bias[j]):>11}{_cell(se[j]):>13}"
        for kind in chosen:
            low, high = limits[kind][:, j]
            sign = f"({_KINDS[kind][0]})"
            log.line(f"{shown:>12} |{start:<36}{_cell(low):>12}{_cell(high):>11}{sign:>6}")
            shown, start = "", ""
    log.line(rule)
    for position, kind in enumerate(chosen):
        letters, words = _KINDS[kind]
        log.line(f"{'Key:' if position == 0 else '':4}{letters:>4}: {words}")
    for kind in chosen:
        e.matrices[f"ci_{kind}"] = Matrix(limits[kind], ["ll", "ul"], list(names))


def _chosen(options: list[TypedOption]) -> list[str]:
    """Kinds of intervals in the order of the table; the bias-corrected one by default."""
    asked: set[str] = set()
    for option in options:
        word = option.word
        if word == "all":
            asked |= set(_KINDS)
        elif word == "bca":
            raise unsupported("estat bootstrap, bca is")
        elif option.value is None and word and (word == "bc" or any(
            len(word) >= 1 and kind.startswith(word) for kind in ("normal", "percentile")
        )):  # fmt: skip
            asked.add("bc" if word == "bc" else next(k for k in ("normal", "percentile") if k.startswith(word)))
        elif not ("noheader".startswith(word) or ("nolegend".startswith(word) and len(word) >= 5)):
            raise option_not_allowed(option.named)
    return [kind for kind in _KINDS if kind in (asked or {"bc"})]


def _limits(kind: str, rows: FloatArray, b: FloatArray, se: FloatArray, level: float) -> FloatArray:
    """Lower and upper limits, shape (2, coefficients), by the formulas of [R] bootstrap."""
    from scipy.special import ndtr, ndtri

    z = float(ndtri(0.5 + level / 200.0))
    if kind == "normal":
        return np.array([b - z * se, b + z * se])
    if kind == "percentile":
        shares = np.tile([[50.0 - level / 2.0], [50.0 + level / 2.0]], (1, len(b)))
    else:
        z0 = ndtri((rows <= b).mean(axis=0))
        shares = 100.0 * np.array([ndtr(2.0 * z0 - z), ndtr(2.0 * z0 + z)])
    return np.array([
        [np.percentile(rows[:, j], shares[end, j], method="averaged_inverted_cdf") for j in range(len(b))]
        for end in (0, 1)
    ])  # fmt: skip


def _cell(value: float) -> str:
    return format_value(float(value), "%9.0g").strip()
