"""encode, decode, destring, tostring."""

from __future__ import annotations

import re

import numpy as np

from ssd.engine.commands.data_generate import report_missing
from ssd.engine.commands.data_labels import label_text
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.dataset import make_variable
from ssd.engine.data.names import check_name
from ssd.engine.data.storage import ObjectArray, object_array, smallest
from ssd.engine.errors import StataError, already_defined
from ssd.engine.expr.numbers import real
from ssd.engine.missing import MISSING
from ssd.engine.output.counting import counted
from ssd.engine.output.formats import format_column
from ssd.engine.session import Session


@command("encode", "varname [if] [in], GENerate(newvarname) [Label(name) noExtend]", minimum=2)
def encode(session: Session, line: Line) -> None:
    """Encode string into numeric."""
    data = session.data
    name = line.varlist[0]
    column = data.variables[name]
    if not column.is_string:
        raise StataError(107, "not possible with numeric variable")
    new = str(line.options["generate"])
    label_name = line.text_option("label") or new
    labels = dict(data.value_labels.get(label_name, {}))
    known = {text: code for code, text in labels.items()}
    mask = line.sample(session)
    items = column.values[mask].tolist()
    absent = sorted(set(items) - set(known) - {""})
    if absent and line.flag("noextend"):
        raise StataError(180, f"{new} not created: value label {label_name} does not contain all values")
    code = max([*labels, 0])
    for text in absent:
        code += 1
        labels[code] = text
        known[text] = code
    values = np.full(data.n_obs, MISSING)
    values[mask] = [float(known[text]) if text else MISSING for text in items]
    data.value_labels[label_name] = labels
    data.add(new, values, "long", format="%8.0g", label=column.label, value_label=label_name)


@command("decode", "varname [if] [in], GENerate(newvarname) [MAXLength(integer 32000)]", minimum=3)
def decode(session: Session, line: Line) -> None:
    """Decode numeric into string."""
    data = session.data
    name = line.varlist[0]
    column = data.variables[name]
    if column.is_string:
        raise StataError(108, "not possible with string variable")
    labels = data.labels_of(name)
    if not column.value_label:
        raise StataError(182, "not labeled")
    limit = line.options.get("maxlength")
    width = limit if isinstance(limit, int) else 32000
    mask = line.sample(session)
    texts = [(label_text(labels, value) or "")[:width] if chosen else "" for value, chosen in
             zip(data.numeric(name).tolist(), mask.tolist(), strict=True)]  # fmt: skip
    data.add(str(line.options["generate"]), object_array(texts), label=column.label)


def _new_names(session: Session, line: Line) -> list[str]:
    """generate() names, or the old names under replace."""
    replace, new = line.flag("replace"), line.options.get("generate")
    if replace == bool(new):
        raise StataError(198, "must specify either generate or replace option")
    if replace:
        return line.varlist
    names = str(new).split()
    if len(names) != len(line.varlist):
        raise StataError(198, "number of variables in varlist must equal number of variables in generate(newvarlist)")
    for name in names:
        check_name(name)
        if name in session.data.variables:
            raise already_defined(name)
    return names


@command(
    "destring", "[varlist] [, GENerate(string) replace FORCE FLOAT PERCENT DPCOMMA IGnore(string)]", minimum=5,
    refused="ignore(, aschars/asbytes/illegal)",
)  # fmt: skip
def destring(session: Session, line: Line) -> None:
    """Convert string variables to numeric."""
    names = _new_names(session, line)
    ignored = line.text_option("ignore") or ""
    for name, new in zip(list(line.varlist), names, strict=True):
        column = session.data.variables[name]
        if not column.is_string:
            session.log.line(f"{name} already numeric; no {'replace' if line.flag('replace') else 'generate'}")
            continue
        _destring(session, line, name, new, ignored)


