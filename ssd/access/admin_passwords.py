"""Administrators' passwords: scrypt, off the event loop."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

import anyio
import anyio.to_thread

# 16 MiB and five passes: one of the equivalent least settings of the OWASP Password Storage Cheat Sheet, and the one
# whose memory does not show in a server that is to stay below 120 MiB.
_N: Final = 2**14
_R: Final = 8
_P: Final = 5
_SALT_BYTES: Final = 16
_KEY_BYTES: Final = 32
_MEMORY_LIMIT: Final = 64 * 1024**2
_AT_ONCE: Final = 2

_ALPHABET: Final = "23456789abcdefghijkmnpqrstuvwxyz"
_GENERATED_LENGTH: Final = 20

# Compared with when nobody has the name, so that the time to answer does not tell which names exist.
DECOY: Final = f"scrypt${_N}${_R}${_P}${'00' * _SALT_BYTES}${'00' * _KEY_BYTES}"


def new_password() -> str:
    """100 random bits in letters and digits that are not misread."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED_LENGTH))


class Passwords:
    """Makes and checks password hashes, two at a time so that a flood of logins cannot take all memory."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def hash(self, password: str) -> str:
        """`scrypt$N$r$p$salt$key`, the numbers in decimal and the bytes in hexadecimal."""
        salt = secrets.token_bytes(_SALT_BYTES)
        key = await anyio.to_thread.run_sync(_derive, password, salt, (_N, _R, _P), limiter=self._limiter)
        return f"scrypt${_N}${_R}${_P}${salt.hex()}${key.hex()}"

    async def matches(self, password: str, stored: str) -> bool:
        """Whether `stored` was made from `password`."""
        _, n, r, p, salt, key = stored.split("$")
        cost = (int(n), int(r), int(p))
        derived = await anyio.to_thread.run_sync(_derive, password, bytes.fromhex(salt), cost, limiter=self._limiter)
        return hmac.compare_digest(derived, bytes.fromhex(key))


def _derive(password: str, salt: bytes, cost: tuple[int, int, int]) -> bytes:
    n, r, p = cost
    # surrogatepass: a password JSON could carry must never be an internal error.
    text = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY_LIMIT, dklen=_KEY_BYTES)
