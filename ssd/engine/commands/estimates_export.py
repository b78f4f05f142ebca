"""eststo, estadd and esttab: store models, add to them, tabulate them and write the table to a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ssd.engine.commands.declare import Line, command
from ssd.engine.commands.estimates import (
    keep_estimates,
    named_estimates,
    stored_estimates,
)
from ssd.engine.commands.estimates_rows import build_table
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import split_colon, split_comma, strip_quotes
from ssd.engine.output.estout import WRITERS

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


_OPTIONS = (
    "B(string) SE SE(string) T T(string) P P(string) CI CI(string) STAR STAR(string) NOSTAR R2 R2(string) AR2 "
    "AR2(string) PR2 PR2(string) AIC AIC(string) BIC BIC(string) SCAlars(string asis) STATs(string asis) SFMT(string) "
    "Keep(string) DROP(string) ORder(string) INDicate(string asis) REName(string) COEFlabels(string asis) "
    "VARLabels(string asis) "
    "Label NOLabel TItle(string) MTItles MTItles(string asis) NOMTItles NONUMbers NODEPvars NOOBS OBSlast NONOTEs "
    "ADDNotes(string asis) NOCONstant NOGAPs GAPs COMpress NOCOMpress PLAIN WIDE ONEcell EFORM NOPArentheses BRackets "
    "NOBASElevels NOOMITted FRAGment BOOKtabs ALIGNment(string) Width(string) PAGE REPLACE APPEND CSV "
    "TEX RTF HTML MD TEXT"
)


@command(
    "esttab",
    f"[anything] [using/] [, {_OPTIONS}]",
    minimum=6,
    refused="cells(), unstack, equations(), refcat(), mgroups(), wide, onecell, page, width(), styling options",
)
def esttab(session: Session, line: Line) -> None:
    """A table of stored models with coefficients, statistics and stars, shown or written to a file."""
    for name in ("wide", "onecell", "page"):
        if line.flag(name):
            raise unsupported(f"option {name} of esttab is")
    if line.text_option("width") is not None:
        raise unsupported("option width() of esttab is")
    names = _model_names(session, line.anything.split())
    table = build_table(session, line, names, [named_estimates(session, name) for name in names])
    if line.using is None:
        for text in WRITERS["tex" if line.flag("tex") else "text"](table):
            session.log.line(text)
        return
    path = line.using if "." in line.using.rpartition("/")[2] else f"{line.using}.{_extension(line)}"
    target = session.output_path(path)
    if target.exists() and not (line.flag("replace") or line.flag("append")):
        raise StataError(602, f"file {path} already exists")
    lines = WRITERS[_format(line, target.suffix.lower())](table)
    earlier = target.read_text(encoding="utf-8") if line.flag("append") and target.exists() else ""
    target.write_text(earlier + "\n".join(lines) + "\n", encoding="utf-8")
    session.log.line(f"(output written to {path})")


_SUFFIXES = {".csv": "csv", ".tex": "tex", ".rtf": "rtf", ".doc": "rtf", ".html": "html", ".htm": "html", ".md": "md"}


def _format(line: Line, suffix: str) -> str:
    typed = next((name for name in ("csv", "tex", "rtf", "html", "md", "text") if line.flag(name)), None)
    if typed is None and line.flag("booktabs"):
        return "tex"
    return typed or _SUFFIXES.get(suffix, "text")


def _extension(line: Line) -> str:
    kind = _format(line, "")
    return {"text": "txt"}.get(kind, kind)


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


@command("estadd", "*", refused="beta, vif, coxsnell and the other computed additions; prefix")
def estadd(session: Session, line: Line) -> None:
    """Add a scalar or a text to e() of the current or a stored model."""
    body, models = split_colon(line.text) or (line.text, "")
    main, options = split_comma(body)
    typed = (options or "").split()
    if set(typed) - {"replace"}:
        raise StataError(198, f"option {typed[0]} not allowed")
    words = main.split(None, 1)
    if len(words) < 2 or words[0] not in {"scalar", "local"}:
        raise unsupported(f"estadd {words[0] if words else ''} is")
    found = re.match(r"(\w+)\s*=?\s*(.*)$", words[1].strip(), re.DOTALL)
    if found is None:
        raise invalid_syntax()
    name, value = found.groups()
    if models.strip():
        targets = [named_estimates(session, one) for one in _model_names(session, models.split())]
    else:
        current = named_estimates(session, ".")
        # What eststo has just stored is a copy of the current results; both get the addition.
        model = current.hidden.get("estimation")
        twins = [kept for kept in stored_estimates(session).values() if kept.hidden.get("estimation") is model]
        targets = [current, *(kept for kept in twins if model is not None and kept is not current)]
    number = session.evaluate_number(value) if words[0] == "scalar" else 0.0
    for target in targets:
        if (name in target.scalars or name in target.macros) and "replace" not in typed:
            raise StataError(110, f"e({name}) already defined")
        if words[0] == "scalar":
            target.scalars[name] = number
        else:
            target.macros[name] = strip_quotes(value)
