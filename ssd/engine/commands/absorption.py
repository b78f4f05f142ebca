"""Fixed effects to absorb: how absorb() and vce(cluster) are typed, singletons, redundant coefficients, the table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimation import (
    Sample,
    Vce,
    finish_sample,
    key_values,
)
from ssd.engine.errors import StataError, insufficient_observations, unsupported
from ssd.engine.missing import BoolArray, FloatArray
from ssd.engine.stats.absorb import Absorber, connected_components, nested, singletons
from ssd.engine.stats.covariance import IndexArray, group_ids, meat

if TYPE_CHECKING:
    from ssd.engine.session import Session


@dataclass
class AbsorbedEffect:
    """One absorbed effect: how it is typed and the count of its coefficients."""

    label: str
    variables: list[str]
    categories: int = 0
    redundant: int = 0
    inexact: bool = False
    in_cluster: bool = False


def absorbed_effects(session: Session, typed: str) -> list[AbsorbedEffect]:
    """absorb(): `id year`, `i.id`, `id#year`. Raises r(198) for slopes and saved effects."""
    effects: list[AbsorbedEffect] = []
    body, _, options = typed.partition(",")
    if options.strip():
        raise unsupported(f"absorb(…, {options.strip()}) is")
    for word in body.split():
        if "=" in word:
            raise unsupported("saving fixed effects (absorb(name=…)) is")
        if "c." in word or "##" in word:
            raise unsupported(f"absorb({word}): heterogeneous slopes are")
        names = [name for part in word.split("#") for name in session.expand_varlist(re.sub(r"^i\.", "", part))]
        if "#" in word:
            effects.append(AbsorbedEffect("#".join(names), names))
        else:
            effects += [AbsorbedEffect(name, [name]) for name in names]
    return effects


@dataclass(frozen=True)
class Clustering:
    """Cluster variables (or interactions) and their group numbers on the sample."""

    names: list[str]
    ids: list[IndexArray]
    counts: list[int]


def parse_clusters(session: Session, line: Line) -> tuple[Vce, list[list[str]]]:
    """vce() of the user-written commands: unadjusted, robust, cluster with several variables."""
    typed = line.text_option("vce")
    clusters = line.text_option("cluster")
    if typed is None and clusters:
        typed = f"cluster {clusters}"
    if typed is None:
        weighted = line.weight is not None and line.weight.kind == "pweight"
        return Vce("robust" if line.flag("robust") or weighted else "unadjusted", typed=line.flag("robust")), []
    words = typed.replace(",", " , ").split()
    if "," in words:
        raise unsupported(f"vce({typed}) is")
    if not words:
        raise StataError(198, "option vce() incorrectly specified")
    kind = words[0]
    if (len(kind) >= 2 and "unadjusted".startswith(kind)) or kind in {"ols"}:
        return Vce("unadjusted"), []
    if "robust".startswith(kind):
        return Vce("robust"), []
    if len(kind) >= 2 and "cluster".startswith(kind) and len(words) > 1:
        groups = [[n for part in word.split("#") for n in session.expand_varlist(part.removeprefix("i."))]
                  for word in words[1:]]  # fmt: skip
        return Vce("cluster", " ".join("#".join(group) for group in groups)), groups
    raise StataError(198, f"vcetype {kind} not allowed")


def group_numbers_of(session: Session, names: list[str], rows: BoolArray) -> IndexArray:
    ids = group_ids(key_values(session, names[0])[rows])[0]
    for name in names[1:]:
        own, size = group_ids(key_values(session, name)[rows])
        ids = group_ids(ids * size + own)[0]
    return ids


def clustered_meat(scores: FloatArray, clustering: Clustering) -> FloatArray:
    """Sum over nonempty sets of cluster variables with alternating sign (Cameron, Gelbach and Miller 2011)."""
    total = np.zeros((scores.shape[1], scores.shape[1]))
    for size in range(1, len(clustering.ids) + 1):
        for chosen in combinations(range(len(clustering.ids)), size):
            ids = clustering.ids[chosen[0]]
            for index in chosen[1:]:
                ids = group_ids(ids * clustering.counts[index] + clustering.ids[index])[0]
            total += (-1.0) ** (size + 1) * meat(scores, ids, int(ids.max()) + 1)
    return total


def nonnegative(V: FloatArray) -> tuple[FloatArray, bool]:
    """V with negative eigenvalues set to zero, and whether there were any."""
    values, vectors = np.linalg.eigh((V + V.T) / 2.0)
    if values.min() >= -1e-14 * max(abs(values).max(), 1e-300):
        return V, False
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T, dtype=np.float64), True


@dataclass
class Prepared:
    """Sample and partialled-out columns."""

    sample: Sample
    effects: list[AbsorbedEffect]
    absorber: Absorber | None
    clustering: Clustering | None
    dropped: int

    def partial(self, X: FloatArray) -> FloatArray:
        if self.absorber is None:
            return X
        return np.column_stack([self.absorber.partial(column) for column in X.T]) if X.shape[1] else X

    @property
    def absorbed(self) -> int:
        """Coefficients taken by the effects, redundant ones not counted."""
        return sum(effect.categories - effect.redundant for effect in self.effects)

    @property
    def any_nested(self) -> bool:
        return any(effect.in_cluster for effect in self.effects)


def prepare(
    session: Session, line: Line, sample: Sample, effects: list[AbsorbedEffect], clusters: list[list[str]]
) -> Prepared:
    """Drop singletons, number groups and count redundant coefficients."""
    dropped = 0
    rows = sample.rows
    ids = [group_numbers_of(session, effect.variables, rows) for effect in effects]
    if effects and not line.flag("keepsingletons"):
        keep = singletons(ids)
        if sample.kind == "fweight":
            keep[:] = True
        dropped = int((~keep).sum())
        if dropped:
            rows = rows.copy()
            rows[np.flatnonzero(rows)[~keep]] = False
            if not rows.any():
                raise insufficient_observations()
            raw = None if sample.raw is None else sample.raw[keep]
            sample = finish_sample(session, rows, raw, sample.kind, None)
            ids = [group_ids(each[keep])[0] for each in ids]
    clustering = None
    if clusters:
        numbered = [group_numbers_of(session, names, rows) for names in clusters]
        clustering = Clustering(["#".join(names) for names in clusters], numbered, [int(i.max()) + 1 for i in numbered])
    absorber = None
    if effects:
        absorber = Absorber(ids, sample.w)
        _count_redundant(effects, ids, clustering)
    return Prepared(sample, effects, absorber, clustering, dropped)


def _count_redundant(effects: list[AbsorbedEffect], ids: list[IndexArray], clustering: Clustering | None) -> None:
    counted: list[int] = []
    for index, effect in enumerate(effects):
        effect.categories = int(ids[index].max()) + 1
        if clustering is not None and any(nested(ids[index], cluster) for cluster in clustering.ids):
            effect.in_cluster = True
            effect.redundant = effect.categories
            continue
        if counted:
            effect.redundant = max(connected_components(ids[index], ids[other]) for other in counted)
            effect.inexact = len(counted) > 1
        elif any(other.in_cluster for other in effects[:index]):
            # The constant is already spanned by the effect nested in a cluster.
            effect.redundant = 1
        counted.append(index)


def absorbed_table(session: Session, prepared: Prepared) -> None:
    log = session.log
    log.line()
    log.line("Absorbed degrees of freedom:")
    log.line("-" * 53 + "+")
    log.line(" Absorbed FE | Categories  - Redundant  = Num. Coefs |")
    log.line("-" * 13 + "+" + "-" * 39 + "|")
    for effect in prepared.effects:
        mark = "*" if effect.in_cluster else "?" if effect.inexact else " "
        label = effect.label if len(effect.label) <= 12 else effect.label[:10] + "~" + effect.label[-1]
        coefficients = effect.categories - effect.redundant
        log.line(f"{label:>12} |{effect.categories:>10}{effect.redundant:>12}{coefficients:>12}    {mark}|")
    log.line("-" * 53 + "+")
    if any(effect.inexact for effect in prepared.effects):
        log.line("? = number of redundant parameters may be higher")
    if prepared.any_nested:
        log.line("* = FE nested within cluster; treated as redundant for DoF computation")
