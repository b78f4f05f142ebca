"""Examples of a template: one dataset, and for each case a binding and the numbers it must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ssd.templates.loader import invalid

EXAMPLE_FOLDER = "example"
DATA_FORMATS = ("csv", "dta")
_PARAMS = "params.toml"
_EXPECTED = "expected.toml"


class ExpectedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers of one row of a results file. A number agrees when it is within `atol`, or `rtol` of the expected."""

    file: str
    where: dict[str, str]
    expect: dict[str, float]
    source: str
    atol: float = 0.0
    rtol: float = 0.0


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """expected.toml."""

    values: list[ExpectedRow]


class Case(msgspec.Struct, frozen=True):
    """One binding of an example."""

    template_id: str
    name: str
    """Empty for the main case."""
    data: Path
    params: dict[str, Any]
    expected: Expected

    @property
    def title(self) -> str:
        return f"{self.template_id} ({self.name})" if self.name else self.template_id


def read_cases(library: Path, template_id: str) -> list[Case]:
    """`params.toml` with `expected.toml`, and any `<name>.params.toml` with `<name>.expected.toml`.
    Raises LIBRARY_INVALID when the example is missing or incomplete."""
    folder = library.joinpath(*template_id.split("."), EXAMPLE_FOLDER)
    place = folder.relative_to(library).as_posix()
    data = [folder / f"data.{suffix}" for suffix in DATA_FORMATS if (folder / f"data.{suffix}").is_file()]
    if len(data) != 1:
        raise invalid(place, "an example has exactly one data.csv or data.dta")
    if not (folder / "SOURCE.md").is_file():
        raise invalid(place, "SOURCE.md says where the data come from")
    names = sorted(path.name.removesuffix(_PARAMS).rstrip(".") for path in folder.glob(f"*{_PARAMS}"))
    if "" not in names:
        raise invalid(place, f"{_PARAMS} is missing")
    return [_read_case(library, folder, template_id, name, data[0]) for name in names]


def _read_case(library: Path, folder: Path, template_id: str, name: str, data: Path) -> Case:
    prefix = f"{name}." if name else ""
    params_path, expected_path = folder / f"{prefix}{_PARAMS}", folder / f"{prefix}{_EXPECTED}"
    try:
        params = msgspec.toml.decode(params_path.read_bytes(), type=dict[str, Any])
        expected = msgspec.toml.decode(expected_path.read_bytes(), type=Expected)
    except (FileNotFoundError, msgspec.ValidationError, msgspec.DecodeError) as error:
        raise invalid(folder.relative_to(library).as_posix(), f"case {name or 'main'}: {error}") from error
    for row in expected.values:
        if (row.atol <= 0) == (row.rtol <= 0):
            raise invalid(expected_path.relative_to(library).as_posix(), f"{row.where}: give atol or rtol")
    return Case(template_id, name, data, params, expected)
