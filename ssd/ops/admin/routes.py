"""Everything below /api/admin. What hangs on the router is guarded, whoever adds it."""

from __future__ import annotations

from typing import Final

from litestar import Router
from litestar.di import Provide

from ssd.ops.admin.account_routes import AccountController
from ssd.ops.admin.code_routes import CodeController
from ssd.ops.admin.guard import provide_administrator, require_administrator
from ssd.ops.admin.job_routes import AdminJobController
from ssd.ops.admin.llm_routes import LlmController
from ssd.ops.admin.system_routes import SystemController

PREFIX: Final = "/api/admin"


def admin_router() -> Router:
    return Router(
        path=PREFIX,
        guards=[require_administrator],
        dependencies={"administrator": Provide(provide_administrator, sync_to_thread=False)},
        route_handlers=[AccountController, CodeController, AdminJobController, SystemController, LlmController],
    )
