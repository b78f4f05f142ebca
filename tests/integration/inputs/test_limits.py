from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from ssd.settings import Settings
from tests.conftest import RedeemedJob

CSV = b"id,year,y\n1,2001,2.5\n1,2002,3.5\n2,2001,1\n2,2002,4\n"


@pytest.fixture
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Those of every test, with the limit under test changed."""
    usual = Settings(data_dir=tmp_path / "data", log_level="error", redeem_rate_per_minute=0, min_free_disk_mb=0)
    return msgspec.structs.replace(usual, **request.param)


@pytest.mark.parametrize(
    ("settings", "content", "status", "code"),
    [
        ({"upload_max_mb": 1}, b"a,b\n" + b"1,2\n" * 300_000, 413, "UPLOAD_FILE_SIZE_LIMIT_EXCEEDED"),
        ({"min_free_disk_mb": 1 << 40}, CSV, 507, "STORAGE_FULL"),
        ({"prepare_timeout_seconds": 0.01}, CSV, 400, "INPUT_PARSE_FAILED"),
        ({"prepare_memory_mb": 80}, CSV, 400, "INPUT_PARSE_FAILED"),
    ],
    indirect=["settings"],
)
async def test_a_limit_has_its_code_and_nothing_stays(
    client: AsyncTestClient[Litestar], job: RedeemedJob, settings: Settings, content: bytes, status: int, code: str
) -> None:
    answer = await client.post(
        job.path("/inputs/upload"), headers=job.headers, files=[("file", ("a.csv", content, "text/csv"))]
    )
    assert (answer.status_code, answer.json()["error_code"]) == (status, code), answer.text
    assert not [path for path in (settings.data_dir / "jobs").rglob("*") if path.is_file()]
