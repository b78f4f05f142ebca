"""Everything that can be configured: one frozen struct, read once from the environment and `.env`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from ssd.errors import SsdError


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


_PREFIX = "SS_"


def read_dotenv(path: Path) -> dict[str, str]:
    """`KEY=value` lines of a `.env` file; blank lines and `#` comments are skipped, quotes are removed."""
    if not path.is_file():
        return {}
    pairs: dict[str, str] = {}
    for raw in path.read_text("utf-8").splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        key, separator, value = line.partition("=")
        if not separator:
            raise SsdError("SETTINGS_INVALID", f"{path.name}: the line {line!r} is not KEY=value.")
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
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        if text not in choices:
            raise SsdError("SETTINGS_INVALID", f"{key} is {text!r}; it must be one of {', '.join(choices)}.")
        return text
    if kind in (Path, Path | None):
        return Path(text).expanduser()
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
