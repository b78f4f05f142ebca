"""Names that are nearly what was written: slips of the pen and near matches."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ssd.inputs.models import ColumnProfile


def near_names(word: str, names: Iterable[str]) -> list[str]:
    """Names one slip away (two for long words), nearest first; a slip adds, drops, changes or swaps letters."""
    allowed = 2 if len(word) >= 8 else 1
    scored = [(slips(word.lower(), name.lower()), name) for name in names if len(name) >= 4]
    return [name for distance, name in sorted(scored) if 0 < distance <= allowed]


def slips(a: str, b: str) -> int:
    """Damerau-Levenshtein distance with adjacent swaps (optimal string alignment)."""
    if abs(len(a) - len(b)) > 2:
        return 3
    before_last: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before_last[j - 2] + 1)
            row.append(cost)
        before_last, last = last, row
    return last[-1]


def similar_names(name: str, columns: Iterable[ColumnProfile], limit: int = 5) -> list[str]:
    """Stata names that look like `name` or whose header or label does, best first."""
    wanted = name.lower()
    scored = []
    for column in columns:
        forms = {column.stata_name.lower(), column.original_name.lower(), column.label.lower()} - {""}
        score = max(difflib.SequenceMatcher(None, wanted, form).ratio() for form in forms)
        if any(wanted in form or form in wanted for form in forms if len(form) > 2 and len(wanted) > 2):
            score = max(score, 0.75)
        if score >= 0.55:
            scored.append((-score, column.stata_name))
    return [found for _, found in sorted(scored)[:limit]]
