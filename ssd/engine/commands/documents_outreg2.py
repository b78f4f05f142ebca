"""outreg2: columns of estimates in one table, kept as text and written for a word processor, LaTeX or Excel."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates_cells import Element, Key, ModelValues, model_values
from ssd.engine.commands.estimates_estout import model_names, results_of
from ssd.engine.commands.estimates_labels import typed_number, variable_label
from ssd.engine.commands.estimates_select import kept
from ssd.engine.errors import StataError, unsupported
from ssd.engine.lang.quoting import strip_quotes
from ssd.engine.missing import MISSING, is_missing
from ssd.engine.output.documents import DocumentTable, latex, rich_text, spreadsheet_xml, tab_separated
from ssd.engine.results import ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

_GRAMMAR: Final = (
    "[anything] using/ [, REPLACE APPEND WORD EXCEL TEX TEX(string) TEXT CTitle(string asis) TItle(string asis) "
    "ADDNote(string asis) NONOTes NOCONs NOOBs NOR2 NONI Label Keep(string) DROP(string) SORTvar(string) "
    "DEC(integer -1) BDEC(integer -1) SDEC(integer -1) TDEC(integer -1) PDEC(integer -1) RDEC(integer -1) "
    "ADEC(integer -1) "
    "AUTO(integer 3) NOASter ASTErisk(string) ALPHA(string) SYMbol(string) Tstat Pvalue CI SE NOSE BRacket NOPAren "
    "ADDStat(string asis) ADDText(string asis) E(string) EForm ADJR2 NODEPVAR SEEout SEE LEVel(cilevel) "
    "STATs(string) SIDE ONEcol SUM SUM(string) CROSS LESS(integer 0) GROUPvar(string) DTA STNUM(string) STSTR(string) "
    "NOCOMMA QUOTE PARENthesis(string) LANDscape]"
)
_REFUSED: Final = (
    "stats", "side", "cross", "asterisk", "nodepvar", "landscape", "less",
    "groupvar", "dta", "stnum", "ststr", "onecol", "quote", "parenthesis",
)  # fmt: skip


@dataclass(frozen=True)
class _Style:
    """How numbers look."""

    auto: int
    b: int
    second: int
    r: int
    a: int
    commas: bool

    def number(self, value: float, decimals: int) -> str:
        if value >= MISSING:
            return "."
        digits = decimals if decimals >= 0 else automatic_decimals(value, self.auto)
        return f"{value:,.{digits}f}" if self.commas else f"{value:.{digits}f}"


def automatic_decimals(value: float, digits: int) -> int:
    """Decimals of outreg2's auto(#): `digits` significant digits below one, one more above, none from 10^digits."""
    size = abs(value)
    if size == 0.0 or value == math.trunc(value):
        return 0
    if size < 1.0:
        return min(9, digits - 1 - math.floor(math.log10(size)))
    return max(0, digits - math.floor(math.log10(size)))


@command(
    "outreg2",
    _GRAMMAR,
    refused="stats(), side, cross, asterisk(), nodepvar, landscape, less(), groupvar(), dta, "
    "onecol, quote, parenthesis(); varlist before using is a "
    "list of stored results",
)
def outreg2(session: Session, line: Line) -> None:
    """Add columns of estimates to a table and write it as text, Word, LaTeX or Excel file."""
    for name in _REFUSED:
        if line.options.get(name):
            raise unsupported(f"option {name} of outreg2 is")
    stem, kinds = _targets(line)
    text = session.output_path(f"{stem}.txt")
    if line.flag("replace") and line.flag("append"):
        raise StataError(198, "may not specify both replace and append")
    exists = text.exists()
    if exists and not (line.flag("replace") or line.flag("append")):
        raise StataError(602, f"file {stem}.txt already exists")
    if line.options.get("sum"):
        table = _summary(session, line)
    else:
        typed = line.anything.replace("[", " ").replace("]", " ").split()
        names = model_names(session, typed) if typed else ["."]
        sheet = Sheet.read(text.read_text(encoding="utf-8")) if exists and line.flag("append") else None
        for name in names:
            column = _column(session, line, results_of(session, name))
            sheet = column if sheet is None else sheet.joined(column)
        assert sheet is not None
        table = sheet.table(strip_quotes(line.text_option("title") or ""))
    text.write_text(tab_separated(table), encoding="utf-8")
    for path, kind in kinds:
        target = session.output_path(path)
        target.write_text(_written(table, kind, line.text_option("tex") or ""), encoding="utf-8")
        session.log.line(path)
    if not kinds:
        session.log.line(f"{stem}.txt")
    session.log.line("dir : seeout")


