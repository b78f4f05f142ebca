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
