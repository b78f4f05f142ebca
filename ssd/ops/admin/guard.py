"""Who may administer: the bearer of an administrator's token."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from ssd.access.admin_accounts import Administrators
from ssd.access.admin_models import Administrator

_KEY: Final = "administrator"


async def require_administrator(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Guard of everything below /api/admin but the login. It runs before anything of the request is parsed.

    Raises ADMIN_BEARER_TOKEN_MISSING, ADMIN_BEARER_TOKEN_INVALID or ADMIN_TOKEN_INVALID.
    """
    administrators: Administrators = connection.app.state.services.administrators
    connection.scope["state"][_KEY] = await administrators.recognize(connection.scope)


def provide_administrator(request: Request[Any, Any, Any]) -> Administrator:
    """Whom the guard recognized."""
    administrator: Administrator = request.scope["state"][_KEY]
    return administrator
