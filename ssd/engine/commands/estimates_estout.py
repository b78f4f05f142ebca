"""estout: a table of stored results in a free layout, shown or written to a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import named_estimates, stored_estimates
from ssd.engine.commands.estimates_table import Request, table_lines
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.options import read_options
from ssd.engine.lang.quoting import closing, split_comma, split_words, strip_quotes
from ssd.engine.output.smcl import render
from ssd.engine.results import Matrix, ResultSet

if TYPE_CHECKING:
    from ssd.engine.session import Session

TABLE_OPTIONS = (
    "Cells(string asis) Drop(string asis) Keep(string asis) Order(string asis) REName(string asis) "
    "Indicate(string asis) TRansform(string asis) EQuations(string) EFORM EFORM(string) Level(integer 0) "
    "Stats(string asis) STARLevels(string asis) STARKeep(string asis) STARDrop(string asis) VARwidth(integer -1) "
    "MODELwidth(string) BEGin(string asis) DELimiter(string asis) INCELLdelimiter(string asis) END(string asis) "
    "DMarker(string) MSign(string) SUBstitute(string asis) INTERACTion(string asis) TItle(string) NOTE(string) "
    "PREHead(string asis) POSTHead(string asis) PREFoot(string asis) POSTFoot(string asis) HLinechar(string) "
    "VARLabels(string asis) REFcat(string asis) MLabels(string asis) NUMbers NUMbers(string asis) "
    "COLLabels(string asis) NONUMbers EQLabels(string asis) MGRoups(string asis) NOOMITted OMITted NOBASElevels "
    "BASElevels STARDetach NOABbrev ABbrev UNStack NOLZ NOLabel Label LEgend NOLEgend REPLACE APPEND TYPE NOTYPE "
    "Margin Margin(string) DIscrete(string asis) MEQs(string) DROPPED DROPPED(string) EXTRAcols(string) "
    "LABCOL2(string asis) TOPfile(string) BOTtomfile(string) WRAP SHOWTABS OUTFILENOTEOFF"
)
_REFUSED = (
    "margin", "discrete", "meqs", "dropped", "extracols", "labcol2", "topfile", "bottomfile", "wrap", "showtabs",
)  # fmt: skip
_STRUCTURAL = {"level", "varwidth", "replace", "append", "type", "notype"}


@command(
    "estout",
    f"[anything] [using/] [, {TABLE_OPTIONS} STYle(string)]",
    stored="none",
    refused="margin, discrete(), meqs(), dropped(), extracols(), labcol2(), topfile(), bottomfile(), wrap, showtabs; "
    "style() other than smcl, fixed, tab, tex, html, mmd, esttab",
)
def estout(session: Session, line: Line) -> None:
    """A table of stored results with free cells, labels and surroundings."""
    options, flags = typed_options(line)
    style = line.text_option("style") or ("smcl" if line.using is None else "tab")
    defaults = _style(style, labelled="label" in flags, merged="merge" in (options.get("eqlabels") or ""))
    for name, value in defaults.items():
        if value is True:
            flags.add(name)
        else:
            options.setdefault(name, str(value))
    for name in ("noabbrev", "nolegend", "nolabel", "nonumbers"):
        if name in flags:
            flags.discard(name[2:])
    surround = [options.get(name) for name in ("prehead", "posthead", "prefoot", "postfoot")]
    if not any(surround):
        for name, place in (("title", "prehead"), ("note", "postfoot")):
            if options.get(name):
                options[place] = f'`"{options[name]}"\''
    models = chosen_models(session, line.anything, options)
    lines = table_lines(session, Request(options, frozenset(flags), level_of(session, line)), models)
    deliver(session, line, lines, line.using, frozenset(flags | ({"render"} if style == "smcl" else set())))


def level_of(session: Session, line: Line) -> float:
    """level(), or the session's. Raises r(198)."""
    value = line.options.get("level")
    level = float(value) if isinstance(value, int) and value else float(session.settings.get("level", "95"))
    if not 10.0 <= level <= 99.0:
        raise StataError(198, f"level({level:g}) invalid")
    return level


def typed_options(line: Line) -> tuple[dict[str, str], set[str]]:
    """The options that describe the table. Raises r(198) for those that are not done."""
    for name in _REFUSED:
        if line.options.get(name):
            raise unsupported(f"option {name} is")
    options: dict[str, str] = {}
    flags: set[str] = set()
    for name in line.typed:
        value = line.options[name]
        if name == "varwidth":
            options[name] = str(value)
        elif isinstance(value, str):
            options[name] = value
        elif value is True:
            flags.add(name)
    return options, flags


