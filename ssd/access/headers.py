"""Reading request headers without building a mapping of all of them."""

from __future__ import annotations

from litestar.types import Scope


def values_of(scope: Scope, name: bytes) -> list[str]:
    """Every value of the header `name` (lower case), stripped; more than one means the client repeated it."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]
