"""Cluster analysis: linkages and k-means ([MV] cluster)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ssd.engine.missing import MISSING, FloatArray

Labels = NDArray[np.intp]


def kmeans(X: FloatArray, centres: FloatArray, iterations: int = 10_000) -> Labels:
    """Group of each row, 0-based: rows move to the nearest mean until none does. Ties go to the lower group."""
    labels = np.full(X.shape[0], -1, dtype=np.intp)
    for _ in range(iterations):
        distance = ((X[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        moved = distance.argmin(axis=1)
        if np.array_equal(moved, labels):
            break
        labels = moved
        for k in range(centres.shape[0]):
            members = labels == k
            if members.any():
                centres[k] = X[members].mean(axis=0)
    return labels


def calinski_harabasz(X: FloatArray, labels: NDArray[np.generic]) -> float:
    """Pseudo-F: between over within variation, each by its degrees of freedom."""
    groups = np.unique(labels)
    k, n = groups.size, X.shape[0]
    if k < 2 or n <= k:
        return math.nan
    within = sum(float(((X[labels == g] - X[labels == g].mean(axis=0)) ** 2).sum()) for g in groups)
    total = float(((X - X.mean(axis=0)) ** 2).sum())
    return (total - within) / (k - 1) / (within / (n - k)) if within > 0 else math.nan


def dissimilarities(X: FloatArray, measure: str) -> FloatArray:
    """Condensed pairwise measures: L2, L2squared, L1, Linfinity, Canberra, correlation (one minus)."""
    from scipy.spatial.distance import pdist

    metrics = {"L2": "euclidean", "L2squared": "sqeuclidean", "L1": "cityblock", "Linfinity": "chebyshev",
               "Canberra": "canberra", "correlation": "correlation"}  # fmt: skip
    return np.asarray(pdist(X, metrics[measure]))


def linkage_tree(X: FloatArray, method: str, measure: str) -> FloatArray:
    """Merges as (first, second, height, size) rows. Ward, centroid and median work on squared distances.

    The recursion of Lance and Williams runs on the measure itself, so for L2squared the heights are squared.
    """
    from scipy.cluster.hierarchy import linkage

    if method in ("ward", "centroid", "median"):
        tree = linkage(np.sqrt(dissimilarities(X, "L2squared")), method)
        tree[:, 2] = tree[:, 2] ** 2
        return np.asarray(tree)
    return np.asarray(linkage(dissimilarities(X, measure), method))


def leaf_order(tree: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Row at each leaf from left to right, and the height at which it joins its right neighbour (missing: the last)."""
    from scipy.cluster.hierarchy import leaves_list

    n = tree.shape[0] + 1
    leaves = leaves_list(tree)
    place = np.empty(n, dtype=np.intp)
    place[leaves] = np.arange(n)
    last = np.concatenate([place, np.zeros(n - 1, dtype=np.intp)])
    heights = np.full(n, MISSING)
    for step in range(n - 1):
        first, second = int(tree[step, 0]), int(tree[step, 1])
        heights[min(last[first], last[second])] = tree[step, 2]
        last[n + step] = max(last[first], last[second])
    return leaves.astype(np.float64), heights


def groups_of(tree: FloatArray, count: int) -> Labels:
    """Group of each row when the last count-1 merges are undone, numbered from 1 along the tree's leaves."""
    from scipy.cluster.hierarchy import leaves_list

    n = tree.shape[0] + 1
    parent = np.arange(2 * n - 1)
    for step in range(n - count):
        parent[int(tree[step, 0])] = parent[int(tree[step, 1])] = n + step
    roots = np.arange(n)
    while not np.array_equal(parent[roots], roots):
        roots = parent[roots]
    ordered = roots[leaves_list(tree)]
    seen = list(dict.fromkeys(ordered.tolist()))
    number = {root: k + 1 for k, root in enumerate(seen)}
    return np.array([number[root] for root in roots.tolist()], dtype=np.intp)
