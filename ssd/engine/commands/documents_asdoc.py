"""asdoc: runs a command and writes its results as a table of a Word-readable document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.describe_selection import Selection, select
from ssd.engine.commands.documents_outreg2 import Sheet
from ssd.engine.commands.estimates_cells import Element, Key, ModelValues, model_values
from ssd.engine.commands.estimates_foot import statistic_of
from ssd.engine.commands.estimates_labels import StarLevels, term_label, typed_number, variable_label
from ssd.engine.commands.estimates_select import kept
from ssd.engine.errors import StataError, no_observations, unsupported
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import TypedOption, read_options
from ssd.engine.lang.quoting import split_comma, strip_quotes
from ssd.engine.lang.syntax import fill_line, split_line
from ssd.engine.missing import MISSING, FloatArray, is_missing
from ssd.engine.output.documents import DocumentTable, appended_rich_text, rich_text
from ssd.engine.stats.correlation import correlation_p
from ssd.engine.stats.moments import moments
from ssd.engine.stats.summary_table import canonical_statistic, statistic

if TYPE_CHECKING:
    from ssd.engine.session import Session

_OWN: Final = {"replace", "append", "save", "title", "dec", "nest", "label", "stat", "stats", "star", "add", "cnames",
               "drop", "keep", "nocons", }  # fmt: skip
_REFUSED: Final = (
    "rep",
    "setstars",
    "tzok",
    "notes",
    "font",
    "fs",
    "abb",
    "row",
    "accum",
    "btitle",
    "text",
    "hide",
    "by",
    "center",
    "landscape",
    "btable",
)
_MARKS: Final = StarLevels((("*", 0.1), ("**", 0.05), ("***", 0.01)))
_TITLES: Final = {"n": "Obs", "mean": "Mean", "sd": "Std. Dev.", "min": "Min", "max": "Max", "median": "Median"}


@command(
    "asdoc",
    "*",
    refused="commands other than summarize, correlate, pwcorr and estimation commands; by(), row(), accum(), text(), "
    "fonts and page layout",
)
def asdoc(session: Session, line: Line) -> None:
    """Run a command and add its table to a document (sum, cor, pwcorr, estimation with or without nest)."""
    main, option_text = split_comma(line.text)
    typed = read_options(option_text or "")
    for item in typed:
        if item.word in _REFUSED:
            raise unsupported(f"option {item.named} of asdoc is")
    own = {item.word: item.value if item.value is not None else "" for item in typed if item.word in _OWN}
    rest = [item for item in typed if item.word not in _OWN]
    words = main.split(None, 1)
    if not words:
        raise unsupported("asdoc without a command is")
    name = session.interpreter.registry.canonical(words[0])
    subject = words[1] if len(words) > 1 else ""
    decimals = int(own["dec"]) if own.get("dec", "").isdigit() else 3
    if name == "summarize":
        table = _summary(session, subject, rest, own, decimals)
    elif name in {"correlate", "pwcorr"}:
        table = _correlations(session, name, subject, rest, own, decimals)
    else:
        given = f", {' '.join(str(item) for item in rest)}" if rest else ""
        before = session.e
        session.run(f"{main.strip()}{given}")
        if session.e is before or "b" not in session.e.matrices:
            raise unsupported(f"asdoc with {words[0]} is")
        table = _nested(session, own, decimals) if "nest" in own else _detailed(session, own, decimals)
    _write(session, own, table)


def _write(session: Session, own: dict[str, str], table: DocumentTable) -> None:
    """A new document with `replace`, otherwise one more table; a nested table takes the place of the last."""
    name = strip_quotes(own.get("save", "").strip()) or "Myfile.doc"
    name = name if re.search(r"\.(doc|rtf)$", name, re.IGNORECASE) else f"{name}.doc"
    if "title" in own:
        table.title = strip_quotes(own["title"].strip())
    path = session.output_path(name)
    nested: dict[str, tuple[str, str]] = session.state.setdefault("asdoc", {})
    if path.exists() and "replace" not in own:
        earlier = path.read_text(encoding="utf-8")
        if not earlier.startswith("{\\rtf1"):
            raise StataError(610, f"file {name} is not a Rich Text document")
        base, written = nested.get(str(path), ("", ""))
        fresh = "nest" in own and written == earlier
        base = base if fresh else earlier
        text = appended_rich_text(base, table) if base else rich_text(table)
    else:
        base, text = "", rich_text(table)
    path.write_text(text, encoding="utf-8")
    if "nest" in own:
        nested[str(path)] = (base, text)
    session.log.line(f"Click to Open File:  {name}")


# --- summaries and correlations ----------------------------------------------------------------


def _inner(session: Session, subject: str, options: list[TypedOption], grammar: str) -> Line:
    inner = Line("asdoc", subject)
    fill_line(inner, split_line(f"{subject}, {' '.join(str(o) for o in options)}"), compile_grammar(grammar), session)
    return inner


def _complete(session: Session, name: str, chosen: Selection) -> tuple[FloatArray, FloatArray | None]:
    x = session.data.numeric(name)[chosen.mask]
    inside = ~is_missing(x)
    return x[inside], None if chosen.weights is None else chosen.weights[inside]


def _shown(value: float, decimals: int) -> str:
    """A number with # decimals, without trailing zeros and the zero before the point, as asdoc shows it."""
    if value >= MISSING:
        return "."
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("0.", ".", 1) if re.match(r"-?0\.", text) else text


