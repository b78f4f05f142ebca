"""rename: one variable, groups, wildcards, case."""

from __future__ import annotations

import re
from collections.abc import Callable

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import is_valid_name
from ssd.engine.data.renaming import Matched, is_pattern, match_names, new_name, numbered
from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.quoting import split_terms
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_CASES: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "proper": str.title}


@command(
    "rename",
    "anything(id=oldname) [, Upper Lower Proper Dryrun r ADDNumber ADDNumber(integer 1) RENumber RENumber(integer 1) "
    "SOrt]",
    minimum=3,
)
def rename(session: Session, line: Line) -> None:
    """Rename variables."""
    cases = [change for name, change in _CASES.items() if line.flag(name)]
    if cases:
        if len(cases) > 1:
            raise StataError(198, "only one of upper, lower, and proper is allowed")
        names = [found.name for word in _bare(line.anything).split() for found in _matches(session, word)]
        pairs = {name: cases[0](name) for name in names}
    else:
        pairs = _pairs(session, _terms(line.anything), line)
    pairs = {old: new for old, new in pairs.items() if old != new}
    _check(session, pairs)
    if line.flag("dryrun"):
        _show(session, pairs)
    else:
        session.data.rename_all(pairs)
        if line.flag("r"):
            _show(session, pairs)
    session.r = ResultSet(
        scalars={"n": float(len(pairs))}, macros={"oldnames": " ".join(pairs), "newnames": " ".join(pairs.values())}
    )


def _terms(text: str) -> list[str]:
    """The old and the new names: lists in parentheses, or one word each; `v(##)` is one word."""
    found: list[str] = []
    rest = text.strip()
    while rest:
        if rest.startswith("(") and not re.match(r"\(#+\)", rest):
            word = split_terms(rest)[0]
        else:
            word = rest.split(None, 1)[0]
        found.append(word)
        rest = rest[len(word) :].strip()
    return found


def _show(session: Session, pairs: dict[str, str]) -> None:
    width = max((len(old) for old in pairs), default=7)
    for old, new in pairs.items():
        session.log.line(f"  {old:>{width}} -> {new}")


def _bare(text: str) -> str:
    stripped = text.strip()
    return stripped[1:-1] if stripped.startswith("(") and stripped.endswith(")") else stripped


def _matches(session: Session, word: str) -> list[Matched]:
    """The variables a word names. Raises r(111) when there is none."""
    if "#" in word or "(" in word:
        found = match_names(word, list(session.data.variables))
        if not found:
            raise StataError(111, f"variable {word} not found")
        return found
    names = session.expand_varlist(word)
    if "*" in word or "?" in word:
        by_name = {each.name: each for each in match_names(word, names)}
        return [by_name.get(name, Matched(name, [])) for name in names]
    return [Matched(name, []) for name in names]


def _pairs(session: Session, terms: list[str], line: Line) -> dict[str, str]:
    if len(terms) != 2:
        raise invalid_syntax()
    old_words, new_words = _bare_list(terms[0]), _bare_list(terms[1])
    start = _first_number(line)
    if start is not None:
        if len(new_words) != 1:
            raise StataError(198, "one new name with # needed")
        flat = [found.name for word in old_words for found in _matches(session, word)]
        if line.flag("sort"):
            flat.sort()
        return dict(zip(flat, numbered(new_words[0], len(flat), start), strict=True))
    if len(new_words) == 1 and is_pattern(new_words[0]) and len(old_words) > 1:
        new_words = new_words * len(old_words)
    if len(old_words) == len(new_words):
        pairs: dict[str, str] = {}
        for word, new in zip(old_words, new_words, strict=True):
            found = _matches(session, word)
            if len(found) > 1 and not is_pattern(new):
                raise StataError(198, "more than one variable matches the old name")
            pairs.update({each.name: new_name(new, each) for each in found})
        return pairs
    flat = [found.name for word in old_words for found in _matches(session, word)]
    if len(flat) != len(new_words):
        raise StataError(198, f"{len(flat)} old names, {len(new_words)} new names: numbers differ")
    return dict(zip(flat, new_words, strict=True))


def _bare_list(term: str) -> list[str]:
    return (_bare(term) if not re.match(r"\(#+\)", term) else term).split()


def _first_number(line: Line) -> int | None:
    """Where addnumber() or renumber() begins to count, or None without them."""
    for name in ("addnumber", "renumber"):
        if name in line.typed:
            value = line.options.get(name)
            return int(value) if isinstance(value, int) and not isinstance(value, bool) else 1
    return None


def _check(session: Session, pairs: dict[str, str]) -> None:
    """Raises r(198) for invalid and r(110) for taken new names, in rename's words."""
    invalid = [(old, new) for old, new in pairs.items() if not is_valid_name(new)]
    if invalid:
        head = f"{len(invalid)} new variable name{'s' if len(invalid) > 1 else ''} invalid"
        lines = [head]
        for old, new in invalid:
            lines += [f"    You attempted to rename {old} to {new}.  That is an", "    invalid Stata variable name."]
        raise StataError(198, "\n".join(lines))
    taken = [(old, new) for old, new in pairs.items() if new in session.data.variables and new not in pairs]
    if taken:
        lines = [f"{len(taken)} new variable name{'s' if len(taken) > 1 else ''} already defined"]
        for old, new in taken:
            lines += [f"    You attempted to rename {old} to {new}.  That variable", "    already exists."]
        raise StataError(110, "\n".join(lines))
    if len(set(pairs.values())) != len(pairs):
        raise StataError(198, "duplicate new variable names specified")
