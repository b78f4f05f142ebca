"""Regular expressions: regexm/regexs/regexr and their ustr forms."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

import numpy as np

from ssd.engine.errors import StataError
from ssd.engine.expr.context import Context
from ssd.engine.expr.registry import Table, entry
from ssd.engine.expr.text import add_mapped
from ssd.engine.expr.values import Operand, Value, each

_CLASSES: Final = {
    "[:alpha:]": "A-Za-z", "[:digit:]": "0-9", "[:alnum:]": "A-Za-z0-9", "[:space:]": r"\s", "[:upper:]": "A-Z",
    "[:lower:]": "a-z", "[:punct:]": r"!-/:-@\[-`{-~", "[:blank:]": r" \t",
}  # fmt: skip
_PROPERTIES: Final = {
    r"\p{Han}": "[\u4e00-\u9fff\u3400-\u4dbf]", r"\p{L}": r"[^\W\d_]", r"\p{N}": r"\d", r"\p{Lu}": "[A-Z]",
    r"\p{Ll}": "[a-z]",
}  # fmt: skip


@lru_cache(maxsize=256)
def compiled(pattern: str, ignore_case: bool = False) -> re.Pattern[str]:
    """A Stata pattern as a Python one. Raises r(198) for an invalid pattern."""
    for name, content in _CLASSES.items():
        pattern = pattern.replace(name, content)
    for name, content in _PROPERTIES.items():
        pattern = pattern.replace(name, content)
    pattern = re.sub(r"(?<!\\)\$$", r"\\Z", pattern)
    try:
        return re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    except re.error as fault:
        raise StataError(198, f"regexp: {fault.msg}") from fault


def _match(context: Context, text: Operand, pattern: Operand, ignore_case: Operand = 0.0) -> Value:
    found = each_match(text, pattern, ignore_case)
    context.session.state["regex"] = found
    if isinstance(found, list):
        return np.fromiter((item is not None for item in found), dtype=np.float64, count=len(found))
    return float(found is not None)


def each_match(text: Operand, pattern: Operand, ignore_case: Operand) -> Any:
    folded = bool(ignore_case) if not isinstance(ignore_case, np.ndarray) else bool(ignore_case.any())
    if isinstance(text, np.ndarray) and isinstance(pattern, str):
        search = compiled(pattern, folded).search
        return [search(item) for item in text.tolist()]
    if not isinstance(text, np.ndarray) and not isinstance(pattern, np.ndarray):
        return compiled(str(pattern), folded).search(str(text))
    size = len(text) if isinstance(text, np.ndarray) else len(pattern)  # type: ignore[arg-type]
    texts = np.broadcast_to(np.asarray(text, dtype=object), (size,)).tolist()
    patterns = np.broadcast_to(np.asarray(pattern, dtype=object), (size,)).tolist()
    return [compiled(one, folded).search(item) for item, one in zip(texts, patterns, strict=True)]


def _group(found: re.Match[str] | None, number: float) -> str:
    if found is None or not 0 <= number <= (found.re.groups if found is not None else 0):
        return ""
    return found.group(int(number)) or ""


def _subexpression(context: Context, number: Operand) -> Value:
    found = context.session.state.get("regex")
    if isinstance(found, list) and not (context.rows and len(found) == context.n_obs):
        found = found[0] if found else None
    if isinstance(found, list):
        out = np.empty(len(found), dtype=object)
        numbers = np.broadcast_to(np.asarray(number, dtype=np.float64), (len(found),)).tolist()
        out[:] = [_group(item, one) for item, one in zip(found, numbers, strict=True)]
        return out
    one = found if isinstance(found, re.Match) else None
    return each(lambda value: _group(one, value), number, text=True)


def _expanded(replacement: str) -> str:
    """`$1` of ICU replacements as Python's `\\g<1>`; everything else literal."""
    escaped = replacement.replace("\\", "\\\\")
    return re.sub(r"\$(\d+)", r"\\g<\1>", escaped)


def _replace(text: str, pattern: str, replacement: str) -> str:
    return compiled(pattern).sub(lambda _: replacement, text, count=1)


def _ustr_replace(count: int) -> Any:
    def run(text: str, pattern: str, replacement: str, ignore_case: float = 0.0) -> str:
        try:
            return compiled(pattern, bool(ignore_case)).sub(_expanded(replacement), text, count=count)
        except (re.error, IndexError) as fault:
            raise StataError(198, "regexp: invalid replacement") from fault

    return run


def regex_functions() -> Table:
    table: Table = {}
    entry(table, "regexm", "ss", _match, context=True)
    entry(table, "ustrregexm regexmatch", "ss|n", _match, context=True)
    entry(table, "regexs ustrregexs regexcapture", "n", _subexpression, context=True)
    add_mapped(table, "regexr", "sss", _replace, text=True)
    add_mapped(table, "ustrregexrf regexreplace", "sss|n", _ustr_replace(1), text=True)
    add_mapped(table, "ustrregexra regexreplaceall", "sss|n", _ustr_replace(0), text=True)
    return table
