"""The embedded engine against direct numpy, polars and LAPACK code, and its start against bare Python.

Both sides of a row run by turns in this process (start-ups: as processes) and are compared by their medians.
pandas and pyfixest are no dependencies of the project: grouping and joining are compared with polars; two-way
fixed effects with pyfixest where it is installed, and always with a bare within solution by alternating projections
written in numpy, which is given coded levels and looks for no singletons and no redundant effects.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl
from numpy.typing import NDArray

from bench.measure import ROOT, Result
from ssd.engine.cli import new_session
from ssd.engine.session import Session

ROWS = 1_000_000
GROUPS = 1_000
Floats = NDArray[np.float64]


def run() -> list[Result]:
    with tempfile.TemporaryDirectory() as folder:
        return [*_starts(Path(folder)), *_columns(Path(folder)), *_regressions(Path(folder))]


def _by_turns(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of both sides; one round of each beforehand is not counted."""
    ours()
    theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for action, taken in zip((ours, theirs), times, strict=True):
            started = time.perf_counter()
            action()
            taken.append(time.perf_counter() - started)
    return median(times[0]), median(times[1])


def _ratio(what: str, times: tuple[float, float], against: str, limit: float | None) -> Result:
    """A row of medians in seconds, ours and theirs; `limit` None for a comparison without a target."""
    ratio = times[0] / times[1]
    return Result(
        what=what,
        ours=f"{times[0] * 1000:.1f} ms",
        against=f"{times[1] * 1000:.1f} ms ({against})",
        comparison=f"{ratio:.2f}×",
        target="—" if limit is None else f"≤ {limit}×",
        met=limit is None or ratio <= limit,
    )


