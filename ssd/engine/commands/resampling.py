"""bootstrap, jackknife, simulate, statsby, rolling: prefixes that run a command many times."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import Estimation, store_table
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import IndexArray, group_numbers
from ssd.engine.data.timeseries import require_time
from ssd.engine.errors import StataError, invalid_syntax, no_observations, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_colon, split_comma, split_terms
from ssd.engine.missing import MISSING, BoolArray, FloatArray, is_missing
from ssd.engine.output.estimation import CoefficientTable, Entry, count, print_coefficients, print_header
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_WIDTH = 78
_PERCENT = {"bootstrap": "Bootstrap", "jackknife": "Jackknife"}


@dataclass(frozen=True)
class Collected:
    """What to read after each run of the command, and under which names."""

    labels: list[str]
    """As shown and used for coefficient names."""
    variables: list[str]
    """Names of the variables a results data set gets."""
    texts: list[str]
    """Expressions; empty for whole coefficient vectors."""
    whole: str = ""
    """`_b` or `_se` when coefficient vectors are collected."""

    def read(self, session: Session) -> FloatArray:
        if self.whole:
            return _vector(session, self.whole, self.labels)
        return np.array([session.evaluate_number(text) for text in self.texts])


def _vector(session: Session, kind: str, names: Sequence[str]) -> FloatArray:
    """Coefficients or standard errors by name; missing for those the command did not estimate this time."""
    b = session.e.matrices.get("b")
    if b is None:
        raise StataError(301, "last estimates not found")
    values = b.values[0]
    if kind == "_se":
        values = np.sqrt(np.diag(session.e.matrices["V"].values))
    at = {_bare(name): index for index, name in enumerate(b.cols)}
    return np.array([values[at[_bare(name)]] if _bare(name) in at else MISSING for name in names])


def _bare(name: str) -> str:
    return re.sub(r"(\d+)[bo]+(n?)\.", r"\1.", re.sub(r"\bo\.", "", name))


def collected(session: Session, typed: str, prefix: str) -> Collected:
    """The expression list after the command has run once. Raises r(198) when it is empty and no default exists."""
    items = split_terms(typed)
    estimated = "b" in session.e.matrices
    if not items:
        if estimated and not session.r.scalars.keys() - {"level"}:
            items = ["_b"]
        else:
            names = list(session.r.scalars)
            if not names:
                raise StataError(198, "expression list required")
            return Collected(names, list(names), [f"r({name})" for name in names])
    labels: list[str] = []
    variables: list[str] = []
    texts: list[str] = []
    for item in items:
        text = item.strip()
        if text in {"_b", "_se"}:
            if len(items) > 1:
                names = session.e.matrices["b"].cols
                labels += [f"{text}:{name}" for name in names]
                variables += [_variable(text, name) for name in names]
                texts += [f"{text}[{_reference(name)}]" for name in names]
                continue
            names = list(session.e.matrices["b"].cols)
            return Collected(names, [_variable(text, name) for name in names], [], text)
        named = re.match(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)$", text, re.DOTALL)
        if named is not None:
            label, text = named.group(1), named.group(2).strip()
        else:
            label = f"_{prefix}_{len(labels) + 1}"
        while text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]):
            inner = text[1:-1].strip()
            again = re.match(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)$", inner, re.DOTALL)
            if again is not None:
                label, inner = again.group(1), again.group(2).strip()
            text = inner
        labels.append(label)
        variables.append(label)
        texts.append(text)
    return Collected(labels, variables, texts)


def _balanced(text: str) -> bool:
    depth = 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return False
    return depth == 0


def _reference(name: str) -> str:
    equation, _, term = name.rpartition(":")
    return f"{equation}:{term}" if equation else term


def _variable(kind: str, name: str) -> str:
    equation, _, term = name.rpartition(":")
    clean = re.sub(r"\W", "_", _bare(term).lstrip("_") if term == "_cons" else _bare(term))
    stub = f"{re.sub(r'[^0-9A-Za-z_]', '', equation)}{kind}" if equation and equation != "/" else kind
    return f"{stub}_{clean}"[:32]


@dataclass
class _Prefix:
    expressions: str
    options: dict[str, object]
    command: str


def _split(session: Session, line: Line, grammar: str) -> _Prefix:
    """`expressions, options : command`. Raises r(198) without the colon."""
    parts = split_colon(line.text)
    if parts is None or not parts[1].strip():
        raise invalid_syntax()
    left, typed = split_comma(parts[0])
    compiled = compile_grammar(f"[, {grammar}]")
    values, _, _ = match_options(typed, compiled, session)
    return _Prefix(left.strip(), dict(values), parts[1].strip())


def _run(session: Session, text: str) -> None:
    session.run(text, quiet=True)


class _Dots:
    """The line of dots with a number at every tenth, as Stata 18 prints it."""

    def __init__(self, session: Session, label: str, total: int, *, shown: bool) -> None:
        self.session, self.label, self.total, self.shown = session, label, total, shown
        self.text = ""
        self.done = 0

    def add(self, *, failed: bool) -> None:
        self.done += 1
        at_ten = self.done % 10 == 0
        self.text += ("x" if failed else ".") if not at_ten or failed else str(self.done)

    def close(self) -> None:
        if self.shown:
            text = f"{self.label} ({self.total:,}): {self.text} done"
            self.session.log.line()
            for start in range(0, len(text), _WIDTH):
                self.session.log.line(text[start : start + _WIDTH])


def _repeat(
    session: Session, prefix: _Prefix, reading: Collected, datasets: Callable[[int], Dataset], total: int, dots: _Dots
) -> FloatArray:
    """The readings of each run, (total, k); a run that fails is missing."""
    rows = np.full((total, len(reading.labels)), MISSING)
    for index in range(total):
        session.data = datasets(index)
        failed = False
        try:
            _run(session, prefix.command)
            rows[index] = reading.read(session)
        except StataError as error:
            if error.rc in {1, 199}:
                raise
            failed = True
        dots.add(failed=failed or bool(np.any(is_missing(rows[index]))))
    return rows


def _seed(session: Session, prefix: _Prefix) -> None:
    seed = prefix.options.get("seed")
    if isinstance(seed, int) and seed >= 0:
        session.rng.seed(seed)


def _first_run(session: Session, prefix: _Prefix, name: str) -> tuple[Collected, FloatArray, ResultSet]:
    kept = session.e
    session.e, session.r = ResultSet(), ResultSet()
    try:
        _run(session, prefix.command)
    except StataError:
        session.e = kept
        raise
    reading = collected(session, prefix.expressions, name)
    return reading, reading.read(session), session.e


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
    prefix = _split(session, line, _RESAMPLE)
    for name in ("bca", "trace", "verbose"):
        if prefix.options.get(name) is True:
            raise unsupported(f"option {name} of bootstrap is")
    reps = prefix.options["reps"]
    if not isinstance(reps, int) or reps < 2:
        raise StataError(198, "reps() must be an integer greater than 1")
    _seed(session, prefix)
    original = session.data
    reading, observed, first = _first_run(session, prefix, "bs")
    session.data = original
    estimation_sample = first.sample if first.sample is not None and first.sample.any() else None
    base = _restricted(session, prefix, estimation_sample)
    if base.size == 0:
        raise no_observations()
    strata = _groups(original, prefix.options.get("strata"), base)
    clusters = _groups(original, prefix.options.get("cluster"), base)
    picked = _Sampler(session, original, base, strata, clusters, prefix)
    shown = prefix.options.get("nodots") is not True
    if shown and first.macros.get("cmd"):
        session.log.line(f"(running {prefix.command.split()[0]} on estimation sample)")
    dots = _Dots(session, "Bootstrap replications", reps, shown=shown)
    try:
        rows = _repeat(session, prefix, reading, picked.draw, reps, dots)
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
    _save(session, prefix, reading, rows)
    _post(session, line, prefix, "bootstrap", reading, observed, V, kept, len(rows) - len(kept), base, n_clusters, None)


def _restricted(session: Session, prefix: _Prefix, estimation_sample: BoolArray | None) -> IndexArray:
    """Observations to resample: the estimation sample, or those of the command's `if` and `in`.

    These qualifiers are then taken off the command, since they hold for every resampled observation
    (and could mean something else there, `_n` for one).
    """
    main, options = split_comma(prefix.command)
    found: dict[str, str] = {}
    pattern = re.compile(r"\s(if|in)\s")
    for position in sorted((m.start() for m in pattern.finditer(main)), reverse=True):
        if not _balanced(main[:position]) or main[:position].count('"') % 2:
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
        keep &= _flags(len(keep), np.arange(low - 1, high))
    prefix.command = main.strip() + ("" if options is None else "," + options)
    return np.flatnonzero(keep if estimation_sample is None else estimation_sample)


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
        clusters: tuple[IndexArray, int] | None, prefix: _Prefix,
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
        data = _detached(self.data)
        data.take(rows)
        if self.identifier:
            number = np.repeat(np.arange(1.0, len(units) + 1.0), [len(self.rows_of[unit]) for unit in units])
            if self.identifier in data.variables:
                data.drop([self.identifier])
            data.add(self.identifier, number, "long")
        return data


def _detached(data: Dataset) -> Dataset:
    """A copy whose changes leave e(sample) of the estimation results alone."""
    copy = data.copy()
    copy.followed = copy.kept_sample = None
    return copy


def _groups(data: Dataset, names: object, base: IndexArray) -> tuple[IndexArray, int] | None:
    if not isinstance(names, list) or not names:
        return None
    return group_numbers([key[base] for key in data.keys(names)])


def _save(session: Session, prefix: _Prefix, reading: Collected, rows: FloatArray) -> None:
    typed = prefix.options.get("saving")
    if not isinstance(typed, str) or not typed:
        return
    from ssd.engine.commands.data_files import with_suffix
    from ssd.engine.data.dta import write_dta

    name, options = split_comma(typed)
    path = session.output_path(with_suffix(name.strip().strip('"'), ".dta"))
    if path.exists() and "replace" not in (options or ""):
        raise StataError(602, f"file {path.name} already exists")
    write_dta(_results_data(reading.variables, rows), path)


def _results_data(names: Sequence[str], rows: FloatArray) -> Dataset:
    data = Dataset()
    data.set_obs(len(rows))
    for name, column in zip(names, rows.T, strict=True):
        data.add(name, column, "float")
    return data


def _post(
    session: Session, line: Line, prefix: _Prefix, name: str, reading: Collected, observed: FloatArray, V: FloatArray,
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
    table.upper_heading = f"{'Observed' if name == 'bootstrap' else '':>11}{_PERCENT[name]:>12}{last:>37}".rstrip()
    results = e if own else ResultSet(sample=e.sample)
    total = float(len(rows) + failures)

    def show() -> None:
        log = session.log
        log.line()
        title = e.macros.get("title", "") if own else ""
        label = "Replications"
        entries = [Entry("Number of obs", count(float(base.size)))]
        if n_clusters is not None:
            entries.append(Entry("Number of clusters", count(float(n_clusters))))
        entries.append(Entry(label, count(total)))
        typed = prefix.options.get("title")
        heading = typed if isinstance(typed, str) and typed else title or f"{_PERCENT[name]} results"
        print_header(log, [heading], entries)
        log.line()
        if not own and prefix.options.get("nolegend") is not True:
            log.line(f"      Command: {prefix.command}")
            for variable, text in zip(reading.labels, reading.texts, strict=False):
                log.line(f"{variable:>13}: {text}")
            log.line()
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
    prefix = _split(session, line, grammar)
    original = session.data
    reading, observed, first = _first_run(session, prefix, "jk")
    session.data = original
    sampled = first.sample if first.sample is not None and first.sample.any() else None
    base = _restricted(session, prefix, sampled)
    groups = _groups(original, prefix.options.get("cluster"), base)
    units, total = groups if groups is not None else (np.arange(base.size), base.size)
    if total < 2:
        raise StataError(2001, "insufficient observations")

    def without(index: int) -> Dataset:
        data = _detached(original)
        data.take(base[units != index])
        return data

    shown = prefix.options.get("nodots") is not True
    if shown and first.macros.get("cmd"):
        session.log.line(f"(running {prefix.command.split()[0]} on estimation sample)")
    dots = _Dots(session, "Jackknife replications", total, shown=shown)
    try:
        rows = _repeat(session, prefix, reading, without, total, dots)
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
    _save(session, prefix, reading, rows)
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


@command("simulate", "*", minimum=4, refused="trace, verbose, legend options", stored="data of results")
def simulate(session: Session, line: Line) -> None:
    """Monte Carlo simulation: run a command repeatedly and keep its results as data."""
    grammar = "Reps(integer 0) SEED(integer -1) SAving(string) noDOTS DOTS(integer 1) NOLEgend NOISily DOUBLE"
    prefix = _split(session, line, grammar)
    reps = prefix.options["reps"]
    if not isinstance(reps, int) or reps < 1:
        raise StataError(198, "option reps() required")
    _seed(session, prefix)
    original = session.data.copy()
    state = session.rng.state_text()
    reading, _, _ = _first_run(session, prefix, "sim")
    session.rng.restore(state)
    if prefix.options.get("nolegend") is not True:
        session.log.line()
        session.log.line(f"      Command: {prefix.command}")
        for label, text in zip(reading.labels, reading.texts, strict=False):
            session.log.line(f"{label:>13}: {text}")
    dots = _Dots(session, "Simulations", reps, shown=prefix.options.get("nodots") is not True)
    rows = np.full((reps, len(reading.labels)), MISSING)
    current = original
    for index in range(reps):
        session.data = current
        _run(session, prefix.command)
        rows[index] = reading.read(session)
        current = session.data
        dots.add(failed=bool(np.any(is_missing(rows[index]))))
    dots.close()
    _save(session, prefix, reading, rows)
    session.data = _results_data(reading.variables, rows)
    session.data.label = f"simulate: {prefix.command.split()[0]}"


@command("statsby", "*", minimum=7, refused="subsets, total, basepop(), forcedrop, noisily", stored="data of results")
def statsby(session: Session, line: Line) -> None:
    """Collect a command's results over groups as data."""
    grammar = "BY(varlist) CLEAR SAving(string) noDOTS DOTS(integer 1) NOLEgend Total Subsets DOUBLE"
    prefix = _split(session, line, grammar)
    names = prefix.options.get("by")
    if not isinstance(names, list) or not names:
        raise StataError(198, "option by() required")
    if prefix.options.get("subsets") is True:
        raise unsupported("option subsets of statsby is")
    saving = prefix.options.get("saving")
    original = session.data
    reading, overall, _ = _first_run(session, prefix, "stat")
    session.data = original
    keys = original.keys(names)
    known = np.ones(original.n_obs, dtype=np.bool_)
    for name, key in zip(names, keys, strict=True):
        known &= (key != "") if original.variables[name].is_string else ~is_missing(key)
    base = np.flatnonzero(known)
    ids, total = group_numbers([key[base] for key in keys])
    firsts = np.array([base[np.flatnonzero(ids == g)[0]] for g in range(total)])

    def part(group: int) -> Dataset:
        data = _detached(original)
        data.keep_observations(_flags(original.n_obs, base[ids == group]))
        return data

    dots = _Dots(session, "Statsby groups", total, shown=prefix.options.get("nodots") is not True)
    if prefix.options.get("nolegend") is not True:
        session.log.line()
        session.log.line(f"      Command: {prefix.command}")
        for label, text in zip(reading.labels, reading.texts, strict=False):
            session.log.line(f"{label:>13}: {text}")
        session.log.line(f"{'By':>13}: {' '.join(names)}")
    try:
        rows = _repeat(session, prefix, reading, part, total, dots)
    finally:
        session.data = original
    dots.close()
    result = _detached(original)
    result.take(firsts)
    result.drop([name for name in result.variables if name not in names])
    for name, column in zip(reading.variables, rows.T, strict=True):
        result.add(name, column, "float")
    if prefix.options.get("total") is True:
        _append_total(result, reading.variables, overall)
    if isinstance(saving, str) and saving:
        from ssd.engine.commands.data_files import with_suffix
        from ssd.engine.data.dta import write_dta

        target, options = split_comma(saving)
        path = session.output_path(with_suffix(target.strip().strip('"'), ".dta"))
        if path.exists() and "replace" not in (options or ""):
            raise StataError(602, f"file {path.name} already exists")
        write_dta(result, path)
        return
    if prefix.options.get("clear") is not True and original.changed:
        raise StataError(4, "no; dataset in memory has changed since last saved")
    session.data = result


