"""Naming every bad field of a JSON body; the framework stops at the first."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.handlers import HTTPRouteHandler
from litestar.types import Empty
from litestar.utils.scope.state import ScopeState

from ssd.errors import FieldError

_AT: Final = re.compile(r"^(?P<message>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def bad_fields_of(request: Request[Any, Any, Any]) -> tuple[FieldError, ...]:
    """Every field of the request's JSON body that its Struct refuses; empty when the body is not to blame."""
    handler = request.scope.get("route_handler")
    body = ScopeState.from_scope(request.scope).body
    if not isinstance(handler, HTTPRouteHandler) or body is Empty or not body:
        return ()
    declared = handler.parsed_data_field
    kind = None if declared is None else declared.annotation
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return ()
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return (FieldError("body", "The body is not valid JSON."),)
    if not isinstance(value, dict):
        return (FieldError("body", "The body must be a JSON object."),)
    return check_fields(kind, value)


def check_fields(kind: type[msgspec.Struct], value: dict[str, Any]) -> tuple[FieldError, ...]:
    """What is wrong with each member of `value` as a `kind`: unknown, missing or of the wrong type or range."""
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    bad: list[FieldError] = []
    for name, field in known.items():
        if name in value:
            problem = _convert(name, value[name], field.type)
            if problem is not None:
                bad.append(problem)
        elif field.required:
            bad.append(FieldError(name, "The field is required."))
    if kind.__struct_config__.forbid_unknown_fields:
        bad += [FieldError(name, "The field is not known.", ", ".join(known)) for name in value if name not in known]
    return tuple(bad)


def _convert(name: str, value: Any, kind: Any) -> FieldError | None:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        message = str(error) if match is None else match["message"]
        path = "" if match is None else match["path"] or ""
        return FieldError(name + path, message)
    return None
