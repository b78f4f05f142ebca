"""Real parts for tests: settings in a temporary folder, a store, a running application, a redeemed job."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import msgspec
import pytest
from hypothesis import settings as hypothesis_settings
from litestar import Litestar

from ssd.app import Services, build_app
from ssd.db.database import Database
from ssd.settings import Settings

# A test that fails must fail for everyone: examples are the same in every run. `HYPOTHESIS_PROFILE=explore`
# (part of `make test-all`) looks for new ones.
hypothesis_settings.register_profile("repeatable", derandomize=True)
hypothesis_settings.register_profile("explore", derandomize=False)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


class RedeemedJob(msgspec.Struct, frozen=True):
    """A job a test may use at once."""

    job_id: str
    token: str
    task_code: str
    headers: dict[str, str]

    def path(self, tail: str = "") -> str:
        return f"/v1/jobs/{self.job_id}{tail}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        log_level="error",
        redeem_rate_per_minute=0,
        min_free_disk_mb=0,
    )


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A store of its own, without an application."""
    database = await Database.open(tmp_path / "store.sqlite3")
    yield database
    await database.close()


@pytest.fixture
def app(settings: Settings) -> Litestar:
    return build_app(settings)


@asynccontextmanager
async def running(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application's lifespan in a task of its own, as a server does, and give a client of it."""
    started, stop = asyncio.Event(), asyncio.Event()

    async def serve() -> None:
        async with app.lifespan():
            started.set()
            await stop.wait()

    server = asyncio.create_task(serve())
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait({server, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if server.done():
        server.result()
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://ssd.test") as client:
            yield client
    finally:
        stop.set()
        await server


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application. It buffers answers: an endless stream needs a real server."""
    async with running(app) as client:
        yield client


@pytest.fixture
def services(app: Litestar, client: httpx.AsyncClient) -> Services:
    """The parts of the running application."""
    return app.state.services


@pytest.fixture
async def issued_code(services: Services) -> str:
    """A task code of the tenant `default`, not redeemed yet."""
    issued = await services.task_codes.issue(tenant_id="default", count=1, expires_in_days=30, actor="test")
    return issued[0].task_code


@pytest.fixture
async def job(client: httpx.AsyncClient, issued_code: str) -> RedeemedJob:
    """A redeemed job with no requirement and no inputs."""
    response = await client.post("/v1/task-codes/redeem", json={"task_code": issued_code, "requirement": ""})
    assert response.status_code == 200, response.text
    body = response.json()
    return RedeemedJob(body["job_id"], body["token"], issued_code, {"Authorization": f"Bearer {body['token']}"})


@pytest.fixture
def serve_app() -> Callable[[Litestar], AbstractAsyncContextManager[httpx.AsyncClient]]:
    """Runs an application of the test's own making."""
    return running
