"""recode, mvencode, mvdecode."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from ssd.engine.commands.data_labels import label_text
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import check_name
from ssd.engine.data.storage import smallest
from ssd.engine.errors import StataError, already_defined, invalid_syntax, type_mismatch
from ssd.engine.lang.numlist import parse_numlist
from ssd.engine.lang.quoting import closing, split_words, strip_quotes
from ssd.engine.missing import EXTENDED, MISSING, BoolArray, FloatArray
from ssd.engine.output.counting import counted
from ssd.engine.session import Session

_SOURCE_WORDS = ("min", "max", "missing", "miss", "mis", "nonmissing", "nonmiss", "nonm", "else")


@dataclass(frozen=True)
class Rule:
    """`sources` = target, with an optional label for the new value."""

    sources: list[str]
    target: str
    label: str


def _rules(text: str) -> tuple[str, list[Rule]]:
    """Varlist and rules of `recode x y (1/2=1 "low") (3=2)` or `recode x 1=2`."""
    at = text.find("(")
    rules = []
    if at >= 0:
        head, position = text[:at], at
        while position < len(text):
            if text[position].isspace():
                position += 1
                continue
            if text[position] != "(":
                raise invalid_syntax()
            end = closing(text, position)
            rules.append(_rule(text[position + 1 : end]))
            position = end + 1
        return head, rules
    names: list[str] = []
    pending: list[str] = []
    for word in re.sub(r"\s*([=/])\s*", r"\1", text).split():
        left, mark, right = word.partition("=")
        if mark:
            rules.append(Rule([*pending, left], right, ""))
            pending = []
        elif not rules and re.match(r"[^\W\d]", word) and word not in _SOURCE_WORDS:
            names.append(word)
        else:
            pending.append(word)
    if not rules or pending:
        raise invalid_syntax()
    return " ".join(names), rules


def _rule(text: str) -> Rule:
    left, mark, right = text.partition("=")
    words = split_words(right.strip(), keep_quotes=True)
    if not mark and left.strip().split()[:1] == ["else"]:
        raise invalid_syntax()
    if not words:
        raise invalid_syntax()
    label = strip_quotes(words[1]) if len(words) > 1 else ""
    joined = re.sub(r"\s*/\s*", "/", left.strip())
    return Rule(joined.split(), words[0], label)


def _value(word: str, low: float, high: float) -> float:
    if word == "min":
        return low
    if word == "max":
        return high
    found = re.fullmatch(r"\.([a-z]?)", word)
    if found:
        return EXTENDED[ord(found[1]) - 96 if found[1] else 0]
    try:
        return float(word)
    except ValueError as fault:
        raise StataError(198, f"unknown el {word} in rule") from fault


def _matches(word: str, x: FloatArray, done: BoolArray, mask: BoolArray) -> BoolArray:
    if word in ("else", "*"):
        return ~done
    present = x[(x < MISSING) & mask]
    low, high = (float(present.min()), float(present.max())) if present.size else (MISSING, MISSING)
    if word in ("missing", "miss", "mis"):
        return x >= MISSING
    if word in ("nonmissing", "nonmiss", "nonm"):
        return x < MISSING
    if "/" in word:
        first, _, last = word.partition("/")
        return (x >= _value(first, low, high)) & (x <= _value(last, low, high))
    if re.fullmatch(r"[-+.\d()/:]+", word) and "(" in word:
        return np.isin(x, np.array(parse_numlist(word)))
    equal: BoolArray = x == _value(word, low, high)
    return equal


def _recoded(x: FloatArray, rules: list[Rule], mask: BoolArray) -> tuple[FloatArray, BoolArray]:
    out, done = x.copy(), ~mask
    for rule in rules:
        hit = np.zeros(x.size, dtype=np.bool_)
        for word in rule.sources:
            hit |= _matches(word, x, done, mask)
        hit &= ~done
        if rule.target not in ("copy",):
            out[hit] = _value(rule.target, MISSING, MISSING)
        done |= hit
    return out, done & mask


@command(
    "recode",
    "anything [if] [in] [, GENerate(string) PREfix(name) Label(name) COPYrest TEST]",
    refused="test",
)  # fmt: skip
def recode(session: Session, line: Line) -> None:
    """Recode categorical variables."""
    from ssd.engine.errors import unsupported

    if line.flag("test"):
        raise unsupported("recode, test")
    head, rules = _rules(line.anything)
    names = session.expand_varlist(head)
    data = session.data
    generated, prefix = line.text_option("generate"), line.text_option("prefix")
    if generated and prefix:
        raise StataError(198, "options generate() and prefix() may not be combined")
    new_names = generated.split() if generated else [f"{prefix}{name}" for name in names] if prefix else names
    if len(new_names) != len(names):
        raise StataError(198, "generate() must have as many names as the varlist")
    mask = line.sample(session)
    for name, new in zip(names, new_names, strict=True):
        if data.variables[name].is_string:
            raise type_mismatch()
        x = data.numeric(name)
        out, _ = _recoded(x, rules, mask)
        changes = int(np.count_nonzero(out != x))
        if new == name:
            data.replace(name, out)
            session.log.line(f"({name}: {counted(changes, 'change')} made)")
            continue
        check_name(new)
        if new in data.variables:
            raise already_defined(new)
        if not mask.all() and not line.flag("copyrest"):
            out = np.where(mask, out, MISSING)
        kind = data.variables[name].type
        fits = smallest(out, "double", floats=True)
        ladder = ("byte", "int", "long", "float", "double")
        data.add(new, out, max(kind, fits, key=ladder.index), label=f"RECODE of {name}"
                 + (f" ({data.variables[name].label})" if data.variables[name].label else ""),
                 format=data.variables[name].format)  # fmt: skip
        _label(session, name, new, rules, line.text_option("label"))
        session.log.line(f"({counted(changes, 'difference')} between {name} and {new})")


def _label(session: Session, name: str, new: str, rules: list[Rule], label_name: str | None) -> None:
    texts = {int(float(rule.target)): rule.label for rule in rules
             if rule.label and re.fullmatch(r"-?\d+", rule.target)}  # fmt: skip
    if not texts:
        return
    target = label_name or new
    old = session.data.labels_of(name)
    values = session.data.numeric(new)
    for value in np.unique(values[values < MISSING]).tolist():
        text = label_text(old, value)
        if text and value == int(value):
            texts.setdefault(int(value), text)
    session.data.value_labels[target] = texts
    session.data.variables[new].value_label = target


@command("mvencode", "varlist [if] [in], MV(string) [Override]")
def mvencode(session: Session, line: Line) -> None:
    """Change missing values to numeric values."""
    mask = line.sample(session)
    pairs = _codes(str(line.options["mv"]))
    names = [name for name in line.varlist if not session.data.variables[name].is_string]
    for name in names:
        x = session.data.numeric(name)
        for source, target in pairs:
            if bool(np.any(x == target)) and not line.flag("override"):
                raise StataError(9, f"{name}: value {target:g} already used; use override option")
            hit = mask & ((x >= MISSING) if source is None else (x == source))
            count = int(np.count_nonzero(hit))
            if count:
                session.data.replace(name, np.where(hit, target, x))
                x = session.data.numeric(name)
                session.log.line(f"{name:>12}: {counted(count, 'missing value')} recoded")


def _codes(text: str) -> list[tuple[float | None, float]]:
    """`-9`, or `.a=-1 \\ else=-9`."""
    pairs: list[tuple[float | None, float]] = []
    for part in text.split("\\"):
        left, mark, right = part.partition("=")
        if not mark:
            pairs.append((None, _plain_number(left)))
        elif left.strip() == "else":
            pairs.append((None, _plain_number(right)))
        else:
            pairs.append((_value(left.strip(), MISSING, MISSING), _plain_number(right)))
    return pairs


def _plain_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise StataError(198, f"invalid mv() option\n{text.strip()} is no number") from None


@command("mvdecode", "varlist [if] [in], MV(string)")
def mvdecode(session: Session, line: Line) -> None:
    """Change numeric values to missing values."""
    mask = line.sample(session)
    for name in line.varlist:
        if session.data.variables[name].is_string:
            continue
        x = session.data.numeric(name)
        out = x.copy()
        for part in str(line.options["mv"]).split("\\"):
            left, mark, right = part.partition("=")
            target = _value(right.strip(), MISSING, MISSING) if mark else MISSING
            out[mask & np.isin(x, np.array(parse_numlist(left)))] = target
        count = int(np.count_nonzero(out != x))
        if count:
            session.data.replace(name, out)
            session.log.line(f"{name:>12}: {counted(count, 'missing value')} generated")
