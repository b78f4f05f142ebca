"""A Dataset as .dta bytes: format 118, or 119 for more than 32,767 variables, or 117."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from ssd.engine.data.dataset import Dataset, Variable
from ssd.engine.data.dta_layout import MODERN_CODES, STRL_TEXT, Layout, layout_of, numpy_code
from ssd.engine.data.storage import cut_bytes

_MAX_118 = 32767
_ROWS_AT_ONCE: Final = 65536


def dataset_to_bytes(data: Dataset, *, timestamp: str, version: int = 118) -> bytes:
    """`timestamp` is `dd Mon yyyy hh:mm` or empty. Raises ValueError for a format that cannot be written."""
    return b"".join(dataset_to_pieces(data, timestamp=timestamp, version=version))


def dataset_to_pieces(data: Dataset, *, timestamp: str, version: int = 118) -> Iterator[bytes]:
    """The file in order, a bounded number of observations at a time, so that large data are not held twice."""
    if version not in (117, 118, 119):
        raise ValueError(f"format {version} cannot be written")
    columns = list(data.variables.values())
    if version == 118 and len(columns) > _MAX_118:
        version = 119
    return _Writer(data, columns, version, timestamp).pieces()


class _Writer:
    def __init__(self, data: Dataset, columns: list[Variable], version: int, timestamp: str) -> None:
        self.data = data
        self.columns = columns
        self.version = version
        self.timestamp = timestamp
        self.layout: Layout = layout_of(version)
        self.encoding = "utf-8" if version >= 118 else "cp1252"

    def encode(self, text: str) -> bytes:
        if self.version >= 118:
            return text.encode("utf-8", "surrogateescape")
        return text.encode("cp1252", "replace")

    def field(self, text: str, size: int) -> bytes:
        """A zero-terminated text of a fixed width."""
        raw = self.encode(cut_bytes(text, size - 1) if self.version >= 118 else text[: size - 1])
        return raw[: size - 1].ljust(size, b"\0")

    def pieces(self) -> Iterator[bytes]:
        """The map tells where each section begins, so the length of the data is computed before they are made."""
        before = [
            self._header(), b"", self._types(), self._names(), self._sort_list(), self._formats(),
            self._attached(), self._labels(), self._characteristics(),
        ]  # fmt: skip
        after = [self._long_strings(), self._value_labels(), b"</stata_dta>"]
        record = self._record()
        sizes = [len(part) for part in before]
        sizes[1] = len(b"<map></map>") + 14 * 8
        sizes += [len(_tagged("data", b"")) + record.itemsize * self.data.n_obs, *map(len, after)]
        offsets = [0, *itertools.accumulate(sizes)]
        before[1] = b"<map>" + struct.pack("<14Q", *offsets) + b"</map>"
        yield from before
        yield b"<data>"
        for start in range(0, self.data.n_obs if self.columns else 0, _ROWS_AT_ONCE):
            yield self._rows(record, start, min(start + _ROWS_AT_ONCE, self.data.n_obs))
        yield b"</data>"
        yield from after

    def _header(self) -> bytes:
        label = self.encode(self.data.label[:80])
        stamp = self.timestamp.encode("ascii")
        n_vars = struct.pack("<I" if self.version == 119 else "<H", len(self.columns))
        n_obs = struct.pack("<Q" if self.version >= 118 else "<I", self.data.n_obs)
        label_size = struct.pack("<H" if self.version >= 118 else "<B", len(label))
        return b"".join([
            b"<stata_dta><header><release>%d</release><byteorder>LSF</byteorder><K>" % self.version, n_vars,
            b"</K><N>", n_obs, b"</N><label>", label_size, label, b"</label><timestamp>",
            struct.pack("<B", len(stamp)), stamp, b"</timestamp></header>",
        ])  # fmt: skip

    def _types(self) -> bytes:
        codes = [MODERN_CODES[c.type] if c.type in MODERN_CODES else int(c.type[3:]) for c in self.columns]
        return _tagged("variable_types", struct.pack(f"<{len(codes)}H", *codes))

    def _names(self) -> bytes:
        return _tagged("varnames", b"".join(self.field(c.name, self.layout.name) for c in self.columns))

    def _sort_list(self) -> bytes:
        position = {c.name: i + 1 for i, c in enumerate(self.columns)}
        order = [position[name] for name in self.data.sorted_by if name in position]
        order += [0] * (len(self.columns) + 1 - len(order))
        return _tagged("sortlist", struct.pack(f"<{len(order)}{'I' if self.version == 119 else 'H'}", *order))

    def _formats(self) -> bytes:
        return _tagged("formats", b"".join(self.field(c.format, self.layout.format) for c in self.columns))

    def _attached(self) -> bytes:
        return _tagged("value_label_names", b"".join(self.field(c.value_label, self.layout.name) for c in self.columns))

    def _labels(self) -> bytes:
        return _tagged("variable_labels", b"".join(self.field(c.label[:80], self.layout.label) for c in self.columns))

    def _characteristics(self) -> bytes:
        parts = [self._characteristic("_dta", name, text) for name, text in self.data.chars.items()]
        for column in self.columns:
            parts += [self._characteristic(column.name, name, text) for name, text in column.chars.items()]
        return _tagged("characteristics", b"".join(parts))

    def _characteristic(self, owner: str, name: str, text: str) -> bytes:
        width = self.layout.name
        content = self.encode(text) + b"\0"
        body = self.field(owner, width) + self.field(name, width) + content
        return b"<ch>" + struct.pack("<I", len(body)) + body + b"</ch>"

    def _record(self) -> np.dtype[Any]:
        return np.dtype([(f"f{i}", "<" + numpy_code(c.type) if not c.is_string else numpy_code(c.type))
                         for i, c in enumerate(self.columns)])  # fmt: skip

    def _rows(self, record: np.dtype[Any], start: int, stop: int) -> bytes:
        rows = np.zeros(stop - start, dtype=record)
        for i, column in enumerate(self.columns):
            rows[f"f{i}"] = self._column(i, column, start, stop)
        return rows.tobytes()

    def _column(self, index: int, column: Variable, start: int, stop: int) -> Any:
        values = column.values[start:stop]
        if column.type == "strL":
            v, width = index + 1, self.layout.strl_v
            raw = b"".join(
                (v.to_bytes(width, "little") + (row + 1).to_bytes(8 - width, "little")) if text else b"\0" * 8
                for row, text in enumerate(values.tolist(), start)
            )
            return np.frombuffer(raw, dtype="V8")
        if column.is_string:
            size = int(column.type[3:])
            return np.array([self.encode(text) for text in values.tolist()], dtype=f"S{size}")
        return values

    def _long_strings(self) -> bytes:
        parts = []
        for index, column in enumerate(self.columns):
            if column.type != "strL":
                continue
            for row, text in enumerate(column.values.tolist()):
                if text:
                    content = self.encode(text) + b"\0"
                    o_code = "I" if self.version == 117 else "Q"
                    parts.append(b"GSO" + struct.pack(f"<I{o_code}BI", index + 1, row + 1, STRL_TEXT, len(content)))
                    parts.append(content)
        return _tagged("strls", b"".join(parts))

    def _value_labels(self) -> bytes:
        return _tagged("value_labels", b"".join(
            self._value_label(name, labels) for name, labels in self.data.value_labels.items()))  # fmt: skip

    def _value_label(self, name: str, labels: dict[int, str]) -> bytes:
        values = sorted(labels)
        texts = [self.encode(labels[value]) + b"\0" for value in values]
        offsets, position = [], 0
        for text in texts:
            offsets.append(position)
            position += len(text)
        n = len(values)
        table = struct.pack(f"<ii{n}i{n}i", n, position, *offsets, *values) + b"".join(texts)
        return (b"<lbl>" + struct.pack("<i", len(table)) + self.field(name, self.layout.name) + b"\0\0\0"
                + table + b"</lbl>")  # fmt: skip


def _tagged(name: str, body: bytes) -> bytes:
    tag = name.encode()
    return b"<" + tag + b">" + body + b"</" + tag + b">"
