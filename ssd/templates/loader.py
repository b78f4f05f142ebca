"""Reading the library: template.toml and families.toml into checked structs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from ssd.errors import SsdError
from ssd.templates.models import Family, Parameter, Template

METADATA_NAME = "template.toml"
SOURCE_NAME = "template.do"
PARTIALS_FOLDER = "partials"
FAMILIES_NAME = "families.toml"

_ID = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
_PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FILE_NAME = re.compile(r"[a-z][a-z0-9_]*\.(csv|svg|dta|docx|xlsx|txt|log)")


class FamiliesFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """families.toml."""

    families: list[Family]


def invalid(place: str, message: str) -> SsdError:
    """The error of a library that breaks its own rules; `place` is the file below the library folder."""
    return SsdError("LIBRARY_INVALID", f"{place}: {message}", file=place)


def template_folders(library: Path) -> list[Path]:
    """Folders `<family>/<slug>` that hold a template, in the order of their ids."""
    return sorted((path.parent for path in library.glob(f"*/*/{METADATA_NAME}")), key=lambda path: path.parts[-2:])


def read_families(library: Path) -> list[Family]:
    """Families in the order of the file. Raises LIBRARY_INVALID for a wrong or repeated entry."""
    families: list[Family] = _decode(library, library / FAMILIES_NAME, FamiliesFile).families
    ids = [family.id for family in families]
    for family in families:
        if ids.count(family.id) > 1:
            raise invalid(FAMILIES_NAME, f"family {family.id} is listed twice")
        for other in family.fallback:
            if other not in ids or other == family.id:
                raise invalid(FAMILIES_NAME, f"fallback {other!r} of family {family.id} is not another family")
    return families


def read_template(library: Path, folder: Path, family_ids: frozenset[str]) -> Template:
    """One template's metadata. Raises LIBRARY_INVALID naming the file and the field."""
    path = folder / METADATA_NAME
    template: Template = _decode(library, path, Template)
    for problem in _problems(template, family_ids):
        raise invalid(_place(library, path), problem)
    if template.id != ".".join(folder.relative_to(library).parts):
        raise invalid(_place(library, path), f"id {template.id!r} does not name its folder")
    if not (folder / SOURCE_NAME).is_file():
        raise invalid(_place(library, path), f"{SOURCE_NAME} is missing beside it")
    return template


def _decode(library: Path, path: Path, kind: Any) -> Any:
    place = _place(library, path)
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except FileNotFoundError as error:
        raise invalid(place, "the file is missing") from error
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(place, str(error)) from error


def _place(library: Path, path: Path) -> str:
    return path.relative_to(library).as_posix()


def _problems(template: Template, family_ids: frozenset[str]) -> list[str]:
    problems: list[str] = []
    if not _ID.fullmatch(template.id):
        problems.append(f"id: {template.id!r} is not <family>.<slug> in lower case")
    if template.family not in family_ids:
        problems.append(f"family: {template.family!r} is not in {FAMILIES_NAME}")
    if not re.fullmatch(r"\d+\.\d+\.\d+", template.version):
        problems.append(f"version: {template.version!r} is not MAJOR.MINOR.PATCH")
    names = [parameter.name for parameter in template.parameters]
    problems += [f"parameters: {name} is declared twice" for name in sorted({n for n in names if names.count(n) > 1})]
    for parameter in template.parameters:
        problems += _parameter_problems(parameter, names)
    files = [output.file for output in template.outputs]
    if not files:
        problems.append("outputs: a template promises at least one file")
    for file in files:
        if not _FILE_NAME.fullmatch(file):
            problems.append(f"outputs: {file!r} is not a plain lower-case file name")
        if files.count(file) > 1:
            problems.append(f"outputs: {file} is declared twice")
    return problems


def _parameter_problems(parameter: Parameter, names: list[str]) -> list[str]:
    place = f"parameters.{parameter.name}"
    problems: list[str] = []
    if not _PARAMETER_NAME.fullmatch(parameter.name):
        problems.append(f"{place}: not a lower-case name")
    if (parameter.kind == "choice") != bool(parameter.choices):
        problems.append(f"{place}: choices belong to kind choice, and kind choice needs them")
    if parameter.kind == "choice" and parameter.default is not None and parameter.default not in parameter.choices:
        problems.append(f"{place}: the default {parameter.default!r} is not one of the choices")
    if parameter.kind == "choice" and not parameter.required and parameter.default is None:
        problems.append(f"{place}: an optional choice needs a default")
    if parameter.kind in ("number", "integer") and not parameter.required and parameter.default is None:
        problems.append(f"{place}: an optional number needs a default")
    return problems + [
        f"{place}: excludes {other!r}, which is not another parameter"
        for other in parameter.excludes
        if other not in names or other == parameter.name
    ]
