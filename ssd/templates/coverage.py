"""How much of the capability list the library covers."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec

from ssd.templates.library import Library
from ssd.templates.loader import invalid

CAPABILITIES_NAME = "capabilities.tsv"


class Capability(msgspec.Struct, frozen=True):
    """One row of the list, and the templates that cover it."""

    id: str
    title: str
    title_zh: str
    template_ids: list[str]


def coverage(library: Library) -> list[Capability]:
    """Every capability in the order of the list. Raises LIBRARY_INVALID when a template covers an unknown one."""
    rows = _read(library.folder / CAPABILITIES_NAME)
    known = {row["id"] for row in rows}
    for template in library.templates:
        for covered in template.covers:
            if covered not in known:
                raise invalid(CAPABILITIES_NAME, f"{template.id} covers {covered}, which the list does not have")
    return [
        Capability(
            row["id"],
            row["capability"],
            row["capability_zh"],
            [template.id for template in library.templates if row["id"] in template.covers],
        )
        for row in rows
    ]


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise invalid(CAPABILITIES_NAME, "the file is missing")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))
