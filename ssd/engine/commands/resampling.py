"""bootstrap and jackknife."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, store_table
from ssd.engine.commands.repeated_runs import (
    Collected,
    Dots,
    Prefix,
    balanced,
    detached,
    first_run,
    flags_of,
    repeat_command,
    save_results,
    set_seed,
    split_prefix,
)
from ssd.engine.commands.resampling_report import fit_entries, test_model, warn_without_sample
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.lang.quoting import split_comma
from ssd.engine.missing import BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_coefficients, print_header
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PERCENT = {"bootstrap": "Bootstrap", "jackknife": "Jackknife"}

_RESAMPLE = (
    "Reps(integer 50) SEED(integer -1) STRata(varlist) CLuster(varlist) IDcluster(name) SIze(integer 0) SAving(string) "
    "noDOTS DOTS(integer 1) Level(cilevel) MSE NOHEader NOTABle NOLEgend NOISily TItle(string) FORCE NOWARN NORMal "
    "BCA EVERY(integer 0) TRACE VERBOSE"
)


@command(
    "bootstrap",
    "*",
    minimum=9,
    stored="e(N) e(N_reps) e(N_misreps) e(N_clust) e(N_strata) e(level) e(k_eq) e(cmd) e(prefix) e(command) e(exp#) "
    "e(vcetype) e(vce) e(b) e(b_bs) e(reps) e(bias) e(se) e(ci_normal) e(ci_percentile) e(V) r(table)",
    refused="bca, ties, jackknifeopts(), every(), trace, verbose, reject(), vce(bootstrap) of xt commands",
)
def bootstrap(session: Session, line: Line) -> None:
    """Bootstrap standard errors of any command's results."""
    prefix = split_prefix(session, line, _RESAMPLE)
    for name in ("bca", "trace", "verbose"):
        if prefix.options.get(name) is True:
            raise unsupported(f"option {name} of bootstrap is")
    reps = prefix.options["reps"]
    if not isinstance(reps, int) or reps < 2:
        raise StataError(198, "reps() must be an integer greater than 1")
    set_seed(session, prefix)
    original = session.data
    reading, observed, first = first_run(session, prefix, "bs")
    session.data = original
    marked_sample = first.sample if first.sample is not None and first.sample.any() else None
    base = _restricted(session, prefix, marked_sample)
    if base.size == 0:
        raise no_observations()
    strata = _groups(original, prefix.options.get("strata"), base)
    clusters = _groups(original, prefix.options.get("cluster"), base)
    picked = _Sampler(session, original, base, strata, clusters, prefix)
    shown = prefix.options.get("nodots") is not True
    if shown:
        session.log.line(f"(running {prefix.command.split()[0]} on estimation sample)")
    if marked_sample is None and not any(prefix.options.get(word) is True for word in ("force", "nowarn")):
        warn_without_sample(session, "bootstrap", prefix.command.split()[0])
    dots = Dots(session, "Bootstrap replications", reps, shown=shown)
    try:
        rows = repeat_command(session, prefix, reading, picked.draw, reps, dots)
    finally:
        session.data = original
    dots.close()
    good = ~np.any(is_missing(rows), axis=1)
    kept = rows[good]
    if len(kept) < 2:
        text = "insufficient observations to compute bootstrap standard errors\nno results will be saved"
        raise StataError(2000, text)
    centre = observed if prefix.options.get("mse") is True else kept.mean(axis=0)
    divisor = len(kept) if prefix.options.get("mse") is True else len(kept) - 1
    V = (kept - centre).T @ (kept - centre) / divisor
    session.e = first
    n_clusters = None if clusters is None else clusters[1]
    save_results(session, prefix, reading, rows)
    _post(session, line, prefix, "bootstrap", reading, observed, V, kept, len(rows) - len(kept), base, n_clusters, None)


def _restricted(session: Session, prefix: Prefix, marked_sample: BoolArray | None) -> IndexArray:
    """Observations to resample: the estimation sample, or those of the command's `if` and `in`.

    These qualifiers are then taken off the command, since they hold for every resampled observation
    (and could mean something else there, `_n` for one).
    """
    main, options = split_comma(prefix.command)
    found: dict[str, str] = {}
    pattern = re.compile(r"\s(if|in)\s")
    for position in sorted((m.start() for m in pattern.finditer(main)), reverse=True):
        if not balanced(main[:position]) or main[:position].count('"') % 2:
            continue
        word = main[position + 1 : position + 3]
        rest = main[position + 3 :]
        weight = rest.find("[") if word == "in" else -1
        found[word] = rest[:weight].strip() if weight >= 0 else rest.strip()
        main = main[:position] + (" " + rest[weight:] if weight >= 0 else "")
    keep = np.ones(session.data.n_obs, dtype=np.bool_)
    if "if" in found and "[" in found["if"] and re.search(r"\[\s*(fw|aw|pw|iw|w)", found["if"]):
        raise unsupported("weights together with an if qualifier in a resampled command are")
    if "if" in found:
        keep &= session.evaluate_condition(found["if"])
    if "in" in found:
        first, _, last = found["in"].partition("/")
        low, high = (_position(text or first, len(keep)) for text in (first, last))
        keep &= flags_of(len(keep), np.arange(low - 1, high))
    prefix.command = main.strip() + ("" if options is None else "," + options)
    return np.flatnonzero(keep if marked_sample is None else marked_sample)


