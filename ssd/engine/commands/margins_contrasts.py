"""Contrasts and pairwise comparisons of margins: margins r.a, contrast(), pwcompare()."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.contrasts import adjusted_tests, comparison_method, method_heading
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.missing import MISSING, BoolArray, FloatArray
from ssd.engine.output.estimation import CoefficientTable, result_table
from ssd.engine.output.formats import format_value
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, critical, f_tail

if TYPE_CHECKING:
    from ssd.engine.session import Session

_OPERATED = re.compile(r"^(?P<kind>[a-z]+)\.(?P<name>\w+)$")
_OPERATORS = ("r", "a", "ar", "g")


@dataclass(frozen=True)
class Axis:
    """One variable of a block of margins, with the contrast operator typed before it."""

    variable: str
    levels: list[str]
    """Level numbers as text."""
    labels: list[str]
    operator: str = ""
    """r, a, ar, g, `joint` (differences tested together only) or empty: contrasts within each level."""


@dataclass(frozen=True)
class Block:
    """Margins that belong to one term: their places in the list of margins, one axis after another."""

    heading: str
    """The variable of dydx() when there are several, else empty."""
    axes: list[Axis]
    first: int

    @property
    def size(self) -> int:
        return math.prod(len(axis.levels) for axis in self.axes)


@dataclass(frozen=True)
class Margins:
    """What is compared."""

    names: list[str]
    b: FloatArray
    V: FloatArray
    df: float | None
    level: float
    coefficient: str
    """Heading of effects (`dy/dx`), empty for predictions."""
    lost: BoolArray
    """Margins that cannot be estimated; comparisons with them cannot either."""

    def estimable(self, rows: FloatArray) -> BoolArray:
        """Which comparisons leave the lost margins out."""
        known: BoolArray = ~np.any(rows[:, self.lost] != 0.0, axis=1)
        return known


def take_operators(text: str) -> tuple[str, dict[str, str], bool]:
    """The margin list without contrast operators, operator by variable, and whether it asks for contrasts.

    `r.a@b` is the list `a#b` with contrasts of a within the levels of b.
    """
    operators: dict[str, str] = {}
    asked = "@" in text
    pieces = re.split(r"(\s+|#+|@)", text.strip())
    for position, piece in enumerate(pieces):
        match = _OPERATED.match(piece)
        if match is not None and match["kind"] not in {"i", "c", "ib", "b"}:
            if match["kind"] not in _OPERATORS:
                raise unsupported(f"the contrast operator {match['kind']}. of margins is")
            operators[match["name"]] = match["kind"]
            pieces[position] = match["name"]
            asked = True
        elif position and pieces[position - 1] == "@":
            operators[piece.removeprefix("i.")] = ""
        if piece == "@":
            before = pieces[position - 1]
            operators.setdefault(before.removeprefix("i."), "joint")
            pieces[position] = "#"
    return "".join(pieces), operators, asked


@dataclass
class ContrastOptions:
    """What contrast() asks for."""

    effects: str = ""
    """cieffects, pveffects or effects; empty for the default: tests, and intervals for operated terms."""
    wald: bool = True
    at: str = ""
    """Operator applied to the groups of at()."""
    method: str = "noadjust"


def contrast_options(text: str, mcompare: str | None) -> ContrastOptions:
    """The suboptions of contrast(). Raises r(198) for those that are not done."""
    found = ContrastOptions(method=comparison_method(mcompare))
    for item in read_options(text):
        effects = next((name for name, least in (("cieffects", 2), ("pveffects", 2), ("effects", 3))
                        if len(item.word) >= least and name.startswith(item.word)), None)  # fmt: skip
        if effects is not None and item.value is None:
            found.effects = effects
        elif item.word == "nowald":
            found.wald = False
        elif item.word == "atcontrast" and item.value is not None:
            operator = item.value.strip().removesuffix("._at").rstrip(".")
            if operator not in _OPERATORS:
                raise unsupported(f"contrast(atcontrast({item.value})) of margins is")
            found.at = operator
        else:
            raise unsupported(f"contrast({item.named}) of margins is")
    return found


class _Term:
    """The contrasts of one block."""

    def __init__(self, block: Block, total: int, base: dict[str, str]) -> None:
        operated = [axis for axis in block.axes if axis.operator]
        within = [axis for axis in block.axes if not axis.operator and len(axis.levels) > 1]
        self.heading = block.heading
        self.named = any(axis.operator != "joint" for axis in operated)
        self.title = "#".join(axis.variable for axis in operated)
        if within:
            self.title += "@" + "#".join(axis.variable for axis in within)
        ordered = [*operated, *within]
        weights: FloatArray = np.ones((1, 1))
        labels, names = [""], [""]
        for axis in ordered:
            rows, texts, marks = _differences(axis, base.get(axis.variable, axis.levels[0]))
            weights = np.asarray(np.kron(weights, rows), dtype=np.float64)
            labels = [f"{one} {two}".strip() for one in labels for two in texts]
            names = [f"{one}#{two}".strip("#") for one in names for two in marks]
        # The kron product runs over the operated axes first; the margins lie in the order of the block.
        shape = [len(axis.levels) for axis in block.axes]
        places = np.arange(block.first, block.first + block.size).reshape(shape)
        order = [block.axes.index(axis) for axis in ordered] + [
            i for i, axis in enumerate(block.axes) if axis not in ordered
        ]
        flat = places.transpose(order).reshape(-1)
        self.rows = np.zeros((len(weights), total))
        self.rows[:, flat] = weights
        self.labels, self.names = labels, names
        self.tests = self._joint_rows(operated, within)

    def _joint_rows(self, operated: list[Axis], within: list[Axis]) -> list[tuple[str, list[int]]]:
        """Rows of the table of tests: each contrast of an operated term, each within-level of an unoperated one."""
        if self.named:
            return [(label, [i]) for i, label in enumerate(self.labels)]
        inner = math.prod(len(axis.levels) for axis in within) if within else 1
        if inner == 1:
            return []
        texts = [" ".join(cell) for cell in itertools.product(*(axis.labels for axis in within))]
        count = len(self.labels)
        return [(text, list(range(k, count, inner))) for k, text in enumerate(texts)]


def _differences(axis: Axis, base: str) -> tuple[FloatArray, list[str], list[str]]:
    """Weights over the levels in each contrast of an axis, with printed and stored names."""
    k = len(axis.levels)
    unit = np.eye(k)
    if not axis.operator:
        return unit, list(axis.labels), [f"{level}.{axis.variable}" for level in axis.levels]
    if k < 2:
        raise StataError(198, f"{axis.variable}: nothing to compare")
    if axis.operator == "g":
        return (
            unit - 1.0 / k,
            [f"({text} vs mean)" for text in axis.labels],
            [f"g{level}.{axis.variable}" for level in axis.levels],
        )
    if axis.operator in {"a", "ar"}:
        pairs = [(i, i + 1) if axis.operator == "a" else (i + 1, i) for i in range(k - 1)]
    else:
        at = axis.levels.index(base) if base in axis.levels else 0
        pairs = [(i, at) for i in range(k) if i != at]
    letter = "r" if axis.operator == "joint" else axis.operator
    return (
        np.array([unit[i] - unit[j] for i, j in pairs]),
        [f"({axis.labels[i]} vs {axis.labels[j]})" for i, j in pairs],
        [f"{letter}{axis.levels[i]}vs{axis.levels[j]}.{axis.variable}" for i, j in pairs],
    )


def show_contrasts(
    session: Session, margins: Margins, blocks: Sequence[Block], options: ContrastOptions, base: dict[str, str]
) -> ResultSet:
    """Print the tests and the contrasts; returns r(b), r(V), r(table), r(chi2)|r(F), r(df), r(p)."""
    terms = [_Term(block, len(margins.b), base) for block in blocks]
    kind = "chi2" if margins.df is None else "F"
    tests: list[tuple[str, int, float, float]] = []
    if options.wald:
        tests = _print_tests(session, margins, terms, kind)
    else:
        for term in terms:
            tests.append((term.title, *_test(margins, term.rows)))
    shown = [term for term in terms if term.named or options.effects]
    R = np.vstack([term.rows for term in terms])
    names = [f"{term.heading}:{name}" if term.heading else name for term in terms for name in term.names]
    b, V = _compared(margins, R)
    multiplier, p = adjusted_tests(_ratios(b, V), options.method, len(b), len(b) + 1, margins.df, margins.level)
    if shown:
        _print_contrasts(session, margins, shown, options, multiplier, p, terms)
    table = result_table(CoefficientTable(names, b, V, df=margins.df, level=margins.level))
    results = ResultSet(scalars={"level": margins.level, "k_terms": float(len(terms))})
    columns = [title for title, *_ in tests]
    results.matrices = {
        "b": Matrix(b.reshape(1, -1), ["r1"], names), "V": Matrix(V, list(names), list(names)), "table": table,
        "df": Matrix(np.array([[float(each[1]) for each in tests]]), ["r1"], columns),
        kind: Matrix(np.array([[each[2] for each in tests]]), ["r1"], list(columns)),
        "p": Matrix(np.array([[each[3] for each in tests]]), ["r1"], list(columns)),
        "b_vs": Matrix(b.reshape(1, -1), ["r1"], names), "V_vs": Matrix(V, list(names), list(names)),
    }  # fmt: skip
    return results


def _compared(margins: Margins, rows: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Values and covariances of the comparisons; 0 for those that cannot be estimated."""
    b, V = rows @ margins.b, rows @ margins.V @ rows.T
    lost = ~margins.estimable(rows)
    b[lost] = 0.0
    V[lost, :] = V[:, lost] = 0.0
    return b, V