def _style(name: str, *, labelled: bool, merged: bool) -> dict[str, str | bool]:
    """Defaults of style(). Raises r(601) for a style file that is not there."""
    stub = str((20 if labelled else 12) * (3 if merged else 2) // 2)
    fixed: dict[str, str | bool] = {"varwidth": stub, "modelwidth": "12"}
    text = {**fixed, "delimiter": '" "', "abbrev": True}
    if name == "smcl":
        return {**text, "rules": True}
    if name == "fixed":
        return text
    if name in {"tab", "esttab"}:
        return {"delimiter": "_tab"}
    if name == "tex":
        return {**fixed, "delimiter": "&", "end": r"\\", "interaction": '" $\\times$ "'}
    if name == "html":
        return {**fixed, "begin": "<tr><td>", "delimiter": "</td><td>", "end": "</td></tr>"}
    if name == "mmd":
        return {**fixed, "begin": '"| "', "delimiter": '" | "', "end": '" |"', "markdown": True}
    raise StataError(601, f"{name} style not available (file estout_{name}.def not found)")


def model_names(session: Session, typed: list[str]) -> list[str]:
    """Stored models by name or pattern; what eststo stored when none is typed, else the active results."""
    kept = stored_estimates(session)
    stored = [name for name in eststo_names(session) if name in kept]
    if not typed:
        return stored or ["."]
    found: list[str] = []
    for word in typed:
        wanted = "*" if word == "_all" else word
        pattern = re.compile(re.escape(wanted).replace(r"\*", ".*").replace(r"\?", "."))
        hits = [name for name in kept if pattern.fullmatch(name)] if re.search(r"[*?]", wanted) else [word]
        if not hits:
            raise StataError(111, f"estimation result {word} not found")
        found.extend(name for name in hits if name not in found)
    return found


def eststo_names(session: Session) -> list[str]:
    """Names of the models eststo stored, in order."""
    names: list[str] = session.state.setdefault("eststo", [])
    return names


def chosen_models(session: Session, typed: str, options: dict[str, str]) -> list[tuple[str, ResultSet]]:
    """Models by name with their results, or one made of the columns of a matrix (`matrix(A)`, `r(A)`, `e(A)`)."""
    found = re.match(r"\s*(m|ma|mat|matr|matri|matrix|e|r)\(", typed)
    if found is None:
        names = model_names(session, typed.split())
        return [(name, results_of(session, name)) for name in names]
    end = closing(typed, found.end() - 1)
    if typed[end + 1 :].strip():
        raise invalid_syntax()
    main, suboptions = split_comma(typed[found.end() : end])
    name = main.strip()
    source = {"e": session.e.matrices, "r": session.r.matrices}.get(found[1], session.matrices)
    matrix = source.get(name)
    shown = f"{found[1]}({name})" if found[1] in {"e", "r"} else name
    if matrix is None:
        raise StataError(111, f"matrix {shown} not found")
    return [(shown, _from_matrix(matrix, suboptions or "", options))]


def results_of(session: Session, name: str) -> ResultSet:
    """Stored results, or the active ones, which need not hold e(b)."""
    if name == "." and (session.e.matrices or session.e.scalars):
        return session.e
    return named_estimates(session, name)


def _from_matrix(matrix: Matrix, suboptions: str, options: dict[str, str]) -> ResultSet:
    """A matrix as results: each column is an element of cells()."""
    formats: list[str] = []
    values, rows, cols = matrix.values, matrix.rows, matrix.cols
    for item in read_options(suboptions):
        if item.value is not None and "fmt".startswith(item.word):
            formats = [strip_quotes(word) for word in split_words(item.value)]
        elif item.value is None and "transpose".startswith(item.word):
            values, rows, cols = values.T, cols, rows
        else:
            raise StataError(198, f"option {item.named} not allowed")
    cells = []
    results = ResultSet()
    for j, column in enumerate(cols):
        fmt = f" fmt({formats[j % len(formats)]})" if formats else ""
        cells.append(f'c{j + 1}(label(`"{column}"\'){fmt})')
        results.matrices[f"c{j + 1}"] = Matrix(values[:, j].reshape(1, -1), ["r1"], list(rows))
    options["cells"] = f"({' '.join(cells)})"
    return results


def deliver(session: Session, line: Line, lines: list[str], using: str | None, flags: frozenset[str]) -> None:
    """Show the lines, or write them to a file. Raises r(602) for a file that exists."""
    if (using is None and "notype" not in flags) or "type" in flags:
        session.log.line()
        for text in lines:
            if "render" in flags:
                # {break} ends a line where estout's output is shown as SMCL.
                for part in text.split("{break}"):
                    session.log.line(render(part, 0, session.log.linesize))
            else:
                session.log.line(text)
    if using is None:
        return
    target = session.output_path(using)
    if target.exists() and not ("replace" in flags or "append" in flags):
        raise StataError(602, f"file {using} already exists")
    earlier = target.read_text(encoding="utf-8") if "append" in flags and target.exists() else ""
    target.write_text(earlier + "\n".join(lines) + "\n", encoding="utf-8")
    if "outfilenoteoff" not in flags:
        session.log.line(f"(output written to {using})")
