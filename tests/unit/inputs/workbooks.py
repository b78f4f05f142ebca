"""Small workbooks and containers, made where a test needs them."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
import xlwt

Rows = Sequence[Sequence[Any]]
CFB_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def make_xlsx(path: Path, sheets: dict[str, Rows], edit: Callable[[Any, dict[str, Any]], None] | None = None) -> Path:
    workbook = xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"})
    made = {}
    for name, rows in sheets.items():
        made[name] = sheet = workbook.add_worksheet(name)
        for index, row in enumerate(rows):
            sheet.write_row(index, 0, row)
    if edit is not None:
        edit(workbook, made)
    workbook.close()
    return path


def make_xls(path: Path, sheets: dict[str, Rows]) -> Path:
    workbook = xlwt.Workbook(encoding="utf-8")
    for name, rows in sheets.items():
        sheet = workbook.add_sheet(name)
        for i, row in enumerate(rows):
            for j, value in enumerate(row):
                sheet.write(i, j, value)
    workbook.save(str(path))
    return path


def encrypted_xlsx() -> bytes:
    """A compound file whose directory names the stream EncryptedPackage, as Office writes protected workbooks."""
    header = CFB_MAGIC + bytes(16) + b"\x3e\x00\x03\x00\xfe\xff\x09\x00\x06\x00"
    names = ["Root Entry", "EncryptedPackage", "EncryptionInfo"]
    entries = b"".join(name.encode("utf-16-le").ljust(64, b"\0") + bytes(64) for name in names)
    return header.ljust(512, b"\0") + entries.ljust(1024, b"\0")


def encrypted_xls(path: Path) -> Path:
    """A real .xls with a FILEPASS record put where the first record after BOF stands."""
    content = bytearray(make_xls(path, {"s": [["a", "b"], [1, 2]]}).read_bytes())
    offset = next(at for at in range(512, len(content), 512) if content[at : at + 2] == b"\x09\x08")
    length = int.from_bytes(content[offset + 2 : offset + 4], "little")
    content[offset + 4 + length : offset + 6 + length] = b"\x2f\x00"
    path.write_bytes(bytes(content))
    return path


def zip_bomb(path: Path) -> Path:
    """200 MiB of blanks as the sheet of an otherwise plausible workbook."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w") as handle:
            for _ in range(200):
                handle.write(b" " * (1 << 20))
    return path
