"""Expansion of local and global macros in a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ssd.engine.errors import StataError, invalid_syntax
from ssd.engine.lang.numbertext import number_text, value_text

if TYPE_CHECKING:
    from ssd.engine.session import Session

_NAME: Final = re.compile(r"[^\W\d]\w*")
_LOCAL_NAME: Final = re.compile(r"\w+|\*")
_STORED: Final = re.compile(r"(r|e|s|c|return)\(\s*(\w+)\s*\)")
_CHARACTERISTIC: Final = re.compile(r"(\w+)\[(\w+)\]")
_MAX_DEPTH: Final = 200


def expand(text: str, session: Session, depth: int = 0) -> str:
    """`text` with every macro reference replaced, contents expanded in turn.

    Raises r(1000) when macros refer to each other without end, r(198) on a malformed reference.
    """
    if "`" not in text and "$" not in text:
        return text
    if depth > _MAX_DEPTH:
        raise StataError(1000, "system limit exceeded\nmacros refer to each other without end")
    out: list[str] = []
    index = 0
    length = len(text)
    while index < length:
        char = text[index]
        if char == "\\" and index + 1 < length and text[index + 1] in "`$\\":
            index = _escape(text, index, out)
        elif char == "`":
            index = _local_reference(text, index, out, session, depth)
        elif char == "$":
            index = _global_reference(text, index, out, session, depth)
        else:
            out.append(char)
            index += 1
    return "".join(out)


def _escape(text: str, index: int, out: list[str]) -> int:
    """A backslash before a macro character keeps that character literal and disappears itself."""
    following = text[index + 1]
    if following in "`$":
        out.append(following)
        return index + 2
    if index + 2 < len(text) and text[index + 2] in "`$":
        out.append("\\")
        return index + 2
    out.append("\\")
    return index + 1


def _local_reference(text: str, index: int, out: list[str], session: Session, depth: int) -> int:
    if text.startswith('`"', index):
        out.append('`"')
        return index + 2
    end = _matching_apostrophe(text, index)
    if end < 0:
        out.append("`")
        return index + 1
    inner = text[index + 1 : end]
    out.append(_local_value(inner, session, depth))
    return end + 1


def _matching_apostrophe(text: str, index: int) -> int:
    """Position of the `'` that closes the backtick at `index`; -1 when there is none."""
    stack = ["`"]
    position = index + 1
    while position < len(text):
        if text[position] == "\\" and text[position + 1 : position + 2] in ("`", "$"):
            position += 2
            continue
        if text.startswith('`"', position):
            stack.append('"')
            position += 2
            continue
        if stack[-1] == '"' and text.startswith("\"'", position):
            stack.pop()
            position += 2
            continue
        char = text[position]
        if char == "`":
            stack.append("`")
        elif char == "'" and stack[-1] == "`":
            stack.pop()
            if not stack:
                return position
        position += 1
    return -1


def _local_value(inner: str, session: Session, depth: int) -> str:
    stripped = inner.strip()
    if stripped.startswith("="):
        return _expression_value(expand(stripped[1:], session, depth + 1), session)
    if stripped.startswith(":"):
        from ssd.engine.lang.macro_functions import extended_function

        return extended_function(expand(stripped[1:], session, depth + 1).strip(), session)
    if stripped.startswith("macval(") and stripped.endswith(")"):
        name = expand(stripped[7:-1], session, depth + 1).strip()
        return session.locals[-1].get(name, "")
    name = expand(stripped, session, depth + 1).strip() if "`" in stripped or "$" in stripped else stripped
    table = session.locals[-1]
    if name.startswith(("++", "--")):
        step = 1 if name[0] == "+" else -1
        return _step(name[2:].strip(), step, session, before=True)
    if name.endswith(("++", "--")):
        step = 1 if name[-1] == "+" else -1
        return _step(name[:-2].strip(), step, session, before=False)
    if name not in table:
        stored = _STORED.fullmatch(name)
        if stored is not None:
            return _stored_text(stored[1], stored[2], session)
        characteristic = _CHARACTERISTIC.fullmatch(name)
        if characteristic is not None:
            return _characteristic_text(characteristic[1], characteristic[2], session)
        if name and not _LOCAL_NAME.fullmatch(name):
            if name.startswith("."):
                raise StataError(198, f"class references (`{name}') not supported by this engine")
            raise invalid_syntax(f"`{name}' invalid name" if " " not in name else "invalid syntax")
        return ""
    return expand(table[name], session, depth + 1)


def _stored_text(which: str, name: str, session: Session) -> str:
    """`` `r(x)' ``, `` `e(x)' ``, `` `s(x)' ``, `` `return(x)' ``, `` `c(x)' `` as text; nothing when not stored."""
    if which == "c":
        from ssd.engine.expr.system import system_value

        return value_text(system_value(session, name))
    if which == "return":
        results = session.calls[-1].results
    else:
        results = {"r": session.r, "e": session.e, "s": session.s}[which]
    if name in results.scalars:
        return number_text(results.scalars[name])
    return results.macros.get(name, "")


def _characteristic_text(owner: str, name: str, session: Session) -> str:
    """`` `_dta[name]' `` and `` `variable[name]' ``."""
    if owner == "_dta":
        return session.data.chars.get(name, "")
    column = session.data.variables.get(owner)
    return column.chars.get(name, "") if column is not None else ""


def _expression_value(text: str, session: Session) -> str:
    if not text.strip():
        raise invalid_syntax()
    return value_text(session.evaluate_scalar(text))


def _step(name: str, step: int, session: Session, *, before: bool) -> str:
    """`++i` and friends: change the macro and give the value before or after the change."""
    table = session.locals[-1]
    old = session.evaluate_number(table.get(name, "") or ".")
    new = old + step
    table[name] = number_text(new)
    return table[name] if before else number_text(old)


def _global_reference(text: str, index: int, out: list[str], session: Session, depth: int) -> int:
    if text.startswith("${", index):
        end = _matching_brace(text, index + 1)
        if end < 0:
            out.append("$")
            return index + 1
        inner = expand(text[index + 2 : end], session, depth + 1).strip()
        if inner.startswith("="):
            out.append(_expression_value(inner[1:], session))
        elif inner.startswith(":"):
            from ssd.engine.lang.macro_functions import extended_function

            out.append(extended_function(inner[1:].strip(), session))
        else:
            out.append(expand(session.globals.get(inner, ""), session, depth + 1))
        return end + 1
    start = index + 1
    name = _NAME.match(text, start)
    if name is None:
        if text.startswith("`", start) and not text.startswith('`"', start):
            end = _matching_apostrophe(text, start)
            if end > 0:
                inner = expand(text[start : end + 1], session, depth + 1)
                out.append(expand("$" + inner, session, depth + 1) if _NAME.match(inner) else "$" + inner)
                return end + 1
        out.append("$")
        return index + 1
    out.append(expand(session.globals.get(name.group()[:32], ""), session, depth + 1))
    return name.end()


def _matching_brace(text: str, index: int) -> int:
    depth = 0
    for position in range(index, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return -1
