"""`ssd library`."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from ssd.db.durable import write_durably
from ssd.settings import load_settings
from ssd.templates.index import INDEX_NAME, MANIFEST_NAME, index_text, make_index, manifest_text
from ssd.templates.library import Library, default_folder


def library(arguments: argparse.Namespace) -> int:
    folder = Path(arguments.folder) if arguments.folder else load_settings().library_dir or default_folder()
    match arguments.action:
        case "build":
            return _build(folder)
        case "check":
            return _check(folder)
        case "coverage":
            return _coverage(folder)
        case _:
            return _show(folder, arguments.template_id)


def _build(folder: Path) -> int:
    index = make_index(folder)
    write_durably(folder / INDEX_NAME, index_text(index).encode())
    write_durably(folder / MANIFEST_NAME, manifest_text(index).encode())
    print(f"{len(index.entries)} templates in {len(index.families)} families: {INDEX_NAME} and {MANIFEST_NAME} written")
    return 0


def _check(folder: Path) -> int:
    index = make_index(folder)
    stale = [
        name
        for name, text in ((INDEX_NAME, index_text(index)), (MANIFEST_NAME, manifest_text(index)))
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text
    ]
    for name in stale:
        print(f"{name} is not current; run `ssd library build`")
    if not stale:
        print(f"{len(index.entries)} templates, all valid; the index is current")
    return 1 if stale else 0


def _coverage(folder: Path) -> int:
    loaded = Library.load(folder)
    for family in loaded.families:
        templates = [template for template in loaded.templates if template.family == family.id]
        print(f"{family.id} ({len(templates)}): {family.title.en} / {family.title.zh}")
        for template in templates:
            covers = ", ".join(template.covers)
            print(f"    {template.id}  {template.title.en}" + (f"  [{covers}]" if covers else ""))
    return 0


def _show(folder: Path, template_id: str) -> int:
    loaded = Library.load(folder)
    template = loaded.get(template_id)
    print(msgspec.json.format(msgspec.json.encode(template), indent=2).decode())
    print((loaded.folder / loaded.source_name(template_id)).read_text("utf-8"), end="")
    return 0
