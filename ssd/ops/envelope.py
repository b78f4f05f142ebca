"""What every request gets, whatever handles it: an id, an access log line, a count, and a no while shutting down."""

from __future__ import annotations

import itertools
import re
import secrets
import time
from typing import Any, Final

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ssd.ops.logs import AccessLog
from ssd.ops.metrics import Metrics
from ssd.ops.problem import PROBLEM_MEDIA_TYPE, problem

_SAFE_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_ADOPTED: Final = frozenset({b"x-ss-request-id", b"x-request-id"})
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SERVED_WHILE_STOPPING: Final = ("/health/", "/metrics")


class Envelope:
    """ASGI wrapper around the whole application.

    Outside the framework's own middleware, because that does not see requests to unknown addresses.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, access_log: AccessLog) -> None:
        self._app = app
        self._metrics = metrics
        self._access_log = access_log
        self._boot = secrets.token_hex(6)
        self._numbers = itertools.count(1)
        self._counters: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        self.stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = self._request_id(scope)
        scope["state"]["request_id"] = request_id
        header = (b"x-ss-request-id", request_id.encode())
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            if self.stopping and not scope["path"].startswith(_SERVED_WHILE_STOPPING):
                await _refuse(scope, request_id, send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        finally:
            self._record(scope, request_id, status, time.perf_counter() - started)

    def _record(self, scope: Scope, request_id: str, status: int, seconds: float) -> None:
        # The route's template, not the path: paths hold ids, and a label per id would fill the memory.
        route = str(scope.get("path_template") or "unknown")
        method = str(scope.get("method"))
        if method not in _METHODS:
            method = "other"
        key = (method, route, status)
        counters = self._counters.get(key)
        if counters is None:
            counters = self._counters[key] = (
                self._metrics.requests.labels(method, route, str(status)),
                self._metrics.seconds.labels(method, route),
            )
        counters[0].inc()
        counters[1].observe(seconds)
        self._access_log.add(
            {
                "request_id": request_id,
                "method": method,
                "path": scope["path"],
                "route": route,
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "error_code": scope["state"].get("error_code"),
            }
        )

    def _request_id(self, scope: Scope) -> str:
        """The client's own id if it is a safe token, else a new one."""
        for name, value in scope["headers"]:
            if name in _ADOPTED and _SAFE_ID.fullmatch(value):
                return value.decode("ascii")
        return f"{self._boot}{next(self._numbers):08x}"


async def _refuse(scope: Scope, request_id: str, send: Send) -> None:
    body = msgspec.json.encode(
        problem(
            "SERVICE_SHUTTING_DOWN", instance=scope["path"], request_id=request_id, members={"retry_after_seconds": 30}
        )
    )
    scope["state"]["error_code"] = "SERVICE_SHUTTING_DOWN"
    await send(
        {
            "type": "http.response.start",
            "status": 503,
            "headers": [
                (b"content-type", PROBLEM_MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"retry-after", b"30"),
                (b"connection", b"close"),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body, "more_body": False})
