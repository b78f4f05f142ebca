"""eststo and esttab: store models and tabulate them as text or comma-separated values."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import (
    coefficient_of,
    keep_estimates,
    named_estimates,
    stored_estimates,
)
from ssd.engine.errors import StataError, unsupported
from ssd.engine.expr.estimates import plain_term
from ssd.engine.lang.quoting import split_words, strip_quotes
from ssd.engine.missing import MISSING
from ssd.engine.output.estimation import number
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session


@command("eststo", "*", refused="by prefix, addscalars(), option prefix()")
def eststo(session: Session, line: Line) -> None:
    """Store estimation results for esttab; `eststo: command` runs and stores."""
    text = line.text.strip()
    if text == "clear":
        stored_estimates(session).clear()
        return
    match = re.match(r"(\w*)\s*:(.*)$", text, re.DOTALL)
    name = match.group(1) if match else text.partition(",")[0].strip()
    if match:
        session.run(match.group(2).strip())
    if not name:
        taken = stored_estimates(session)
        count = 1
        while f"est{count}" in taken:
            count += 1
        name = f"est{count}"
        session.log.line(f"({name} stored)")
    keep_estimates(session, name)


def adaptive(value: float) -> str:
    """esttab's default format: three significant digits or more, at least one decimal above 1."""
    if value == 0.0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    decimals = max(1, 3 - exponent) if exponent >= 0 else 2 - exponent
    return f"{value:.{decimals}f}" if decimals <= 9 else f"{value:.2e}"


def _formatted(value: float, fmt: str | None) -> str:
    if fmt is None or fmt == "a3":
        return adaptive(value)
    if fmt.isdigit():
        return f"{value:.{int(fmt)}f}"
    return number(value, fmt if fmt.startswith("%") else f"%{fmt}")


@command(
    "esttab",
    "[anything] [using/] [, B(string) SE SE(string) T T(string) P P(string) STAR(string) NOSTAR R2 R2(string) AR2 "
    "AR2(string) PR2 AIC BIC SCAlars(string) STATs(string) Keep(string) DROP(string) Label TItle(string) "
    "MTItles MTItles(string) NOMTItles NONUMbers NOOBS REPLACE APPEND CSV NONOTEs NOBASElevels NOOMITted]",
    refused="rtf and tex output, cells(), indicate(), order(), rename(), coeflabels(), wide, plain, eform, append",
)
def esttab(session: Session, line: Line) -> None:
    """A table of stored models with coefficients, statistics and stars."""
    if line.flag("append"):
        raise unsupported("option append of esttab is")
    names = _model_names(session, line.anything.split())
    models = [named_estimates(session, name) for name in names]
    rows = _rows(session, line, names, models)
    path = line.using
    if path is None:
        for text in _as_text(rows, len(models)):
            session.log.line(text)
        return
    target = session.output_path(path)
    if target.exists() and not line.flag("replace"):
        raise StataError(602, f"file {path} already exists")
    if target.suffix.lower() not in {".csv", ".txt", ""}:
        raise unsupported(f"esttab using a {target.suffix} file is")
    if target.suffix.lower() == ".csv" or line.flag("csv"):
        lines = [",".join(f'"{cell}"' for cell in cells) for kind, cells in rows if kind != "rule"]
    else:
        lines = _as_text(rows, len(models))
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    session.log.line(f"(output written to {path})")


def _model_names(session: Session, typed: list[str]) -> list[str]:
    kept = stored_estimates(session)
    if not typed:
        return list(kept) or ["."]
    found: list[str] = []
    for word in typed:
        pattern = re.compile(re.escape(word).replace(r"\*", ".*"))
        hits = [name for name in kept if pattern.fullmatch(name)] if "*" in word else [word]
        if not hits:
            raise StataError(111, f"estimation result {word} not found")
        found.extend(hits)
    return found


Row = tuple[str, list[str]]
"""("rule" | "cells" | "note" | "blank", cells)."""


def _rows(session: Session, line: Line, names: list[str], models: list[ResultSet]) -> list[Row]:
    rows: list[Row] = []
    title = line.text_option("title")
    if title:
        rows.append(("note", [strip_quotes(title)]))
    rows.append(("rule", []))
    if not line.flag("nonumbers"):
        rows.append(("cells", ["", *(f"({i + 1})" for i in range(len(models)))]))
    if not line.flag("nomtitles"):
        rows.append(("cells", ["", *_titles(line, names, models)]))
    rows.append(("rule", []))
    levels = [] if line.flag("nostar") else _levels(line.text_option("star"))
    second = next((kind for kind in ("se", "p", "t") if line.options.get(kind)), "t")
    order = _order(line, models)
    for position, name in enumerate(order):
        if position:
            rows.append(("blank", []))
        upper, lower = [_label(session, line, name)], [""]
        for model in models:
            top, bottom = _cells(line, model, name, second, levels)
            upper.append(top)
            lower.append(bottom)
        rows += [("cells", upper), ("cells", lower)]
    rows.append(("rule", []))
    for label, key, fmt in _statistics(line):
        cells = [label]
        for model in models:
            value = _statistic(model, key)
            cells.append("" if value is None else (f"{value:.0f}" if key == "N" else _formatted(value, fmt)))
        rows.append(("cells", cells))
    rows.append(("rule", []))
    if not line.flag("nonotes"):
        what = {"t": "t statistics", "se": "Standard errors", "p": "p-values"}[second]
        rows.append(("note", [f"{what} in parentheses"]))
        if levels:
            rows.append(("note", [", ".join(f"{mark} p<{level:g}" for mark, level in levels)]))
    return rows


