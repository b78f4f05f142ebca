"""Settings: read from the environment and .env; a bad value is a named error."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ssd.errors import SsdError
from ssd.settings import Settings, describe, load_settings


@pytest.fixture
def nothing(tmp_path):
    return tmp_path / "no.env"


def test_silence_gives_the_defaults(nothing):
    assert load_settings({}, nothing) == Settings()


def test_the_environment_wins_over_dotenv(tmp_path):
    dotenv = tmp_path / ".env"
    dotenv.write_text('# comment\n\nSS_PORT=9000\nSS_HOST="0.0.0.0"\n')
    settings = load_settings({"SS_PORT": "9001"}, dotenv)
    assert (settings.port, settings.host) == (9001, "0.0.0.0")


def test_types_are_converted(nothing):
    settings = load_settings({"SS_DATA_DIR": "~/x", "SS_RUN_TIMEOUT_SECONDS": "1.5", "SS_STATA_CMD": "stata"}, nothing)
    assert settings.data_dir == Path("~/x").expanduser()
    assert (settings.run_timeout_seconds, settings.stata_cmd) == (1.5, "stata")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("SS_PORT", "eighty", "number"),
        ("SS_PORT", "-1", "negative"),
        ("SS_RUN_TIMEOUT_SECONDS", "1h", "number"),
        ("SS_ENV", "prod", "local, production"),
        ("SS_SANDBOX", "yes", "auto, require, off"),
    ],
)
def test_a_bad_value_names_the_variable_and_what_would_do(nothing, key, value, told):
    with pytest.raises(SsdError) as refused:
        load_settings({key: value}, nothing)
    assert refused.value.code == "SETTINGS_INVALID"
    assert key in refused.value.message
    assert value in refused.value.message
    assert told in refused.value.message


def test_a_line_of_dotenv_that_is_no_pair_is_refused(tmp_path):
    (tmp_path / ".env").write_text("SS_PORT 9000\n")
    with pytest.raises(SsdError, match="SETTINGS_INVALID"):
        load_settings({}, tmp_path / ".env")


def test_every_setting_is_documented():
    rows = describe()
    assert len(rows) == len(msgspec.structs.fields(Settings))
    assert all(meaning.endswith(".") for _, _, meaning in rows)


def test_switches_numbers_and_names_that_may_be_unset(nothing):
    environment = {
        "SS_LLM_KILL_SWITCH": "1",
        "SS_LLM_TEMPERATURE": "0.5",
        "SS_LLM_SEED": "7",
        "SS_LLM_BASE_URL": "http://x",
    }
    settings = load_settings(environment, nothing)
    assert (settings.llm_kill_switch, settings.llm_temperature, settings.llm_seed) == (True, 0.5, 7)
    assert settings.llm_base_url == "http://x"
    with pytest.raises(SsdError, match="SS_LLM_KILL_SWITCH"):
        load_settings({"SS_LLM_KILL_SWITCH": "maybe"}, nothing)
    with pytest.raises(SsdError, match="SS_LLM_TEMPERATURE"):
        load_settings({"SS_LLM_TEMPERATURE": "warm"}, nothing)
    with pytest.raises(SsdError, match="anthropic"):
        load_settings({"SS_LLM_PROVIDER": "other"}, nothing)


def test_a_secret_shows_itself_only_when_asked(nothing):
    settings = load_settings({"SS_LLM_API_KEY": "sk-planted"}, nothing)
    assert settings.llm_api_key is not None
    assert settings.llm_api_key.reveal() == "sk-planted"
    shown = [
        repr(settings),
        str(settings.llm_api_key),
        f"{settings.llm_api_key}",
        str(msgspec.structs.asdict(settings)),
    ]
    shown.append(msgspec.json.encode(settings, enc_hook=str).decode())
    assert [text for text in shown if "planted" in text] == []


def test_a_line_of_dotenv_that_is_no_pair_is_not_repeated(tmp_path):
    (tmp_path / ".env").write_text("SS_PORT=1\nSS_LLM_API_KEY sk-planted\n")
    with pytest.raises(SsdError) as refused:
        load_settings({}, tmp_path / ".env")
    assert "planted" not in str(refused.value)
    assert "line 2" in refused.value.message
