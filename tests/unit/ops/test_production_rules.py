"""The rules of production mode, each by name."""

from __future__ import annotations

import msgspec
import pytest

from ssd.errors import SsdError
from ssd.ops.checks import production_rules, require_production_rules
from ssd.settings import Secret, Settings

GOOD = Settings(
    env="production",
    stata_cmd="/usr/local/stata18/stata-mp",
    admin_password=Secret("Wq7#kdfhBs9!"),
    llm_provider="anthropic",
    llm_api_key=Secret("sk-ant-0123456789"),
)


def test_a_whole_configuration_violates_nothing():
    assert [name for name, check in production_rules(GOOD).items() if not check.ok] == []
    require_production_rules(GOOD)


def test_local_mode_has_no_rules():
    assert production_rules(Settings()) == {}
    require_production_rules(Settings())


@pytest.mark.parametrize(
    ("changes", "rule", "told"),
    [
        ({"stata_cmd": None}, "production_real_stata", "SS_STATA_CMD"),
        ({"admin_password": None}, "production_admin_password", "SS_ADMIN_PASSWORD must be set"),
        ({"admin_password": Secret("   ")}, "production_admin_password", "SS_ADMIN_PASSWORD must be set"),
        ({"admin_password": Secret("short")}, "production_admin_password", "too easy"),
        ({"admin_password": Secret("changeme")}, "production_admin_password", "too easy"),
        ({"admin_password": Secret("Password" * 2)}, "production_admin_password", "too easy"),
        ({"admin_password": Secret("aaaaaaaaaaaaaaaa")}, "production_admin_password", "too easy"),
        (
            {"admin_username": "operations-desk", "admin_password": Secret("Operations-Desk")},
            "production_admin_password",
            "too easy",
        ),
        ({"llm_provider": "none"}, "production_llm_provider", "SS_LLM_PROVIDER"),
        ({"llm_api_key": None}, "production_llm_key", "SS_LLM_API_KEY"),
        ({"llm_api_key": Secret(" ")}, "production_llm_key", "SS_LLM_API_KEY"),
        ({"llm_model": "no-such-model"}, "production_llm_model", "no-such-model"),
        ({"llm_model_small": "no-such-model"}, "production_llm_model", "no-such-model"),
        ({"llm_fallback_provider": "openai"}, "production_llm_fallback", "SS_LLM_FALLBACK_API_KEY"),
        (
            {"llm_fallback_provider": "openai", "llm_fallback_api_key": Secret("k")},
            "production_llm_fallback",
            "SS_LLM_FALLBACK_MODEL",
        ),
        (
            {
                "llm_fallback_provider": "openai",
                "llm_fallback_api_key": Secret("k"),
                "llm_fallback_model": "no-such-model",
            },
            "production_llm_fallback",
            "no-such-model",
        ),
    ],
)
def test_each_rule_is_violated_alone_and_stops_the_start_by_name(changes, rule, told):
    settings = msgspec.structs.replace(GOOD, **changes)
    violated = {name: check.detail for name, check in production_rules(settings).items() if not check.ok}
    assert list(violated) == [rule]
    assert told in violated[rule]
    with pytest.raises(SsdError) as refused:
        require_production_rules(settings)
    assert refused.value.code == "PRODUCTION_GATE_VIOLATED"
    assert rule in refused.value.message
    assert refused.value.members["rules"] == [rule]


def test_every_violated_rule_is_told_at_once():
    with pytest.raises(SsdError) as refused:
        require_production_rules(Settings(env="production"))
    rules = ["production_real_stata", "production_admin_password", "production_llm_provider", "production_llm_key"]
    assert refused.value.members["rules"] == rules


def test_no_secret_is_told():
    short = msgspec.structs.replace(GOOD, admin_password=Secret("hunter2"), llm_api_key=Secret("sk-planted"))
    told = str(production_rules(short))
    assert "hunter2" not in told
    assert "sk-planted" not in told
