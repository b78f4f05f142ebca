"""The rate limit, on a clock of the test's own."""

from __future__ import annotations

import pytest

from ssd.access.rate_limit import RateLimit
from ssd.errors import SsdError


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def test_so_many_tries_are_allowed_and_no_more():
    limit = RateLimit(3, clock=Clock())
    for _ in range(3):
        limit.take("a")
    with pytest.raises(SsdError) as refused:
        limit.take("a")
    assert refused.value.code == "RATE_LIMITED"
    assert refused.value.headers == {"Retry-After": "20"}


def test_keys_do_not_share_their_tries():
    limit = RateLimit(1, clock=Clock())
    limit.take("a")
    limit.take("b")
    with pytest.raises(SsdError):
        limit.take("a")


def test_waiting_as_long_as_told_is_enough():
    clock = Clock()
    limit = RateLimit(2, clock=clock)
    limit.take("a")
    limit.take("a")
    with pytest.raises(SsdError) as refused:
        limit.take("a")
    clock.seconds += float(refused.value.headers["Retry-After"])
    limit.take("a")


def test_refused_tries_do_not_lengthen_the_wait():
    clock = Clock()
    limit = RateLimit(1, clock=clock)
    limit.take("a")
    for _ in range(100):
        with pytest.raises(SsdError):
            limit.take("a")
    clock.seconds += 60
    limit.take("a")


def test_zero_lifts_the_limit():
    limit = RateLimit(0, clock=Clock())
    for _ in range(10_000):
        limit.take("a")


def test_a_flood_of_keys_does_not_fill_the_memory():
    limit = RateLimit(5, clock=Clock())
    for number in range(30_000):
        limit.take(str(number))
    assert len(limit._buckets) <= 10_000
