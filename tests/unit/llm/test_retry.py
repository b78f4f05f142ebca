"""When a provider is asked again, and how long is waited."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ssd.llm.providers.protocol import (
    BadAnswer,
    KeyRefused,
    ModelUnknown,
    RateLimited,
    RequestRefused,
    ServerError,
    TimedOut,
)
from ssd.llm.providers.retry import RetryPolicy
from ssd.llm.providers.transport import failure_of, retry_after

POLICY = RetryPolicy(max_attempts=4, base_seconds=1.0, max_seconds=3.0)


@pytest.mark.parametrize(("failures", "longest"), [(1, 1.0), (2, 2.0), (3, 3.0)])
def test_the_wait_doubles_up_to_a_limit(failures, longest):
    for _ in range(50):
        assert longest * 0.75 <= POLICY.wait(failures, ServerError("x")) <= longest


def test_after_the_last_attempt_there_is_no_wait():
    assert POLICY.wait(4, ServerError("x")) is None


@pytest.mark.parametrize("failure", [KeyRefused, ModelUnknown, RequestRefused])
def test_an_error_of_the_caller_is_final(failure):
    assert POLICY.wait(1, failure("x")) is None
    assert not failure.blames_provider


@pytest.mark.parametrize("failure", [RateLimited, ServerError, TimedOut, BadAnswer])
def test_trouble_of_the_provider_counts_and_may_pass(failure):
    assert POLICY.wait(1, failure("x")) is not None
    assert failure.blames_provider


def test_the_providers_wish_counts_within_reason():
    assert POLICY.wait(1, RateLimited("x", retry_after=2.5)) == 2.5
    assert POLICY.wait(1, RateLimited("x", retry_after=0.0)) == 0.0
    assert POLICY.wait(1, RateLimited("x", retry_after=60.0)) is None


def test_retry_after_is_seconds_or_a_date():
    assert retry_after("7") == 7.0
    assert retry_after(None) is None
    assert retry_after("soon") is None
    moment = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after(moment) == pytest.approx(30, abs=2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused), (401, KeyRefused), (403, KeyRefused), (404, ModelUnknown), (413, RequestRefused),
        (422, RequestRefused), (429, RateLimited), (500, ServerError), (503, ServerError), (529, ServerError),
        (302, BadAnswer),
    ],
)  # fmt: skip
def test_statuses_are_sorted(status, kind):
    failure = failure_of(status, httpx.Headers({"retry-after": "3"}), b'{"error": {"message": "why"}}')
    assert type(failure) is kind
    assert failure.message == f"HTTP {status}: why"


def test_an_error_that_is_no_json_is_quoted_in_short():
    failure = failure_of(502, httpx.Headers(), b"<html>\n bad   gateway </html>" + b"x" * 5000)
    assert failure.message.startswith("HTTP 502: <html> bad gateway")
    assert len(failure.message) < 400
