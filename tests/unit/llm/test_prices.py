"""Prices: whole micro-cents, rounded up, found with and without a date in the name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssd.errors import SsdError
from ssd.llm.models import MICROCENTS, Usage
from ssd.llm.prices import Prices
from ssd.settings import Settings

PRICES = Prices.load()
COUNTS = st.integers(0, 10**7)


def test_a_million_tokens_cost_what_the_price_page_says():
    price = PRICES.of("claude-opus-4-5-20251101")
    dollars = [price.cost(usage) / MICROCENTS / 100 for usage in (
        Usage(input_tokens=10**6), Usage(cached_input_tokens=10**6),
        Usage(cache_write_tokens=10**6), Usage(output_tokens=10**6))]  # fmt: skip
    assert dollars == [5.0, 0.5, 6.25, 25.0]


def test_the_default_model_has_a_price():
    assert Settings().llm_model in PRICES


@pytest.mark.parametrize("name", ["gpt-4.1", "gpt-4.1-2025-04-14"])
def test_a_dated_name_is_found(name):
    assert PRICES.of(name).output == 800_000_000


def test_an_unknown_model_is_a_named_error():
    with pytest.raises(SsdError, match="LLM_MODEL_UNPRICED"):
        PRICES.of("gpt-99")


def test_a_fraction_of_a_microcent_is_rounded_up():
    assert PRICES.of("gpt-4o-mini").cost(Usage(cached_input_tokens=1)) == 8  # 7.5


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_worst_case_is_never_less_than_the_cost(fresh, cached, written, output):
    price = PRICES.of("claude-opus-4-5")
    assert price.worst(fresh + cached + written, output) >= price.cost(Usage(fresh, cached, written, output))


def test_a_file_adds_models_and_replaces_prices(tmp_path):
    extra = tmp_path / "prices.toml"
    extra.write_text(
        '[models."own"]\ndate = 2026-01-01\ninput = 0\ncached_input = 0\ncache_write = 0\noutput = 0\n'
        '[models."gpt-4o"]\ndate = 2026-01-01\ninput = 1\ncached_input = 1\ncache_write = 1\noutput = 1\n'
    )
    prices = Prices.load(extra)
    assert prices.of("own").cost(Usage(10**6, 0, 0, 10**6)) == 0
    assert prices.of("gpt-4o").output == 1
    assert "claude-opus-4-5" in prices


@pytest.mark.parametrize("content", ["nonsense", '[models."x"]\ninput = -1', '[models."x"]\ninput = 1.5'])
def test_a_bad_file_is_a_named_error(tmp_path, content):
    extra = tmp_path / "prices.toml"
    extra.write_text(content)
    with pytest.raises(SsdError, match="SETTINGS_INVALID"):
        Prices.load(extra)
