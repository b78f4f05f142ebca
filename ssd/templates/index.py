"""index.json and capability_manifest.json: what the metadata gives, generated; CI fails when they are not current."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec

from ssd.templates.loader import (
    FAMILIES_NAME,
    METADATA_NAME,
    PARTIALS_FOLDER,
    SOURCE_NAME,
    invalid,
    read_families,
    read_template,
    template_folders,
)
from ssd.templates.models import Family, Template

INDEX_NAME = "index.json"
MANIFEST_NAME = "capability_manifest.json"
INDEX_VERSION = 1
DATA_FORMATS = ["csv", "xlsx", "xls", "dta"]


class IndexEntry(msgspec.Struct, frozen=True):
    """One template with the hash of everything that decides its do-file."""

    sha256: str
    template: Template


class Index(msgspec.Struct, frozen=True):
    """index.json. `files` are the sources it was made from, by path below the library, with their SHA-256."""

    index_version: int
    files: dict[str, str]
    families: list[Family]
    entries: list[IndexEntry]


def source_files(library: Path) -> list[str]:
    """Paths of everything the index depends on, sorted."""
    paths = [library / FAMILIES_NAME, *library.glob(f"{PARTIALS_FOLDER}/*.do")]
    for folder in template_folders(library):
        paths += [folder / METADATA_NAME, folder / SOURCE_NAME]
    return sorted(path.relative_to(library).as_posix() for path in paths if path.is_file())


def hash_files(library: Path) -> dict[str, str]:
    """SHA-256 of each source file by path."""
    return {name: hashlib.sha256((library / name).read_bytes()).hexdigest() for name in source_files(library)}


def make_index(library: Path) -> Index:
    """Read the whole library and check it. Raises LIBRARY_INVALID with file and field."""
    files = hash_files(library)
    families = read_families(library)
    family_ids = frozenset(family.id for family in families)
    entries: list[IndexEntry] = []
    for folder in template_folders(library):
        template = read_template(library, folder, family_ids)
        entries.append(IndexEntry(_template_hash(template, files), template))
    known = {entry.template.id for entry in entries}
    for entry in entries:
        for check in entry.template.robustness:
            if check.template_id not in known:
                place = f"{entry.template.id.replace('.', '/')}/{METADATA_NAME}"
                raise invalid(place, f"robustness: there is no template {check.template_id!r}")
    return Index(INDEX_VERSION, files, families, entries)


def _template_hash(template: Template, files: dict[str, str]) -> str:
    """Hash of the template's own files and of all partials: a change in either changes the do-file."""
    folder = template.id.replace(".", "/")
    names = sorted(name for name in files if name.startswith((f"{folder}/", f"{PARTIALS_FOLDER}/")))
    return hashlib.sha256("\n".join(f"{name} {files[name]}" for name in names).encode()).hexdigest()


def read_index(library: Path) -> Index | None:
    """The index as stored, when it agrees with the sources; None when it is missing, unreadable or out of date."""
    path = library / INDEX_NAME
    if not path.is_file():
        return None
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except (msgspec.ValidationError, msgspec.DecodeError):
        return None
    current = index.index_version == INDEX_VERSION and index.files == hash_files(library)
    return index if current else None


def index_text(index: Index) -> str:
    """index.json."""
    return _pretty(msgspec.to_builtins(index))


def manifest_text(index: Index) -> str:
    """capability_manifest.json: what the library can do, in a form an auditor reads."""
    templates = [entry.template for entry in index.entries]
    return _pretty(
        {
            "template_count": len(templates),
            "data_formats": DATA_FORMATS,
            "data_shapes": _count(template.data_shape for template in templates),
            "designs": _count(template.design for template in templates),
            "families": _count(template.family for template in templates),
            "packages": sorted({need.pkg for template in templates for need in template.dependencies}),
            "covers": sorted({row for template in templates for row in template.covers}),
            "templates": [_statement(entry) for entry in index.entries],
        }
    )


def _statement(entry: IndexEntry) -> dict[str, Any]:
    template = entry.template
    return {
        "id": template.id,
        "version": template.version,
        "sha256": entry.sha256,
        "design": template.design,
        "data_shape": template.data_shape,
        "stata_version": template.stata_version,
        "required": [item.name for item in template.parameters if item.required],
        "optional": [item.name for item in template.parameters if not item.required],
        "dependencies": [{"pkg": need.pkg, "source": need.source} for need in template.dependencies],
        "outputs": [output.file for output in template.outputs],
        "covers": template.covers,
    }


def _count(values: Any) -> dict[str, int]:
    items = sorted(values)
    return {value: items.count(value) for value in dict.fromkeys(items)}


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"