def _written(table: DocumentTable, kind: str, tex: str) -> str:
    if kind == "tex":
        return latex(table, fragment="frag" in tex)
    return rich_text(table) if kind == "rtf" else spreadsheet_xml(table)


_KINDS: Final = {"doc": "rtf", "rtf": "rtf", "tex": "tex", "xls": "xml", "xml": "xml", "xlsx": "xml"}


def _targets(line: Line) -> tuple[str, list[tuple[str, str]]]:
    """The name without its suffix, and the files to write besides the text."""
    name = line.using or ""
    stem, dot, suffix = name.rpartition(".")
    if not dot or "/" in suffix or suffix.lower() not in {*_KINDS, "txt", "out"}:
        stem, suffix = name, ""
    found: list[tuple[str, str]] = []
    if suffix.lower() in _KINDS:
        if suffix.lower() == "xlsx":
            raise unsupported("a file of outreg2 named .xlsx is")
        found.append((name, _KINDS[suffix.lower()]))
    for option, extension in (("word", "rtf"), ("excel", "xml"), ("tex", "tex")):
        if line.options.get(option) and all(kind != extension for _, kind in found):
            found.append((f"{stem}.{extension}", extension))
    return stem, found


_ENCLOSED: Final = ("in parentheses", "in brackets")


# --- one column --------------------------------------------------------------------------------


@dataclass
class Sheet:
    """The table as rows: heads, coefficients (name, lines), statistics, notes."""

    heads: list[list[str]]
    body: list[tuple[str, list[list[str]]]]
    foot: list[tuple[str, list[str]]]
    notes: list[str]

    @property
    def width(self) -> int:
        return len(self.heads[0])

    def joined(self, other: Sheet) -> Sheet:
        """The columns of another table to the right; its new rows go before the constant."""
        left, right = [""] * self.width, [""] * other.width
        heads = [[*a, *b] for a, b in zip(self.heads, other.heads, strict=True)]
        heads[0] = [f"({i + 1})" for i in range(self.width + other.width)]
        names = [name for name, _ in self.body]
        added = [name for name, _ in other.body if name not in names]
        constants = [name for name in names if name in {"Constant", "_cons"}]
        order = [*[n for n in names if n not in constants], *added, *constants]
        mine, theirs = dict(self.body), dict(other.body)
        body = []
        for name in order:
            height = max(len(mine.get(name, [])), len(theirs.get(name, [])))
            rows = []
            for i in range(height):
                a = mine[name][i] if name in mine and i < len(mine[name]) else left
                b = theirs[name][i] if name in theirs and i < len(theirs[name]) else right
                rows.append([*a, *b])
            body.append((name, rows))
        stats = list(dict.fromkeys([*(name for name, _ in self.foot), *(name for name, _ in other.foot)]))
        below, beside = dict(self.foot), dict(other.foot)
        foot = [(name, [*below.get(name, left), *beside.get(name, right)]) for name in stats]
        both = dict.fromkeys([*self.notes, *other.notes])
        notes = sorted(both, key=lambda note: 0 if note.endswith(_ENCLOSED) else 1 if " p<" in note else 2)
        return Sheet(heads, body, foot, notes)

    def table(self, title: str) -> DocumentTable:
        blank = [""] * (self.width + 1)
        rows = [["", *self.heads[0]], ["VARIABLES", *self.heads[1]], blank]
        for name, lines in self.body:
            rows += [[name if i == 0 else "", *cells] for i, cells in enumerate(lines)]
        rows.append(blank)
        rows += [[name, *cells] for name, cells in self.foot]
        return DocumentTable(rows, head=2, title=title, notes=list(self.notes))

    @classmethod
    def read(cls, text: str) -> Sheet:
        """The table an earlier outreg2 wrote. Raises r(610) for a file that is none."""
        rows = [line.split("\t") for line in text.splitlines()]
        start = next((i for i, row in enumerate(rows) if row and row[0] == "VARIABLES"), 0)
        if start == 0:
            raise StataError(610, "file is not in the form outreg2 writes")
        width = len(rows[start]) - 1
        heads = [rows[start - 1][1 : width + 1], rows[start][1:]]
        body: list[tuple[str, list[list[str]]]] = []
        foot: list[tuple[str, list[str]]] = []
        notes: list[str] = []
        below = False
        for row in rows[start + 2 :]:
            cells = (row[1:] + [""] * width)[:width]
            if not row[0] and not any(cells):
                below = True
            elif not below and row[0]:
                body.append((row[0], [cells]))
            elif not below and body:
                body[-1][1].append(cells)
            elif any(cells):
                foot.append((row[0], cells))
            else:
                notes.append(row[0])
        return cls(heads, body, foot, notes)


