"""Everything that can be configured: one frozen struct, read once from the environment and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec

from ssd.errors import SsdError


class Secret:
    """A value that shows itself only when asked to: printing, logging or encoding settings never tells it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "[secret]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


LlmProvider = Literal["none", "anthropic", "openai", "openai_compatible", "yunwu"]
_BOOLEANS: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one server. Each field is read from `SS_<FIELD>`; the string under it documents it."""

    env: Literal["local", "production"] = "local"
    """`local` or `production`; production refuses to start when one of its rules is violated."""
    host: str = "127.0.0.1"
    """Address the server listens on."""
    port: int = 8000
    """Port the server listens on; 0 takes a free one and prints it."""
    data_dir: Path = Path("var")
    """Folder that holds the database and all job files; private to its user."""
    library_dir: Path | None = None
    """Folder of do-templates; default: the library shipped with ssd."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level of the JSON log lines on standard error."""
    stata_cmd: str | None = None
    """Command of a real Stata, such as `/usr/local/stata18/stata-mp`; unset: the embedded engine."""
    max_parallel_runs: int = 0
    """Runs at the same time; 0: the number of cores."""
    max_parallel_runs_per_tenant: int = 0
    """Runs of one tenant at the same time; 0: no limit of its own."""
    run_timeout_seconds: float = 1800.0
    """Wall-clock limit of one step."""
    run_grace_seconds: float = 5.0
    """Between TERM and KILL when a run is ended."""
    run_max_attempts: int = 3
    """Attempts per trigger for causes that can pass by themselves."""
    run_memory_mb: int = 4096
    """Address-space limit of one run in MiB; 0: none."""
    run_file_size_mb: int = 2048
    """Largest file a run may write in MiB; 0: no limit."""
    log_cap_mb: int = 64
    """Log bytes of one run that are kept and streamed, in MiB."""
    sandbox: Literal["auto", "require", "off"] = "auto"
    """Use bubblewrap when it works (`auto`), refuse to run without it (`require`), or never use it (`off`)."""
    upload_max_mb: int = 2048
    """Largest single upload in MiB."""
    prepare_timeout_seconds: float = 300.0
    """Limit for reading and preparing one dataset."""
    prepare_memory_mb: int = 4096
    """Address-space limit of a child that prepares a dataset, in MiB; 0: none."""
    token_ttl_days: int = 30
    """Days a job token stays valid."""
    redeem_rate_per_minute: int = 600
    """Redeem requests per minute and client address; 0: no limit."""
    shutdown_grace_seconds: float = 10.0
    """How long a stopping server waits for its children."""
    min_free_disk_mb: int = 200
    """Below this readiness fails and uploads are refused with STORAGE_FULL."""
    admin_username: str = "admin"
    """Name the administrator logs in with at /api/admin."""
    admin_password: Secret | None = None
    """Administrator's password; unset in local mode: the first start makes one and prints it, once."""
    admin_session_hours: int = 12
    """Hours a login stays valid."""
    admin_login_rate_per_minute: int = 10
    """Login tries per minute for one client address and for one name; 0: no limit."""
    llm_provider: LlmProvider = "none"
    """`anthropic`, `openai`, `openai_compatible`, `yunwu`, or `none`: the rule planner does the work."""
    llm_base_url: str | None = None
    """Address of the provider's API; needed for `openai_compatible` and `yunwu`, else the provider's own."""
    llm_api_key: Secret | None = None
    """Key of the provider; never logged, shown or written."""
    llm_model: str = "claude-opus-4-5-20251101"
    """Model that is asked; it must have a price."""
    llm_model_small: str | None = None
    """Cheaper model for the operations that can do with it; unset: SS_LLM_MODEL."""
    llm_temperature: float | None = None
    """Sampling temperature; unset: not sent."""
    llm_seed: int | None = None
    """Sampling seed, sent where the provider takes one."""
    llm_timeout_seconds: float = 30.0
    """Limit of one request to the provider; the operator can change it at run time."""
    llm_max_attempts: int = 3
    """Requests to one provider for one answer, when the failure can pass by itself."""
    llm_retry_backoff_base_seconds: float = 1.0
    """Wait before the second request; it doubles each time, unless the provider names a wait."""
    llm_retry_backoff_max_seconds: float = 30.0
    """Longest wait between two requests; a provider that asks for more has failed."""
    llm_max_output_tokens: int = 4096
    """Longest answer; one that is cut off there is an error."""
    llm_fallback_provider: LlmProvider = "none"
    """Second provider, asked when the first fails, is switched off or has an open breaker."""
    llm_fallback_base_url: str | None = None
    """Address of the second provider's API."""
    llm_fallback_api_key: Secret | None = None
    """Key of the second provider."""
    llm_fallback_model: str | None = None
    """Model of the second provider; it must have a price."""
    llm_prices_file: Path | None = None
    """TOML file of model prices that add to or replace those shipped with ssd."""
    llm_kill_switch: bool = False
    """1: no call leaves this server, whatever the switch in the store says."""
    llm_monthly_cap_cents: int = 2500
    """Most that one user's calls may cost in a calendar month (UTC); the operator can change it at run time."""
    llm_hourly_cap_cents: int = 500
    """One user's calls are shut off for the rest of the hour once they cost this; changeable at run time."""
    llm_breaker_failures: int = 3
    """Failures of a provider in a row that open its breaker; changeable at run time."""
    llm_breaker_open_seconds: float = 300.0
    """How long an open breaker lets nothing through before one probe may go; changeable at run time."""
    llm_cache_ttl_seconds: float = 86400.0
    """How long an answer may be used again for the same question of the same user; 0: never."""
    llm_cache_max_entries: int = 10000
    """Above this the oldest cached answers are dropped."""
    expose_llm_evidence: bool = False
    """1: prompts and answers are listed to job tokens as artifacts; else only the operator sees them."""


