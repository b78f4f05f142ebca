"""Operator commands over a Unix socket in the data folder, for its owner alone.

One JSON object per line each way: a command in, `{"rows": […]}` or `{"error": {…}}` out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from ssd.errors import SsdError
from ssd.ops.admin.commands import Admin, Command

_NAME: Final = "admin.sock"
_LONGEST_LINE: Final = 64 * 1024
_CLIENT_TIMEOUT_SECONDS: Final = 30.0
_DECODER: Final = msgspec.json.Decoder(Command)


class Answer(msgspec.Struct, frozen=True):
    rows: list[dict[str, Any]] | None = None
    error_code: str | None = None
    message: str | None = None


@contextmanager
def _address(data_dir: Path) -> Iterator[str]:
    """The socket's path by way of the open folder: the path itself may exceed the 107 bytes a socket allows."""
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{_NAME}"
    finally:
        os.close(folder)


@asynccontextmanager
async def serving(data_dir: Path, admin: Admin) -> AsyncIterator[None]:
    """Serve the socket while the block runs. The caller owns the data folder, so a left-over socket is removed."""
    (data_dir / _NAME).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with _address(data_dir) as address:
        listener.bind(address)
    (data_dir / _NAME).chmod(0o600)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _converse(admin, reader, writer)
        except (ConnectionError, TimeoutError, ValueError) as error:
            structlog.get_logger().warning("SS_ADMIN_SOCKET_DROPPED", reason=type(error).__name__)
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, sock=listener, limit=_LONGEST_LINE)
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()
        (data_dir / _NAME).unlink(missing_ok=True)


async def _converse(admin: Admin, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    pid, uid, _ = struct.unpack("3i", peer)
    # The file's mode already keeps others out; a data folder copied with wider rights would not.
    if uid not in (0, os.getuid()):
        return
    line = await asyncio.wait_for(reader.readline(), _CLIENT_TIMEOUT_SECONDS)
    answer = await _answer(admin, line, actor=f"uid:{uid} pid:{pid}")
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()


async def _answer(admin: Admin, line: bytes, *, actor: str) -> Answer:
    try:
        return Answer(rows=await admin.run(_DECODER.decode(line), actor=actor))
    except SsdError as error:
        return Answer(error_code=error.code, message=error.message)
    except msgspec.MsgspecError as error:
        return Answer(error_code="INPUT_VALIDATION_FAILED", message=str(error))


def ask(data_dir: Path, command: Command) -> list[dict[str, Any]] | None:
    """The rows the running server answers with; None when no server listens. Raises SsdError it answered."""
    if not (data_dir / _NAME).exists():
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_CLIENT_TIMEOUT_SECONDS)
        try:
            with _address(data_dir) as address:
                client.connect(address)
        except ConnectionRefusedError:
            return None
        client.sendall(msgspec.json.encode(command) + b"\n")
        received = client.makefile("rb").readline()
    answer = msgspec.json.decode(received, type=Answer)
    if answer.error_code is not None:
        raise SsdError(answer.error_code, answer.message)
    return answer.rows or []