def _style(line: Line) -> _Style:
    def option(name: str) -> int:
        value = line.options.get(name)
        return value if isinstance(value, int) else -1

    dec = option("dec")
    second = next((option(name) for name in ("sdec", "tdec", "pdec") if option(name) >= 0), dec)
    auto = line.options.get("auto")
    return _Style(
        auto if isinstance(auto, int) else 3,
        option("bdec") if option("bdec") >= 0 else dec,
        second,
        option("rdec") if option("rdec") >= 0 else (dec if dec >= 0 else 3),
        option("adec") if option("adec") >= 0 else dec,
        not line.flag("nocomma"),
    )


def _column(session: Session, line: Line, results: ResultSet) -> Sheet:
    if "b" not in results.matrices:
        raise StataError(301, "last estimates not found")
    given = line.options.get("level")
    level = float(given) if isinstance(given, int | float) else 95.0
    elements = [Element(name) for name in ("b", "se", "t", "p", "ci_l", "ci_u")]
    model = model_values(".", results, elements, level, omitted=True, base=False)
    style = _style(line)
    keys = kept(model.keys, line.text_option("keep") or "", line.text_option("drop") or "", quiet=True)
    if line.flag("nocons"):
        keys = [key for key in keys if key[1] != "_cons"]
    keys = [key for key in keys if model.value("se", key) is not None or key[1] == "_cons"]
    order = (line.text_option("sortvar") or "").split()
    keys = sorted(keys, key=lambda key: order.index(key[1]) if key[1] in order else len(order))
    several = len({key[0] for key in keys}) > 1
    body = []
    for key in keys:
        label = "Constant" if key[1] == "_cons" else _label(session, key[1]) if line.flag("label") else key[1]
        body.append((f"{key[0]}:{label}" if several and key[0] != "_" else label, _cells(line, model, key, style)))
    title = line.text_option("ctitle")
    outcome = (results.macros.get("depvar", "").split() or [""])[0]
    shown = variable_label(session, outcome) if line.flag("label") and outcome else outcome
    heads = [["(1)"], [strip_quotes(title.split(",")[-1].strip()) if title is not None else shown]]
    return Sheet(heads, body, _statistics(session, line, results, style), _notes(line, results))


def _label(session: Session, name: str) -> str:
    from ssd.engine.commands.estimates_labels import term_label

    return term_label(session, name, "#")


def _levels(line: Line) -> list[tuple[str, float]]:
    if line.flag("noaster"):
        return []
    alphas = [
        typed_number(word) for word in re.split(r"[,\s]+", line.text_option("alpha") or "0.01, 0.05, 0.1") if word
    ]
    symbols = [word for word in re.split(r"[,\s]+", line.text_option("symbol") or "") if word]
    if not symbols:
        symbols = ["*" * (len(alphas) - i) for i in range(len(alphas))]
    if len(symbols) < len(alphas):
        raise StataError(198, "symbol() must have as many symbols as alpha() has levels")
    return sorted(zip(symbols, alphas, strict=False), key=lambda pair: pair[1])


def _second(line: Line) -> str:
    return next((name for name in ("tstat", "pvalue", "ci") if line.flag(name)), "se")


def _cells(line: Line, model: ModelValues, key: Key, style: _Style) -> list[list[str]]:
    b = model.value("b", key)
    assert b is not None
    se, p = model.value("se", key), model.value("p", key)
    if se is None or se >= MISSING or se == 0.0:
        return [["0" if b == 0 else style.number(b, style.b)], ["(0)"]]
    mark = next((mark for mark, level in _levels(line) if p is not None and p < level), "")
    eform = line.flag("eform")
    shown = math.exp(b) if eform else b
    cells = [[style.number(shown, style.b) + mark]]
    kind = _second(line)
    if line.flag("nose"):
        return cells
    values = {
        "se": se * (shown if eform else 1.0),
        "tstat": model.value("t", key) or 0.0,
        "pvalue": p if p is not None else MISSING,
    }
    if kind == "ci":
        ends = [model.value(name, key) or 0.0 for name in ("ci_l", "ci_u")]
        ends = [math.exp(end) for end in ends] if eform else ends
        inside = " - ".join(style.number(end, style.second) for end in ends)
    else:
        inside = style.number(values[kind], style.second)
    left, right = ("", "") if line.flag("noparen") else ("[", "]") if line.flag("bracket") else ("(", ")")
    return [*cells, [f"{left}{inside}{right}"]]


