"""Health, metrics and the pages that say what this is."""

from __future__ import annotations

from typing import Final

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from ssd.db.clock import now_iso
from ssd.db.database import Database
from ssd.errors import CATALOGUE, SsdError
from ssd.ops.health import Check, Health, Readiness
from ssd.ops.metrics import Metrics
from ssd.web.pages import error_page, welcome_page

_HTML: Final = "text/html; charset=utf-8"
# No script and nothing from elsewhere: these pages work on a host without internet, and cannot be made to load any.
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
}


class HealthController(Controller):
    path = "/health"
    tags = ("operation",)

    @get("/live", summary="Is the process there", security=[])
    async def live(self) -> Readiness:
        """200 as long as the event loop turns."""
        return Readiness("ok", {"event_loop": Check(ok=True, detail="turning")}, now_iso())

    @get("/ready", summary="Can the service do its work", security=[])
    async def ready(self, health: NamedDependency[Health]) -> Response[Readiness]:
        """200 when every check is ok, else 503; the checks say what is wrong."""
        readiness = await health.readiness()
        return Response(readiness, status_code=200 if readiness.status == "ok" else 503)


@get("/metrics", summary="Prometheus metrics", media_type="text/plain; version=0.0.4; charset=utf-8", security=[])
async def metrics_text(metrics: NamedDependency[Metrics], database: NamedDependency[Database]) -> bytes:
    return await metrics.text(database)


@get("/", media_type=_HTML, include_in_schema=False)
async def welcome() -> Response[str]:
    return Response(welcome_page(), media_type=_HTML, headers=_PAGE_HEADERS)


@get("/docs/errors/{code:str}", media_type=_HTML, include_in_schema=False)
async def explain_error(code: FromPath[str]) -> Response[str]:
    """The page a problem's `type` points to."""
    kind = CATALOGUE.get(code)
    if kind is None:
        raise SsdError("NOT_FOUND", "There is no such error code.")
    return Response(error_page(kind), media_type=_HTML, headers=_PAGE_HEADERS)
