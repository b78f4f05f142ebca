"""Names of uploaded files: shown and recorded, never used as paths, and refused where they could mislead."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from ssd.errors import SsdError

_MAX_CHARACTERS: Final = 200
_MAX_BYTES: Final = 255
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_REFUSED_CATEGORIES: Final = {"Cc": "control", "Cf": "invisible", "Cs": "broken", "Zl": "line", "Zp": "paragraph"}
"""Cf holds the marks that reverse the direction of text: they make `gpj.exe` look like `exe.jpg`."""


def checked_name(name: str | None) -> str:
    """The name in composed form (NFC). Raises INPUT_FILENAME_UNSAFE naming what is wrong with it."""
    if name is None or not name.strip():
        raise _unsafe("The file has no name.")
    composed = unicodedata.normalize("NFC", name)
    for character in composed:
        kind = _REFUSED_CATEGORIES.get(unicodedata.category(character))
        if kind is not None:
            raise _unsafe(f"The file name contains a {kind} character (U+{ord(character):04X}).")
    if "/" in composed or "\\" in composed or _DRIVE.match(composed) or composed in (".", ".."):
        raise _unsafe("The file name contains a folder.")
    if composed != composed.strip() or composed.endswith("."):
        raise _unsafe("The file name begins or ends with a space, or ends with a dot.")
    if len(composed) > _MAX_CHARACTERS or len(composed.encode()) > _MAX_BYTES:
        raise _unsafe(f"The file name is longer than {_MAX_CHARACTERS} characters or {_MAX_BYTES} bytes.")
    return composed


def _unsafe(message: str) -> SsdError:
    return SsdError("INPUT_FILENAME_UNSAFE", message)
