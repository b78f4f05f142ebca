"""test, testparm, lincom, nlcom: hypotheses about coefficients."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimation import level_of, parse_varlist
from ssd.engine.commands.linear_forms import (
    LinearForm,
    coefficient_position,
    describe,
    parse_form,
    parse_restriction,
)
from ssd.engine.commands.postestimation_mtest import adjustment_of, constrained_coefficients, separate_tests
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.expr.estimates import plain_term
from ssd.engine.lang.quoting import closing
from ssd.engine.missing import MISSING, FloatArray
from ssd.engine.output.estimation import CoefficientTable, exponential, fixed, print_coefficients, result_table
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.stats.covariance import wald
from ssd.engine.stats.distributions import chi2_tail, critical, f_tail, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session


def require_estimates(session: Session) -> tuple[list[str], FloatArray, FloatArray, float | None]:
    """Names, b, V and residual degrees of freedom of e(). Raises r(301)."""
    if "b" not in session.e.matrices:
        raise StataError(301, "last estimates not found")
    b = session.e.matrices["b"]
    V = session.e.matrices.get("V")
    if V is None:
        raise StataError(301, "last estimates not found")
    df = session.e.scalars.get("df_r")
    return list(b.cols), b.values[0], V.values, None if df is None or df >= MISSING else df


@command(
    "test", "[anything(equalok everything)] [, ACCumulate Coef noTest Mtest Mtest(string) MINimum COMmon CONStant]",
    minimum=2, stored="r(p) r(F) r(df) r(df_r) r(chi2) r(drop) r(dropped_#) r(mtest) r(mtmethod)",
    refused="minimum",
)  # fmt: skip
def test(session: Session, line: Line) -> None:
    """Wald tests of linear hypotheses after estimation."""
    if line.flag("minimum"):
        raise unsupported("option minimum of test is")
    method = adjustment_of(line)
    names, _, _, _ = require_estimates(session)
    constant, common = line.flag("constant"), line.flag("common")
    forms = _restrictions(session, line.anything, names, constant=constant, common=common)
    if line.flag("accumulate"):
        earlier = session.e.hidden.get("test_forms")
        if isinstance(earlier, list):
            forms = [*earlier, *forms]
    if line.flag("notest"):
        _list_forms(session, forms, names)
        return
    _wald_test(session, forms, names, method)
    if line.flag("coef"):
        constrained_coefficients(session, list(names), forms, require_estimates(session))


def _list_forms(session: Session, forms: list[LinearForm], names: Sequence[str]) -> None:
    session.log.line()
    for index, form in enumerate(forms):
        session.log.line(f" ({index + 1:2d})  {describe(form, names)}")
    session.e.hidden["test_forms"] = list(forms)


def _restrictions(
    session: Session, text: str, names: Sequence[str], *, constant: bool = False, common: bool = False
) -> list[LinearForm]:
    stripped = text.strip()
    if not stripped:
        raise StataError(302, "last test not found")
    equations = re.fullmatch(r"\[([^\]]+)\]\s*(?::(.*))?", stripped, re.DOTALL)
    if equations and ("=" in equations[1] or equations[2] is not None):
        return _across_equations(session, equations[1], equations[2], names, constant=constant, common=common)
    equation = re.fullmatch(r"\[([^\]=]+)\]", stripped)
    if equation:
        return [_unit(j, len(names)) for j, name in enumerate(names)
                if name.rpartition(":")[0] == equation.group(1) and not name.endswith(":_cons")]  # fmt: skip
    if stripped.startswith("(") and parenthesised_groups(stripped) is not None:
        forms: list[LinearForm] = []
        for inner in parenthesised_groups(stripped) or []:
            forms.extend(_restrictions(session, inner, names, constant=constant, common=common))
        return forms
    if "=" in stripped:
        return parse_restriction(session, stripped)
    forms = []
    for word in stripped.split():
        forms.extend(_word(session, word, names))
    return forms


def _across_equations(
    session: Session, typed: str, terms: str | None, names: Sequence[str], *, constant: bool, common: bool
) -> list[LinearForm]:
    """`[eq1=eq2=…]: varlist`: equal coefficients across equations; `[eq]: varlist`: zero in one equation.

    Without a varlist those of the first equation, `common` those in all of them; `constant` adds the constant.
    """
    chosen = [each.strip() for each in typed.split("=")]
    owned: dict[str, dict[str, int]] = {each: {} for each in chosen}
    for j, name in enumerate(names):
        owner, _, bare = name.rpartition(":")
        if owner in owned:
            owned[owner][plain_term(bare)] = j
    absent = next((each for each in chosen if not owned[each]), None)
    if absent is not None:
        raise StataError(303, f"equation [{absent}] not found")
    first = owned[chosen[0]]
    if terms is not None and terms.strip():
        wanted = [plain_term(word) for word in terms.split()]
    else:
        wanted = [term for term in first if constant or term != "_cons"]
        if common:
            wanted = [term for term in wanted if all(term in owned[each] for each in chosen)]
    for term in wanted:
        lacking = next((each for each in chosen if term not in owned[each]), None)
        if lacking is not None:
            raise StataError(111, f"[{lacking}]{term} not found")
    if len(chosen) == 1:
        return [_unit(first[term], len(names)) for term in wanted]
    return [
        LinearForm(_unit(first[term], len(names)).weights - _unit(owned[other][term], len(names)).weights)
        for other in chosen[1:]
        for term in wanted
    ]


def _word(session: Session, word: str, names: Sequence[str]) -> list[LinearForm]:
    """A single coefficient or a wildcard of coefficients."""
    if "*" in word and not word.startswith("["):
        pattern = re.compile(re.escape(word).replace(r"\*", ".*"))
        hits = [j for j, name in enumerate(names) if pattern.fullmatch(name.rpartition(":")[2])]
        if hits:
            return [_unit(j, len(names)) for j in hits]
    if re.fullmatch(r"\w+", word) and coefficient_position(names, "", word) is None and word in session.data.variables:
        raise StataError(111, f"{word} not found")
    if re.fullmatch(r"[\w.#@]+", word):
        # A name alone stands for the coefficient in every equation that has it.
        wanted = plain_term(word)
        hits = [j for j, name in enumerate(names) if plain_term(name.rpartition(":")[2]) == wanted]
        if len(hits) > 1:
            return [_unit(j, len(names)) for j in hits]
    return [parse_form(session, word)]


def parenthesised_groups(text: str) -> list[str] | None:
    """The contents of `(a) (b)` when the text is nothing but parenthesised groups."""
    found: list[str] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        if text[position] != "(":
            return None
        end = closing(text, position)
        found.append(text[position + 1 : end])
        position = end + 1
    return found


def _unit(position: int, size: int) -> LinearForm:
    weights = np.zeros(size)
    weights[position] = 1.0
    return LinearForm(weights)


def _wald_test(session: Session, forms: list[LinearForm], names: Sequence[str], method: str = "") -> None:
    _, b, V, df_r = require_estimates(session)
    log = session.log
    log.line()
    dropped: list[int] = []
    kept: list[LinearForm] = []
    for index, form in enumerate(forms):
        log.line(f" ({index + 1:2d})  {describe(form, names)}")
        R = np.array([f.weights for f in [*kept, form]])
        middle = R @ V @ R.T
        scale = np.sqrt(np.maximum(np.diag(middle), 0.0))
        if scale[-1] == 0.0:
            dropped.append(index + 1)
            continue
        correlation = middle / np.outer(scale, scale)
        if kept and np.linalg.eigvalsh(correlation).min() < 1e-12:
            dropped.append(index + 1)
            continue
        kept.append(form)
    for index in dropped:
        log.line(f"       Constraint {index} dropped")
    log.line()
    results: dict[str, float] = {}
    if kept:
        R = np.array([form.weights for form in kept])
        gap = R @ b + np.array([form.constant for form in kept])
        W, _ = wald(gap, R @ V @ R.T)
    else:
        W = math.nan
    df = len(kept)
    results["drop"] = float(bool(dropped))
    for position, index in enumerate(dropped):
        results[f"dropped_{position + 1}"] = float(index)
    matrices: dict[str, Matrix] = {}
    if df_r is not None:
        F = W / df if df else math.nan
        p = f_tail(F, df, df_r)
        if method:
            matrices["mtest"] = separate_tests(session, kept, b, V, df_r, method, (F, df, p))
        else:
            log.line(f"{f'F({df:3d},{df_r:6.0f})':>20} ={F:8.2f}")
            log.line(f"{'Prob > F':>20} ={p:10.4f}")
        results = {"p": p, "F": F, "df": float(df), "df_r": df_r, **results}
    else:
        p = chi2_tail(W, df)
        if method:
            matrices["mtest"] = separate_tests(session, kept, b, V, None, method, (W, df, p))
        else:
            log.line(f"{f'chi2({df:3d})':>20} ={fixed(W, 2):>8}")
            log.line(f"{'Prob > chi2':>20} ={fixed(p, 4):>10}")
        results = {"p": p, "chi2": W, "df": float(df), **results}
    macros = {"mtmethod": method} if method else {}
    scalars = {k: v if math.isfinite(v) else MISSING for k, v in results.items()}
    session.r = ResultSet(scalars=scalars, macros=macros, matrices=matrices)
    session.e.hidden["test_forms"] = list(forms)


@command("testparm", "anything [, Equal Equation(string)]", stored="r(p) r(F) r(df) r(df_r) r(chi2) r(drop)")
def testparm(session: Session, line: Line) -> None:
    """Joint test that the coefficients of the terms are zero (or equal)."""
    names, _, V, _ = require_estimates(session)
    equation = line.text_option("equation")
    wanted: set[str] = set()
    factors: set[tuple[str, ...]] = set()
    for term in parse_varlist(session, [line.anything]):
        if any(part.kind == "i" and not part.levels for part in term):
            factors.add(tuple(sorted(part.variable for part in term)))
        else:
            wanted.add(plain_term("#".join(_part_text(part) for part in term)))
    hits = []
    for j, name in enumerate(names):
        owner, _, bare = name.rpartition(":")
        if (equation and owner != equation) or V[j, j] <= 0.0:
            continue
        pieces = bare.split("#")
        variables = tuple(sorted(piece.rpartition(".")[2] for piece in pieces))
        is_factor = any(piece[:1].isdigit() for piece in pieces)
        if plain_term(bare) in wanted or (is_factor and variables in factors):
            hits.append(j)
    if not hits:
        raise StataError(111, "no such variables;\nthe specified varlist does not identify any testable coefficients")
    forms = [_unit(j, len(names)) for j in hits]
    if line.flag("equal"):
        forms = [LinearForm(form.weights - forms[0].weights) for form in forms[1:]]
    _wald_test(session, forms, names)


def _part_text(part: object) -> str:
    from ssd.engine.stats.terms import Component

    assert isinstance(part, Component)
    operator = str(part.levels[0]) if part.levels else part.operator
    return f"{operator}.{part.variable}" if operator else part.variable


@command(
    "lincom", "anything(everything) [, Level(cilevel) OR IRr HR EForm RRr DF(real -1)]", minimum=4,
    stored="r(estimate) r(se) r(t) r(z) r(p) r(lb) r(ub) r(df) r(level)",
)  # fmt: skip
def lincom(session: Session, line: Line) -> None:
    """Point estimate, standard error and test of a linear combination of coefficients."""
    names, b, V, df = require_estimates(session)
    form = parse_form(session, line.anything)
    typed = line.options.get("df")
    if isinstance(typed, float | int) and typed > 0:
        df = float(typed)
    level = level_of(session, line)
    headings = {"or": "Odds ratio", "irr": "IRR", "hr": "Haz. ratio", "eform": "exp(b)", "rrr": "RRR"}
    chosen = next((name for name in headings if line.flag(name)), None)
    if chosen is None and session.e.macros.get("cmd") == "logistic":
        chosen = "or"
    estimate = float(form.weights @ b + form.constant)
    variance = float(form.weights @ V @ form.weights)
    log = session.log
    log.line()
    log.line(f" ( 1)  {describe(form, names)}")
    log.line()
    table = CoefficientTable(
        ["(1)"], np.array([estimate]), np.array([[variance]]), session.e.macros.get("depvar", ""), df, level,
        coefficient_heading=headings[chosen] if chosen else "Coefficient", eform=chosen is not None,
    )  # fmt: skip
    print_coefficients(log, table)
    se = math.sqrt(variance) if variance > 0 else math.nan
    t = estimate / se
    multiplier = critical(level, df)
    low, high = estimate - multiplier * se, estimate + multiplier * se
    if chosen:
        estimate, se, low, high = exponential(estimate), se * exponential(estimate), exponential(low), exponential(high)
    scalars = {"estimate": estimate, "se": se, "t" if df is not None else "z": t, "p": two_sided(t, df)}
    scalars.update({"lb": low, "ub": high, "level": level})
    if df is not None:
        scalars["df"] = df
    session.r = ResultSet(scalars={k: v if math.isfinite(v) else MISSING for k, v in scalars.items()})


_REFERENCE = re.compile(r"(?:\[([^\]]+)\]\s*)?_b\[((?:[^\[\]]|\[[^\[\]]*\])+)\]|\[([^\]]+)\]([A-Za-z_][\w.#]*)")


@command("nlcom", "anything(equalok everything) [, Level(cilevel) POST ITERate(integer 100) DF(real -1)]",
         stored="r(b) r(V) r(N) r(df_r) r(table)", refused="dfexp")  # fmt: skip
def nlcom(session: Session, line: Line) -> None:
    """Nonlinear combinations of coefficients by the delta method."""
    names, b, V, _ = require_estimates(session)
    level = level_of(session, line)
    text = line.anything.strip()
    groups = parenthesised_groups(text) if text.startswith("(") else None
    whole = groups is not None and (len(groups) > 1 or re.match(r"\s*[A-Za-z_]\w*\s*:", groups[0]) is not None)
    pieces = groups if whole and groups is not None else [text]
    labels, expressions = [], []
    for index, piece in enumerate(pieces):
        named = re.match(r"\s*([A-Za-z_]\w*)\s*:(?!:)(.*)$", piece, re.DOTALL)
        labels.append(named.group(1) if named else f"_nl_{index + 1}")
        expressions.append((named.group(2) if named else piece).strip())
    if not all(expressions):
        raise invalid_syntax()
    estimate = np.array([evaluate_at(session, expression, names, b) for expression in expressions])
    J = np.array([gradient(session, expression, names, b, V) for expression in expressions])
    W = J @ V @ J.T
    log = session.log
    log.line()
    for label, expression in zip(labels, expressions, strict=True):
        log.line(f"{label:>12}:  {expression}")
    log.line()
    typed = line.options.get("df")
    df = float(typed) if isinstance(typed, float | int) and typed > 0 else None
    table = CoefficientTable(labels, estimate, W, session.e.macros.get("depvar", ""), df, level)
    print_coefficients(log, table)
    results = ResultSet()
    results.matrices = {
        "b": Matrix(estimate.reshape(1, -1), ["y1"], list(labels)), "V": Matrix(W, list(labels), list(labels)),
        "table": result_table(table),
    }  # fmt: skip
    if "N" in session.e.scalars:
        results.scalars["N"] = session.e.scalars["N"]
    session.r = results
    if line.flag("post"):
        posted = ResultSet(macros={"cmd": "nlcom", "properties": "b V"}, sample=session.e.sample)
        posted.scalars = dict(results.scalars)
        posted.matrices = {"b": results.matrices["b"], "V": results.matrices["V"]}
        session.e = posted


def evaluate_at(session: Session, expression: str, names: Sequence[str], b: FloatArray) -> float:
    """Value of an expression with its `_b[]` read from `b`. Raises r(111) for unknown coefficients."""

    def number_of(match: re.Match[str]) -> str:
        equation, name = match.group(1) or match.group(3) or "", match.group(2) or match.group(4)
        position = coefficient_position(names, equation, name.strip())
        if position is None:
            raise StataError(111, f"[{equation or names[0].rpartition(':')[0]}]{name} not found")
        return f"({float(b[position])!r})"

    value = session.evaluate_number(_REFERENCE.sub(number_of, expression))
    if value >= MISSING:
        raise StataError(498, "expression evaluates to missing")
    return value


def gradient(session: Session, expression: str, names: Sequence[str], b: FloatArray, V: FloatArray) -> FloatArray:
    """Central differences in the coefficients the expression mentions, by steps of a share of their errors."""
    J = np.zeros(len(b))
    mentioned = {
        coefficient_position(names, m.group(1) or m.group(3) or "", (m.group(2) or m.group(4)).strip())
        for m in _REFERENCE.finditer(expression)
    }
    for j in mentioned:
        if j is None:
            continue
        step = 1e-4 * max(abs(float(b[j])), math.sqrt(max(float(V[j, j]), 0.0)), 1e-8)
        values = []
        for factor in (-2.0, -1.0, 1.0, 2.0):
            moved = b.copy()
            moved[j] += factor * step
            values.append(evaluate_at(session, expression, names, moved))
        J[j] = (values[0] - 8.0 * values[1] + 8.0 * values[2] - values[3]) / (12.0 * step)
    return J
