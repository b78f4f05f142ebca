"""The layout tests of means, proportions and variances share: group rows, statement, three hypotheses."""

from __future__ import annotations

from ssd.engine.missing import MISSING
from ssd.engine.output.log import Log
from ssd.engine.output.tables import abbreviate, clip, count, number, right, rule

LINE = "-" * 78


def means_head(log: Log, level: float, stub: str = "Group") -> None:
    """Heading of the table of groups."""
    log.line(LINE)
    interval = f"[{level:g}% conf. interval]"
    log.line(f"{right(stub, 8)} |     Obs        Mean    Std. err.   Std. dev.{right(interval, 23)}")
    log.line(rule(9, 68))


def means_row(
    log: Log, name: str, n: float | None, mean: float, se: float, sd: float | None, low: float, high: float
) -> None:
    """One row; `n` and `sd` are left blank for a difference."""
    label = clip(name, 8) if n is not None or sd is not None else name
    cells = right(count(n), 8) if n is not None else " " * 8
    cells += right(number(mean), 12) + right(number(se), 12) + (right(number(sd), 12) if sd is not None else " " * 12)
    cells += right(number(low), 12) + right(number(high), 12)
    log.line(f"{right(label, 8)} |{cells}")


def statement(log: Log, first: str, second: str, letter: str, value: float, df_text: str) -> None:
    """What is compared, the statistic, the null hypothesis and the degrees of freedom, 78 columns wide."""
    tail = f"{letter} = {value:8.4f}" if value < MISSING else f"{letter} = {'.':>8}"
    log.line(first + right(tail, 78 - len(first)))
    log.line(second + (right(df_text, 78 - len(second)) if df_text else ""))
    log.line()


def df_text(words: str, df: float) -> str:
    """Degrees of freedom: whole numbers without decimals."""
    return f"{words} = {df:8.0f}" if df == round(df) else f"{words} = {df:8.4f}"


def hypotheses(log: Log, subject: str, null: str, letter: str, p_lower: float, p_two: float, p_upper: float) -> None:
    """The three alternatives with their p-values, each centred in its third of the line."""
    texts = [f"Ha: {subject} < {null}", f"Ha: {subject} != {null}", f"Ha: {subject} > {null}"]
    line = ""
    for centre, text in zip((11, 40, 70), texts, strict=True):
        start = max(1, centre - len(text) // 2)
        line += " " * max(1 if line else 0, start - 1 - len(line)) + text
    log.line(line)
    low, two, up = (f"{p:.4f}" if p < MISSING else "." for p in (p_lower, p_two, p_upper))
    upper = letter.upper()
    log.line(
        f" Pr({upper} < {letter}) = {low:<6}         Pr(|{upper}| > |{letter}|) = {two:<6}"
        f"          Pr({upper} > {letter}) = {up}"
    )


def short(name: str, width: int = 8) -> str:
    return abbreviate(name, width)
