from __future__ import annotations

import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from litestar.exceptions import InternalServerException

from ssd.errors import SsdError
from ssd.inputs.upload import UploadLimits, receive

HEAD = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"
TYPE = "multipart/form-data; boundary=b"
MIB = 1 << 20


async def body(chunks: int, chunk: bytes = b"x" * 65_536) -> AsyncGenerator[bytes, None]:
    yield HEAD
    for _ in range(chunks):
        yield chunk
    yield TAIL


async def test_a_large_file_passes_through_little_memory_and_is_hashed(tmp_path: Path) -> None:
    chunks = 64 * 16
    tracemalloc.start()
    received = await receive(body(chunks), TYPE, tmp_path, UploadLimits(100 * MIB, 0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received.files[0].size_bytes == 64 * MIB
    assert received.files[0].sha256 == hashlib.sha256(b"x" * 64 * MIB).hexdigest()
    assert received.files[0].path.stat().st_size == 64 * MIB
    assert peak < 16 * MIB


async def test_content_that_looks_like_a_boundary_arrives_whole(tmp_path: Path) -> None:
    hostile = b"\r\n--" * 20_000 + b"\r\n--c\r\n"
    received = await receive(body(3, hostile), TYPE, tmp_path, UploadLimits(100 * MIB, 0))
    assert received.files[0].path.read_bytes() == hostile * 3


async def test_the_limit_stops_the_writing(tmp_path: Path) -> None:
    with pytest.raises(SsdError) as caught:
        await receive(body(64 * 16), TYPE, tmp_path, UploadLimits(2 * MIB, 0))
    assert caught.value.code == "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2 * MIB


async def test_a_client_that_goes_away_is_a_refused_upload(tmp_path: Path) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield HEAD + b"a,b\n"
        raise InternalServerException("client disconnected prematurely")

    with pytest.raises(SsdError) as caught:
        await receive(broken(), TYPE, tmp_path, UploadLimits(MIB, 0))
    assert caught.value.code == "INPUT_VALIDATION_FAILED"


def test_the_server_side_loads_no_numeric_library() -> None:
    heavy = ("numpy", "polars", "python_calamine", "ssd.engine")
    script = f"import sys, ssd.inputs.routes; print([m for m in {heavy!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
