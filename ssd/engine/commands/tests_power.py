"""power: sample sizes, power and detectable effects of tests, one at a time or as a table and a graph."""

from __future__ import annotations

from itertools import product
from math import ceil

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.power_methods import METHODS, Method, Parameters, Row
from ssd.engine.commands.power_report import draw, print_one, print_table
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.graphics.options import Options
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import split_terms
from ssd.engine.results import Matrix, ResultSet
from ssd.engine.session import Session
from ssd.engine.stats.power import nearest_alternative, smallest

_LISTS = ("alpha", "power", "beta", "n", "n1", "n2", "nratio", "npergroup", "sd", "sd1", "sd2", "sddiff", "corr",
          "diff", "ratio", "varerror", "varmeans")  # fmt: skip
_COMBINATIONS = 10_000


@command(
    "power",
    "[anything(everything)] [, Alpha(string) Power(string) Beta(string) N(string) N1(string) N2(string) NRATio(string) "
    "NPERGroup(string) SD(string) SD1(string) SD2(string) SDDiff(string) CORR(string) DIFF(string) RATIO(string) "
    "VARERRor(string) VARMeans(string) NGroups(integer 0) KNOWNSDs ONESIDed DIRection(string) TABle NOTABle GRAPH "
    "GRAPH(string) ]",
    stored="r(alpha) r(power) r(beta) r(delta) r(N) r(N1) r(N2) r(nratio) r(onesided) and the parameters by name; "
    "r(pss_table); r(type) r(method)",
    refused="cmh, mcc, trend, repeated, twoway, pairedproportions, slope, rsquared, cox, logrank, exponential, cluster "
    "designs; test(), nfractional, table() with columns",
)
def power(session: Session, line: Line) -> None:
    """Sample size, power or detectable effect of tests of means, proportions, correlations, variances and ANOVA."""
    words = split_terms(line.anything)
    if not words:
        raise invalid_syntax()
    method = METHODS.get(words[0])
    if method is None:
        raise unsupported(f"power {words[0]} is")
    grid = _grid(session, line, method, words[1:])
    many = len(grid) > 1 or line.flag("table") or line.flag("graph") or bool(line.text_option("graph"))
    if not grid:
        raise StataError(122, "invalid numlist has too few elements")
    rows = [_solved(line, method, values) for values in grid]
    show_table = (many and not line.flag("notable") and not _wants_graph(line)) or line.flag("table")
    if show_table:
        print_table(session, method, rows)
    elif not many:
        print_one(session, method, rows[0])
    if _wants_graph(line):
        draw(session, method, rows, Options(line.text_option("graph")))
    columns = list(dict.fromkeys(name for row in rows for name in row.results))
    table = [[row.results.get(name, float("nan")) for name in columns] for row in rows]
    session.r = ResultSet(
        scalars={**rows[-1].results, "onesided": float(line.flag("onesided")), "N": rows[-1].results["N"]},
        macros={"type": "test", "method": words[0]},
        matrices={"pss_table": Matrix.of(np.array(table), None, columns)},
    )


def _wants_graph(line: Line) -> bool:
    return line.flag("graph") or bool(line.text_option("graph"))


def _numbers(session: Session, text: str) -> list[float]:
    """A numlist, in parentheses or not, or one expression."""
    bare = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    try:
        return parse_numlist(bare)
    except StataError:
        return [session.evaluate_number(bare)]


def _grid(session: Session, line: Line, method: Method, words: list[str]) -> list[Parameters]:
    """All combinations of the values typed. Raises r(198) for values that make no test."""
    lists: dict[str, list[float]] = {}
    if method.groups:
        if words:
            means = [_numbers(session, word)[0] for word in words]
            lists |= {f"m{k}": [mean] for k, mean in enumerate(means, start=1)}
    else:
        if len(words) > len(method.arguments):
            raise invalid_syntax()
        lists |= {name: _numbers(session, word) for name, word in zip(method.arguments, words, strict=False)}
    for name in _LISTS:
        typed = line.text_option(name)
        if typed is not None:
            if name not in method.options:
                raise StataError(198, f"option {name}() not allowed")
            lists[name] = _numbers(session, typed)
    if line.options.get("ngroups"):
        lists["ngroups"] = [float(str(line.options["ngroups"]))]
    for name, value in method.defaults.items():
        lists.setdefault(name, [value])
    lists.setdefault("alpha", [0.05])
    if "beta" in lists:
        lists["power"] = [1.0 - value for value in lists.pop("beta")]
    total = 1
    for values in lists.values():
        total *= len(values)
    if total > _COMBINATIONS:
        raise StataError(198, "too many combinations of values")
    return [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]


