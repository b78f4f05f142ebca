"""Where the numbers of pwcompare.toml and contrast.toml come from: least squares on indicator columns by numpy,
studentized range, F and t from scipy. Every quantity is a weight vector times the cell coefficients."""

import itertools

import numpy as np
from scipy import stats

n = np.arange(1, 41)
a = n * 7 % 3 + 1
g = (n * 11 % 5 > 2).astype(int)
y = 2.0 * a + 3.0 * g * (a == 2) + (n * 29 % 17) / 4.0


def fit(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    b = np.linalg.solve(X.T @ X, X.T @ y)
    df = len(y) - X.shape[1]
    return b, np.linalg.inv(X.T @ X) * ((y - X @ b) @ (y - X @ b)) / df, df


def wald(L: np.ndarray, b: np.ndarray, V: np.ndarray, df: int) -> tuple[float, float]:
    F = float((L @ b) @ np.linalg.solve(L @ V @ L.T, L @ b)) / len(L)
    return F, float(stats.f.sf(F, len(L), df))


# One factor: y on the means of a.
b, V, df = fit(np.column_stack([a == k for k in (1, 2, 3)]).astype(float))
print("df", df)
for i, j in itertools.combinations(range(3), 2):
    d, se = b[j] - b[i], np.sqrt(V[i, i] + V[j, j] - 2 * V[i, j])
    t = d / se
    raw = 2 * stats.t.sf(abs(t), df)
    q = stats.studentized_range
    print(
        f"{j + 1}vs{i + 1}",
        "d",
        d,
        "se",
        se,
        "p",
        raw,
        "tukey p",
        q.sf(abs(t) * 2**0.5, 3, df),
        "ul",
        d + q.ppf(0.95, 3, df) / 2**0.5 * se,
        "bonf p",
        min(1, 3 * raw),
        "ul",
        d + stats.t.ppf(1 - 0.025 / 3, df) * se,
        "sidak p",
        1 - (1 - raw) ** 3,
        "scheffe p",
        stats.f.sf(t * t / 2, 2, df),
        "df 30 p",
        2 * stats.t.sf(abs(t), 30),
    )
L = np.array([[-1.0, 1, 0], [-1, 0, 1]])
print("a", wald(L, b, V, df), "g-mean", (np.eye(3) - 1 / 3) @ b, "ar", np.diff(b))
for row in L:
    print("  r", wald(row[None], b, V, df))

# Two factors with interaction, unbalanced: the cell means (a slow, g fast), averaged with equal weights.
b, V, df = fit(np.column_stack([(a == k) & (g == h) for k in (1, 2, 3) for h in (0, 1)]).astype(float))
D3, D2 = L, np.array([[-1.0, 1.0]])
one3, one2 = np.full((1, 3), 1 / 3), np.full((1, 2), 0.5)
print(
    "df",
    df,
    "a",
    wald(np.kron(D3, one2), b, V, df),
    "g",
    wald(np.kron(one3, D2), b, V, df),
    "a#g",
    wald(np.kron(D3, D2), b, V, df),
    "r.a",
    np.kron(D3, one2) @ b,
)
row = np.kron(np.array([[0.0, -1, 1]]), one2)
print("a 3vs2", row @ b, np.sqrt(row @ V @ row.T), "cell 3,1 vs 1,0", b[5] - b[0], np.sqrt(V[5, 5] + V[0, 0]))
