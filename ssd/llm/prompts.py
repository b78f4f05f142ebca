"""From a request to the text that is sent: redacted, in a fixed form."""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final

import msgspec

from ssd.llm.answers import json_schema
from ssd.llm.models import JsonSchema, LlmRequest
from ssd.llm.redaction import Redactor

_FRAME_TOKENS: Final = 1024
"""What a provider adds to a prompt of its own: the tool's frame, a few hundred tokens in published counts."""
_SCHEMA_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")


class Prompt(msgspec.Struct, frozen=True):
    """What is sent first."""

    system: str
    fields: dict[str, str]
    user: str
    json_schema: JsonSchema
    schema_name: str

    def token_bound(self) -> int:
        """More tokens than a provider can count: no tokenizer makes more tokens than there are bytes."""
        schema = len(msgspec.json.encode(self.json_schema))
        return len(self.system.encode()) + len(self.user.encode()) + schema + _FRAME_TOKENS

    def text(self) -> str:
        """As prompt.txt shows it."""
        return f"[system]\n{self.system}\n\n[user]\n{self.user}\n"


def render(request: LlmRequest[Any], redactor: Redactor) -> Prompt:
    """Each field between tags of its name; what looks like such a tag inside a field cannot end it."""
    fields = {name: redactor.text(text) for name, text in request.fields.items()}
    kept_inside = {name: text.replace("</", "<\\/") for name, text in fields.items()}
    user = "\n\n".join(f"<{name}>\n{text}\n</{name}>" for name, text in kept_inside.items())
    name = _SCHEMA_NAME.sub("_", request.operation)
    return Prompt(redactor.text(request.instructions), fields, user, json_schema(request.schema), name)


def content_hash(request: LlmRequest[Any]) -> str:
    """What must be the same when a request_id comes again. Instructions are ours and may be improved meanwhile."""
    content = [request.operation, request.schema_version, request.job_id, request.fields]
    return "sha256:" + hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
