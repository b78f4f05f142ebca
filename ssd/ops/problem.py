"""Errors on the wire: RFC 9457 problem details with this project's stable codes."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap, Scope

from ssd.errors import CATALOGUE, FieldError, SsdError
from ssd.jobs.guard import Caller
from ssd.ops.bad_fields import bad_fields_of

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
_CODE_OF_STATUS: Final = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "REQUEST_TOO_LARGE"}
_LEADING_PATH: Final = re.compile(r"^(?P<message>.*?)(?: - at `\$\.?(?P<path>[^`]*)`)?$", re.DOTALL)


def documentation_path(code: str) -> str:
    """Where the code is explained; the `type` member of a problem."""
    return f"/docs/errors/{code}"


def problem(
    code: str,
    *,
    instance: str,
    request_id: str,
    message: str | None = None,
    errors: tuple[FieldError, ...] = (),
    members: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of an error answer. Members of the envelope win over code-specific ones of the same name."""
    kind = CATALOGUE[code]
    detail = message or kind.title
    body: dict[str, Any] = {
        **(members or {}),
        "type": documentation_path(code),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "error_code": code,
        "message": detail,
        "hint": kind.hint,
        "request_id": request_id,
        "retryable": kind.retryable,
    }
    if errors:
        body["errors"] = errors
    return body


def request_id_of(scope: Scope) -> str:
    return str(scope["state"]["request_id"])


def _answer(request: Request[Any, Any, Any], body: dict[str, Any], headers: dict[str, str]) -> Response[bytes]:
    return Response(
        content=msgspec.json.encode(body), media_type=PROBLEM_MEDIA_TYPE, status_code=body["status"], headers=headers
    )


def on_ssd_error(request: Request[Any, Any, Any], error: SsdError) -> Response[bytes]:
    request.scope["state"]["error_code"] = error.code
    body = problem(
        error.code,
        instance=request.scope["path"],
        request_id=request_id_of(request.scope),
        message=error.message,
        errors=error.errors,
        members=error.members,
    )
    if error.kind.status >= 500:
        structlog.get_logger().error("SS_REQUEST_FAILED", request_id=body["request_id"], exc_info=error)
    return _answer(request, body, error.headers)


def on_validation_error(request: Request[Any, Any, Any], error: ValidationException) -> Response[bytes]:
    """A body or parameter of the wrong shape; every bad field is named, not just the first.

    The framework checks shapes before it asks who is calling. A caller without a job token is told that first;
    below /api/admin a guard has asked already.
    """
    if request.scope["path"].startswith("/v1/jobs/"):
        try:
            Caller.of(request.scope)
        except SsdError as refusal:
            return on_ssd_error(request, refusal)
    errors = bad_fields_of(request) or _reported_fields(error)
    message = "; ".join(f"{bad.field}: {bad.message}" for bad in errors[:5]) or "The request is not valid."
    return on_ssd_error(request, SsdError("INPUT_VALIDATION_FAILED", message, errors=errors))


def _reported_fields(error: ValidationException) -> tuple[FieldError, ...]:
    reported = error.extra if isinstance(error.extra, list) else []
    fields = []
    for item in reported:
        match = _LEADING_PATH.match(str(item.get("message", "")))
        message = match["message"] if match else "is not valid"
        path = (match["path"] if match else None) or ""
        name = ".".join(part for part in (str(item.get("key") or ""), path) if part)
        fields.append(FieldError(name or "body", message))
    return tuple(fields)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """What the framework itself refuses: unknown addresses and methods, bodies too large, malformed requests."""
    if error.status_code >= 500:
        return on_unexpected(request, error)
    code = _CODE_OF_STATUS.get(error.status_code, "INPUT_VALIDATION_FAILED")
    message = _malformed_message(error) if code == "INPUT_VALIDATION_FAILED" else None
    ours = SsdError(code, message, headers=dict(error.headers or {}))
    return on_ssd_error(request, ours)


def _malformed_message(error: HTTPException) -> str:
    cause = error.__cause__
    if isinstance(cause, msgspec.DecodeError) or "JSON" in str(error.detail):
        return "The request body is not valid JSON."
    return "The request is malformed."


def on_unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Anything nobody foresaw: told to the log in full, to the client not at all."""
    structlog.get_logger().error(
        "SS_REQUEST_CRASHED", request_id=request_id_of(request.scope), path=request.scope["path"], exc_info=error
    )
    request.scope["state"]["error_code"] = "SERVICE_INTERNAL_ERROR"
    body = problem(
        "SERVICE_INTERNAL_ERROR",
        instance=request.scope["path"],
        request_id=request_id_of(request.scope),
    )
    return _answer(request, body, {})


EXCEPTION_HANDLERS: Final[ExceptionHandlersMap] = {
    SsdError: on_ssd_error,
    ValidationException: on_validation_error,
    HTTPException: on_http_exception,
    Exception: on_unexpected,
}
