"""The outputs contract: every declared required output exists, opens and is not empty."""

from __future__ import annotations

import csv
import difflib
from pathlib import Path

import msgspec

from ssd.plans.models import DeclaredOutput


class Unmet(msgspec.Struct, frozen=True):
    """One broken promise and the files that come near it."""

    file: str
    reason: str
    near_misses: list[str]


def check_outputs(work: Path, declared: list[DeclaredOutput]) -> list[Unmet]:
    """Every unmet promise of a step that ran in `work`. Optional outputs count only when they exist."""
    present = sorted(item.name for item in work.iterdir() if item.is_file())
    unmet = []
    for output in declared:
        path = work / output.file
        if not path.is_file():
            if output.required:
                near = difflib.get_close_matches(output.file, present, n=3, cutoff=0.5)
                unmet.append(Unmet(output.file, "it was not written", near))
            continue
        fault = _fault(path)
        if fault is not None:
            unmet.append(Unmet(output.file, fault, []))
    return unmet


def _fault(path: Path) -> str | None:
    if path.is_symlink():
        return "it is a link"
    if path.stat().st_size == 0:
        return "it is empty"
    reader = {".csv": _csv_fault, ".svg": _svg_fault, ".dta": _dta_fault}.get(path.suffix.lower())
    return reader(path) if reader else None


def _csv_fault(path: Path) -> str | None:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            rows = csv.reader(handle, strict=True)
            header = next(rows, None)
            if not header:
                return "it has no header"
            if next(rows, None) is None:
                return "it has a header but no rows"
    except (UnicodeDecodeError, csv.Error) as error:
        return f"it cannot be read as CSV: {error}"
    return None


def _svg_fault(path: Path) -> str | None:
    with path.open("rb") as handle:
        head = handle.read(4096)
        handle.seek(max(0, path.stat().st_size - 64))
        tail = handle.read()
    if b"<svg" not in head:
        return "it is not an SVG picture"
    return None if b"</svg>" in tail else "the SVG picture ends too early"


def _dta_fault(path: Path) -> str | None:
    with path.open("rb") as handle:
        head = handle.read(11)
    # Formats 117 and later begin with <stata_dta>; older ones with their number in the first byte.
    return None if head == b"<stata_dta>" or (head and 102 <= head[0] <= 115) else "it is not a Stata dataset"