def _destring(session: Session, line: Line, name: str, new: str, ignored: str) -> None:
    data, log = session.data, session.log
    column = data.variables[name]
    verb = "replace" if line.flag("replace") else "generate"
    texts, removed = _cleaned(column.values, ignored, line)
    percent = np.zeros(len(texts), dtype=np.bool_)
    if line.flag("percent"):
        percent = np.array([text.strip().endswith("%") for text in texts], dtype=np.bool_)
        texts = [text.strip().removesuffix("%") for text in texts]
    values = np.array([real(text) for text in texts], dtype=np.float64)
    values = np.where(percent & (values < MISSING), values / 100.0, values)
    nonnumeric = [i for i, text in enumerate(texts) if not values[i] < MISSING and text.strip() and
                  not re.fullmatch(r"\.[a-z]?", text.strip())]  # fmt: skip
    if nonnumeric and not line.flag("force"):
        log.line(f"{name}: {_unreadable(ignored)}; no {verb}")
        return
    kind = smallest(values, "double")
    if kind == "double" and line.flag("float"):
        kind = "float"
    if kind in ("byte", "int", "long") and not (values < MISSING).any():
        kind = "byte"
    done = f"replaced as {kind}" if verb == "replace" else f"{new} generated as {kind}"
    named = " ".join("space" if sign == " " else sign for sign in removed)
    gone = f"character{'' if len(removed) == 1 else 's'} {named} removed"
    state = _unreadable(ignored) if nonnumeric else gone if removed else "all characters numeric"
    log.line(f"{name}: {state}; {done}")
    made = make_variable(new, values, kind)
    made.label, made.chars = column.label, dict(column.chars)
    if verb == "replace":
        data.variables[name] = made
        data.changed = True
        if name in data.sorted_by:
            data.sorted_by = data.sorted_by[: data.sorted_by.index(name)]
        missing = int(np.count_nonzero(~(values < MISSING)))
        if missing:
            log.line(f"({counted(missing, 'missing value')} generated)")
    else:
        data.add(new, values, kind, label=column.label)
        report_missing(session, new)


def _unreadable(ignored: str) -> str:
    return f"contains {'characters not specified in ignore()' if ignored else 'nonnumeric characters'}"


def _cleaned(values: ObjectArray, ignored: str, line: Line) -> tuple[list[str], list[str]]:
    texts = [str(text) for text in values.tolist()]
    removed = [sign for sign in dict.fromkeys(ignored) if any(sign in text for text in texts)]
    if removed:
        table = str.maketrans("", "", "".join(removed))
        texts = [text.translate(table) for text in texts]
    if line.flag("dpcomma"):
        texts = [text.replace(".", "").replace(",", ".") for text in texts]
    return texts, removed


@command("tostring", "varlist [, GENerate(string) replace FORCE Format(string) usedisplayformat]")
def tostring(session: Session, line: Line) -> None:
    """Convert numeric variables to string."""
    data, log = session.data, session.log
    names = _new_names(session, line)
    for name, new in zip(list(line.varlist), names, strict=True):
        column = data.variables[name]
        if column.is_string:
            log.line(f"{name} already string; no {'replace' if line.flag('replace') else 'generate'}")
            continue
        style = line.text_option("format") or (column.format if line.flag("usedisplayformat") else "%12.0g")
        values = data.numeric(name)
        texts = [text.strip() for text in format_column(values, style)]
        back = np.array([real(text.replace(",", "")) for text in texts])
        exact = bool(np.all(back == values)) or (
            column.type == "float"
            and bool(np.array_equal(np.where(back < MISSING, back, 0).astype(np.float32),
                                    np.where(values < MISSING, values, 0).astype(np.float32)))
        )  # fmt: skip
        if not exact and not line.flag("force"):
            log.line(f"{name} cannot be converted reversibly; no {'replace' if line.flag('replace') else 'generate'}")
            continue
        made = make_variable(new, object_array(texts))
        made.label, made.chars = column.label, dict(column.chars)
        if line.flag("replace"):
            was = column.type
            data.variables[name] = made
            data.changed = True
            data.sorted_by = data.sorted_by[: data.sorted_by.index(name)] if name in data.sorted_by else data.sorted_by
            log.line(f"{name} was {was} now {made.type}")
        else:
            data.add(new, made.values, made.type, label=column.label)
            log.line(f"{new} generated as {made.type}")
        if not exact:
            log.line(f"{new} was forced to string; some loss of information")