def _summary(
    session: Session, subject: str, rest: list[TypedOption], own: dict[str, str], decimals: int
) -> DocumentTable:
    inner = _inner(session, subject, rest, "[varlist] [if] [in] [aweight fweight iweight] [, Detail]")
    if inner.flag("detail"):
        raise unsupported("asdoc sum, detail is")
    chosen = select(session, inner)
    if not chosen.mask.any():
        raise no_observations()
    asked = []
    for word in (own.get("stat") or own.get("stats") or "N mean sd min max").split():
        name = canonical_statistic(word)
        if name is None:
            raise StataError(198, f"unknown statistic: {word}")
        asked.append(name)
    rows = [["Variable", *(_TITLES.get(name, name) for name in asked)]]
    for variable in inner.varlist:
        if session.data.variables[variable].is_string:
            continue
        x, w = _complete(session, variable, chosen)
        values = [statistic(name, x, w, chosen.kind) for name in asked]
        cells = [f"{v:.0f}" if n == "n" else _shown(v, decimals) for n, v in zip(asked, values, strict=True)]
        rows.append([variable_label(session, variable) if "label" in own else variable, *cells])
    session.run(f"summarize {subject}")
    return DocumentTable(rows, title="Descriptive Statistics")


def _correlations(
    session: Session, command_name: str, subject: str, rest: list[TypedOption], own: dict[str, str], decimals: int
) -> DocumentTable:
    inner = _inner(session, subject, rest, "[varlist] [if] [in] [, SIG OBS]")
    if inner.flag("sig") or inner.flag("obs"):
        raise unsupported("asdoc pwcorr with sig or obs is")
    names = [name for name in inner.varlist if not session.data.variables[name].is_string]
    if len(names) < 2:
        raise StataError(102, "too few variables specified")
    chosen = select(session, inner)
    columns = [session.data.numeric(name)[chosen.mask] for name in names]
    complete = np.all([~is_missing(column) for column in columns], axis=0)
    if not complete.any():
        raise no_observations()
    starred = own.get("star", "")
    stars = _MARKS if starred == "all" else StarLevels((("*", typed_number(starred)),)) if starred else None
    rows = [["Variables", *(f"({i + 1})" for i in range(len(names)))]]
    for i, name in enumerate(names):
        row = [f"({i + 1}) {variable_label(session, name) if 'label' in own else name}"]
        for j in range(i + 1):
            inside = complete
            if command_name == "pwcorr":
                inside = ~is_missing(columns[i]) & ~is_missing(columns[j])
            x, y = columns[i][inside], columns[j][inside]
            known = x.size > 1 and x.std() > 0.0 and y.std() > 0.0
            rho = float(np.corrcoef(x, y)[0, 1]) if known else MISSING
            mark = stars.mark(correlation_p(rho, float(x.size))) if stars and known and i != j else ""
            rows_text = "." if not known else f"{rho:.{decimals}f}"
            row.append(rows_text + mark)
        rows.append(row)
    session.run(f"{command_name} {subject}")
    notes = [f"{_legend(stars)}"] if stars else []
    title = "Matrix of correlations" if command_name == "correlate" else "Pairwise correlations"
    return DocumentTable(rows, title=title, notes=notes)


def _legend(stars: StarLevels) -> str:
    return ", ".join(f"{mark} p<{level:g}".replace("<0.", "<.") for mark, level in reversed(stars.levels))


# --- estimation --------------------------------------------------------------------------------


def _values(session: Session, own: dict[str, str]) -> tuple[ModelValues, list[Key]]:
    elements = [Element(name) for name in ("b", "se", "t", "p", "ci_l", "ci_u")]
    model = model_values(".", session.e, elements, 95.0, omitted=True, base=True)
    keys = kept(model.keys, own.get("keep", ""), own.get("drop", ""), quiet=True)
    return model, [key for key in keys if not ("nocons" in own and key[1] == "_cons")]


def _name(session: Session, key: Key, own: dict[str, str]) -> str:
    if key[1] == "_cons":
        return "Constant"
    return term_label(session, key[1], "#") if "label" in own else key[1]