def _position(text: str, n: int) -> int:
    word = text.strip()
    if word in {"f", "F"}:
        return 1
    if word in {"l", "L"}:
        return n
    value = int(word)
    return value if value > 0 else n + 1 + value


class _Sampler:
    def __init__(
        self, session: Session, data: Dataset, base: IndexArray, strata: tuple[IndexArray, int] | None,
        clusters: tuple[IndexArray, int] | None, prefix: Prefix,
    ) -> None:  # fmt: skip
        self.session, self.data, self.base = session, data, base
        self.units, self.n_units = clusters if clusters is not None else (np.arange(base.size), base.size)
        stratum = np.zeros(self.n_units, dtype=np.intp)
        if strata is not None:
            stratum[self.units] = strata[0]
        self.members = [np.flatnonzero(stratum == s) for s in range(int(stratum.max()) + 1)]
        order = np.argsort(self.units, kind="stable")
        sizes = np.bincount(self.units, minlength=self.n_units)
        starts = np.cumsum(sizes) - sizes
        self.rows_of = [base[order[a : a + s]] for a, s in zip(starts, sizes, strict=True)]
        size = prefix.options.get("size")
        self.size = size if isinstance(size, int) and size > 0 else 0
        identifier = prefix.options.get("idcluster")
        self.identifier = identifier if isinstance(identifier, str) else ""

    def draw(self, _: int) -> Dataset:
        chosen = []
        for members in self.members:
            wanted = self.size or members.size
            chosen.append(members[np.floor(self.session.rng.uniform(wanted) * members.size).astype(np.intp)])
        units = np.concatenate(chosen)
        rows = np.concatenate([self.rows_of[unit] for unit in units])
        data = detached(self.data)
        data.take(rows)
        if self.identifier:
            number = np.repeat(np.arange(1.0, len(units) + 1.0), [len(self.rows_of[unit]) for unit in units])
            if self.identifier in data.variables:
                data.drop([self.identifier])
            data.add(self.identifier, number, "long")
        return data


def _groups(data: Dataset, names: object, base: IndexArray) -> tuple[IndexArray, int] | None:
    if not isinstance(names, list) or not names:
        return None
    return group_numbers([key[base] for key in data.keys(names)])


def _post(
    session: Session, line: Line, prefix: Prefix, name: str, reading: Collected, observed: FloatArray, V: FloatArray,
    rows: FloatArray, failures: int, base: IndexArray, n_clusters: int | None, df: float | None,
) -> None:  # fmt: skip
    from ssd.engine.commands.estimation import command_line, level_of

    e = session.e
    estimation = e.hidden.get("estimation")
    own = reading.whole == "_b" and isinstance(estimation, Estimation)
    level = level_of(session, Line("bootstrap", "", options={"level": prefix.options.get("level") or None}))  # type: ignore[dict-item]
    depvar = e.macros.get("depvar", "") if own else ""
    table = CoefficientTable(
        list(reading.labels), observed, V, depvar, df, level, _PERCENT[name], data=session.data,
    )  # fmt: skip
    last = "Normal-based" if name == "bootstrap" else ""
    if own and isinstance(estimation, Estimation):
        table.eform, table.coefficient_heading = estimation.table.eform, estimation.table.coefficient_heading
        table.style, table.base_levels = estimation.table.style, estimation.table.base_levels
    table.upper_heading = f"{'Observed' if name == 'bootstrap' else '':>11}{_PERCENT[name]:>12}{last:>37}".rstrip()
    results = e if own else ResultSet(sample=e.sample)
    total = float(len(rows) + failures)
    test = test_model(results, list(reading.labels), observed, V, df) if own else []

    def show() -> None:
        log = session.log
        log.line()
        title = e.macros.get("title", "") if own else ""
        label = "Replications"
        entries = [Entry("Number of obs", count(float(base.size))), Entry(label, count(total)), *test]
        typed = prefix.options.get("title")
        heading = typed if isinstance(typed, str) and typed else title or f"{_PERCENT[name]} results"
        likelihood, fitted = fit_entries(results) if own else ("", [])
        entries += fitted
        left = [heading, *[""] * (len(entries) - 2), likelihood] if likelihood else [heading]
        print_header(log, left, entries, value_width=1)
        log.line()
        if not own and prefix.options.get("nolegend") is not True:
            log.line(f"      Command: {prefix.command}")
            for variable, text in zip(reading.labels, reading.texts, strict=False):
                log.line(f"{variable:>13}: {text}")
            log.line()
        if n_clusters is not None:
            clustered = " ".join(prefix.options["cluster"])  # type: ignore[arg-type]
            log.line(f"{f'(Replications based on {n_clusters:,} clusters in {clustered})':>78}")
        print_coefficients(log, table)
        if failures:
            log.line(f"Note: One or more parameters could not be estimated in {failures} {name} replicates;")
            log.line("      standard-error estimates include only complete replications.")

    results.scalars.update(N=float(base.size), N_reps=float(len(rows)), N_misreps=float(failures), level=level)
    if n_clusters is not None:
        results.scalars["N_clust"] = float(n_clusters)
    if df is not None:
        results.scalars["df_r"] = df
    elif own:
        results.scalars.pop("df_r", None)
    results.macros.update({
        "vce": name, "vcetype": _PERCENT[name], "prefix": name, "command": prefix.command,
        "cmdline": command_line(line),
    })  # fmt: skip
    results.macros.setdefault("cmd", name)
    results.macros.setdefault("properties", "b V")
    labels = list(reading.labels)
    results.matrices["b"] = Matrix(observed.reshape(1, -1), ["y1"], labels)
    results.matrices["V"] = Matrix(V, list(labels), list(labels))
    results.matrices["se"] = Matrix(np.sqrt(np.diag(V)).reshape(1, -1), ["se"], list(labels))
    if name == "bootstrap":
        results.matrices["b_bs"] = Matrix(rows.mean(axis=0).reshape(1, -1), ["y1"], list(labels))
        results.matrices["bias"] = Matrix((rows.mean(axis=0) - observed).reshape(1, -1), ["bias"], list(labels))
        results.matrices["reps"] = Matrix(np.full((1, len(labels)), float(len(rows))), ["reps"], list(labels))
        bounds = np.percentile(rows, [50.0 - level / 2.0, 50.0 + level / 2.0], axis=0, method="averaged_inverted_cdf")
        results.matrices["ci_percentile"] = Matrix(bounds, ["ll", "ul"], list(labels))
        results.hidden["replicates"] = rows
    for position, text in enumerate(reading.texts, 1):
        results.macros[f"exp{position}"] = text
    if own and isinstance(estimation, Estimation):
        estimation.table, estimation.show = table, show
    else:
        results.hidden["estimation"] = Estimation({}, table, show)
    session.e = results
    store_table(session, table)
    show()