def _append_total(result: Dataset, names: Sequence[str], overall: FloatArray) -> None:
    result.set_obs(result.n_obs + 1)
    mask = _flags(result.n_obs, np.array([result.n_obs - 1]))
    for name, value in zip(names, overall, strict=True):
        result.replace(name, np.full(result.n_obs, value), mask)


def _flags(n: int, rows: IndexArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros(n, dtype=np.bool_)
    mask[rows] = True
    return mask


@command("rolling", "*", minimum=7, refused="panel data, rrecursive, keep()", stored="data of results")
def rolling(session: Session, line: Line) -> None:
    """Collect a command's results over a moving window of time as data."""
    grammar = (
        "Window(integer 0) STepsize(integer 1) RECursive RRecursive STart(string) End(string) CLEAR SAving(string) "
        "noDOTS NOLEgend NOISily"
    )
    prefix = _split(session, line, grammar)
    settings = require_time(session.data)
    if settings.panel or prefix.options.get("rrecursive") is True:
        raise unsupported("rolling over panels and rrecursive are")
    window, step = prefix.options["window"], prefix.options["stepsize"]
    if not isinstance(window, int) or window < 1 or not isinstance(step, int) or step < 1:
        raise StataError(198, "option window() required")
    original = session.data
    time = original.numeric(settings.time)
    known = time[~is_missing(time)]
    typed = {key: prefix.options.get(key) for key in ("start", "end")}
    first = session.evaluate_number(str(typed["start"])) if typed["start"] else float(known.min())
    last = session.evaluate_number(str(typed["end"])) if typed["end"] else float(known.max())
    reading, _, _ = _first_run(session, prefix, "stat")
    starts = np.arange(first, last - (window - 1) * settings.delta + 1e-9, step * settings.delta)
    recursive = prefix.options.get("recursive") is True
    bounds = [(first if recursive else s, s + (window - 1) * settings.delta) for s in starts]

    def part(index: int) -> Dataset:
        data = _detached(original)
        data.keep_observations((time >= bounds[index][0]) & (time <= bounds[index][1]))
        return data

    dots = _Dots(session, "Rolling replications", len(bounds), shown=prefix.options.get("nodots") is not True)
    try:
        rows = _repeat(session, prefix, reading, part, len(bounds), dots)
    finally:
        session.data = original
    dots.close()
    result = Dataset()
    result.set_obs(len(bounds))
    fmt = original.variables[settings.time].format
    for position, name in enumerate(("start", "end")):
        result.add(name, np.array([b[position] for b in bounds]), "float", format=fmt)
    for name, column in zip(reading.variables, rows.T, strict=True):
        result.add(name, column, "float")
    if prefix.options.get("clear") is not True and original.changed:
        raise StataError(4, "no; dataset in memory has changed since last saved")
    session.data = result
