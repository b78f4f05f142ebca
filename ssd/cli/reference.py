"""`ssd settings` and `ssd errors`: reference made from the code."""

from __future__ import annotations

import msgspec

from ssd.errors import CATALOGUE
from ssd.settings import describe


def print_settings(*, as_json: bool) -> int:
    rows = [{"name": name, "default": default, "meaning": meaning} for name, default, meaning in describe()]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        for row in rows:
            print(f"{row['name']}={row['default']}\n    {row['meaning']}")
    return 0


def print_errors(*, as_json: bool) -> int:
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(list(CATALOGUE.values())), indent=2).decode())
    else:
        print(errors_markdown(), end="")
    return 0


def errors_markdown() -> str:
    """docs/errors.md."""
    lines = [
        "# Errors",
        "",
        "Every error is an `application/problem+json` body with the members `type`, `title`, `status`, `detail`,",
        "`instance`, `error_code`, `message`, `hint`, `request_id`, `retryable`, where useful `errors` (a list of",
        "`field`, `message`, `value_hint`), and members of the code. This page is made by `ssd errors`.",
    ]
    for kind in sorted(CATALOGUE.values(), key=lambda kind: kind.code):
        again = "The same request may succeed later." if kind.retryable else "The same request will fail again."
        lines += ["", f"## {kind.code}", "", f"HTTP {kind.status}. {kind.title}. {kind.hint} {again}"]
    return "\n".join(lines) + "\n"