@command(
    "jackknife",
    "*",
    minimum=6,
    stored="e(N) e(N_reps) e(N_misreps) e(N_clust) e(df_r) e(cmd) e(prefix) e(command) e(vcetype) e(b) e(b_jk) e(V) "
    "r(table)",
    refused="keep, svy, nfunction(), reject()",
)
def jackknife(session: Session, line: Line) -> None:
    """Jackknife standard errors of any command's results."""
    grammar = (
        "CLuster(varlist) IDcluster(name) SAving(string) noDOTS DOTS(integer 1) Level(cilevel) MSE NOLEgend RCLASS "
        "ECLASS N(string) NOISily TItle(string) FORCE NOWARN"
    )
    prefix = split_prefix(session, line, grammar)
    original = session.data
    reading, observed, first = first_run(session, prefix, "jk")
    session.data = original
    sampled = first.sample if first.sample is not None and first.sample.any() else None
    base = _restricted(session, prefix, sampled)
    groups = _groups(original, prefix.options.get("cluster"), base)
    units, total = groups if groups is not None else (np.arange(base.size), base.size)
    if total < 2:
        raise StataError(2001, "insufficient observations")

    def without(index: int) -> Dataset:
        data = detached(original)
        data.take(base[units != index])
        return data

    shown = prefix.options.get("nodots") is not True
    if shown:
        session.log.line(f"(running {prefix.command.split()[0]} on estimation sample)")
    if sampled is None and not any(prefix.options.get(word) is True for word in ("force", "nowarn")):
        warn_without_sample(session, "jackknife", prefix.command.split()[0])
    dots = Dots(session, "Jackknife replications", total, shown=shown)
    try:
        rows = repeat_command(session, prefix, reading, without, total, dots)
    finally:
        session.data = original
    dots.close()
    kept = rows[~np.any(is_missing(rows), axis=1)]
    n = len(kept)
    if n < 2:
        raise StataError(2001, "insufficient observations")
    centre = observed if prefix.options.get("mse") is True else kept.mean(axis=0)
    V = (n - 1.0) / n * ((kept - centre).T @ (kept - centre))
    session.e = first
    save_results(session, prefix, reading, rows)
    _post(session, line, prefix, "jackknife", reading, observed, V, kept, total - n, base,
          total if groups is not None else None, n - 1.0)  # fmt: skip
    session.e.matrices["b_jk"] = Matrix(kept.mean(axis=0).reshape(1, -1), ["y1"], list(reading.labels))


def run_prefixed(session: Session, line: Line, prefix: str, options: str) -> None:
    """An estimation line typed with vce(bootstrap, …) or vce(jackknife, …), run under the prefix."""
    from ssd.engine.commands.estimation import command_line
    from ssd.engine.lang.quoting import closing

    start = re.search(r"\bvce\s*\(", line.text)
    if start is None:
        raise invalid_syntax()
    end = closing(line.text, start.end() - 1)
    rest = (line.text[: start.start()] + line.text[end + 1 :]).rstrip(" ,")
    session.run(f"{prefix}, {options}: {line.command} {rest}")
    session.e.macros["cmdline"] = command_line(line)
