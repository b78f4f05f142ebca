"""Cronbach's alpha with pairwise covariances, and Fleiss's kappa, computed with pandas and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from statsmodels.stats.inter_rater import fleiss_kappa

X = pd.DataFrame(
    {
        "a": [1, 2, 3, 4, 5, 3, 2, 4],
        "b": [2, 2, 3, 5, 4, np.nan, 1, 4],
        "c": [1, 3, 3, 4, 5, 4, np.nan, 5],
        "d": [2, 1, 4, 4, 5, 3, 2, np.nan],
    }
)


def alpha(items: pd.DataFrame) -> tuple[float, float]:
    """Average covariance weighted by the pairs' observations, and alpha."""
    known = items.notna().to_numpy(dtype=float)
    n = known.T @ known
    c = items.cov().to_numpy()
    k = items.shape[1]
    pairs = np.triu_indices(k, 1)
    average = np.average(c[pairs], weights=n[pairs])
    variance = np.average(np.diag(c), weights=np.diag(n))
    return average, k * average / (variance + (k - 1) * average)


print("pairwise", alpha(X), "complete", alpha(X.dropna()))
score = X.mean(axis=1)
print("item-test a", X["a"].corr(score), "item-rest a", X["a"].corr(X.drop(columns="a").mean(axis=1)))
counts = np.array([[0, 3, 1], [2, 2, 0], [4, 0, 0], [0, 1, 3], [1, 1, 2], [0, 4, 0]])
print("fleiss", fleiss_kappa(counts))
p = counts.sum(axis=0) / counts.sum()
m, n = 4, len(counts)
kj = 1 - (counts * (m - counts)).sum(axis=0) / (n * m * (m - 1) * p * (1 - p))
print("by category", kj, "z", kj / np.sqrt(2 / (n * m * (m - 1))))
pq = p * (1 - p)
se = np.sqrt(2) / (pq.sum() * np.sqrt(n * m * (m - 1))) * np.sqrt(pq.sum() ** 2 - (pq * (1 - 2 * p)).sum())
print("combined z", (pq * kj).sum() / pq.sum() / se)
