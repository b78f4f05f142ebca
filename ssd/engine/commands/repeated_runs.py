"""What prefixes that run a command many times share: expressions, options, repetition, results as data."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line
from ssd.engine.data.dataset import Dataset
from ssd.engine.data.order import IndexArray
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_colon, split_comma, split_terms
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_WIDTH = 78


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
    # Blanks may stand around the equal sign of `name = expression`.
    items = split_terms(re.sub(r"(?<![\w(])([^\W\d]\w*)\s*=(?!=)\s*", r"\1=", typed))
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
        while text.startswith("(") and text.endswith(")") and balanced(text[1:-1]):
            inner = text[1:-1].strip()
            again = re.match(r"\s*([^\W\d]\w*)\s*=(?!=)(.*)$", inner, re.DOTALL)
            if again is not None:
                label, inner = again.group(1), again.group(2).strip()
            text = inner
        labels.append(label)
        variables.append(label)
        texts.append(text)
    return Collected(labels, variables, texts)


def balanced(text: str) -> bool:
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
class Prefix:
    expressions: str
    options: dict[str, object]
    command: str


def split_prefix(session: Session, line: Line, grammar: str) -> Prefix:
    """`expressions, options : command`. Raises r(198) without the colon."""
    parts = split_colon(line.text)
    if parts is None or not parts[1].strip():
        raise invalid_syntax()
    left, typed = split_comma(parts[0])
    compiled = compile_grammar(f"[, {grammar}]")
    values, _, _ = match_options(typed, compiled, session)
    return Prefix(left.strip(), dict(values), parts[1].strip())


def run_quietly(session: Session, text: str) -> None:
    session.run(text, quiet=True)


class Dots:
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


def repeat_command(
    session: Session, prefix: Prefix, reading: Collected, datasets: Callable[[int], Dataset], total: int, dots: Dots
) -> FloatArray:
    """The readings of each run, (total, k); a run that fails is missing."""
    rows = np.full((total, len(reading.labels)), MISSING)
    for index in range(total):
        session.data = datasets(index)
        failed = False
        try:
            run_quietly(session, prefix.command)
            rows[index] = reading.read(session)
        except StataError as error:
            if error.rc in {1, 199}:
                raise
            failed = True
        dots.add(failed=failed or bool(np.any(is_missing(rows[index]))))
    return rows


def set_seed(session: Session, prefix: Prefix) -> None:
    seed = prefix.options.get("seed")
    if isinstance(seed, int) and seed >= 0:
        session.rng.seed(seed)


def first_run(session: Session, prefix: Prefix, name: str) -> tuple[Collected, FloatArray, ResultSet]:
    kept = session.e
    session.e, session.r = ResultSet(), ResultSet()
    try:
        run_quietly(session, prefix.command)
    except StataError:
        session.e = kept
        raise
    reading = collected(session, prefix.expressions, name)
    return reading, reading.read(session), session.e


def detached(data: Dataset) -> Dataset:
    """A copy whose changes leave e(sample) of the estimation results alone."""
    copy = data.copy()
    copy.followed = copy.kept_sample = None
    return copy


def results_data(names: Sequence[str], rows: FloatArray) -> Dataset:
    data = Dataset()
    data.set_obs(len(rows))
    for name, column in zip(names, rows.T, strict=True):
        data.add(name, column, "float")
    return data


def save_results(session: Session, prefix: Prefix, reading: Collected, rows: FloatArray) -> None:
    typed = prefix.options.get("saving")
    if not isinstance(typed, str) or not typed:
        return
    from ssd.engine.commands.data_files import with_suffix
    from ssd.engine.data.dta import write_dta

    name, options = split_comma(typed)
    path = session.output_path(with_suffix(name.strip().strip('"'), ".dta"))
    if path.exists() and "replace" not in (options or ""):
        raise StataError(602, f"file {path.name} already exists")
    write_dta(results_data(reading.variables, rows), path)


def flags_of(n: int, rows: IndexArray) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.zeros(n, dtype=np.bool_)
    mask[rows] = True
    return mask