def _solved(line: Line, method: Method, typed: Parameters) -> Row:
    """One combination with what was to be found filled in."""
    values = method.completed(dict(typed))
    sides = 1 if line.flag("onesided") else 2
    known = line.flag("knownsds")
    if known and not method.may_know_sd:
        raise StataError(198, "option knownsds not allowed")
    if not 0 < values["alpha"] < 1 or not 0 < values.get("power", 0.5) < 1:
        raise StataError(198, "alpha() and power() must be between 0 and 1")
    given = [name for name in ("n", "n1", "n2", "npergroup") if name in values]
    if any(values[name] < 2 or values[name] != int(values[name]) for name in given):
        raise StataError(198, "sample sizes must be integers of at least 2")
    missing = [name for name in method.arguments if name not in values and method.needs_arguments]
    if missing and missing == [method.arguments[-1]]:
        if not given or "power" not in values or not method.finds_effect:
            raise StataError(198, f"{missing[0]} must be specified")
        return _effect(line, method, values, sides, known)
    if missing:
        raise StataError(198, "two parameter values required")
    method.check(values)
    if given:
        sizes = _sizes(method, values)
        reached = method.power(values, sizes, values["alpha"], sides, known)
        return Row("power", values, sizes, reached, method, known, sides)
    target = values.setdefault("power", 0.8)
    try:
        if method.samples == 2:
            ratio = values["nratio"]
            n1 = smallest(lambda n: method.power(values, [n, ceil(n * ratio)], values["alpha"], sides, known), target)
            sizes = [n1, ceil(n1 * ratio)]
        else:
            sizes = [smallest(lambda n: method.power(values, [n], values["alpha"], sides, known), target)]
    except OverflowError:
        raise StataError(459, "no feasible sample size found") from None
    return Row("size", values, sizes, target, method, known, sides)


def _sizes(method: Method, values: Parameters) -> list[int]:
    if method.groups:
        return [int(values["npergroup"]) if "npergroup" in values else int(values["n"] / values["ngroups"])]
    if method.samples == 1:
        return [int(values["n"])]
    ratio = values["nratio"]
    n1, n2, n = (int(values.get(name, 0)) for name in ("n1", "n2", "n"))
    if n and n1:
        n2 = n - n1
    elif n and n2:
        n1 = n - n2
    elif n:
        n1 = int(n / (1 + ratio))
        n2 = n - n1 if ratio != 1 else n1
    else:
        n1, n2 = n1 or ceil(n2 / ratio), n2 or ceil(n1 * ratio)
    if n1 < 1 or n2 < 1:
        raise StataError(198, "each group needs at least one observation")
    return [n1, n2]


def _effect(line: Line, method: Method, values: Parameters, sides: int, known: bool) -> Row:
    direction = (line.text_option("direction") or "upper").strip()
    if not direction or not ("upper".startswith(direction) or "lower".startswith(direction)):
        raise StataError(198, "direction() must be upper or lower")
    name = method.arguments[-1]
    sizes = _sizes(method, values)
    null = values[method.arguments[0]]
    end = method.limits[1] if "upper".startswith(direction) else method.limits[0]
    try:
        values[name] = nearest_alternative(
            lambda value: method.power({**values, name: value}, sizes, values["alpha"], sides, known),
            values["power"],
            (null, end),
        )
    except OverflowError:
        raise StataError(459, "no feasible value found") from None
    return Row("effect", values, sizes, values["power"], method, known, sides)
