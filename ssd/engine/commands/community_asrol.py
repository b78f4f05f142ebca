"""asrol and fastxtile (SSC): statistics in rolling windows and by groups; quantile categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.errors import StataError, already_defined, unsupported
from ssd.engine.lang.scratch import next_temporary_name
from ssd.engine.missing import MISSING

if TYPE_CHECKING:
    from ssd.engine.session import Session

_STATISTICS = ("mean", "sd", "sum", "median", "count", "min", "max", "first", "last", "missing")


@command(
    "asrol",
    "varlist(numeric) [if] [in] , Statistics(string) [Window(string) BY(varlist) Generate(string) MINimum(integer 0) "
    "EXCLude(string) XF(string) PERC(string) ADD(string) IGNorezero TYPE(string)]",
    by="vector",
    refused="exclude(), xf(), perc(), add(), ignorezero, gmean, product, skewness, kurtosis; several variables or "
    "statistics without generate()",
)
def asrol(session: Session, line: Line) -> None:
    """Statistics of a variable in a rolling window of another one, or by group."""
    for name in ("exclude", "xf", "perc", "add", "ignorezero", "type"):
        if line.options.get(name):
            raise unsupported(f"option {name} of asrol is")
    statistics = (line.text_option("statistics") or "").split()
    for name in statistics:
        if name not in _STATISTICS:
            raise unsupported(f"the statistic {name} of asrol is")
    if not statistics:
        raise StataError(198, "option statistics() required")
    by = line.options.get("by")
    groups = [str(each) for each in by] if isinstance(by, list) else list(line.groups.names) if line.groups else []
    key, low, high, length = _window(session, line)
    targets = _targets(session, line, statistics, length)
    condition = _condition(line)
    grouped = f"by({' '.join(groups)})" if groups else ""
    for (variable, name), target in targets.items():
        scratch = next_temporary_name(session)
        constant = ""
        if not key:
            constant = key = next_temporary_name(session)
            session.data.add(constant, np.zeros(session.data.n_obs), "byte")
        try:
            session.run(f"rangestat ({name}) {target}={variable} (count) {scratch}={variable}{condition}, "
                        f"interval({key} {low} {high}) {grouped}", quiet=True)  # fmt: skip
            values, counts = session.data.numeric(target), session.data.numeric(scratch)
            least = line.options.get("minimum")
            if isinstance(least, int) and least > 0:
                short = (counts < least) | (counts >= MISSING)
                session.data.replace(target, np.where(short, MISSING, values))
        finally:
            session.data.drop([each for each in (scratch, constant) if each and each in session.data.variables])
        if constant:
            key = ""


def _window(session: Session, line: Line) -> tuple[str, str, str, int]:
    """Variable and bounds of the window, and the length that generated names carry (0 without a window)."""
    words = (line.text_option("window") or "").replace(",", " ").split()
    if not words:
        return "", "0", "0", 0
    if len(words) not in (2, 3):
        raise StataError(198, "option window() must give a variable and one or two numbers")
    key = session.variable_named(words[0])
    numbers = [session.evaluate_number(word) for word in words[1:]]
    if len(numbers) == 1:
        if numbers[0] < 1:
            raise StataError(198, "the length of the window must be positive")
        return key, f"{1 - numbers[0]:g}", "0", int(numbers[0])
    return key, f"{numbers[0]:g}", f"{numbers[1]:g}", int(abs(numbers[0]))


def _targets(session: Session, line: Line, statistics: list[str], length: int) -> dict[tuple[str, str], str]:
    """The new variable of each variable and statistic: generate(), or the statistic, length and variable."""
    pairs = [(variable, name) for variable in line.varlist for name in statistics]
    typed = (line.text_option("generate") or "").split()
    if typed and len(typed) != len(pairs):
        raise StataError(198, "generate() needs a name for each variable and statistic")
    names = typed or [f"{name}{length or ''}_{variable}" for variable, name in pairs]
    for i, name in enumerate(names):
        check_name(name)
        if name in session.data.variables or name in names[:i]:
            raise already_defined(name)
    return dict(zip(pairs, names, strict=True))


def _condition(line: Line) -> str:
    """`if` and `in` as they were typed."""
    text = f" if {line.condition}" if line.condition is not None else ""
    if line.range is not None:
        text += f" in {line.range[0] + 1}/{line.range[1]}"
    return text


@command("fastxtile", "*", refused="by(), randvar(), randcut(), randn()")
def fastxtile(session: Session, line: Line) -> None:
    """Quantile categories: the user-written name of xtile."""
    session.run(f"xtile {line.text}")
