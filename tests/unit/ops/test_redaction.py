"""Secrets planted where log lines may carry them."""

from __future__ import annotations

import json
import logging

import pytest
import structlog

from ssd.ops.logs import capture_standard_logging, configure, redact

TOKEN = "ssv1.job_0123456789abcdefghjkmnpqrs.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"
ADMIN = "ssa1.adm_1.Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6"
CODE = "7Q2MX-K9WVB-3TDNE-PRA5H"


@pytest.fixture
def logged(capsys):
    """What was logged, as one text."""
    level = logging.getLogger().level
    handlers = logging.getLogger().handlers
    configure("info")
    capture_standard_logging("info")
    yield lambda: capsys.readouterr().err
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


@pytest.mark.parametrize("secret", [TOKEN.rsplit(".", 1)[1], ADMIN.rsplit(".", 1)[1], CODE, "hunter2", "dXNlcjpwdw"])
def test_no_planted_secret_reaches_the_log(logged, secret):
    logger = structlog.get_logger("ssd.test")
    logger.info("event", header=f"Bearer {TOKEN}", nested={"deep": [ADMIN, {"code": CODE}]})
    logger.info(f"code {CODE} redeemed", password="hunter2", task_code=CODE.lower(), authorization="Basic dXNlcjpwdw==")
    try:
        int(f"cannot use {TOKEN} nor {CODE}")
    except ValueError:
        logger.exception("failed", token=TOKEN)
    logging.getLogger("library").warning("Authorization: Bearer %s", ADMIN)
    text = logged()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 4
    assert "[redacted]" in text
    assert secret not in text
    assert secret.lower() not in text.lower()


def test_what_is_no_secret_stays(logged):
    structlog.get_logger().info(
        "SS_RUN_CLAIMED", job_id="job_1", path="/v1/jobs/job_1/artifacts/a.csv", at="2026-01-01"
    )
    line = json.loads(logged())
    assert (line["event"], line["job_id"], line["path"]) == (
        "SS_RUN_CLAIMED",
        "job_1",
        "/v1/jobs/job_1/artifacts/a.csv",
    )


def test_a_quote_inside_a_secret_does_not_end_it():
    assert redact(json.dumps({"password": 'a"b\\c', "other": 1}).replace(": ", ":").encode()) == (
        b'{"password":"[redacted]", "other":1}'
    )


def test_lines_below_the_level_are_not_written(logged):
    structlog.get_logger().debug("quiet")
    assert logged() == ""
