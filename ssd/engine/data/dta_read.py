"""Reading .dta bytes into a Dataset. Columns come out of one structured numpy array."""

from __future__ import annotations

import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.dta_layout import (
    LETTER_TYPES,
    MODERN_TYPES,
    OLD_TYPES,
    READABLE,
    STRL_BINARY,
    layout_of,
    numpy_code,
)
from ssd.engine.data.storage import INTEGER_LIMITS, ObjectArray, narrow, object_array, promoted
from ssd.engine.missing import MISSING

_OLD_MISSING: Final = {"byte": 127, "int": 32767, "long": 2147483647}


class NotDta(ValueError):
    """The bytes are no .dta file of a readable format."""


class _Cursor:
    """A position in the bytes, with the byte order and text encoding of the file."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0
        self.order = "<"
        self.encoding = "utf-8"

    def take(self, size: int) -> bytes:
        piece = self.raw[self.at : self.at + size]
        if size < 0 or len(piece) != size:
            raise NotDta("file ends early")
        self.at += size
        return piece

    def number(self, code: str) -> int:
        size = struct.calcsize(code)
        return int(struct.unpack(self.order + code, self.take(size))[0])

    def expect(self, tag: str) -> None:
        if self.take(len(tag)) != tag.encode():
            raise NotDta(f"{tag} expected")

    def text(self, size: int) -> str:
        return self.decode(self.take(size).partition(b"\0")[0])

    def decode(self, raw: bytes) -> str:
        if self.encoding == "utf-8":
            return raw.decode("utf-8", "surrogateescape")
        try:
            return raw.decode("ascii" if self.encoding == "auto" else self.encoding)
        except UnicodeDecodeError:
            return _legacy(raw)

    def texts(self, size: int, count: int) -> list[str]:
        return [self.text(size) for _ in range(count)]


def _legacy(raw: bytes) -> str:
    """Text of a file older than format 118: UTF-8 if it is that, else Windows Latin 1."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("latin-1")


def dataset_from_bytes(raw: bytes, encoding: str | None = None) -> Dataset:
    """`encoding` is used for formats before 118, whose files do not say theirs. Raises NotDta."""
    cursor = _Cursor(raw)
    try:
        if raw.startswith(b"<stata_dta>"):
            return _modern(cursor, encoding)
        return _old(cursor, encoding)
    except (struct.error, KeyError, IndexError, OverflowError, LookupError) as fault:
        raise NotDta(str(fault)) from fault


def _check_version(version: int) -> None:
    if version not in READABLE:
        raise NotDta(f"format {version}")


def _modern(cursor: _Cursor, encoding: str | None) -> Dataset:
    cursor.expect("<stata_dta><header><release>")
    digits = cursor.take(3)
    if not digits.isdigit():
        raise NotDta("release")
    version = int(digits)
    _check_version(version)
    layout = layout_of(version)
    cursor.expect("</release><byteorder>")
    cursor.order = {b"MSF": ">", b"LSF": "<"}[cursor.take(3)]
    cursor.encoding = "utf-8" if version >= 118 else encoding or "auto"
    cursor.expect("</byteorder><K>")
    n_vars = cursor.number("I" if version == 119 else "H")
    cursor.expect("</K><N>")
    n_obs = cursor.number("Q" if version >= 118 else "I")
    cursor.expect("</N><label>")
    label = cursor.decode(cursor.take(cursor.number("H" if version >= 118 else "B")))
    cursor.expect("</label><timestamp>")
    stamp = cursor.decode(cursor.take(cursor.number("B")))
    cursor.expect("</timestamp></header><map>")
    offsets = [cursor.number("Q") for _ in range(14)]
    cursor.at = offsets[2]
    cursor.expect("<variable_types>")
    types = [_modern_type(cursor.number("H")) for _ in range(n_vars)]
    cursor.expect("</variable_types><varnames>")
    names = cursor.texts(layout.name, n_vars)
    cursor.expect("</varnames><sortlist>")
    order = [cursor.number("I" if version == 119 else "H") for _ in range(n_vars + 1)]
    cursor.expect("</sortlist><formats>")
    formats = cursor.texts(layout.format, n_vars)
    cursor.expect("</formats><value_label_names>")
    attached = cursor.texts(layout.name, n_vars)
    cursor.expect("</value_label_names><variable_labels>")
    labels = cursor.texts(layout.label, n_vars)
    cursor.expect("</variable_labels>")
    cursor.at = offsets[8]
    chars = _modern_characteristics(cursor, layout.name)
    cursor.at = offsets[9]
    cursor.expect("<data>")
    record = _record(cursor, types, n_obs)
    cursor.at = offsets[10]
    strls = _long_strings(cursor, version) if "strL" in types else {}
    columns = [_column(cursor, record, i, kind, layout.strl_v, strls) for i, kind in enumerate(types)]
    data = _assembled(names, types, columns, formats, attached, labels, order, n_obs)
    cursor.at = offsets[11]
    data.value_labels = _modern_value_labels(cursor, layout.name)
    data.label, data.timestamp = label, stamp
    _spread_characteristics(data, chars)
    return data


