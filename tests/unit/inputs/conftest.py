"""Preparation of one file in this process, and the result read back by an independent reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pyreadstat
import pytest

from ssd.inputs.models import DatasetProfile, PreparationRequest
from ssd.inputs.preparation.source import PreparationError
from ssd.inputs.prepare import prepare


class PreparedFile(msgspec.Struct, frozen=True):
    profile: DatasetProfile
    path: Path

    def read(self) -> tuple[pl.DataFrame, Any]:
        """Data and metadata as pyreadstat sees them."""
        return pyreadstat.read_dta(str(self.path), output_format="polars")

    def values(self, name: str) -> list[Any]:
        return self.read()[0][name].to_list()

    def warned(self, words: str) -> bool:
        return any(words in warning for warning in self.profile.warnings)


Prepare = Callable[..., PreparedFile]


@pytest.fixture
def prepared(tmp_path: Path) -> Prepare:
    """prepare(content or path, format, sheet=None); raises PreparationError with the named failure."""

    def run(content: bytes | str | Path, format_name: str = "csv", sheet: str | None = None) -> PreparedFile:
        if isinstance(content, Path):
            source = content
        else:
            source = tmp_path / f"input.{format_name}"
            source.write_bytes(content.encode() if isinstance(content, str) else content)
        output = tmp_path / "prepared.dta"
        outcome = prepare(
            PreparationRequest(str(source), format_name, str(output), str(tmp_path / "result.json"), sheet=sheet)
        )
        if outcome.profile is None:
            raise PreparationError(outcome.error_code or "", outcome.message, **outcome.members)
        return PreparedFile(outcome.profile, output)

    return run
