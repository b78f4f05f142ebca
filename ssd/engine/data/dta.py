"""Stata data files: `read_dta(path)` and `write_dta(dataset, path)`."""

from __future__ import annotations

import time
from pathlib import Path

from ssd.engine.data.dataset import Dataset
from ssd.engine.data.dta_read import NotDta, dataset_from_bytes
from ssd.engine.data.dta_write import dataset_to_pieces
from ssd.engine.errors import StataError

__all__ = ["now_stamp", "read_dta", "write_dta"]


def now_stamp() -> str:
    """The time as Stata stamps files: `dd Mon yyyy hh:mm`."""
    return time.strftime("%d %b %Y %H:%M")


def read_dta(path: Path | str, *, encoding: str | None = None, shown_as: str | None = None) -> Dataset:
    """The data of a .dta file, formats 105, 108 … 119.

    `encoding` names the character set of files before format 118 (which do not say theirs); without it
    text that is not UTF-8 is taken as Windows Latin 1. `shown_as` is the name used in messages.
    Raises StataError r(601) when there is no such file, r(603) when it cannot be read and r(610) when
    it is no Stata file.
    """
    name = shown_as or str(path)
    try:
        raw = Path(path).read_bytes()
    except FileNotFoundError as fault:
        raise StataError(601, f"file {name} not found") from fault
    except OSError as fault:
        raise StataError(603, f"file {name} could not be opened") from fault
    try:
        data = dataset_from_bytes(raw, encoding)
    except NotDta as fault:
        raise StataError(610, f"file {name} not Stata format") from fault
    data.filename = name
    return data


def write_dta(
    dataset: Dataset, path: Path | str, *, timestamp: str | None = None, version: int = 118,
    shown_as: str | None = None,
) -> None:  # fmt: skip
    """Write format 118 (119 beyond 32,767 variables, 117 on request), replacing an existing file.

    `timestamp` None stamps the current time; pass a fixed text or "" for reproducible bytes.
    Raises StataError r(603) when the file cannot be written.
    """
    stamp = now_stamp() if timestamp is None else timestamp
    pieces = dataset_to_pieces(dataset, timestamp=stamp, version=version)
    target = Path(path)
    temporary = target.with_name(target.name + ".part")
    try:
        with temporary.open("wb") as handle:
            handle.writelines(pieces)
        temporary.replace(target)
    except OSError as fault:
        raise StataError(603, f"file {shown_as or path} could not be opened") from fault
