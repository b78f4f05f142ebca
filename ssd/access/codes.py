"""Task codes: how they look and how they are compared."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

# Crockford's base 32: no I, L, O, U, so that a code read aloud or from paper is not misread.
_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GROUPS: Final = 4
_GROUP_LENGTH: Final = 5
_MISREAD: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None})


def new_code() -> str:
    """100 random bits as `XXXXX-XXXXX-XXXXX-XXXXX`."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))


def fingerprint(code: str) -> str:
    """What is stored of a code. Case, hyphens, blanks and the letters one misreads do not matter."""
    return hashlib.sha256(code.strip().upper().translate(_MISREAD).encode()).hexdigest()
