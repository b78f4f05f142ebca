"""`ssd settings` and `ssd errors`: reference made from the code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from ssd.errors import CATALOGUE
from ssd.settings import describe

_TABLE_BEGINS: Final = "<!-- settings: made by `make docs` -->"
_TABLE_ENDS: Final = "<!-- settings end -->"


def print_settings(*, as_json: bool) -> int:
    rows = [{"name": name, "default": default, "meaning": meaning} for name, default, meaning in describe()]
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    else:
        for row in rows:
            print(f"{row['name']}={row['default']}\n    {row['meaning']}")
    return 0


def settings_table() -> str:
    """The settings as the table of the README."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for name, default, meaning in describe():
        shown = f"`{default}`" if default else "—"
        words = " ".join(meaning.split())
        rows.append(f"| `{name}` | {shown} | {words} |")
    return "\n".join(rows) + "\n"


def with_settings_table(readme: str) -> str:
    """The README with its table made anew."""
    begin, end = readme.index(_TABLE_BEGINS), readme.index(_TABLE_ENDS)
    return readme[: begin + len(_TABLE_BEGINS)] + "\n" + settings_table() + readme[end:]


def write_references(root: Path) -> list[Path]:
    """Make every document anew that is made from the code; the ones that changed."""
    readme, errors = root / "README.md", root / "docs" / "errors.md"
    changed = []
    for path, text in ((readme, with_settings_table(readme.read_text("utf-8"))), (errors, errors_markdown())):
        if path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(path)
    return changed


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
