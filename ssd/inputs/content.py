"""What a file is, judged by its first bytes, and whether that agrees with its name."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from ssd.errors import SsdError

FORMATS: Final = ("csv", "xlsx", "xls", "dta")
SUPPORTED_FORMATS: Final = [f".{name}" for name in FORMATS]

_CFB: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_PACKAGE: Final = "EncryptedPackage".encode("utf-16-le")
_OLD_DTA_RELEASES: Final = range(102, 116)
_SIGNATURES: Final[tuple[tuple[bytes, str], ...]] = (
    (b"%PDF-", "a PDF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ", "an xz archive"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"$FL2", "an SPSS data file"),
    (b"$FL3", "an SPSS data file"),
    (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_MAX_UNPACKED_BYTES: Final = 2 << 30
_MAX_ENTRIES: Final = 20_000
_MAX_RATIO: Final = 300
"""A real sheet packs 5 to 50 times; files beyond this and 64 MiB unpacked are made to exhaust memory."""
_RATIO_MATTERS_FROM: Final = 64 << 20
_FILEPASS: Final = 0x002F


def format_of_name(name: str) -> str:
    """csv, xlsx, xls or dta by the extension. Raises INPUT_UNSUPPORTED_FORMAT listing what is accepted."""
    extension = Path(name).suffix.lower().lstrip(".")
    if extension in ("txt", "tsv", "tab"):
        raise _unsupported(f"{name}: save delimited text under a name that ends in .csv.")
    if extension not in FORMATS:
        raise _unsupported(f"{name}: the ending {'.' + extension if extension else '(none)'} is not supported.")
    return extension


def check_content(path: Path, name: str, format_name: str) -> None:
    """Whether the content of `path` is what the ending of `name` says.

    Raises INPUT_EMPTY_FILE, INPUT_ENCRYPTED, INPUT_UNSUPPORTED_FORMAT (something else, named),
    INPUT_PARSE_FAILED (damaged, or made to exhaust memory).
    """
    with path.open("rb") as handle:
        head = handle.read(4096)
    if not head.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise SsdError("INPUT_EMPTY_FILE", f"{name} is empty.")
    found, description = _identify(path, head)
    if found == "encrypted":
        raise SsdError("INPUT_ENCRYPTED", f"{name} is protected by a password.")
    if found != format_name:
        raise _unsupported(f"{name}: the ending says .{format_name}, but the content is {description}.")
    if found == "xlsx":
        _check_archive(path, name)


def _unsupported(message: str) -> SsdError:
    return SsdError("INPUT_UNSUPPORTED_FORMAT", message, supported_formats=SUPPORTED_FORMATS)


def _identify(path: Path, head: bytes) -> tuple[str, str]:
    """(format or "other" or "encrypted", words for people)."""
    if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
        return _identify_archive(path)
    if head.startswith(_CFB):
        return _identify_compound(path)
    if head[:2] == b"\x09\x08" and head[2:4] in (b"\x08\x00", b"\x10\x00"):
        return "xls", "an Excel 97-2003 workbook (.xls)"
    if head.startswith(b"<stata_dta>") or _is_old_dta(head):
        return "dta", "Stata data (.dta)"
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return "other", words
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<table")):
        return "other", "a web page (HTML)"
    if start.startswith(b"<?xml"):
        return "other", "an XML document"
    return "csv", "text"


def _is_old_dta(head: bytes) -> bool:
    """Formats 102 to 115 begin with release, byte order (1 or 2), file type 1, and a zero byte."""
    return len(head) > 60 and head[0] in _OLD_DTA_RELEASES and head[1] in (1, 2) and head[2] == 1 and head[3] == 0


def _identify_archive(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "xlsx", "a damaged workbook or zip archive"
    if "xl/workbook.bin" in names:
        return "other", "a binary Excel workbook (.xlsb)"
    if "xl/workbook.xml" in names or any(item.lower().endswith("workbook.xml") for item in names):
        return "xlsx", "an Excel workbook (.xlsx)"
    if "word/document.xml" in names:
        return "other", "a Word document (.docx)"
    if "content.xml" in names:
        return "other", "an OpenDocument file (.ods)"
    return "other", "a zip archive"


def _check_archive(path: Path, name: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise SsdError("INPUT_PARSE_FAILED", f"{name}: the workbook is damaged ({error}).") from error
    if len(entries) > _MAX_ENTRIES:
        raise SsdError("INPUT_PARSE_FAILED", f"{name}: the workbook holds {len(entries)} parts; that is not a table.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise SsdError("INPUT_ENCRYPTED", f"{name} is protected by a password.")
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, path.stat().st_size)
    if unpacked > _MAX_UNPACKED_BYTES or (unpacked > _RATIO_MATTERS_FROM and unpacked / packed > _MAX_RATIO):
        raise SsdError(
            "INPUT_PARSE_FAILED",
            f"{name}: the workbook would unpack from {packed:,} to {unpacked:,} bytes, which is refused.",
        )


def _identify_compound(path: Path) -> tuple[str, str]:
    """Compound files hold old Office documents and encrypted new ones."""
    is_workbook = is_word = False
    with path.open("rb") as handle:
        overlap = b""
        while block := handle.read(1 << 20):
            window = overlap + block
            if _ENCRYPTED_PACKAGE in window:
                return "encrypted", "a workbook protected by a password"
            is_workbook = is_workbook or "Workbook".encode("utf-16-le") in window or b"B\0o\0o\0k\0\0\0" in window
            is_word = is_word or "WordDocument".encode("utf-16-le") in window
            overlap = window[-64:]
    if is_workbook:
        if _has_password_record(path):
            return "encrypted", "a workbook protected by a password"
        return "xls", "an Excel 97-2003 workbook (.xls)"
    if is_word:
        return "other", "a Word document (.doc)"
    return "other", "a compound document that is no workbook"


def _has_password_record(path: Path) -> bool:
    """Whether a FILEPASS record follows the workbook's BOF record ([MS-XLS] 2.4.117): its content is encrypted."""
    with path.open("rb") as handle:
        handle.seek(512)
        while sector := handle.read(512):
            if sector[:2] == b"\x09\x08" and sector[6:8] == b"\x05\x00":
                return _record_in(sector, _FILEPASS)
    return False


def _record_in(sector: bytes, wanted: int) -> bool:
    offset = 0
    while offset + 4 <= len(sector):
        kind = int.from_bytes(sector[offset : offset + 2], "little")
        if kind == wanted:
            return True
        offset += 4 + int.from_bytes(sector[offset + 2 : offset + 4], "little")
    return False
