"""Which tenant a request speaks for."""

from __future__ import annotations

import re
from typing import Final

from litestar.types import Scope

from ssd.access.headers import values_of
from ssd.errors import FieldError, SsdError

DEFAULT_TENANT: Final = "default"
_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def check_tenant_id(tenant_id: str) -> str:
    """The id itself. Raises TENANT_ID_UNSAFE when it is blank, too long or has other characters."""
    if _SAFE.fullmatch(tenant_id) is None:
        raise SsdError(
            "TENANT_ID_UNSAFE",
            "The tenant id must begin with a letter or digit and hold only letters, digits, dot, underscore and "
            "hyphen; at most 64 characters.",
            errors=(FieldError("X-SS-Tenant-ID", "The tenant id is not valid.", "default"),),
        )
    return tenant_id


def tenant_of(scope: Scope) -> str:
    """The tenant named by `X-SS-Tenant-ID`, or `default`. Raises TENANT_ID_UNSAFE, also when it is named twice."""
    values = values_of(scope, b"x-ss-tenant-id")
    if not values:
        return DEFAULT_TENANT
    if len(values) > 1:
        raise SsdError("TENANT_ID_UNSAFE", "X-SS-Tenant-ID was sent more than once.")
    return check_tenant_id(values[0])