# --- starting ---
def _process(arguments: list[str], folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def _starts(folder: Path) -> list[Result]:
    (folder / "empty.do").write_text("")
    rows = "\n".join(f"{i} {i * 7 % 11}" for i in range(50))
    (folder / "one.do").write_text(f"input y x\n{rows}\nend\nregress y x\n")
    (folder / "needed.py").write_text("import numpy\nimport scipy.special\n")
    engine = ["-m", "ssd.engine", "-b", "do"]
    start, bare = _by_turns(
        lambda: _process([*engine, "empty.do"], folder), lambda: _process(["-c", "import numpy"], folder), 7
    )
    one = _by_turns(lambda: _process([*engine, "one.do"], folder), lambda: _process(["needed.py"], folder), 7)
    return [
        Result(
            what="the interpreter starts and ends (empty do-file)",
            ours=f"{start * 1000:.0f} ms",
            against=f"{bare * 1000:.0f} ms (python with numpy)",
            comparison=f"{start * 1000:.0f} ms",
            target="≤ 250 ms",
            met=start <= 0.25,
        ),
        _ratio("do-file with one regress, as a process", one, "python with numpy and scipy.special", 1.5),
    ]


# --- columns ---
def _session(folder: Path, columns: dict[str, Floats], kind: str = "double") -> Session:
    session = new_session(folder, io.StringIO())
    for name, values in columns.items():
        session.data.add(name, values, kind)
    return session


def _columns(folder: Path) -> list[Result]:
    rng = np.random.default_rng(1)
    x, z = rng.normal(size=ROWS), rng.normal(size=ROWS)
    g = rng.integers(0, GROUPS, ROWS).astype(np.float64)
    shuffled = rng.permutation(ROWS).astype(np.float64)
    session = _session(folder, {"x": x, "z": z, "g": g, "id": shuffled})
    frame = pl.DataFrame({"x": x, "z": z, "g": g, "id": shuffled})

    def engine(*lines: str) -> Callable[[], None]:
        def action() -> None:
            for line in lines:
                session.run(line, quiet=True)

        return action

    def fresh(line: str) -> Callable[[], None]:
        """On a new session around the same columns (none of these commands writes into them), so that sorting
        starts from the unsorted rows."""

        def action() -> None:
            own = new_session(folder, io.StringIO())
            own.data = replace(
                session.data,
                variables={name: replace(column) for name, column in session.data.variables.items()},
                sorted_by=[],
            )
            own.run(line, quiet=True)

        return action

    def numpy_generate() -> Floats:
        return x * 2.0 + z**2

    def numpy_replace() -> Floats:
        return np.where(x > 1.0, z, x)

    def numpy_summarize() -> list[float]:
        return [x.mean(), x.std(ddof=1), x.min(), x.max()]

    def polars_collapse() -> pl.DataFrame:
        return frame.group_by("g").agg(pl.col("x").mean(), pl.col("z").sum()).sort("g")

    def polars_sort() -> pl.DataFrame:
        return frame.clone().sort("id")

    other = _session(folder, {"g": np.arange(GROUPS, dtype=np.float64), "w": rng.normal(size=GROUPS)})
    other.run("save other, replace", quiet=True)
    right = pl.DataFrame({"g": np.arange(GROUPS, dtype=np.float64), "w": rng.normal(size=GROUPS)})

    def polars_merge() -> pl.DataFrame:
        # merge leaves the data sorted by the key.
        return frame.join(right, on="g", how="full", coalesce=True).sort("g", maintain_order=True)

    session.run("generate double y = x", quiet=True)
    polars = "polars, 2 threads"
    rows = [
        ("generate double y = x*2 + z^2, 1e6 rows", engine("drop y", "generate double y = x*2 + z^2"), numpy_generate,
         "numpy"),
        ("replace y = z if x > 1", engine("replace y = z if x > 1"), numpy_replace, "numpy"),
        ("summarize x", engine("summarize x"), numpy_summarize, "numpy"),
        ("collapse (mean) x (sum) z, by(g)", fresh("collapse (mean) x (sum) z, by(g)"), polars_collapse, polars),
        ("sort id, 5 columns", fresh("sort id"), polars_sort, polars),
        ("merge m:1 g using 1,000 rows", fresh("merge m:1 g using other"), polars_merge, polars),
    ]  # fmt: skip
    return [_ratio(what, _by_turns(ours, theirs, 7), against, 2.0) for what, ours, theirs, against in rows]


# --- regressions ---
def _regressions(folder: Path) -> list[Result]:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(ROWS, 10))
    y = X @ np.arange(1.0, 11.0) + rng.normal(size=ROWS)
    names = [f"x{j}" for j in range(10)]
    session = _session(folder, {"y": y, **{name: X[:, j] for j, name in enumerate(names)}})

    def lapack() -> tuple[Floats, Floats]:
        import scipy.linalg

        full = np.column_stack([X, np.ones(ROWS)])
        cross = full.T @ full
        factor = scipy.linalg.cho_factor(cross)
        b = scipy.linalg.cho_solve(factor, full.T @ y)
        residual = y - full @ b
        variance = residual @ residual / (ROWS - 11) * scipy.linalg.cho_solve(factor, np.eye(11))
        return b, np.sqrt(np.diag(variance))

    solved = _by_turns(lambda: session.run(f"regress y {' '.join(names)}", quiet=True), lapack, 5)
    rows = [_ratio("regress with 10 regressors, 1e6 rows", solved, "numpy and LAPACK", 1.5)]
    n = ROWS // 5
    first, second = rng.integers(0, 2000, n), rng.integers(0, 50, n)
    fe_x = rng.normal(size=(n, 2)) + first[:, None] / 2000
    fe_y = fe_x @ np.array([1.0, -1.0]) + first / 500 + second / 10 + rng.normal(size=n)
    panel = _session(
        folder,
        {"y": fe_y, "a": fe_x[:, 0], "b": fe_x[:, 1], "i": first.astype(np.float64), "t": second.astype(np.float64)},
    )
    what = "two-way fixed effects, 2e5 rows, 2,000 × 50 levels"

    def engine() -> None:
        panel.run("reghdfe y a b, absorb(i t)", quiet=True)

    bare = _by_turns(engine, lambda: _within(fe_y, fe_x, first, second), 5)
    rows.append(_ratio(what, bare, "bare alternating projections, numpy", None))
    if importlib.util.find_spec("pyfixest") is not None:
        peer = _by_turns(engine, _pyfixest(fe_y, fe_x, first, second), 5)
        rows.append(_ratio(what, peer, f"pyfixest {importlib.metadata.version('pyfixest')}", 1.3))
    return rows


def _pyfixest(y: Floats, X: Floats, first: NDArray[np.int64], second: NDArray[np.int64]) -> Callable[[], object]:
    """The same regression by pyfixest; pandas and pyfixest are imported only here."""
    pandas, pyfixest = importlib.import_module("pandas"), importlib.import_module("pyfixest")
    frame = pandas.DataFrame({"y": y, "a": X[:, 0], "b": X[:, 1], "i": first, "t": second})
    return lambda: pyfixest.feols("y ~ a + b | i + t", frame, vcov="iid")


def _within(y: Floats, X: Floats, first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Slopes and standard errors after sweeping out both effects (Guimarães and Portugal 2010)."""
    Z = np.column_stack([y, X])
    counts = [np.bincount(first), np.bincount(second)]
    for _ in range(1000):
        before = Z.copy()
        for ids, count in zip((first, second), counts, strict=True):
            for j in range(Z.shape[1]):
                Z[:, j] -= (np.bincount(ids, Z[:, j]) / count)[ids]
        if float(np.abs(Z - before).max()) < 1e-8:
            break
    W, v = Z[:, 1:], Z[:, 0]
    inverse = np.linalg.inv(W.T @ W)
    b = inverse @ W.T @ v
    residual = v - W @ b
    df = len(v) - W.shape[1] - len(counts[0]) - len(counts[1]) + 1
    return b, np.sqrt(np.diag(inverse) * (residual @ residual) / df)