def _modern_type(code: int) -> str:
    return f"str{code}" if 1 <= code <= 2045 else MODERN_TYPES[code]


def _record(cursor: _Cursor, types: list[str], n_obs: int) -> NDArray[Any]:
    dtype = np.dtype([(f"f{i}", cursor.order + numpy_code(kind) if kind in INTEGER_LIMITS or kind in ("float", "double")
                       else numpy_code(kind)) for i, kind in enumerate(types)])  # fmt: skip
    if cursor.at + n_obs * dtype.itemsize > len(cursor.raw):
        raise NotDta("file ends early")
    if n_obs == 0 or not types:
        return np.zeros(n_obs, dtype=dtype)
    record = np.frombuffer(cursor.raw, dtype=dtype, count=n_obs, offset=cursor.at)
    cursor.at += n_obs * dtype.itemsize
    return record


def _column(
    cursor: _Cursor, record: NDArray[Any], index: int, kind: str, strl_v: int, strls: dict[tuple[int, int], str]
) -> NDArray[Any]:
    if kind == "strL":
        return _strl_column(cursor, record[f"f{index}"], strl_v, strls)
    if kind.startswith("str"):
        return _text_column(cursor, record[f"f{index}"])
    field = record[f"f{index}"]
    native: NDArray[Any] = field.astype(field.dtype.newbyteorder("="))
    if kind in ("float", "double"):
        broken = np.isnan(native)
        if broken.any():
            native[broken] = 2.0**127 if kind == "float" else MISSING
    return native


def _text_column(cursor: _Cursor, field: NDArray[Any]) -> ObjectArray:
    known: dict[bytes, str] = {}
    out = []
    for raw in field.tolist():
        text = known.get(raw)
        if text is None:
            text = known[raw] = cursor.decode(raw.partition(b"\0")[0])
        out.append(text)
    return object_array(out)


def _strl_column(cursor: _Cursor, field: NDArray[Any], strl_v: int, strls: dict[tuple[int, int], str]) -> ObjectArray:
    order = "little" if cursor.order == "<" else "big"
    out = []
    for raw in field.tolist():
        v = int.from_bytes(raw[:strl_v], order)  # type: ignore[arg-type]
        o = int.from_bytes(raw[strl_v:], order)  # type: ignore[arg-type]
        out.append("" if (v, o) == (0, 0) else strls[(v, o)])
    return object_array(out)


def _long_strings(cursor: _Cursor, version: int) -> dict[tuple[int, int], str]:
    cursor.expect("<strls>")
    found = {}
    while cursor.raw[cursor.at : cursor.at + 3] == b"GSO":
        cursor.take(3)
        v = cursor.number("I")
        o = cursor.number("I" if version == 117 else "Q")
        kind = cursor.number("B")
        content = cursor.take(cursor.number("I"))
        if kind != STRL_BINARY:
            content = content.removesuffix(b"\0")
        found[(v, o)] = cursor.decode(content)
    return found


def _modern_characteristics(cursor: _Cursor, width: int) -> list[tuple[str, str, str]]:
    cursor.expect("<characteristics>")
    found = []
    while cursor.raw[cursor.at : cursor.at + 4] == b"<ch>":
        cursor.take(4)
        size = cursor.number("I")
        owner, name = cursor.text(width), cursor.text(width)
        found.append((owner, name, cursor.text(size - 2 * width)))
        cursor.expect("</ch>")
    return found


def _modern_value_labels(cursor: _Cursor, width: int) -> dict[str, dict[int, str]]:
    cursor.expect("<value_labels>")
    found = {}
    while cursor.raw[cursor.at : cursor.at + 5] == b"<lbl>":
        cursor.take(5)
        size = cursor.number("I")
        name = cursor.text(width)
        cursor.take(3)
        found[name] = _label_table(cursor, size)
        cursor.expect("</lbl>")
    return found