def _ratios(b: FloatArray, V: FloatArray) -> FloatArray:
    """z or t statistics, 0 where the standard error is."""
    se = np.sqrt(np.clip(np.diag(V), 0.0, None))
    return np.asarray(np.divide(b, se, out=np.zeros_like(b), where=se > 0.0), dtype=np.float64)


def _test(margins: Margins, rows: FloatArray) -> tuple[int, float, float]:
    """Degrees of freedom, statistic and p of what can be estimated; 0 degrees when nothing can."""
    rows = rows[margins.estimable(rows)]
    if not len(rows):
        return 0, MISSING, MISSING
    W, rank = wald(rows @ margins.b, rows @ margins.V @ rows.T)
    if margins.df is None:
        return rank, W, chi2_tail(W, rank)
    return rank, W / rank, f_tail(W / rank, rank, margins.df)


def _print_tests(
    session: Session, margins: Margins, terms: list[_Term], kind: str
) -> list[tuple[str, int, float, float]]:
    log = session.log
    texts = [text for term in terms for text in (term.title, term.heading, *(label for label, _ in term.tests))]
    width = max([12, *(len(text) + 1 for text in texts)])
    bar = "-" * (width + 1) + "+" + "-" * 34
    log.line("-" * (width + 36))
    log.line(" " * width + f" |{'df':>11}{kind:>12}{'P>' + kind:>11}")
    log.line(bar)
    found: list[tuple[str, int, float, float]] = []
    heading = ""
    for position, term in enumerate(terms):
        if term.heading and term.heading != heading:
            if position:
                log.line(bar)
            log.line(f"{term.heading:<{width}} |")
            heading = term.heading
        elif position:
            log.line(" " * width + " |")
        several = len(term.tests) > 1
        if not term.tests or (len(term.tests) == 1 and not term.heading and len(term.rows) == 1):
            joint = _test(margins, term.rows)
            log.line(f"{term.title:>{width}} |{_cells(*joint)}")
            found.append((term.title, *joint))
            continue
        log.line(f"{term.title:>{width}} |")
        for label, places in term.tests:
            single = _test(margins, term.rows[places])
            log.line(f"{label:>{width - 1}}  |{_cells(*single)}")
            found.append((label, *single))
        if several:
            joint = _test(margins, term.rows)
            log.line(f"{'Joint':>{width - 1}}  |{_cells(*joint)}")
            found.append((term.title, *joint))
    if margins.df is not None:
        log.line(" " * width + " |")
        log.line(f"{'Denominator':>{width}} |{margins.df:11.0f}")
    log.line("-" * (width + 36))
    log.line()
    return found


