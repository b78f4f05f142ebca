"""One JSON POST to a provider: limited in time and size, its failures sorted."""

from __future__ import annotations

import asyncio
import email.utils
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import msgspec

from ssd.llm.providers.protocol import (
    BadAnswer,
    KeyRefused,
    ModelUnknown,
    ProviderFailure,
    RateLimited,
    RequestRefused,
    ServerError,
    TimedOut,
    Unreachable,
)

_LARGEST_ANSWER: Final = 8 * 1024 * 1024
_SHOWN: Final = 300
"""Characters of a provider's own error message that are kept."""


class Transport:
    """Connections to one provider, kept open between calls."""

    def __init__(self, base_url: str, headers: dict[str, str]) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/") + "/",
            headers=headers,
            # The whole exchange has one limit, set per request below; a limit per read would let a slow
            # answer drip for ever.
            timeout=None,  # noqa: S113
            follow_redirects=False,
            limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
        )

    async def post(self, path: str, body: dict[str, Any], *, timeout_seconds: float) -> Any:
        """The JSON of a 200. Raises a ProviderFailure; on time-out the request is cancelled, not left behind."""
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._exchange(path, msgspec.json.encode(body))
        except TimeoutError as error:
            raise TimedOut(f"No complete answer within {timeout_seconds:g} s.") from error
        except httpx.HTTPError as error:
            raise Unreachable(f"The connection failed: {type(error).__name__}.") from error

    async def close(self) -> None:
        await self._client.aclose()

    async def _exchange(self, path: str, content: bytes) -> Any:
        headers = {"content-type": "application/json"}
        async with self._client.stream("POST", path, content=content, headers=headers) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LARGEST_ANSWER:
                    raise BadAnswer("The answer is larger than any answer should be.")
        if response.status_code != httpx.codes.OK:
            raise failure_of(response.status_code, response.headers, bytes(body))
        try:
            return msgspec.json.decode(body)
        except msgspec.MsgspecError as error:
            raise BadAnswer("The answer is not JSON.") from error


def failure_of(status: int, headers: httpx.Headers, body: bytes) -> ProviderFailure:
    """The failure an HTTP status other than 200 stands for."""
    message = f"HTTP {status}: {_message(body)}"
    wait = retry_after(headers.get("retry-after"))
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(message, retry_after=wait)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerError(message, retry_after=wait)
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return KeyRefused(message)
    if status == httpx.codes.NOT_FOUND:
        return ModelUnknown(message)
    if status >= httpx.codes.BAD_REQUEST:
        return RequestRefused(message)
    return BadAnswer(message)


def retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header: a number, or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _message(body: bytes) -> str:
    """The provider's own words: both protocols put them in error.message."""
    try:
        decoded = msgspec.json.decode(body)
        told = decoded["error"]["message"]
    except (msgspec.MsgspecError, KeyError, TypeError):
        told = body.decode("utf-8", "replace")
    return " ".join(str(told).split())[:_SHOWN]