_PREFIX = "SS_"


def read_dotenv(path: Path) -> dict[str, str]:
    """`KEY=value` lines of a `.env` file; blank lines and `#` comments are skipped, quotes are removed."""
    if not path.is_file():
        return {}
    pairs: dict[str, str] = {}
    for number, raw in enumerate(path.read_text("utf-8").splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, separator, value = line.partition("=")
        if not separator:
            raise SsdError("SETTINGS_INVALID", f"{path.name}: line {number} is not KEY=value.")
        pairs[key.strip()] = value.strip().strip("'\"")
    return pairs


def load_settings(environ: Mapping[str, str] | None = None, dotenv: Path | None = None) -> Settings:
    """Settings from the environment; what `.env` says counts where the environment is silent.

    Raises SETTINGS_INVALID naming the variable, its value and what would be accepted.
    """
    source = dict(read_dotenv(dotenv if dotenv is not None else Path(".env")))
    source.update(os.environ if environ is None else environ)
    hints = get_type_hints(Settings)
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(Settings):
        key = _PREFIX + field.name.upper()
        text = source.get(key)
        if text is None or text == "":
            continue
        values[field.name] = _convert(key, text, hints[field.name])
    return Settings(**values)


def _convert(key: str, text: str, kind: Any) -> Any:
    if get_origin(kind) is UnionType:
        kind = next(member for member in get_args(kind) if member is not NoneType)
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if text not in choices:
            raise SsdError("SETTINGS_INVALID", f"{key} is {text!r}; it must be one of {', '.join(choices)}.")
        return text
    if kind is Path:
        return Path(text).expanduser()
    if kind is Secret:
        return Secret(text)
    if kind is bool:
        if text.lower() not in _BOOLEANS:
            raise SsdError("SETTINGS_INVALID", f"{key} is {text!r}; it must be 1 or 0.")
        return _BOOLEANS[text.lower()]
    if kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            raise SsdError("SETTINGS_INVALID", f"{key} is {text!r}; it must be a number.") from None
        if number < 0:
            raise SsdError("SETTINGS_INVALID", f"{key} is {text!r}; it must not be negative.")
        return number
    return text


def describe() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, for `ssd doctor` and the README table."""
    import ast
    import inspect

    tree = ast.parse(inspect.getsource(Settings)).body[0]
    if not isinstance(tree, ast.ClassDef):
        raise TypeError("Settings is a class")
    meanings: dict[str, str] = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            meanings[statement.target.id] = str(following.value.value)
    rows = []
    for field in msgspec.structs.fields(Settings):
        default = "" if field.default is None else str(field.default)
        rows.append((_PREFIX + field.name.upper(), default, meanings[field.name]))
    return rows