def _label_table(cursor: _Cursor, size: int) -> dict[int, str]:
    end = cursor.at + size
    count, text_size = cursor.number("i"), cursor.number("i")
    if count < 0 or text_size < 0:
        raise NotDta("value label")
    offsets = struct.unpack(f"{cursor.order}{count}i", cursor.take(4 * count))
    values = struct.unpack(f"{cursor.order}{count}i", cursor.take(4 * count))
    texts = cursor.take(text_size)
    cursor.at = end
    return {
        value: cursor.decode(texts[start:].partition(b"\0")[0]) for value, start in zip(values, offsets, strict=True)
    }


def _first_label_table(cursor: _Cursor) -> tuple[str, dict[int, str]]:
    """Format 105: count, name, 2-byte values, 8-byte texts."""
    count = cursor.number("H")
    name = cursor.text(10)
    values = struct.unpack(f"{cursor.order}{count}h", cursor.take(2 * count))
    return name, {value: cursor.text(8) for value in values}


def _old(cursor: _Cursor, encoding: str | None) -> Dataset:
    version = cursor.number("B")
    _check_version(version)
    layout = layout_of(version)
    cursor.order = {1: ">", 2: "<"}[cursor.number("B")]
    cursor.encoding = encoding or "auto"
    cursor.take(2)
    n_vars, n_obs = cursor.number("H"), cursor.number("I")
    label, stamp = cursor.text(layout.data_label), cursor.text(18)
    types = [_old_type(code, version) for code in cursor.take(n_vars)]
    names = cursor.texts(layout.name, n_vars)
    order = [cursor.number("H") for _ in range(n_vars + 1)]
    formats = cursor.texts(layout.format, n_vars)
    attached = cursor.texts(layout.name, n_vars)
    labels = cursor.texts(layout.label, n_vars)
    chars = _old_characteristics(cursor, version, layout.name)
    record = _record(cursor, types, n_obs)
    columns = [_column(cursor, record, i, kind, 0, {}) for i, kind in enumerate(types)]
    if version < 113:
        pairs = [_reassigned(column, kind) for column, kind in zip(columns, types, strict=True)]
        columns, types = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    data = _assembled(names, types, columns, formats, attached, labels, order, n_obs)
    data.label, data.timestamp = label, stamp
    while version < 108 and cursor.at + 12 <= len(cursor.raw):
        name, labels_found = _first_label_table(cursor)
        data.value_labels[name] = labels_found
    while version >= 108 and cursor.at + 4 <= len(cursor.raw):
        size = cursor.number("i")
        name = cursor.text(layout.name)
        cursor.take(3)
        data.value_labels[name] = _label_table(cursor, size)
    _spread_characteristics(data, chars)
    return data


def _old_type(code: int, version: int) -> str:
    if version >= 111:
        return OLD_TYPES.get(code, f"str{code}")
    return LETTER_TYPES[code] if code in LETTER_TYPES else f"str{code - 127}"


def _reassigned(column: NDArray[Any], kind: str) -> tuple[NDArray[Any], str]:
    """Before format 113 the integer types had one missing code, so the upper codes are numbers."""
    if kind not in _OLD_MISSING:
        return column, kind
    wide = np.where(column == _OLD_MISSING[kind], MISSING, column.astype(np.float64))
    needed = promoted(kind, wide)
    return narrow(wide, needed), needed


def _old_characteristics(cursor: _Cursor, version: int, width: int) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    while True:
        kind = cursor.number("B")
        size = cursor.number("i" if version >= 110 else "h")
        if kind == 0:
            return found
        if kind == 1 and size > 2 * width:
            owner, name = cursor.text(width), cursor.text(width)
            found.append((owner, name, cursor.text(size - 2 * width)))
        else:
            cursor.take(size)


def _assembled(
    names: list[str], types: list[str], columns: list[NDArray[Any]], formats: list[str], attached: list[str],
    labels: list[str], order: list[int], n_obs: int,
) -> Dataset:  # fmt: skip
    variables = {
        name: Variable(name, kind, column, fmt, label, value_label)
        for name, kind, column, fmt, label, value_label in zip(
            names, types, columns, formats, labels, attached, strict=True
        )
    }
    sorted_by = []
    for position in order:
        if position == 0 or position > len(names):
            break
        sorted_by.append(names[position - 1])
    return Dataset(variables=variables, n_obs=n_obs, sorted_by=sorted_by)


def _spread_characteristics(data: Dataset, found: list[tuple[str, str, str]]) -> None:
    for owner, name, content in found:
        if owner == "_dta":
            data.chars[name] = content
        elif owner in data.variables:
            data.variables[owner].chars[name] = content
