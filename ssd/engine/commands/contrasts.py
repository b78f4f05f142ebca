"""pwcompare and contrast: comparisons of the levels of factors after an estimation."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import estimation_of, level_of
from ssd.engine.errors import StataError, unsupported
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import CoefficientTable, result_table
from ssd.engine.output.formats import format_value
from ssd.engine.output.log import Log
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.arithmetic import quotient
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.design import Design
from ssd.engine.stats.distributions import chi2_tail, critical, f_tail, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session

_PIECE = re.compile(r"^(?:(?P<kind>[a-z]+)?(?P<level>\d+)?\.)?(?P<name>\w+)$")


@dataclass(frozen=True)
class _Factor:
    operator: str
    """Contrast operator: r (base), a (next), ar (previous), g (mean), or empty for a joint test."""
    variable: str
    levels: list[int]


@dataclass(frozen=True)
class _Model:
    """The linear prediction whose balanced means are compared."""

    session: Session
    design: Design
    positions: list[int]
    """Place in e(b) of each coefficient of the design."""
    b: FloatArray
    V: FloatArray
    df: float | None
    factors: dict[str, list[int]]
    bases: dict[str, int]

    def means(self, factors: list[_Factor]) -> FloatArray:
        """One row of weights on e(b) per cell; the other factors are balanced, the other covariates 0."""
        chosen = {factor.variable for factor in factors}
        rows = []
        for cell in itertools.product(*(factor.levels for factor in factors)):
            at = dict(zip((factor.variable for factor in factors), cell, strict=True))
            row = np.zeros(len(self.b))
            for place, column in zip(self.positions, self.design.columns, strict=False):
                involved = any(part.level is not None and part.variable in chosen for part in column.parts)
                if any(part.level is None for part in column.parts):
                    if involved:
                        raise unsupported("comparisons of factors interacted with a continuous variable are")
                    continue
                weight = 1.0
                for part in column.parts:
                    if part.variable in at:
                        weight *= float(at[part.variable] == part.level)
                    else:
                        weight /= len(self.factors[part.variable])
                row[place] = weight
            if self.design.constant:
                row[self.positions[-1]] = 1.0
            rows.append(row)
        return np.array(rows)

    def label(self, variable: str, level: int) -> str:
        data = self.session.data
        if variable not in data.variables:
            return str(level)
        return data.value_labels.get(data.variables[variable].value_label, {}).get(level, str(level))


def _model(session: Session, line: Line) -> _Model:
    estimation = estimation_of(session)
    if len(estimation.designs) != 1:
        raise unsupported(f"{line.command} after a model without a single equation is")
    name, design = next(iter(estimation.designs.items()))
    _require_estimable(session, design)
    factors: dict[str, set[int]] = {}
    bases: dict[str, int] = {}
    for column in design.columns:
        for part in column.parts:
            if part.level is not None:
                factors.setdefault(part.variable, set()).add(part.level)
                if part.is_base:
                    bases[part.variable] = part.level
    columns = session.e.matrices["b"].cols
    prefix = f"{name}:" if name else ""
    positions = [columns.index(prefix + each) for each in design.names]
    typed = line.options.get("df")
    df = float(typed) if isinstance(typed, int | float) and not isinstance(typed, bool) else None
    stored = session.e.scalars.get("df_r", MISSING)
    return _Model(
        session, design, positions, session.e.matrices["b"].values[0], session.e.matrices["V"].values,
        df if df is not None else (stored if stored < MISSING else None),
        {variable: sorted(levels) for variable, levels in factors.items()}, bases,
    )  # fmt: skip


def _require_estimable(session: Session, design: Design) -> None:
    """Refuses designs in which a balanced mean may not be estimable: empty cells and terms left out."""
    sample = session.e.sample
    if sample is None or len(sample) != session.data.n_obs:
        raise StataError(322, "e(sample) does not identify the estimation sample")
    for column in design.columns:
        if column.status in {"empty", "omitted"}:
            raise unsupported("comparisons in a model with empty cells or omitted terms are")
        levels = [part for part in column.parts if part.level is not None]
        if len(levels) > 1:
            cell = sample.copy()
            for part in levels:
                if part.operator:
                    raise unsupported("comparisons of factors under time-series operators are")
                cell &= session.data.numeric(part.variable) == part.level
            if not cell.any():
                raise unsupported("comparisons in a model with empty cells or omitted terms are")


def _terms(session: Session, text: str, model: _Model, operators: tuple[str, ...]) -> list[list[_Factor]]:
    """The factors of each typed term; `##` stands for the term and all it contains."""
    terms: list[list[_Factor]] = []
    words = text.split()
    if not words:
        raise StataError(198, "marginlist required")
    for word in words:
        factors = [_factor(session, piece, model, operators) for piece in re.split(r"#+", word)]
        if len({factor.variable for factor in factors}) < len(factors):
            raise StataError(198, f"{word} names a factor twice")
        if "##" in word:
            if re.search(r"(?<!#)#(?!#)", word):
                raise unsupported("mixing # and ## is")
            for size in range(1, len(factors) + 1):
                terms.extend(list(each) for each in itertools.combinations(factors, size))
        else:
            terms.append(factors)
    return terms


def _factor(session: Session, piece: str, model: _Model, operators: tuple[str, ...]) -> _Factor:
    match = _PIECE.match(piece)
    if match is None:
        raise unsupported(f"the term {piece} is")
    kind = match["kind"] or ""
    if kind not in {"", "i", *operators}:
        raise unsupported(f"the operator {kind}. is")
    variable = session.variable_named(match["name"])
    levels = model.factors.get(variable)
    if levels is None:
        raise StataError(322, f"factor {variable} not found in list of covariates")
    if match["level"] is not None:
        if kind in operators and kind:
            raise unsupported(f"the operator {kind}{match['level']}. is")
        level = int(match["level"])
        if level not in levels:
            raise StataError(111, f"level {level} of factor {variable} not found in list of covariates")
        levels = [level]
    return _Factor("" if kind == "i" else kind, variable, list(levels))


# --- pwcompare ---

_ADJUSTMENTS = {
    "noadjust": "Unadjusted", "bonferroni": "Bonferroni", "sidak": "Sidak", "scheffe": "Scheffe", "tukey": "Tukey",
}  # fmt: skip


@command(
    "pwcompare",
    "[anything] [, MCOMPare(string) EFFects CIeffects PVeffects DF(real 0) Level(cilevel) CFORMAT(string)]",
    minimum=3,
    stored="r(df_r) r(level) r(k_terms) r(mcmethod_vs) r(b) r(V) r(b_vs) r(V_vs) r(table_vs)",
    refused="groups, cimargins, asobserved, equation(), emptycells(), sort, mcompare(snk|duncan|dunnett), "
    "factors interacted with continuous variables, empty cells, omitted terms, several equations",
)
def pwcompare(session: Session, line: Line) -> None:
    """Pairwise comparisons of marginal linear predictions."""
    if "df" not in line.typed:
        line.options["df"] = None
    model = _model(session, line)
    level = level_of(session, line)
    method = comparison_method(line.text_option("mcompare"))
    if method == "tukey" and model.df is None:
        raise StataError(198, "mcompare(tukey) requires residual degrees of freedom")
    log = session.log
    terms = _terms(session, line.anything, model, ())
    blocks = [_Pairs(model, factors, method, level) for factors in terms]
    log.line()
    log.line("Pairwise comparisons of marginal linear predictions")
    log.line()
    log.line("Margins: asbalanced")
    log.line()
    if method != "noadjust":
        _counts(log, blocks)
    cformat = line.text_option("cformat") or "%9.0g"
    tests = line.flag("effects") or line.flag("pveffects")
    intervals = not line.flag("pveffects") or line.flag("effects") or line.flag("cieffects")
    _print_pairs(log, blocks, model, _ADJUSTMENTS[method], level, cformat, tests=tests, intervals=intervals)
    means = np.vstack([block.means for block in blocks])
    R = np.vstack([block.rows for block in blocks])
    cells = [name for block in blocks for name in block.cells]
    pairs = [name for block in blocks for name in block.names]
    table = result_table(CoefficientTable(pairs, R @ model.b, R @ model.V @ R.T, df=model.df, level=level))
    table.values[3], table.values[4], table.values[5], table.values[7] = (
        np.concatenate([getattr(block, part) for block in blocks]) for part in ("p", "low", "high", "crit")
    )
    results = ResultSet(scalars={"level": level, "k_terms": float(len(blocks))})
    results.macros = {"cmd": "pwcompare", "cmdline": f"pwcompare {line.text}".strip(), "mcmethod_vs": method}
    if model.df is not None:
        results.scalars["df_r"] = model.df
    results.matrices = {
        "b": Matrix((means @ model.b).reshape(1, -1), ["r1"], cells),
        "V": Matrix(means @ model.V @ means.T, list(cells), list(cells)),
        "b_vs": Matrix((R @ model.b).reshape(1, -1), ["r1"], pairs),
        "V_vs": Matrix(R @ model.V @ R.T, list(pairs), list(pairs)),
        "table_vs": table,
    }
    session.r = results


def comparison_method(typed: str | None) -> str:
    """mcompare() in full: noadjust, bonferroni, sidak, scheffe or tukey."""
    if typed is None:
        return "noadjust"
    found = next((name for name in _ADJUSTMENTS if name.startswith(typed.strip()) and len(typed.strip()) >= 3), None)
    if found is None:
        raise unsupported(f"mcompare({typed}) is")
    return found


class _Pairs:
    """All differences between the cells of one term, with adjusted tests and limits."""

    def __init__(self, model: _Model, factors: list[_Factor], method: str, level: float) -> None:
        self.title = "#".join(factor.variable for factor in factors)
        cells = list(itertools.product(*(factor.levels for factor in factors)))
        variables = [factor.variable for factor in factors]
        self.cells = ["#".join(f"{v}.{name}" for v, name in zip(cell, variables, strict=True)) for cell in cells]
        self.means = model.means(factors)
        couples = list(itertools.combinations(range(len(cells)), 2))
        if not couples:
            raise StataError(198, f"{self.title}: nothing to compare")
        self.rows = np.array([self.means[j] - self.means[i] for i, j in couples])
        named = [[model.label(n, v) for v, n in zip(cell, variables, strict=True)] for cell in cells]
        labelled = any(text != str(v) for cell, row in zip(cells, named, strict=True)
                       for v, text in zip(cell, row, strict=True))  # fmt: skip
        texts = [("#" if labelled else " ").join(row) for row in named]
        self.labels = [f"({texts[j]}) vs ({texts[i]})" if len(factors) > 1 else f"{texts[j]} vs {texts[i]}"
                       for i, j in couples]  # fmt: skip
        self.names = ["#".join(f"{a}vs{b}.{n}" for a, b, n in zip(cells[j], cells[i], variables, strict=True))
                      for i, j in couples]  # fmt: skip
        self.b = self.rows @ model.b
        self.se = np.sqrt(np.einsum("ij,jk,ik->i", self.rows, model.V, self.rows))
        t = self.b / self.se
        self.t = t
        multiplier, p = adjusted_tests(t, method, len(couples), len(cells), model.df, level)
        self.p = p
        self.crit = np.full(len(couples), multiplier)
        self.low, self.high = self.b - multiplier * self.se, self.b + multiplier * self.se


def adjusted_tests(
    t: FloatArray, method: str, m: int, k: int, df: float | None, level: float
) -> tuple[float, FloatArray]:
    """Multiplier of the standard error and p-values ([R] pwcompare, Methods): m comparisons of k means."""
    raw = np.array([two_sided(float(each), df) for each in t])
    alpha = 1.0 - level / 100.0
    if method == "bonferroni":
        return critical(100.0 * (1.0 - alpha / m), df), np.minimum(raw * m, 1.0)
    if method == "sidak":
        return critical(100.0 * (1.0 - alpha) ** (1.0 / m), df), 1.0 - (1.0 - raw) ** m
    if method == "tukey":
        from scipy.stats import studentized_range

        p = np.asarray(studentized_range.sf(np.abs(t) * math.sqrt(2.0), k, df), dtype=np.float64)
        return float(studentized_range.ppf(1.0 - alpha, k, df)) / math.sqrt(2.0), p
    if method == "scheffe":
        from scipy.stats import chi2, f

        if df is None:
            limit = float(chi2.isf(alpha, k - 1))
            p = np.array([chi2_tail(float(each) ** 2, k - 1) for each in t])
        else:
            limit = (k - 1) * float(f.isf(alpha, k - 1, df))
            p = np.array([f_tail(float(each) ** 2 / (k - 1), k - 1, df) for each in t])
        return math.sqrt(limit), p
    return critical(level, df), raw


def method_heading(first: str, method: str, *, tests: bool, intervals: bool) -> str:
    """The line above the headings of compared margins: the adjustment over the tests and over the limits."""
    line = first
    places = ([28] if tests else []) + ([49 if tests else 33] if intervals else [])
    for place in places:
        line = f"{line:<{place + (10 - len(method)) // 2}}{method}" if method else line
    return line


def _counts(log: Log, blocks: list[_Pairs]) -> None:
    width = max([12, *(len(block.title) for block in blocks)])
    log.line("-" * (width + 15))
    log.line(" " * width + " |    Number of")
    log.line(" " * width + " |  comparisons")
    log.line("-" * (width + 1) + "+" + "-" * 13)
    for block in blocks:
        log.line(f"{block.title:>{width}} |{len(block.rows):13d}")
    log.line("-" * (width + 15))
    log.line()


def _print_pairs(
    log: Log, blocks: list[_Pairs], model: _Model, method: str, level: float, cformat: str, *, tests: bool,
    intervals: bool,
) -> None:  # fmt: skip
    width = max([12, *(len(text) + 1 for block in blocks for text in [block.title, *block.labels])])
    letter = "z" if model.df is None else "t"
    heading = "   Contrast   Std. err."
    if tests:
        heading += f"      {letter}    P>|{letter}|"
    if intervals:
        heading += f"[{level:g}% conf. interval]".rjust(25)
    upper = method_heading("", method, tests=tests, intervals=intervals)
    length = len(heading) + 1
    log.line("-" * (width + 1 + length))
    log.line(" " * width + " |" + upper.rstrip())
    log.line(" " * width + " |" + heading)
    for block in blocks:
        log.line("-" * (width + 1) + "+" + "-" * (length - 1))
        log.line(f"{block.title:>{width}} |")
        for i, label in enumerate(block.labels):
            text = f"  {format_value(float(block.b[i]), cformat):>9}  {format_value(float(block.se[i]), cformat):>9}"
            if tests:
                text += f"{block.t[i]:9.2f}{block.p[i]:8.3f}"
            if intervals:
                low, high = (format_value(float(v[i]), cformat) for v in (block.low, block.high))
                text += f"    {low:>9}   {high:>9}"
            log.line(f"{label:>{width - 1}}  |{text}")
    log.line("-" * (width + 1 + length))


# --- contrast ---


@command(
    "contrast",
    "[anything] [, EFFects DF(real 0) Level(cilevel)]",
    minimum=5,
    stored="r(df_r) r(level) r(k_terms) r(b) r(V) r(table) r(F)|r(chi2) r(p) r(df)",
    refused="the operators h., j., p., q., gw. and custom {}, the nested |, @ terms, mcompare(), asobserved, "
    "factors interacted with continuous variables, empty cells, omitted terms, several equations",
)
def contrast(session: Session, line: Line) -> None:
    """Contrasts and joint tests of factors and their interactions."""
    if "df" not in line.typed:
        line.options["df"] = None
    model = _model(session, line)
    level = level_of(session, line)
    terms = [_Contrast(model, factors) for factors in _terms(session, line.anything, model, ("r", "a", "ar", "g"))]
    log = session.log
    log.line()
    log.line("Contrasts of marginal linear predictions")
    log.line()
    log.line("Margins: asbalanced")
    log.line()
    shown = [term for term in terms if term.named or line.flag("effects")]
    width = max([12, *(len(text) + 1 for term in terms for text in [term.title, *(term.labels if term.named else [])])])
    rule = "-" * (width + 1) + "+" + "-" * 34
    kind = "chi2" if model.df is None else "F"
    log.line("-" * (width + 36))
    log.line(" " * width + f" |{'df':>11}{kind:>12}{'P>' + kind:>11}")
    log.line(rule)
    tests = []
    for term in terms:
        joint = term.joint()
        if term.named and len(term.rows) > 1:
            log.line(f"{term.title:>{width}} |")
            for i, label in enumerate(term.labels):
                single = term.test(term.rows[i : i + 1])
                tests.append((term.names[i], *single))
                log.line(f"{label:>{width - 1}}  |{_test_cells(*single)}")
            log.line(f"{'Joint':>{width - 1}}  |{_test_cells(*joint)}")
        else:
            log.line(f"{term.title:>{width}} |{_test_cells(*joint)}")
        tests.append((term.title, *joint))
        if model.df is not None or term is not terms[-1]:
            log.line(" " * width + " |")
    if model.df is not None:
        log.line(f"{'Denominator':>{width}} |{model.df:11.0f}")
    log.line("-" * (width + 36))
    R = np.vstack([term.rows for term in terms])
    names = [name for term in terms for name in term.names]
    table = result_table(CoefficientTable(names, R @ model.b, R @ model.V @ R.T, df=model.df, level=level))
    if shown:
        _print_contrasts(log, shown, model, level, tests=line.flag("effects"))
    columns = [name for name, *_ in tests]
    results = ResultSet(scalars={"level": level, "k_terms": float(len(terms))})
    results.macros = {"cmd": "contrast", "cmdline": f"contrast {line.text}".strip()}
    if model.df is not None:
        results.scalars["df_r"] = model.df
    results.matrices = {
        "b": Matrix((R @ model.b).reshape(1, -1), ["r1"], names),
        "V": Matrix(R @ model.V @ R.T, list(names), list(names)), "table": table,
        "df": Matrix(np.array([[float(each[1]) for each in tests]]), ["r1"], columns),
        kind: Matrix(np.array([[each[2] for each in tests]]), ["r1"], list(columns)),
        "p": Matrix(np.array([[each[3] for each in tests]]), ["r1"], list(columns)),
    }  # fmt: skip
    session.r = results


def _test_cells(df: int, statistic: float, p: float) -> str:
    return f"{df:11d}{statistic:12.2f}{p:11.4f}"


class _Contrast:
    """The contrasts of one term."""

    def __init__(self, model: _Model, factors: list[_Factor]) -> None:
        if any(len(factor.levels) < 2 for factor in factors):
            raise unsupported("contrasts of single levels are")
        self.model = model
        self.title = "#".join(factor.variable for factor in factors)
        self.named = any(factor.operator for factor in factors)
        weights: FloatArray = np.ones((1, 1))
        labels, names = [""], [""]
        for factor in factors:
            base = model.bases.get(factor.variable)
            rows, plain, pairs = _differences(factor, factor.levels[0] if base is None else base, model)
            weights = np.asarray(np.kron(weights, rows), dtype=np.float64)
            labels = [f"{before} {each}".strip() for before in labels for each in plain]
            names = [f"{before}#{each}".strip("#") for before in names for each in pairs]
        self.labels, self.names = labels, names
        self.rows = weights @ model.means(factors)

    def test(self, rows: FloatArray) -> tuple[int, float, float]:
        W, rank = wald(rows @ self.model.b, rows @ self.model.V @ rows.T)
        if self.model.df is None:
            return rank, W, chi2_tail(W, rank)
        F = quotient(W, rank)
        return rank, F, f_tail(F, rank, self.model.df)

    def joint(self) -> tuple[int, float, float]:
        return self.test(self.rows)


def _differences(factor: _Factor, base: int, model: _Model) -> tuple[FloatArray, list[str], list[str]]:
    """Weights of the levels in each contrast, with its printed and its stored name."""
    levels = factor.levels
    k = len(levels)
    unit = np.eye(k)
    text = [model.label(factor.variable, each) for each in levels]
    if factor.operator == "g":
        rows = unit - 1.0 / k
        return rows, [f"({each} vs mean)" for each in text], [f"{v}vs_mean.{factor.variable}" for v in levels]
    if factor.operator in {"a", "ar"}:
        pairs = [(i, i + 1) if factor.operator == "a" else (i + 1, i) for i in range(k - 1)]
    else:
        pairs = [(i, levels.index(base)) for i in range(k) if levels[i] != base]
    return (
        np.array([unit[i] - unit[j] for i, j in pairs]),
        [f"({text[i]} vs {text[j]})" for i, j in pairs],
        [f"{levels[i]}vs{levels[j]}.{factor.variable}" for i, j in pairs],
    )


def _print_contrasts(log: Log, terms: list[_Contrast], model: _Model, level: float, *, tests: bool) -> None:
    width = max([12, *(len(text) + 1 for term in terms for text in [term.title, *term.labels])])
    letter = "z" if model.df is None else "t"
    heading = "   Contrast   Std. err." + (f"      {letter}    P>|{letter}|" if tests else "")
    heading += f"[{level:g}% conf. interval]".rjust(25)
    log.line()
    log.line("-" * (width + 2 + len(heading)))
    log.line(" " * width + " |" + heading)
    half = critical(level, model.df)
    for term in terms:
        log.line("-" * (width + 1) + "+" + "-" * len(heading))
        log.line(f"{term.title:>{width}} |")
        for row, label in zip(term.rows, term.labels, strict=True):
            b, se = float(row @ model.b), math.sqrt(float(row @ model.V @ row))
            text = f"  {format_value(b, '%9.0g'):>9}  {format_value(se, '%9.0g'):>9}"
            if tests:
                text += f"{b / se:9.2f}{two_sided(b / se, model.df):8.3f}"
            low, high = (format_value(b + sign * half * se, "%9.0g") for sign in (-1.0, 1.0))
            log.line(f"{label:>{width - 1}}  |{text}    {low:>9}   {high:>9}")
    log.line("-" * (width + 2 + len(heading)))
