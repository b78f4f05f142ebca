"""Delimited text: encoding, separator and decimal sign are found from the content."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from pathlib import Path
from typing import Final

from ssd.inputs.preparation.source import PreparationError, Rows, Source

_BLOCK: Final = 1 << 20
_SAMPLE_BYTES: Final = 1 << 18
_SEPARATORS: Final = (",", ";", "\t", "|")
_MAX_CELL_CHARACTERS: Final = 16 << 20
_SEPARATOR_WORDS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_COMMA_DECIMAL: Final = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+")
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
_POINT_DECIMAL: Final = re.compile(r"[+-]?\d+\.\d+")
_LEAST_COMMON_SHARE: Final = 0.8


def read_delimited(path: Path) -> Source:
    """Raises PreparationError (INPUT_PARSE_FAILED) for NUL bytes, undecodable bytes, or no columns."""
    encoding = detect_encoding(path)
    warnings = []
    if encoding == "cp1252":
        warnings.append("The text is neither UTF-8 nor Chinese (GB18030); it was read as Western European (cp1252).")
    with path.open("r", encoding=encoding, newline="", errors="strict") as handle:
        sample = handle.read(_SAMPLE_BYTES)
    separator = detect_separator(sample)
    decimal_comma = separator != "," and uses_decimal_comma(sample, separator)
    if decimal_comma:
        warnings.append("Numbers are written with a decimal comma; they were read so.")
    csv.field_size_limit(_MAX_CELL_CHARACTERS)

    def rows() -> Rows:
        with path.open("r", encoding=encoding, newline="") as text:
            reader = csv.reader(text, delimiter=separator)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    raise PreparationError(
                        "INPUT_PARSE_FAILED",
                        f"Line {reader.line_num}: {error}. A quotation mark may be left open above.",
                    ) from error
                yield list(row)

    return Source(
        rows,
        encoding=encoding,
        separator=separator,
        decimal_comma=decimal_comma,
        warnings=warnings,
    )


def detect_encoding(path: Path) -> str:
    """utf-8, utf-8-sig, utf-16, utf-16-le, utf-16-be, gb18030 or cp1252; the whole file is decoded to be sure."""
    with path.open("rb") as handle:
        head = handle.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decodable(path, "utf-16")
    wide = _wide_without_mark(head)
    if wide is not None:
        return _decodable(path, wide)
    _refuse_nul(path)
    name = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
    offset = _first_undecodable(path, name)
    if offset is None:
        return name
    if name == "utf-8-sig":
        raise _undecodable("UTF-8 (as its mark says)", offset)
    if _first_undecodable(path, "gb18030") is None and _looks_chinese(path):
        return "gb18030"
    if _first_undecodable(path, "cp1252") is None and not _mixes_utf8(path):
        return "cp1252"
    raise _undecodable("UTF-8, GB18030 or Western European text; it may mix encodings", offset)


def _decodable(path: Path, encoding: str) -> str:
    offset = _first_undecodable(path, encoding)
    if offset is not None:
        raise _undecodable("UTF-16", offset)
    with path.open("r", encoding=encoding, newline="") as handle:
        while block := handle.read(_BLOCK):
            if "\0" in block:
                raise PreparationError("INPUT_PARSE_FAILED", "The text contains NUL characters; it is not a table.")
    return encoding


def _undecodable(what: str, offset: int) -> PreparationError:
    return PreparationError(
        "INPUT_PARSE_FAILED", f"The text is not {what}: byte {offset} cannot be read. Save it as UTF-8."
    )


def _wide_without_mark(head: bytes) -> str | None:
    """UTF-16 without a byte order mark has a zero in most odd (or even) places."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    zeros_even, zeros_odd = head[0::2].count(0), head[1::2].count(0)
    if zeros_odd > 0.3 * pairs and zeros_even < 0.02 * pairs:
        return "utf-16-le"
    if zeros_even > 0.3 * pairs and zeros_odd < 0.02 * pairs:
        return "utf-16-be"
    return None


def _refuse_nul(path: Path) -> None:
    offset = 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            found = block.find(b"\0")
            if found >= 0:
                raise PreparationError(
                    "INPUT_PARSE_FAILED", f"The file contains a NUL byte (byte {offset + found}); it is not text."
                )
            offset += len(block)


def _first_undecodable(path: Path, encoding: str) -> int | None:
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return max(0, offset + error.start)
            offset += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return offset
    return None


def _looks_chinese(path: Path) -> bool:
    """GB18030 accepts nearly any bytes. In real Chinese most characters are among the 6,763 of GB 2312; accented
    Latin or misread UTF-8 comes out as rare characters outside it."""
    common = other = 0
    with path.open("r", encoding="gb18030", newline="") as handle:
        for character in handle.read(_SAMPLE_BYTES * 8):
            if character > "\x7f":
                try:
                    character.encode("gb2312")
                    common += 1
                except UnicodeEncodeError:
                    other += 1
    return common >= _LEAST_COMMON_SHARE * (common + other)


def _mixes_utf8(path: Path) -> bool:
    """Whether some non-ASCII runs are valid UTF-8: then the file mixes encodings, and guessing would spoil text."""
    with path.open("rb") as handle:
        head = handle.read(_SAMPLE_BYTES * 8)
    for run in re.findall(rb"[\x80-\xff]{2,}", head):
        try:
            run.decode("utf-8")
        except UnicodeDecodeError:
            continue
        return True
    return False


def detect_separator(sample: str) -> str:
    """The separator under which most rows have the same number of cells, more than one."""
    best, best_score = ",", (0.0, 0)
    for separator in _SEPARATORS:
        widths = Counter(
            len(row) for row in csv.reader(io.StringIO(_whole_lines(sample)), delimiter=separator) if any(row)
        )
        if not widths:
            continue
        width, count = max(((w, n) for w, n in widths.items() if w > 1), key=lambda pair: pair[1], default=(1, 0))
        score = (round(count / widths.total(), 2), width) if width > 1 else (0.0, 0)
        if score > best_score:
            best, best_score = separator, score
    return best


def _whole_lines(sample: str) -> str:
    if len(sample) < _SAMPLE_BYTES:
        return sample
    cut = max(sample.rfind("\n"), sample.rfind("\r"))
    return sample[: cut + 1] if cut > 0 else sample


def uses_decimal_comma(sample: str, separator: str) -> bool:
    """Whether commas inside numbers of a file separated by something else are decimal signs.

    Numbers such as `1,234` alone are ambiguous; they count as thousands, since those are warned about.
    """
    commas = points = 0
    for row in csv.reader(io.StringIO(_whole_lines(sample)), delimiter=separator):
        for cell in row:
            text = cell.strip()
            if _COMMA_DECIMAL.fullmatch(text) and not _GROUPED.fullmatch(text):
                commas += 1
            elif _POINT_DECIMAL.fullmatch(text):
                points += 1
    return commas > points


def separator_word(separator: str) -> str:
    return _SEPARATOR_WORDS.get(separator, repr(separator))