def _detailed(session: Session, own: dict[str, str], decimals: int) -> DocumentTable:
    """The coefficient table with stars, and two columns of model statistics below it."""
    model, keys = _values(session, own)
    results = session.e
    outcome = (results.macros.get("depvar", "").split() or [""])[0]
    head = [outcome, "Coef.", "St.Err.", "t-value", "p-value", "[95% Conf", "Interval]", "Sig"]
    rows = [head]
    for key in keys:
        values = [model.value(name, key) for name in ("b", "se", "t", "p", "ci_l", "ci_u")]
        if values[1] is None or values[1] >= MISSING:
            rows.append([_name(session, key, own), _shown(values[0] or 0.0, decimals), *[""] * 6])
            continue
        numbers = [value if value is not None else MISSING for value in values]
        cells = [_shown(numbers[0], decimals), _shown(numbers[1], decimals), f"{numbers[2]:.2f}", f"{numbers[3]:.3f}"]
        cells += [_shown(numbers[4], decimals), _shown(numbers[5], decimals), _MARKS.mark(numbers[3])]
        rows.append([_name(session, key, own), *cells])
    below = len(rows) - 1
    facts = _facts(session, outcome)
    for i in range(0, len(facts), 2):
        left, right = facts[i], facts[i + 1] if i + 1 < len(facts) else ("", MISSING)
        cells = [left[0], "", _fact(left[1]), "", right[0], "", _fact(right[1]) if right[0] else "", ""]
        rows.append(cells)
    titles = {"regress": "Linear regression", "logit": "Logistic regression", "probit": "Probit regression"}
    title = titles.get(results.macros.get("cmd", ""), results.macros.get("title", "") or "Regression results")
    return DocumentTable(rows, 1, [below], title, [_legend(_MARKS).replace(" p", " p")])


def _fact(value: float) -> str:
    return "." if value >= MISSING else f"{value:.0f}" if value == round(value) else f"{value:.3f}"


def _facts(session: Session, outcome: str) -> list[tuple[str, float]]:
    scalars = session.e.scalars
    facts: list[tuple[str, float]] = []
    if outcome in session.data.variables and session.e.sample is not None:
        y = session.data.numeric(outcome)[session.e.sample]
        m = moments(y[~is_missing(y)])
        facts += [("Mean dependent var", m.mean), ("SD dependent var", m.sd)]
    for name, label in (("r2", "R-squared"), ("r2_p", "Pseudo r-squared"), ("N", "Number of obs"),
                        ("F", "F-test"), ("chi2", "Chi-square")):  # fmt: skip
        if scalars.get(name, MISSING) < MISSING:
            facts.append((label, scalars[name]))
            if name in {"F", "chi2"}:
                p = statistic_of(session.e, "p")
                facts.append((f"Prob > {name}", p if isinstance(p, float) else MISSING))
    for name, label in (("aic", "Akaike crit. (AIC)"), ("bic", "Bayesian crit. (BIC)")):
        value = statistic_of(session.e, name)
        if isinstance(value, float) and value < MISSING:
            facts.append((label, value))
    return facts


def _nested(session: Session, own: dict[str, str], decimals: int) -> DocumentTable:
    """The model as one more column of the nested table of this file."""
    model, keys = _values(session, own)
    results = session.e
    name = strip_quotes(own.get("save", "").strip()) or "Myfile.doc"
    sheets: dict[str, Sheet] = session.state.setdefault("asdoc_nested", {})
    body = []
    for key in keys:
        b, se, p = (model.value(what, key) for what in ("b", "se", "p"))
        if se is None or se >= MISSING or b is None:
            continue
        cells = [[f"{_shown(b, decimals)}{_MARKS.mark(p)}"], [f"({_shown(se, decimals)})"]]
        body.append((_name(session, key, own), cells))
    outcome = (results.macros.get("depvar", "").split() or [""])[0]
    foot = [("Observations", [f"{results.scalars.get('N', 0.0):.0f}"])]
    for scalar, label in (("r2", "R-squared"), ("r2_p", "Pseudo R2")):
        if results.scalars.get(scalar, MISSING) < MISSING:
            foot.append((label, [f"{results.scalars[scalar]:.{decimals}f}"]))
    texts = [text.strip() for text in own.get("add", "").split(",") if text.strip()]
    foot += [(label, [text]) for label, text in zip(texts[::2], texts[1::2], strict=False)]
    title = strip_quotes(own["cnames"].strip()) if own.get("cnames") else outcome
    notes = ["Standard errors are in parentheses", _legend(_MARKS)]
    column = Sheet([["(1)"], [title]], body, foot, notes)
    sheet = column if "replace" in own or name not in sheets else sheets[name].joined(column)
    sheets[name] = sheet
    table = sheet.table("Regression results")
    table.rows = [row for row in table.rows if any(row)]
    table.rules = [len(table.rows) - len(sheet.foot) - 1]
    return table
