"""suest: the joint covariance of separately estimated models."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import named_estimates, stored_estimates
from ssd.engine.commands.estimation import Estimation, SessionSource, key_values, level_of, not_missing, replay, store
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, cluster_note, count, print_coefficients
from ssd.engine.results import ResultSet
from ssd.engine.stats.binary import Cloglog, Logit, Probit
from ssd.engine.stats.counts import NegativeBinomial, Poisson
from ssd.engine.stats.covariance import group_ids, meat, sandwich
from ssd.engine.stats.design import Design
from ssd.engine.stats.linear import with_constant

if TYPE_CHECKING:
    from ssd.engine.session import Session
    from ssd.engine.stats.likelihood import Model


@dataclass(frozen=True)
class _Part:
    """One stored model as suest needs it."""

    names: list[str]
    """With the stored name in front of each equation."""
    b: FloatArray
    bread: FloatArray
    """Model-based covariance."""
    scores: FloatArray
    """Derivatives of the log likelihood over all observations of the data, zero outside the sample."""
    sample: BoolArray
    designs: dict[str, Design]


@command(
    "suest",
    "[anything] [, vce(string) Robust CLuster(varname) Level(cilevel)]",
    stored="e(N) e(N_clust) e(rank) e(cmd) e(names) e(eqnames#) e(vce) e(vcetype) e(clustvar) e(b) e(V) r(table)",
    refused="svy, weights, dir, eform(); models other than regress, logit(istic), probit, cloglog, poisson, nbreg",
)
def suest(session: Session, line: Line) -> None:
    """Seemingly unrelated estimation: stored models under one robust covariance."""
    if replay(session, line, "suest"):
        return
    level = level_of(session, line)
    names = _stored_names(session, line.anything)
    parts = [_part(session, name, named_estimates(session, name)) for name in names]
    cluster = _cluster(session, line)
    union = np.any([part.sample for part in parts], axis=0)
    if cluster:
        if np.any(union & ~not_missing(session, cluster)):
            raise StataError(459, f"cluster variable {cluster} has missing values in the estimation sample")
        ids, groups = group_ids(key_values(session, cluster)[union])
    n = int(union.sum())
    scores = np.column_stack([part.scores[union] for part in parts])
    size = scores.shape[1]
    bread = np.zeros((size, size))
    at = 0
    for part in parts:
        k = len(part.b)
        bread[at : at + k, at : at + k] = part.bread
        at += k
    if cluster:
        V = sandwich(bread, meat(scores, ids, groups), groups / (groups - 1.0))
    else:
        V = sandwich(bread, meat(scores), n / (n - 1.0))
    labels = [name for part in parts for name in part.names]
    designs = {equation: design for part in parts for equation, design in part.designs.items()}
    table = CoefficientTable(
        labels, np.concatenate([part.b for part in parts]), V, "", None, level, "Robust", data=session.data,
        equation_headings=True,
    )  # fmt: skip

    def show() -> None:
        log = session.log
        log.line()
        title = f"Simultaneous results for {', '.join(names)}"
        right = f"Number of obs = {count(float(n))}"
        log.line(f"{title}{right:>{max(78 - len(title), len(right) + 1)}}")
        log.line()
        if cluster:
            log.line(f"{cluster_note(groups, cluster):>78}")
        print_coefficients(log, table)

    estimation = Estimation(designs, table, show, ("", ""), {})
    scalars = {"N": float(n), "rank": float(np.linalg.matrix_rank(V))}
    if cluster:
        scalars["N_clust"] = float(groups)
    macros = {
        "cmd": "suest", "names": " ".join(names), "vce": "cluster" if cluster else "robust", "vcetype": "Robust",
        "clustvar": cluster, "predict": "suest_p",
        **{f"eqnames{i}": " ".join(dict.fromkeys(each.rpartition(":")[0] for each in part.names))
           for i, part in enumerate(parts, 1)},
    }  # fmt: skip
    store(session, line, estimation, sample=union, scalars=scalars, macros=macros)
    show()


def _stored_names(session: Session, typed: str) -> list[str]:
    from fnmatch import fnmatchcase

    names: list[str] = []
    for word in typed.split():
        hits = [word] if word == "." else [name for name in stored_estimates(session) if fnmatchcase(name, word)]
        if not hits:
            raise StataError(111, f"estimation result {word} not found")
        names += [name for name in hits if name not in names]
    return names


def _cluster(session: Session, line: Line) -> str:
    typed = line.text_option("vce")
    cluster = line.text_option("cluster") or ""
    if typed is None:
        return cluster
    words = typed.split()
    if len(words) == 1 and "robust".startswith(words[0]):
        return ""
    if len(words) == 2 and len(words[0]) >= 2 and "cluster".startswith(words[0]):
        return session.variable_named(words[1])
    raise StataError(198, f"vcetype {typed} not allowed")


def _part(session: Session, name: str, results: ResultSet) -> _Part:
    command_name = results.macros.get("cmd", "")
    estimation = results.hidden.get("estimation")
    if command_name not in {"regress", "logit", "logistic", "probit", "cloglog", "poisson", "nbreg"} or not isinstance(
        estimation, Estimation
    ):
        raise unsupported(f"suest after {command_name or 'these results'} is")
    if results.macros.get("vce", "") not in {"", "ols", "oim"}:
        raise StataError(322, f"{name} was estimated with a nonstandard vce ({results.macros['vce']})")
    if estimation.weights[0]:
        raise unsupported("suest after weighted estimation is")
    sample = results.sample
    if sample is None or len(sample) != session.data.n_obs:
        raise StataError(322, f"estimation sample of {name} lost; suest needs the data of the models in memory")
    source = SessionSource(session)
    design = next(iter(estimation.designs.values()))
    depvar = results.macros["depvar"]
    y = session.evaluate_numbers(depvar)[sample]
    X = with_constant(design.matrix(source, sample), design.constant)
    b = results.matrices["b"].values[0]
    V = results.matrices["V"].values
    own = "" if name == "." else f"{name}_"
    k = len(design.names)
    eta = X @ b[:k][design.active] + _offset(session, estimation, sample)
    if command_name == "regress":
        return _linear_part(own, results, design, X, y - eta, sample)
    indices = eta[:, None]
    if command_name == "nbreg":
        if results.macros.get("dispers") == "constant":
            raise unsupported("suest after nbreg with constant dispersion is")
        indices = np.column_stack([eta, np.full(len(eta), b[-1])])
    _, S, _ = _likelihood(command_name, y).derivatives(indices)
    scores = np.zeros((len(sample), len(b)))
    block = np.zeros((len(y), len(b)))
    block[:, np.flatnonzero(design.active)] = X * S[:, [0]]
    labels = [f"{own}{depvar}:{each}" for each in design.names]
    if command_name == "nbreg":
        block[:, -1] = S[:, 1]
        labels.append(f"{own}lnalpha:_cons")
    scores[sample] = block
    return _Part(labels, b.copy(), V.copy(), scores, sample, {f"{own}{depvar}": design})


def _likelihood(command_name: str, y: FloatArray) -> Model:
    binary = (y != 0.0).astype(np.float64)
    if command_name in {"logit", "logistic"}:
        return Logit(binary)
    if command_name == "probit":
        return Probit(binary)
    if command_name == "cloglog":
        return Cloglog(binary)
    return Poisson(y) if command_name == "poisson" else NegativeBinomial(y)


def _linear_part(
    own: str, results: ResultSet, design: Design, X: FloatArray, e: FloatArray, sample: BoolArray
) -> _Part:
    """regress as a likelihood in the mean and the log variance, the latter at the mean squared error."""
    s2 = results.scalars["rmse"] ** 2
    if not s2 > 0.0:
        raise StataError(322, "suest needs a positive residual variance")
    k, n = len(design.names), len(e)
    bread = np.zeros((k + 1, k + 1))
    bread[:k, :k] = results.matrices["V"].values
    bread[k, k] = 2.0 / n
    block = np.zeros((n, k + 1))
    block[:, np.flatnonzero(design.active)] = X * (e / s2)[:, None]
    block[:, k] = 0.5 * (e * e / s2 - 1.0)
    scores = np.zeros((len(sample), k + 1))
    scores[sample] = block
    labels = [f"{own}mean:{name}" for name in design.names] + [f"{own}lnvar:_cons"]
    b = np.append(results.matrices["b"].values[0], math.log(s2))
    return _Part(labels, b, bread, scores, sample, {f"{own}mean": design})


def _offset(session: Session, estimation: Estimation, sample: BoolArray) -> FloatArray | float:
    text = estimation.predictions.get("offset")
    if not isinstance(text, str) or not text:
        return 0.0
    values = session.evaluate_numbers(text)[sample]
    if np.any(is_missing(values)):
        raise StataError(322, "offset has missing values in the estimation sample")
    return values