def _cells(df: int, statistic: float, p: float) -> str:
    if df == 0:
        return f"{'.':>11}  (not testable)"
    return f"{df:11d}{statistic:12.2f}{p:11.4f}"


def _print_contrasts(
    session: Session, margins: Margins, shown: list[_Term], options: ContrastOptions, multiplier: float, p: FloatArray,
    terms: list[_Term],
) -> None:  # fmt: skip
    starts = np.cumsum([0, *(len(term.rows) for term in terms)])
    groups = []
    for term in shown:
        first = int(starts[terms.index(term)])
        groups.append((term.heading, term.title, term.labels, term.rows, p[first : first + len(term.rows)]))
    mode = options.effects or "cieffects"
    _print_table(session, margins, groups, mode, multiplier, "")


def _print_table(
    session: Session, margins: Margins, groups: list[tuple[str, str, list[str], FloatArray, FloatArray]], mode: str,
    multiplier: float, adjustment: str,
) -> None:  # fmt: skip
    """Contrasts with their delta-method standard errors, tests and intervals as `mode` asks."""
    log = session.log
    texts = [text for heading, title, labels, _, _ in groups for text in (heading, title, *labels)]
    width = max([12, *(len(text) + 1 for text in texts)])
    letter = "z" if margins.df is None else "t"
    tests, intervals = mode != "cieffects", mode != "pveffects"
    effect = margins.coefficient
    first = "   Contrast Delta-method" if effect else "            Delta-method"
    heading = f"{effect or 'Contrast':>11}   std. err."
    if tests:
        heading += f"      {letter}    P>|{letter}|"
    if intervals:
        heading += f"[{margins.level:g}% conf. interval]".rjust(25)
    upper = method_heading(first, adjustment, tests=tests, intervals=intervals)
    line = "-" * (width + 1) + "+" + "-" * len(heading)
    log.line("-" * (width + 2 + len(heading)))
    log.line(" " * width + " |" + upper.rstrip())
    log.line(" " * width + " |" + heading)
    last = ""
    for heading_text, title, labels, rows, p in groups:
        log.line(line)
        if heading_text and heading_text != last:
            log.line(f"{heading_text:<{width}} |")
            last = heading_text
        if title:
            log.line(f"{title:>{width}} |")
        for row, label, each, known in zip(rows, labels, p, margins.estimable(rows), strict=True):
            if not known:
                log.line(f"{label:>{width - 1}}  |{'.':>11}  (not estimable)")
                continue
            b, se = float(row @ margins.b), math.sqrt(max(float(row @ margins.V @ row), 0.0))
            text = f"  {format_value(b, '%9.0g'):>9}  {format_value(se, '%9.0g'):>9}"
            if tests:
                text += f"{b / se if se else math.nan:9.2f}{each:8.3f}"
            if intervals:
                low, high = (format_value(b + sign * multiplier * se, "%9.0g") for sign in (-1.0, 1.0))
                text += f"    {low:>9}   {high:>9}"
            log.line(f"{label:>{width - 1}}  |{text}")
    log.line("-" * (width + 2 + len(heading)))


