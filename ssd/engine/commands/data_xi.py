"""xi: indicator variables for i. terms, as a command and as a prefix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ssd.engine.commands.community_counts import missing_values
from ssd.engine.commands.declare import Line, command
from ssd.engine.data.storage import smallest
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.grammar import compile_grammar
from ssd.engine.lang.options import match_options
from ssd.engine.lang.quoting import split_colon, split_comma
from ssd.engine.missing import MISSING, FloatArray

if TYPE_CHECKING:
    from ssd.engine.session import Session

_TERM = re.compile(r"(?<![\w.#)])i\.(\w+)(?:([*|])(i\.)?(\w+))?(?![\w.#(])", re.IGNORECASE)
_MAIN_LENGTH = 9
_PAIR_LENGTH = 3
_SECOND_LENGTH = 5
"""How many letters of a name stand in the names of indicators: alone, in a product, and of a continuous variable."""


@dataclass(frozen=True)
class _Categories:
    """Levels of one variable with their codes in names."""

    name: str
    codes: list[int]
    columns: list[FloatArray]
    """Indicator of each level; missing where the variable is."""
    texts: list[str]
    omitted: int
    """Place of the level that gets no indicator."""
    natural: bool
    omit: bool


@command("xi", "*", stored="", refused="i.varname under other operators than * and |")
def xi(session: Session, line: Line) -> None:
    """Indicator variables for categorical terms, then the command that uses them."""
    parts = split_colon(line.text)
    if parts is None:
        head, option_text = split_comma(line.text)
        options = _options(session, option_text)
        _drop_old(session, options[0])
        _expand(session, head, *options)
        return
    head, option_text = split_comma(parts[0])
    if head.strip():
        raise invalid_syntax()
    prefix, omit = _options(session, option_text)
    _drop_old(session, prefix)
    session.run(_expand(session, parts[1], prefix, omit))


def _options(session: Session, text: str | None) -> tuple[str, bool]:
    values, _, _ = match_options(text, compile_grammar("[, Prefix(string) noomit]"), session)
    prefix = str(values["prefix"] or "_I")
    if not re.fullmatch(r"[^\W\d]\w{0,3}", prefix):
        raise StataError(198, "prefix() invalid")
    return prefix, values["noomit"] is not True


def _drop_old(session: Session, prefix: str) -> None:
    """Indicators of an earlier xi with this prefix disappear."""
    known = session.data.chars.get("__xi__Vars__To__Drop__", "").split()
    old = [name for name in known if name.startswith(prefix) and name in session.data.variables]
    if old:
        session.data.drop(old)


def _expand(session: Session, text: str, prefix: str, omit: bool) -> str:
    made: list[str] = []
    seen: dict[str, list[str]] = {}

    def replacement(match: re.Match[str]) -> str:
        first, sign, factor, second = match.groups()
        names = _main(session, first, prefix, omit, made, seen)
        if sign is None:
            return " ".join(names)
        return " ".join(_product(session, names, match[0], first, sign, bool(factor), second, prefix, omit, made, seen))

    expanded = _TERM.sub(replacement, text)
    session.data.chars["__xi__Vars__To__Drop__"] = " ".join(made)
    return expanded


def _categories(session: Session, word: str, omit: bool) -> _Categories:
    data = session.data
    names = session.expand_varlist(word)
    if len(names) != 1:
        raise invalid_syntax()
    name = names[0]
    column = data.variables[name]
    gone = missing_values(session, name)
    if gone.all():
        raise StataError(2000, "no observations")
    if column.is_string:
        levels = sorted(set(column.values[~gone].tolist()))
        codes = list(range(1, len(levels) + 1))
        marks = [column.values == level for level in levels]
        texts, natural = [str(level) for level in levels], False
    else:
        x = data.numeric(name)
        found = np.unique(x[~gone])
        natural = bool(np.all((found == np.trunc(found)) & (found >= 0) & (found < 1_000_000)))
        codes = [int(v) for v in found] if natural else list(range(1, len(found) + 1))
        marks = [x == level for level in found]
        texts = [f"{v:.10g}" for v in found.tolist()]
    columns = [np.where(gone, MISSING, mark.astype(np.float64)) for mark in marks]
    chosen = column.chars.get("omit", "")
    omitted = 0
    if chosen == "prevalent":
        omitted = int(np.argmax([int(mark.sum()) for mark in marks]))
    elif chosen:
        if chosen not in texts:
            raise StataError(198, f"{name}[omit] is not a value of {name}")
        omitted = texts.index(chosen)
    return _Categories(name, codes, columns, texts, omitted, natural, omit)


def _main(
    session: Session, word: str, prefix: str, omit: bool, made: list[str], seen: dict[str, list[str]]
) -> list[str]:
    categories = _categories(session, word, omit)
    name = categories.name
    if name in seen:
        return seen[name]
    stub = f"{prefix}{name[:_MAIN_LENGTH]}_"
    if omit and len(categories.codes) < 2:
        raise StataError(198, f"{name} does not vary")
    names = []
    for place, (code, values) in enumerate(zip(categories.codes, categories.columns, strict=True)):
        if omit and place == categories.omitted:
            continue
        names.append(_add(session, f"{stub}{code}", values, f"{name}=={categories.texts[place]}", made))
    left = categories.codes[categories.omitted]
    how = "naturally coded; " if categories.natural else ""
    note = f"({how}{stub}{left} omitted)" if omit else f"({how.rstrip('; ')})" if how else ""
    if omit and not categories.natural:
        note = f"({stub}{left} for {name}=={categories.texts[categories.omitted]} omitted)"
    _report(session, f"i.{name}", f"{stub}{categories.codes[0]}-{categories.codes[-1]}", note)
    seen[name] = names
    return names


def _product(
    session: Session, first_names: list[str], typed: str, first: str, sign: str, factor: bool, second: str,
    prefix: str, omit: bool, made: list[str], seen: dict[str, list[str]],
) -> list[str]:  # fmt: skip
    """The indicators of i.a*i.b and i.a*x (with the main effects) or i.a|x (with those of x alone)."""
    a = _categories(session, first, omit)
    kept_a = [p for p in range(len(a.codes)) if not (omit and p == a.omitted)]
    if factor:
        main = _main(session, second, prefix, omit, made, seen)
        b = _categories(session, second, omit)
        kept_b = [p for p in range(len(b.codes)) if not (omit and p == b.omitted)]
        stub = f"{prefix}{a.name[:_PAIR_LENGTH]}X{b.name[:_PAIR_LENGTH]}_"
        products = [
            _add(session, f"{stub}{a.codes[p]}_{b.codes[q]}", _times(a.columns[p], b.columns[q]),
                 f"{a.name}=={a.texts[p]} & {b.name}=={b.texts[q]}", made)
            for p in kept_a for q in kept_b
        ]  # fmt: skip
        _report(session, typed, f"{stub}#_#", "(coded as above)")
        return [*first_names, *main, *products] if sign == "*" else [*main, *products]
    names = session.expand_varlist(second)
    x = session.data.numeric(names[0])
    stub = f"{prefix}{a.name[:_PAIR_LENGTH]}X{names[0][:_SECOND_LENGTH]}_"
    products = [
        _add(session, f"{stub}{a.codes[p]}", _times(a.columns[p], x), f"({a.name}=={a.texts[p]})*{names[0]}", made)
        for p in kept_a
    ]
    _report(session, typed, f"{stub}#", "(coded as above)")
    return [*first_names, names[0], *products] if sign == "*" else [names[0], *products]


def _times(left: FloatArray, right: FloatArray) -> FloatArray:
    known = (left < MISSING) & (right < MISSING)
    return np.where(known, np.where(known, left, 0.0) * np.where(known, right, 0.0), MISSING)


def _add(session: Session, name: str, values: FloatArray, label: str, made: list[str]) -> str:
    if name in session.data.variables:
        if name in made:
            return name
        session.data.drop([name])
    session.data.add(name, values, smallest(values, "double"), label=label[:80])
    made.append(name)
    return name


def _report(session: Session, term: str, names: str, note: str) -> None:
    session.log.line(f"{term:<18}{names:<20}{note}".rstrip())
