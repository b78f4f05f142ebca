"""The rows of esttab's table: which coefficients and statistics, how they are named and formatted."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line
from ssd.engine.commands.estimates import coefficient_of
from ssd.engine.errors import StataError
from ssd.engine.expr.estimates import plain_term
from ssd.engine.lang.quoting import split_comma, split_words, strip_quotes
from ssd.engine.missing import MISSING
from ssd.engine.output.estimation import number
from ssd.engine.output.estout import Row, Table
from ssd.engine.results import ResultSet
from ssd.engine.stats.distributions import critical, two_sided

if TYPE_CHECKING:
    from ssd.engine.session import Session

Cell = tuple[str, str]


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
    return number(value, fmt if fmt.startswith("%") else f"%{fmt}").strip()


def build_table(session: Session, line: Line, names: list[str], models: list[ResultSet]) -> Table:
    """Everything the table shows, ready for a writer."""
    plain = line.flag("plain")
    levels = [] if line.flag("nostar") or plain else _levels(line.text_option("star"))
    rows: list[Row] = []
    title = line.text_option("title")
    if title:
        rows.append(Row("caption", strip_quotes(title)))
    rows.append(Row("rule"))
    if not line.flag("nonumbers") and not plain:
        rows.append(Row("numbers", "", tuple((f"({i + 1})", "") for i in range(len(models)))))
    if not line.flag("nomtitles"):
        rows.append(Row("titles", "", tuple((text, "") for text in _titles(session, line, names, models))))
    rows.append(Row("rule"))
    second = next((kind for kind in ("se", "p", "ci", "t") if line.options.get(kind)), "t")
    rows += _coefficient_rows(session, line, models, second, levels)
    rows += [Row("statistic", label, _indicated(models, patterns)) for label, patterns in _indicators(line)]
    rows.append(Row("rule"))
    rows += [Row("statistic", label, tuple(_statistic(model, key, fmt) for model in models))
             for label, key, fmt in _statistics(line)]  # fmt: skip
    rows.append(Row("rule"))
    if not line.flag("nonotes") and not plain:
        rows += _notes(line, second, levels)
    rows += [Row("note", strip_quotes(word)) for word in _quoted(line, "addnotes")]
    compress = line.flag("compress")
    return Table(
        rows,
        len(models),
        columns=9 if compress else 12,
        star_width=max([len(mark) for mark, _ in levels], default=0),
        stub_width=(16 if compress else 20) if line.flag("label") else 12,
        booktabs=line.flag("booktabs"),
        fragment=line.flag("fragment"),
        alignment=line.text_option("alignment") or "c",
        plain=plain,
        levels=levels,
    )


def _notes(line: Line, second: str, levels: list[tuple[str, float]]) -> list[Row]:
    what = {"t": "t statistics", "se": "Standard errors", "p": "p-values", "ci": "95% confidence intervals"}[second]
    enclosed = "brackets" if line.flag("brackets") or second == "ci" else "parentheses"
    exponentiated = "Exponentiated coefficients; " if line.flag("eform") else ""
    rows = [Row("note", f"{exponentiated}{what} in {enclosed}")]
    if levels:
        rows.append(Row("note", ", ".join(f"{mark} p<{level:g}" for mark, level in levels)))
    return rows


def _quoted(line: Line, option: str) -> list[str]:
    text = line.text_option(option)
    return split_words(text, keep_quotes=True) if text else []


def _titles(session: Session, line: Line, names: list[str], models: list[ResultSet]) -> list[str]:
    typed = line.text_option("mtitles")
    if typed:
        given = [strip_quotes(word) for word in split_words(typed, keep_quotes=True)]
        return [given[i] if i < len(given) else "" for i in range(len(models))]
    if line.options.get("mtitles"):
        return names
    if line.flag("nodepvars"):
        return [""] * len(models)
    outcomes = [model.macros.get("depvar", "") for model in models]
    return [_variable_label(session, name) for name in outcomes] if line.flag("label") else outcomes


def _levels(typed: str | None) -> list[tuple[str, float]]:
    if not typed:
        return [("*", 0.05), ("**", 0.01), ("***", 0.001)]
    words = typed.split()
    try:
        return [(words[i], float(words[i + 1])) for i in range(0, len(words), 2)]
    except (IndexError, ValueError):
        raise StataError(198, "option star() incorrectly specified") from None


# --- coefficients ------------------------------------------------------------------------------


def _coefficient_rows(
    session: Session, line: Line, models: list[ResultSet], second: str, levels: list[tuple[str, float]]
) -> list[Row]:
    rows: list[Row] = []
    renamed = _pairs(line, "rename")
    labels = {**_pairs(line, "coeflabels"), **_pairs(line, "varlabels")}
    gaps = not (line.flag("nogaps") or line.flag("plain"))
    for position, name in enumerate(_order(line, models, renamed)):
        if position and gaps:
            rows.append(Row("gap"))
        cells = [_cells(line, model, name, renamed, second, levels) for model in models]
        label = labels.get(plain_term(name)) or _label(session, line, name)
        rows.append(Row("coefficient", label, tuple(top for top, _ in cells)))
        rows.append(Row("under", "", tuple(bottom for _, bottom in cells)))
    return rows


def _pairs(line: Line, option: str) -> dict[str, str]:
    words = [strip_quotes(word) for word in _quoted(line, option) if word not in {","}]
    if len(words) % 2:
        raise StataError(198, f"option {option}() incorrectly specified")
    return {plain_term(words[i]): words[i + 1] for i in range(0, len(words), 2)}


def _columns(model: ResultSet) -> list[str]:
    return model.matrices["b"].cols if "b" in model.matrices else []


def _patterns(words: list[str]) -> list[re.Pattern[str]]:
    return [re.compile(re.escape(plain_term(word)).replace(r"\*", ".*").replace(r"\?", ".")) for word in words]


def _order(line: Line, models: list[ResultSet], renamed: dict[str, str]) -> list[str]:
    order: dict[str, str] = {}
    for model in models:
        for column in _columns(model):
            shown = column.rpartition(":")[2]
            hidden = (line.flag("nobaselevels") and re.search(r"\db\.", shown)) or (
                line.flag("noomitted") and re.search(r"(^|#|\d)c?o\.", shown)
            )
            if not hidden:
                order.setdefault(renamed.get(plain_term(shown), plain_term(shown)), shown)
    names = list(order)
    if "_cons" in names:
        names = [name for name in names if name != "_cons"] + ([] if line.flag("noconstant") else ["_cons"])
    for option, wanted in (("keep", True), ("drop", False)):
        text = line.text_option(option)
        if text:
            patterns = _patterns(text.split())
            names = [name for name in names if any(p.fullmatch(name) for p in patterns) == wanted]
    hidden_by = [pattern for _, patterns in _indicators(line) for pattern in patterns]
    names = [name for name in names if not any(p.fullmatch(name) for p in hidden_by)]
    text = line.text_option("order")
    if text:
        first = [name for p in _patterns(text.split()) for name in names if p.fullmatch(name)]
        names = list(dict.fromkeys([*first, *names]))
    return [order[name] if not renamed else name for name in names]


def _variable_label(session: Session, name: str) -> str:
    variable = session.data.variables.get(name)
    return variable.label if variable is not None and variable.label else name


def _label(session: Session, line: Line, name: str) -> str:
    if not line.flag("label"):
        return name
    if name == "_cons":
        return "Constant"
    return " # ".join(_part_label(session, part) for part in name.split("#"))


def _part_label(session: Session, part: str) -> str:
    operator, _, variable = part.rpartition(".")
    level = re.match(r"\d+", operator)
    if level is None or variable not in session.data.variables:
        return _variable_label(session, variable or part) if operator in {"", "c"} else part
    text = session.data.labels_of(variable).get(int(level[0]))
    return text if text else f"{_variable_label(session, variable)}={level[0]}"


def _found(model: ResultSet, name: str, renamed: dict[str, str]) -> tuple[float, float, float | None] | None:
    wanted = plain_term(name)
    for column in _columns(model):
        bare = plain_term(column.rpartition(":")[2])
        if renamed.get(bare, bare) == wanted:
            return coefficient_of(model, column)
    return None


def _cells(
    line: Line,
    model: ResultSet,
    name: str,
    renamed: dict[str, str],
    second: str,
    levels: list[tuple[str, float]],
) -> tuple[Cell, Cell]:
    found = _found(model, name, renamed)
    if found is None:
        return ("", ""), ("", "")
    b, se, df = found
    if df is not None and df >= MISSING:
        df = None
    eform = line.flag("eform") and name != "_cons"
    opening, closing = ("[", "]") if line.flag("brackets") or second == "ci" else ("(", ")")
    if line.flag("noparentheses") or line.flag("plain"):
        opening = closing = ""
    if se == 0.0:
        return ("1" if eform else "0", ""), (f"{opening}.{closing}", "")
    p = two_sided(b / se, df)
    reached = [mark for mark, level in levels if p < level]
    shown = math.exp(b) if eform else b
    fmt = line.text_option(second) or {"se": None, "t": "2", "p": "3", "ci": line.text_option("b")}[second]
    if second == "ci":
        half = critical(95.0, df) * se
        ends = [math.exp(end) if eform else end for end in (b - half, b + half)]
        inside = ",".join(_formatted(end, fmt) for end in ends)
    else:
        inside = _formatted({"se": se * (shown if eform else 1.0), "t": b / se, "p": p}[second], fmt)
    top = (_formatted(shown, line.text_option("b")), reached[-1] if reached else "")
    return top, (f"{opening}{inside}{closing}", "")


def _indicators(line: Line) -> list[tuple[str, list[re.Pattern[str]]]]:
    """indicate("Year effects = *.year" …): rows that say Yes or No instead of coefficients."""
    rows = []
    for word in _quoted(line, "indicate"):
        label, separator, what = strip_quotes(word).partition("=")
        if not separator:
            raise StataError(198, "option indicate() incorrectly specified")
        rows.append((label.strip(), _patterns(what.split())))
    return rows


def _indicated(models: list[ResultSet], patterns: list[re.Pattern[str]]) -> tuple[Cell, ...]:
    return tuple(
        (
            "Yes"
            if any(p.fullmatch(plain_term(c.rpartition(":")[2])) for p in patterns for c in _columns(model))
            else "No",
            "",
        )
        for model in models
    )


# --- statistics --------------------------------------------------------------------------------


def _statistics(line: Line) -> list[tuple[str, str, str | None]]:
    """(label, name, format) of each row below the coefficients."""
    rows: list[tuple[str, str, str | None]] = []
    for option, label, key in (("r2", "R-sq", "r2"), ("ar2", "adj. R-sq", "r2_a"), ("pr2", "pseudo R-sq", "r2_p")):
        if line.options.get(option):
            rows.append((label, key, line.text_option(option) or "3"))
    rows += [(option.upper(), option, line.text_option(option) or "1")
             for option in ("aic", "bic") if line.options.get(option)]  # fmt: skip
    counted = "Observations" if line.flag("label") else "N"
    observations = [] if line.flag("noobs") or line.text_option("stats") else [(counted, "N", "0")]
    scalars = []
    for word in _quoted(line, "scalars"):
        key, _, label = strip_quotes(word).strip().partition(" ")
        scalars.append((label.strip() or key, key, line.text_option("sfmt")))
    rows = [*rows, *scalars, *observations] if line.flag("obslast") else [*observations, *rows, *scalars]
    return rows + _stats_option(line)


def _stats_option(line: Line) -> list[tuple[str, str, str | None]]:
    text = line.text_option("stats")
    if not text:
        return []
    main, options = split_comma(text)
    labels = _suboption(options or "", r"lab(?:el|els)?")
    formats = [word.strip('"') for word in _suboption(options or "", "fmt")]
    rows = []
    for position, key in enumerate(main.split()):
        fmt = (formats[min(position, len(formats) - 1)]) if formats else None
        label = strip_quotes(labels[position]) if position < len(labels) else key
        rows.append((label, key, fmt if fmt is not None else "0" if key == "N" else None))
    return rows


def _suboption(options: str, pattern: str) -> list[str]:
    found = re.search(rf"\b{pattern}\(((?:[^()\"]|\"[^\"]*\")*)\)", options)
    return split_words(found[1], keep_quotes=True) if found else []


def _statistic(model: ResultSet, key: str, fmt: str | None) -> Cell:
    if key in model.macros:
        return model.macros[key], ""
    if key in {"aic", "bic"} and "ll" in model.scalars:
        from ssd.engine.commands.postestimation_tables import information_row

        value: float | None = float(information_row(model.scalars)[4 if key == "aic" else 5])
    else:
        value = model.scalars.get(key)
    if value is None or value >= MISSING:
        return "", ""
    if fmt is None and value == round(value):
        return f"{value:.0f}", ""
    return _formatted(value, fmt), ""
