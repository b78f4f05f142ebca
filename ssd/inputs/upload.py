"""Receiving a multipart upload: straight to files, hashed while they are written, memory flat."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import unquote_to_bytes

import msgspec
from anyio import to_thread
from litestar.exceptions import InternalServerException
from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser, parse_options_header

from ssd.db.durable import storage_error
from ssd.errors import FieldError, SsdError
from ssd.inputs.content import format_of_name
from ssd.inputs.filenames import checked_name
from ssd.inputs.models import Role

_WRITE_BYTES: Final = 1 << 20
"""Written and hashed in one hop to a thread; a hop for each 64 KiB chunk costs a third of the speed."""
_MAX_FIELD_BYTES: Final = 4096
_MAX_FILES: Final = 50
_DRAINED_BYTES: Final = 8 << 20
"""A refused upload is read to its end up to here, so that the client sees the answer and not a broken pipe."""
_FIELDS: Final = ("file", "role", "filename")
_EXTENDED_NAME: Final = re.compile(r"filename\*\s*=\s*\"?([A-Za-z0-9_-]+)'[^']*'([^;\"]*)", re.IGNORECASE)
_QUOTED_NAME: Final = re.compile(r"filename\s*=\s*\"((?:[^\"\\]|\\.)*)\"", re.IGNORECASE | re.DOTALL)


class ReceivedFile(msgspec.Struct, frozen=True):
    """One `file` part as it came."""

    name: str | None
    path: Path
    size_bytes: int
    sha256: str


class Received(msgspec.Struct, frozen=True):
    """All parts of the form in order."""

    files: list[ReceivedFile]
    roles: list[str]
    names: list[str]


class NewInput(msgspec.Struct, frozen=True):
    """A received file with a checked name and role."""

    dataset_key: str
    role: Role
    name: str
    format: str
    path: Path
    size_bytes: int
    sha256: str


class FileSink:
    """Writes chunks to a file in large pieces on a thread."""

    def __init__(self, path: Path, limits: UploadLimits) -> None:
        self.path = path
        self.size = 0
        self._limits = limits
        self._hash = hashlib.sha256()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._handle: BinaryIO | None = None

    async def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size > self._limits.file_bytes:
            raise SsdError(
                "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED",
                f"A file is larger than {self._limits.file_bytes >> 20} MiB.",
                limit_bytes=self._limits.file_bytes,
            )
        self._pending.append(chunk)
        self._pending_bytes += len(chunk)
        if self._pending_bytes >= _WRITE_BYTES:
            await self._flush()

    async def finish(self) -> str:
        """Write what is left; the SHA-256 in hexadecimal."""
        await self._flush()
        self.close()
        return self._hash.hexdigest()

    def close(self) -> None:
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    async def _flush(self) -> None:
        chunks, self._pending, self._pending_bytes = self._pending, [], 0
        await to_thread.run_sync(self._write, chunks)

    def _write(self, chunks: list[bytes]) -> None:
        try:
            if self._handle is None:
                self._handle = self.path.open("xb")
            for chunk in chunks:
                self._handle.write(chunk)
                self._hash.update(chunk)
        except OSError as error:
            raise storage_error(error) from error
        self._limits.require_space(self.path.parent)


class UploadLimits(msgspec.Struct, frozen=True):
    file_bytes: int
    min_free_bytes: int

    def require_space(self, folder: Path) -> None:
        """Raises STORAGE_FULL when less than the reserve is free."""
        if shutil.disk_usage(folder).free < self.min_free_bytes:
            raise SsdError("STORAGE_FULL")


async def receive(
    stream: AsyncGenerator[bytes, None], content_type: str, folder: Path, limits: UploadLimits
) -> Received:
    """Read the whole form; the files land in `folder`, which the caller removes when anything fails.

    Raises INPUT_VALIDATION_FAILED (not a form, unknown field, ended early), UPLOAD_FILE_SIZE_LIMIT_EXCEEDED,
    STORAGE_FULL.
    """
    parser = _parser(content_type)
    form = _Form(folder, limits)
    try:
        try:
            async for chunk in stream:
                for event in parser.parse(chunk) if chunk else ():
                    await form.take(event)
            parser.close()
        except ParserLimitReached as error:
            raise _invalid("file", f"The form is too large: {error}.") from error
        except MultipartError as error:
            raise _invalid("body", f"The multipart form is not valid: {error}.") from error
        except InternalServerException as error:
            raise _invalid("body", "The connection ended before the upload did.") from error
    except SsdError:
        form.close()
        await _drain(stream)
        raise
    finally:
        form.close()
    return Received(form.files, form.roles, form.names)


async def _drain(stream: AsyncGenerator[bytes, None]) -> None:
    left = _DRAINED_BYTES
    try:
        async for chunk in stream:
            left -= len(chunk)
            if left < 0:
                return
    except InternalServerException:
        return


def _parser(content_type: str) -> PushMultipartParser:
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise _invalid("Content-Type", "Send the files as multipart/form-data with a boundary.")
    try:
        return PushMultipartParser(boundary, max_header_size=8192, max_segment_count=3 * _MAX_FILES, strict=False)
    except MultipartError as error:
        raise _invalid("Content-Type", f"The boundary is not valid: {error}.") from error


class _Form:
    """Takes the events of the parser, part after part."""

    def __init__(self, folder: Path, limits: UploadLimits) -> None:
        self.files: list[ReceivedFile] = []
        self.roles: list[str] = []
        self.names: list[str] = []
        self._folder = folder
        self._limits = limits
        self._segment: MultipartSegment | None = None
        self._sink: FileSink | None = None
        self._text = bytearray()

    async def take(self, event: MultipartSegment | bytes | bytearray | None) -> None:
        if isinstance(event, MultipartSegment):
            self._begin(event)
        elif event is None:
            await self._end()
        elif self._sink is not None:
            await self._sink.add(bytes(event))
        else:
            self._text += event
            if len(self._text) > _MAX_FIELD_BYTES:
                raise _invalid(self._field, f"The field is longer than {_MAX_FIELD_BYTES} bytes.")

    def close(self) -> None:
        if self._sink is not None:
            self._sink.close()

    @property
    def _field(self) -> str:
        return self._segment.name if self._segment is not None and self._segment.name else ""

    def _begin(self, segment: MultipartSegment) -> None:
        self._segment = segment
        if segment.name not in _FIELDS:
            raise _invalid(segment.name or "(no name)", "The form has only the fields file, role and filename.")
        if segment.name == "file":
            if len(self.files) == _MAX_FILES:
                raise _invalid("file", f"At most {_MAX_FILES} files can be sent at once.")
            self._sink = FileSink(self._folder / f"part-{len(self.files)}", self._limits)
        else:
            self._text = bytearray()

    async def _end(self) -> None:
        if self._sink is not None and self._segment is not None:
            digest = await self._sink.finish()
            self.files.append(ReceivedFile(_name_of(self._segment), self._sink.path, self._sink.size, digest))
            self._sink = None
            return
        try:
            text = self._text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _invalid(self._field, "The field is not UTF-8 text.") from error
        (self.roles if self._field == "role" else self.names).append(text)


def _name_of(segment: MultipartSegment) -> str | None:
    """`filename*` (RFC 8187) before `filename`. The parser would cut folders off silently; here they stay, to
    be refused."""
    disposition = segment.header("Content-Disposition") or ""
    extended = _EXTENDED_NAME.search(disposition)
    if extended:
        try:
            return unquote_to_bytes(extended[2].strip()).decode(extended[1])
        except (LookupError, UnicodeDecodeError) as error:
            raise SsdError("INPUT_FILENAME_UNSAFE", "The file name cannot be decoded.") from error
    quoted = _QUOTED_NAME.search(disposition)
    if quoted and "\\" in quoted[1].replace('\\"', ""):
        return quoted[1]
    name: str | None = segment.filename
    return name


def _invalid(field: str, message: str) -> SsdError:
    return SsdError("INPUT_VALIDATION_FAILED", message, errors=(FieldError(field, message),))


def arrange(received: Received) -> list[NewInput]:
    """Names, roles and formats of the files, all rules of the upload checked.

    Raises INPUT_VALIDATION_FAILED (no file), INPUT_ROLE_COUNT_MISMATCH, INPUT_FILENAME_COUNT_MISMATCH,
    INPUT_ROLE_INVALID, INPUT_FILENAME_UNSAFE, INPUT_UNSUPPORTED_FORMAT, INPUT_EMPTY_FILE,
    INPUT_DATASET_KEY_CONFLICT, INPUT_PRIMARY_DATASET_MISSING, INPUT_PRIMARY_DATASET_MULTIPLE.
    """
    files = received.files
    if not files:
        raise _invalid("file", "Send at least one file.")
    _require_count("INPUT_ROLE_COUNT_MISMATCH", "roles", received.roles, len(files))
    _require_count("INPUT_FILENAME_COUNT_MISMATCH", "file names", received.names, len(files))
    given_names: list[str | None] = [*received.names] or [file.name for file in files]
    names = [checked_name(name) for name in given_names]
    roles = _roles(received.roles, len(files))
    formats = [format_of_name(name) for name in names]
    for file, name in zip(files, names, strict=True):
        if file.size_bytes == 0:
            raise SsdError("INPUT_EMPTY_FILE", f"{name} is empty.")
    inputs = [
        NewInput(f"ds_{file.sha256[:16]}", role, name, kind, file.path, file.size_bytes, file.sha256)
        for file, role, name, kind in zip(files, roles, names, formats, strict=True)
    ]
    _require_distinct(inputs)
    return inputs


def _require_count(code: str, what: str, given: list[str], count: int) -> None:
    if given and len(given) != count:
        raise SsdError(code, f"{count} files, but {len(given)} {what}.")


def _roles(given: list[str], count: int) -> list[Role]:
    if not given:
        return [Role.PRIMARY] + [Role.SECONDARY] * (count - 1)
    known = {role.value for role in Role}
    unknown = [role for role in given if role not in known]
    if unknown:
        raise SsdError(
            "INPUT_ROLE_INVALID",
            f"{unknown[0][:60]!r} is no role.",
            errors=tuple(FieldError("role", f"{role[:60]!r} is no role.", ", ".join(Role)) for role in unknown),
        )
    primaries = given.count(Role.PRIMARY)
    if primaries != 1:
        raise SsdError("INPUT_PRIMARY_DATASET_MULTIPLE" if primaries else "INPUT_PRIMARY_DATASET_MISSING")
    return [Role(role) for role in given]


def _require_distinct(inputs: list[NewInput]) -> None:
    first: dict[str, NewInput] = {}
    for item in inputs:
        earlier = first.setdefault(item.dataset_key, item)
        if earlier is not item:
            raise SsdError(
                "INPUT_DATASET_KEY_CONFLICT",
                f"{earlier.name} and {item.name} have the same content.",
                dataset_key=item.dataset_key,
            )
