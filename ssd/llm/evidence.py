"""The files that show what was asked and answered: prompt.txt, response.txt, meta.json of each call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

EvidenceFolder = Callable[[str | None, str], Path]
"""(job_id, call_id) → the folder of the call's evidence."""

SCHEMA_VERSION: Final = 1


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """meta.json."""

    schema_version: Literal[1] = SCHEMA_VERSION
    llm_call_id: str
    operation: str
    started_at: str
    ended_at: str
    duration_ms: int
    ok: bool
    provider: str | None
    model: str | None
    temperature: float | None
    seed: int | None
    prompt_fingerprint: str
    response_fingerprint: str | None
    input_tokens: int
    output_tokens: int
    cost: int
    """Micro-cents."""
    error_type: str | None
    error_message: str | None
    attempts: int
    cached: bool


def fingerprint(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def write_prompt(folder: Path, prompt: str) -> None:
    """Before anything is sent, so that a call that ends in a crash shows what it asked."""
    folder.mkdir(parents=True, exist_ok=True)
    _place(folder / "prompt.txt", prompt.encode())


def write_all(folder: Path, prompt: str, response: str, meta: Meta) -> None:
    """When the call has ended; the prompt again if later turns were added to it."""
    written = folder / "prompt.txt"
    if not written.is_file() or written.stat().st_size != len(prompt.encode()):
        write_prompt(folder, prompt)
    _place(folder / "response.txt", response.encode())
    _place(folder / "meta.json", msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n")


def _place(target: Path, content: bytes) -> None:
    """Whole or not at all. Not synced, which would double what a call costs in time: the ledger is, and it
    tells what happened if the power fails in the seconds before the system writes the files back."""
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(target)
