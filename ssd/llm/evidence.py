"""The files that show what was asked and answered: prompt.txt, response.txt, meta.json of each call."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

EvidenceFolder = Callable[[str | None, str], Path]
"""(job_id, call_id) → the folder of the call's evidence."""

SCHEMA_VERSION: Final = 1


class EvidenceFile(msgspec.Struct, frozen=True):
    name: str
    size_bytes: int
    sha256: str


ListEvidence = Callable[[sqlite3.Connection, str, str, list[EvidenceFile]], None]
"""(connection, job_id, call_id, files): makes evidence known to the clients of a job."""


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


def write_all(folder: Path, prompt: str, response: str, meta: Meta, begun: bool) -> list[EvidenceFile]:
    """When the call has ended. What lies in the folder then.

    The prompt is written again, since later turns may have been added to it. When the folder was `begun`
    before the call and is gone, its job was deleted meanwhile: then nothing is written.
    """
    if begun and not folder.is_dir():
        return []
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        "prompt.txt": prompt.encode(),
        "response.txt": response.encode(),
        "meta.json": msgspec.json.format(msgspec.json.encode(meta), indent=2) + b"\n",
    }
    for name, content in contents.items():
        _place(folder / name, content)
    return [EvidenceFile(name, len(content), hashlib.sha256(content).hexdigest()) for name, content in contents.items()]


def _place(target: Path, content: bytes) -> None:
    """Whole or not at all. Not synced, which would double what a call costs in time: the ledger is, and it
    tells what happened if the power fails in the seconds before the system writes the files back."""
    temporary = target.with_name(f".{target.name}.tmp")
    temporary.write_bytes(content)
    temporary.replace(target)