_MODES = (("cieffects", 2), ("pveffects", 2), ("effects", 3))


def show_pairs(
    session: Session, margins: Margins, blocks: Sequence[Block], typed: str, mcompare: str | None
) -> ResultSet:
    """Print all differences between the margins of each term; returns r(b_vs), r(V_vs), r(table_vs)."""
    mode = "cieffects"
    for item in read_options(typed):
        found = next((name for name, least in _MODES if len(item.word) >= least and name.startswith(item.word)), None)
        if found is None or item.value is not None:
            raise unsupported(f"pwcompare({item.named}) of margins is")
        mode = found
    method = comparison_method(mcompare)
    titles = {"noadjust": "Unadjusted", "bonferroni": "Bonferroni", "sidak": "Sidak", "scheffe": "Scheffe",
              "tukey": "Tukey"}  # fmt: skip
    sizes = [math.prod(len(axis.levels) for axis in block.axes) for block in blocks]
    if method != "noadjust" and max(sizes) == 2:
        session.log.line(f"note: option {method} ignored since there is only one comparison")
        method = "noadjust"
    groups, names, rows, p_values = [], [], [], []
    multiplier = critical(margins.level, margins.df)
    counts: list[tuple[str, int]] = []
    for block in blocks:
        axes = [axis for axis in block.axes if len(axis.levels) > 1]
        if not axes:
            raise StataError(198, "nothing to compare")
        cells = list(itertools.product(*(range(len(axis.levels)) for axis in axes)))
        texts = [[axis.labels[i] for axis, i in zip(axes, cell, strict=True)] for cell in cells]
        labelled = any(axis.labels != axis.levels for axis in axes)
        shown = [("#" if labelled else " ").join(text) for text in texts]
        pairs = list(itertools.combinations(range(len(cells)), 2))
        R = np.zeros((len(pairs), len(margins.b)))
        for k, (i, j) in enumerate(pairs):
            R[k, block.first + j], R[k, block.first + i] = 1.0, -1.0
        several = len(axes) > 1
        labels = [f"({shown[j]}) vs ({shown[i]})" if several else f"{shown[j]} vs {shown[i]}" for i, j in pairs]
        title = "#".join(axis.variable for axis in axes)
        ratios = _ratios(*_compared(margins, R))
        multiplier, p = adjusted_tests(ratios, method, len(pairs), len(cells), margins.df, margins.level)
        groups.append((block.heading, title, labels, R, p))
        counts.append((title, len(pairs)))
        rows.append(R)
        p_values.append(p)
        for i, j in pairs:
            name = "#".join(f"{axis.levels[cells[j][k]]}vs{axis.levels[cells[i][k]]}.{axis.variable}"
                            for k, axis in enumerate(axes))  # fmt: skip
            names.append(f"{block.heading}:{name}" if block.heading else name)
    if method != "noadjust":
        _print_counts(session, counts)
    _print_table(session, margins, groups, mode, multiplier, titles[method])
    R = np.vstack(rows)
    b, V = _compared(margins, R)
    table = result_table(CoefficientTable(names, b, V, df=margins.df, level=margins.level))
    half = multiplier * table.values[1]
    table.values[3], table.values[4], table.values[5] = (
        np.concatenate(p_values), table.values[0] - half, table.values[0] + half,
    )  # fmt: skip
    table.values[7] = multiplier
    results = ResultSet(scalars={"level": margins.level, "k_terms": float(len(groups))})
    results.macros = {"mcmethod_vs": method}
    results.matrices = {
        "b_vs": Matrix(b.reshape(1, -1), ["r1"], names),
        "V_vs": Matrix(V, list(names), list(names)), "table_vs": table,
    }  # fmt: skip
    return results


def _print_counts(session: Session, counts: list[tuple[str, int]]) -> None:
    log = session.log
    width = max([12, *(len(title) for title, _ in counts)])
    log.line("-" * (width + 15))
    log.line(" " * width + " |    Number of")
    log.line(" " * width + " |  comparisons")
    log.line("-" * (width + 1) + "+" + "-" * 13)
    for title, count in counts:
        log.line(f"{title:>{width}} |{count:13d}")
    log.line("-" * (width + 15))
    log.line()