def _titles(line: Line, names: list[str], models: list[ResultSet]) -> list[str]:
    typed = line.text_option("mtitles")
    if typed:
        given = [strip_quotes(word) for word in split_words(typed)]
        return [given[i] if i < len(given) else "" for i in range(len(models))]
    if line.options.get("mtitles"):
        return names
    return [model.macros.get("depvar", "") for model in models]


def _levels(typed: str | None) -> list[tuple[str, float]]:
    if not typed:
        return [("*", 0.05), ("**", 0.01), ("***", 0.001)]
    words = typed.split()
    try:
        return [(words[i], float(words[i + 1])) for i in range(0, len(words), 2)]
    except (IndexError, ValueError):
        raise StataError(198, "option star() incorrectly specified") from None


def _order(line: Line, models: list[ResultSet]) -> list[str]:
    order: list[str] = []
    known: set[str] = set()
    for model in models:
        for column in model.matrices["b"].cols:
            bare = plain_term(column.rpartition(":")[2])
            hidden = (line.flag("nobaselevels") and "b." in column) or (
                line.flag("noomitted") and "o." in column
            )
            if bare not in known and not hidden:
                known.add(bare)
                order.append(column.rpartition(":")[2])
    if "_cons" in order:
        order = [name for name in order if name != "_cons"] + ["_cons"]
    for option, wanted in (("keep", True), ("drop", False)):
        text = line.text_option(option)
        if text:
            patterns = [re.compile(re.escape(plain_term(word)).replace(r"\*", ".*")) for word in text.split()]
            order = [n for n in order if any(p.fullmatch(plain_term(n)) for p in patterns) == wanted]
    return order


def _label(session: Session, line: Line, name: str) -> str:
    if line.flag("label"):
        if name == "_cons":
            return "Constant"
        variable = session.data.variables.get(name)
        if variable is not None and variable.label:
            return variable.label
    return name


def _cells(
    line: Line, model: ResultSet, name: str, second: str, levels: list[tuple[str, float]]
) -> tuple[str, str]:
    found = coefficient_of(model, name)
    if found is None:
        columns = [
            c for c in model.matrices["b"].cols if plain_term(c.rpartition(":")[2]) == plain_term(name)
        ]
        found = coefficient_of(model, columns[0]) if columns else None
    if found is None:
        return "", ""
    b, se, df = found
    if df is not None and df >= MISSING:
        df = None
    if se == 0.0:
        return "0", "(.)"
    p = two_sided(b / se, df)
    reached = [mark for mark, level in levels if p < level]
    top = _formatted(b, line.text_option("b")) + (reached[-1] if reached else "")
    fmt = line.text_option(second)
    default = {"se": None, "t": "2", "p": "3"}[second]
    value = {"se": se, "t": b / se, "p": p}[second]
    return top, f"({_formatted(value, fmt or default)})"


def _statistics(line: Line) -> list[tuple[str, str, str | None]]:
    rows: list[tuple[str, str, str | None]] = [] if line.flag("noobs") else [("N", "N", None)]
    for option, label, key in (
        ("r2", "R-sq", "r2"),
        ("ar2", "adj. R-sq", "r2_a"),
        ("pr2", "pseudo R-sq", "r2_p"),
    ):
        if line.options.get(option):
            rows.append((label, key, line.text_option(option) or "3"))
    rows.extend((option.upper(), option, "1") for option in ("aic", "bic") if line.flag(option))
    for option in ("scalars", "stats"):
        text = line.text_option(option)
        if text:
            rows += [
                (key, key, None) for key in text.split(",")[0].split() if key not in {r[1] for r in rows}
            ]
    return rows


def _statistic(model: ResultSet, key: str) -> float | None:
    if key in {"aic", "bic"} and "ll" in model.scalars:
        from ssd.engine.commands.postestimation_tables import information_row

        return float(information_row(model.scalars)[4 if key == "aic" else 5])
    value = model.scalars.get(key)
    return None if value is None or value >= MISSING else value


def _as_text(rows: list[Row], models: int) -> list[str]:
    """Fixed columns: a stub of 12 or more, 16 per model, stars to the right of the number."""
    stub = max([12, *(len(cells[0]) for kind, cells in rows if kind == "cells")])
    lines = [""]
    for kind, cells in rows:
        if kind == "rule":
            lines.append("-" * (stub + 16 * models))
        elif kind == "cells":
            text = f"{cells[0]:<{stub}}"
            for cell in cells[1:]:
                bare = cell.rstrip("*")
                text += f"{bare:>13}{cell[len(bare) :]:<3}"
            lines.append(text)
        else:
            lines.append(cells[0] if cells else "")
    return lines