def _statistics(session: Session, line: Line, results: ResultSet, style: _Style) -> list[tuple[str, list[str]]]:
    rows: list[tuple[str, list[str]]] = []
    scalars, macros = results.scalars, results.macros
    if not line.flag("noobs") and "N" in scalars:
        rows.append(("Observations", [f"{scalars['N']:,.0f}"]))
    r2 = scalars.get("r2_a" if line.flag("adjr2") else "r2", MISSING)
    if not line.flag("nor2") and r2 < MISSING:
        rows.append(("Adjusted R-squared" if line.flag("adjr2") else "R-squared", [style.number(r2, style.r)]))
    if not line.flag("noni") and "N_g" in scalars and macros.get("ivar"):
        name = macros["ivar"]
        shown = variable_label(session, name) if line.flag("label") else name
        rows.append((f"Number of {shown}", [f"{scalars['N_g']:,.0f}"]))
    names = (line.text_option("e") or "").split()
    for name in [n for n in scalars if n not in {"N", "r2"}] if names == ["all"] else names:
        if name in scalars:
            rows.append((name, [style.number(scalars[name], style.a)]))
        elif name in macros:
            rows.append((name, [macros[name]]))
    added = _listed(line.text_option("addstat") or "")
    for label, expression in zip(added[::2], added[1::2], strict=False):
        rows.append((label, [style.number(session.evaluate_number(expression), style.a)]))
    texts = _listed(line.text_option("addtext") or "")
    rows += [(label, [text]) for label, text in zip(texts[::2], texts[1::2], strict=False)]
    return rows


def _listed(text: str) -> list[str]:
    """Items separated by commas outside quotes and parentheses."""
    from ssd.engine.lang.quoting import top_level

    items, start = [], 0
    for position, char in top_level(text):
        if char == ",":
            items.append(text[start:position])
            start = position + 1
    items.append(text[start:])
    return [strip_quotes(item.strip()) for item in items if item.strip()]


def _notes(line: Line, results: ResultSet) -> list[str]:
    notes: list[str] = []
    if not line.flag("nonotes"):
        kind = _second(line)
        robust = "Robust s" if results.macros.get("vcetype") == "Robust" else "S"
        what = {"se": f"{robust}tandard errors", "tstat": "t-statistics", "pvalue": "pval", "ci": "ci"}[kind]
        if kind == "tstat" and results.macros.get("vcetype") == "Robust":
            what = "Robust t-statistics"
        enclosed = "brackets" if line.flag("bracket") else "parentheses"
        if not line.flag("nose"):
            notes.append(f"{what} in {enclosed}")
        levels = _levels(line)
        if levels:
            notes.append(", ".join(f"{mark} p<{level:g}" for mark, level in levels))
    return [*notes, *_listed(line.text_option("addnote") or "")]


def _summary(session: Session, line: Line) -> DocumentTable:
    """sum and sum(log): number, mean, spread and range of the variables, or of those of keep()."""
    from ssd.engine.stats.moments import moments

    names = list(session.data.variables)
    if line.text_option("keep"):
        names = session.expand_varlist(line.text_option("keep") or "")
    if line.text_option("drop"):
        gone = set(session.expand_varlist(line.text_option("drop") or ""))
        names = [name for name in names if name not in gone]
    style = _style(line)
    rows = [["", "(1)", "(2)", "(3)", "(4)", "(5)"], ["VARIABLES", "N", "mean", "sd", "min", "max"], [""] * 6]
    for name in names:
        if session.data.variables[name].is_string:
            continue
        x = session.data.numeric(name)
        m = moments(x[~is_missing(x)])
        shown = variable_label(session, name) if line.flag("label") else name
        numbers = [m.mean, m.sd, m.minimum, m.maximum] if m.n else [MISSING] * 4
        rows.append([shown, f"{m.n:,.0f}", *(style.number(value, style.b) for value in numbers)])
    rows.append([""] * 6)
    return DocumentTable(rows, head=2, title=strip_quotes(line.text_option("title") or ""))
