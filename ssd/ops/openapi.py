"""The OpenAPI document as it really is: our problem body for every error, and the job token."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Request, Router
from litestar.enums import MediaType, OpenAPIMediaType
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.response.base import Response

from ssd import __version__
from ssd.errors import CATALOGUE
from ssd.ops.problem import PROBLEM_MEDIA_TYPE
from ssd.web.pages import schema_page

_PROBLEM_REF: Final = {"$ref": "#/components/schemas/Problem"}
_TEXT: Final = {"type": "string"}
_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457 problem details; some codes add members of their own.",
    "type": "object",
    "required": [
        "type", "title", "status", "detail", "instance", "error_code", "message", "hint", "request_id", "retryable",
    ],
    "properties": {
        "type": {**_TEXT, "description": "Documentation path of the code."},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "error_code": {**_TEXT, "enum": sorted(CATALOGUE)},
        "message": {**_TEXT, "description": "Safe to show."},
        "hint": _TEXT,
        "request_id": _TEXT,
        "retryable": {"type": "boolean", "description": "The same request may succeed later."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": _TEXT, "message": _TEXT, "value_hint": _TEXT},
            },
        },
    },
}  # fmt: skip
_LOGIN: Final = "/api/admin/auth/login"
_MOVING: Final = frozenset({"/api/admin/jobs/{job_id}/retry", "/api/admin/jobs/{job_id}/cancel"})
_STATUSES_OF_JOB_ROUTES: Final = ("401", "403", "404", "409")
_MEANINGS: Final = {
    "400": "The request is not valid",
    "401": "A token is needed",
    "403": "The token is not valid here",
    "404": "Not found",
    "405": "The method is not allowed here",
    "409": "The job is not in a state that allows this",
    "413": "The request body is too large",
    "429": "Too many requests",
    "500": "The service failed",
    "503": "The service is shutting down",
}


def amend(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with its error bodies replaced by ours and the missing statuses added."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for path, item in document["paths"].items():
        for operation in item.values():
            if isinstance(operation, dict) and "responses" in operation:
                _amend_operation(path, operation)
    return document


def _security_of(path: str) -> list[dict[str, list[str]]]:
    if path.startswith("/v1/jobs/"):
        return [{"jobToken": []}]
    if path.startswith("/api/admin/") and path != _LOGIN:
        return [{"adminToken": []}]
    return []


def _amend_operation(path: str, operation: dict[str, Any]) -> None:
    operation["security"] = _security_of(path)
    responses = operation["responses"]
    wanted = ["400", "500", "503"]
    if path.startswith("/api/admin/"):
        wanted += ["401", "429"] if path == _LOGIN else ["401", "403"]
    if path in _MOVING:
        wanted.append("409")
    if path.startswith("/v1/jobs/"):
        wanted += _STATUSES_OF_JOB_ROUTES
    if path == "/v1/task-codes/redeem":
        wanted += ["403", "404", "409", "429"]
    if "requestBody" in operation:
        wanted.append("413")
    if "{" in path:
        wanted.append("404")
    for status in {*wanted, *(known for known in responses if int(known) >= 400)}:
        if path == "/health/ready" and status == "503":
            continue
        responses[status] = {
            "description": _MEANINGS.get(status, "Error"),
            "content": {PROBLEM_MEDIA_TYPE: {"schema": _PROBLEM_REF}},
        }


class _Json(OpenAPIRenderPlugin):
    """/schema/openapi.json"""

    def __init__(self) -> None:
        super().__init__(path="/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return msgspec.json.encode(amend(openapi_schema))


class _Page(OpenAPIRenderPlugin):
    """/schema: the same on one page, with nothing loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return schema_page(amend(openapi_schema)).encode()


def _problem_when_missing(response: Response[Any]) -> Response[Any]:
    """The framework answers unknown addresses below /schema with a page of its own."""
    if response.status_code == 404:
        raise NotFoundException
    return response


def openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="ssd — Stata service daemon",
        version=__version__,
        description=(
            "From a research question and a dataset to reproducible Stata results. "
            "Redeem a task code, upload data, check the draft, freeze the plan, run it, download the artifacts."
        ),
        use_handler_docstrings=True,
        components=Components(
            security_schemes={
                "jobToken": SecurityScheme(
                    type="http", scheme="bearer", bearer_format="ssv1.<job_id>.<secret>", description="From redeem."
                ),
                "adminToken": SecurityScheme(
                    type="http", scheme="bearer", bearer_format="ssa1.<token_id>.<secret>", description="From login."
                ),
            }
        ),
        render_plugins=[_Page(), _Json()],
        openapi_router=Router(
            path="/schema", route_handlers=[], include_in_schema=False, after_request=_problem_when_missing
        ),
    )
