"""rename: one variable, groups, wildcards, case."""

from __future__ import annotations

import re
from collections.abc import Callable

from ssd.engine.commands.declare import Line, command
from ssd.engine.data.names import has_wildcard, is_valid_name
from ssd.engine.errors import StataError, invalid_syntax, unsupported
from ssd.engine.lang.quoting import split_terms
from ssd.engine.results import ResultSet
from ssd.engine.session import Session

_CASES: dict[str, Callable[[str], str]] = {"upper": str.upper, "lower": str.lower, "proper": str.title}


@command("rename", "anything(id=oldname) [, Upper Lower Proper Dryrun r]", minimum=3, refused="dryrun; # patterns")
def rename(session: Session, line: Line) -> None:
    """Rename variables."""
    if line.flag("dryrun"):
        raise unsupported("rename, dryrun")
    cases = [change for name, change in _CASES.items() if line.flag(name)]
    if cases:
        if len(cases) > 1:
            raise StataError(198, "only one of upper, lower, and proper is allowed")
        names = session.expand_varlist(_bare(line.anything))
        pairs = {name: cases[0](name) for name in names}
    else:
        pairs = _pairs(session, split_terms(line.anything))
    pairs = {old: new for old, new in pairs.items() if old != new}
    _check(session, pairs)
    session.data.rename_all(pairs)
    session.r = ResultSet(
        scalars={"n": float(len(pairs))}, macros={"oldnames": " ".join(pairs), "newnames": " ".join(pairs.values())}
    )


def _bare(text: str) -> str:
    stripped = text.strip()
    return stripped[1:-1] if stripped.startswith("(") and stripped.endswith(")") else stripped


def _pairs(session: Session, terms: list[str]) -> dict[str, str]:
    if len(terms) != 2:
        raise invalid_syntax()
    old_words, new_words = _bare(terms[0]).split(), _bare(terms[1]).split()
    pairs: dict[str, str] = {}
    if len(new_words) == 1 and has_wildcard(new_words[0]) and len(old_words) > 1:
        new_words = new_words * len(old_words)
    expanded = [session.expand_varlist(word) for word in old_words]
    if len(old_words) == len(new_words):
        for word, names, new in zip(old_words, expanded, new_words, strict=True):
            pairs.update(_matched(word, names, new))
        return pairs
    flat = [name for names in expanded for name in names]
    if len(flat) != len(new_words):
        raise StataError(198, f"{len(flat)} old names, {len(new_words)} new names: numbers differ")
    return dict(zip(flat, new_words, strict=True))


def _matched(word: str, names: list[str], new: str) -> dict[str, str]:
    """New names by carrying over what each wildcard of the old pattern matched."""
    if "#" in new or "#" in word:
        raise unsupported("# in rename patterns")
    if not has_wildcard(new):
        if len(names) != 1:
            raise StataError(198, "more than one variable matches the old name")
        return {names[0]: new}
    pattern = re.compile("".join(_group(sign) for sign in word))
    pairs = {}
    for name in names:
        found = pattern.fullmatch(name)
        pieces = list(found.groups()) if found and pattern.groups else [name]
        pairs[name] = _filled(new, pieces)
    return pairs


def _group(sign: str) -> str:
    return "(.*)" if sign == "*" else "(.)" if sign == "?" else re.escape(sign)


def _filled(new: str, pieces: list[str]) -> str:
    out, position = [], 0
    for sign in new:
        if sign in "*?":
            if position >= len(pieces):
                raise StataError(198, "new name has more wildcards than the old name")
            out.append(pieces[position])
            position += 1
        elif sign == "=":
            out.append("".join(pieces))
        else:
            out.append(sign)
    return "".join(out)


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
