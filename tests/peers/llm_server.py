"""A language-model provider for tests: speaks the Messages API and chat completions over real HTTP.

It checks requests as the real ones do (key, version header, roles, schema), answers in their words, counts
tokens, and misbehaves when a test scripts it to. What it answers is decided, in this order, by the next
scripted turn, by an answer set for the name of the asked schema, or by the schema itself (its least instance).

In a test: `async with LlmServer() as server: server.script(Status(429, retry_after="0")) …`.
As a process: `python -m tests.peers.llm_server` prints its address; `POST /_script`, `POST /_answers` and
`GET /_requests` (JSON) steer and watch it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Protocol = Literal["anthropic", "openai"]


@dataclass(frozen=True)
class Answer:
    """A complete answer; `value` is JSON, `text` is what the model writes instead."""

    value: Any = None
    text: str | None = None
    input_tokens: int | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int | None = None
    usage: bool = True
    truncated: bool = False
    refused: bool = False
    delay: float = 0.0


@dataclass(frozen=True)
class Status:
    """An error in the protocol's own shape."""

    status: int
    message: str = "scripted"
    retry_after: str | None = None


@dataclass(frozen=True)
class Disconnect:
    """The connection ends: before anything is sent, or in the middle of the answer."""

    midway: bool = False


@dataclass(frozen=True)
class Drip:
    """Headers at once, then a byte of the body every `seconds`, for ever."""

    seconds: float = 0.05


@dataclass(frozen=True)
class Garbage:
    """A 200 whose body is not what the protocol says."""

    body: str = "<html>gateway</html>"


Turn = Answer | Status | Disconnect | Drip | Garbage
_TURNS: dict[str, type[Any]] = {
    "answer": Answer,
    "status": Status,
    "disconnect": Disconnect,
    "drip": Drip,
    "garbage": Garbage,
}


@dataclass
class Seen:
    """A request as it arrived."""

    protocol: Protocol
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    hung_up: bool = False
    """The client closed the connection before the answer was complete."""

    @property
    def schema_name(self) -> str:
        if self.protocol == "anthropic":
            return str(self.body["tools"][0]["name"])
        form = self.body.get("response_format") or {}
        return str(form.get("json_schema", {}).get("name", ""))

    @property
    def prompt(self) -> str:
        """All text the model was given."""
        parts = [str(self.body.get("system", ""))]
        parts += [str(message["content"]) for message in self.body.get("messages", [])]
        return "\n".join(parts)


@dataclass
class LlmServer:
    """One provider on a free local port. With `offers_schema` off it refuses `response_format`."""

    key: str = "sk-test-0123456789abcdef"
    offers_schema: bool = True
    seen: list[Seen] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    respond: Callable[[Seen], Turn] | None = None
    most_at_once: int = 0
    _turns: deque[Turn] = field(default_factory=deque)
    _now: int = 0
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> LlmServer:
        await self.start(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port)

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def script(self, *turns: Turn) -> None:
        """What the next requests get, in order."""
        self._turns.extend(turns)

    # --- HTTP ---

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # The client, or the test, is gone.
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line = await reader.readline()
        if not line:
            return False
        method, path, _ = line.decode().split(" ", 2)
        headers: dict[str, str] = {}
        while (raw := await reader.readline()) not in (b"\r\n", b""):
            name, _, value = raw.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        body = json.loads(content) if content else None
        if path.startswith("/_"):
            await _send(writer, 200, self._steer(method, path, body))
            return True
        protocol: Protocol | None = _PROTOCOLS.get(path)
        if protocol is None or method != "POST":
            await _send(writer, 404, {"error": {"message": f"no {method} {path} here", "type": "not_found_error"}})
            return True
        seen = Seen(protocol, path, headers, body)
        self.seen.append(seen)
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await self._reply(seen, reader, writer)
        finally:
            self._now -= 1

    def _steer(self, method: str, path: str, body: Any) -> Any:
        if path == "/_script":
            self.script(*(_TURNS[item.pop("turn")](**item) for item in body))
        elif path == "/_answers":
            self.answers.update(body)
        elif path == "/_requests":
            return [{**asdict(seen), "schema_name": seen.schema_name} for seen in self.seen]
        return {"turns_left": len(self._turns), "requests": len(self.seen)}

    async def _reply(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        refusal = _refusal(seen, self.key, self.offers_schema)
        turn = refusal or self._next(seen)
        match turn:
            case Status():
                extra = {} if turn.retry_after is None else {"retry-after": turn.retry_after}
                await _send(writer, turn.status, _error(seen.protocol, turn), extra)
            case Disconnect(midway=midway):
                if midway:
                    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{")
                    await writer.drain()
                return False
            case Drip(seconds=seconds):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n")
                await self._until_hung_up(seen, reader, writer, seconds)
                return False
            case Garbage(body=text):
                await _send(writer, 200, text)
            case Answer():
                if turn.delay and await self._hangs_up_within(seen, reader, turn.delay):
                    return False
                await _send(writer, 200, _completion(seen, turn))
        return True

    def _next(self, seen: Seen) -> Turn:
        if self._turns:
            return self._turns.popleft()
        if self.respond is not None:
            return self.respond(seen)
        return Answer(self.answers.get(seen.schema_name, _least(_schema(seen))))

    async def _hangs_up_within(self, seen: Seen, reader: asyncio.StreamReader, seconds: float) -> bool:
        try:
            gone = await asyncio.wait_for(reader.read(1), seconds) == b""
        except TimeoutError:
            return False
        except ConnectionError:
            gone = True
        seen.hung_up = gone
        return gone

    async def _until_hung_up(
        self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float
    ) -> None:
        while not await self._hangs_up_within(seen, reader, seconds):
            writer.write(b" ")
            await writer.drain()


_PROTOCOLS: dict[str, Protocol] = {
    "/v1/messages": "anthropic",
    "/v1/chat/completions": "openai",
    "/chat/completions": "openai",
}
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
            422: "Unprocessable", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
            503: "Service Unavailable", 529: "Overloaded"}  # fmt: skip


async def _send(writer: asyncio.StreamWriter, status: int, body: Any, extra: dict[str, str] | None = None) -> None:
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}", "content-type: application/json"]
    head += [f"{name}: {value}" for name, value in (extra or {}).items()]
    head.append(f"content-length: {len(content)}")
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + content)
    await writer.drain()


# --- what the real ones check ---


def _refusal(seen: Seen, key: str, offers_schema: bool) -> Status | None:
    body, headers = seen.body, seen.headers
    given = headers.get("x-api-key") if seen.protocol == "anthropic" else headers.get("authorization")
    if given != (key if seen.protocol == "anthropic" else f"Bearer {key}"):
        return Status(401, "invalid x-api-key" if seen.protocol == "anthropic" else f"Incorrect API key: {given}")
    problem = _anthropic_problem(seen) if seen.protocol == "anthropic" else _openai_problem(body, offers_schema)
    return Status(400, problem) if problem else None


def _anthropic_problem(seen: Seen) -> str | None:
    body = seen.body
    if seen.headers.get("anthropic-version") != "2023-06-01":
        return "anthropic-version: header is required"
    if set(body) - {"model", "max_tokens", "system", "messages", "tools", "tool_choice", "temperature"}:
        return "Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        return "max_tokens: field required"
    roles = [message["role"] for message in body.get("messages", [])]
    if not roles or roles != ["user", "assistant"] * (len(roles) // 2) + ["user"] * (len(roles) % 2):
        return "messages: roles must alternate between user and assistant, beginning with user"
    if any(not message["content"] for message in body["messages"]):
        return "messages: text content blocks must be non-empty"
    tool = body["tools"][0]
    if tool["input_schema"].get("type") != "object":
        return "tools.0.input_schema.type: Input should be 'object'"
    if body["tool_choice"] != {"type": "tool", "name": tool["name"]}:
        return "tool_choice: Tool not found in provided tools"
    return None


def _openai_problem(body: dict[str, Any], offers_schema: bool) -> str | None:
    if "max_tokens" not in body and "max_completion_tokens" not in body:
        return None if body.get("messages") else "messages is required"
    roles = [message["role"] for message in body.get("messages", [])]
    if not roles or roles[-1] != "user":
        return "messages must end with the user's"
    form = body.get("response_format")
    if form is not None and not offers_schema:
        return "response_format of type json_schema is not supported by this model"
    if form is not None and form["json_schema"]["schema"].get("type") != "object":
        return "Invalid schema for response_format: schema must be of type object"
    return None


# --- what they answer ---


def _completion(seen: Seen, turn: Answer) -> dict[str, Any]:
    text = turn.text if turn.text is not None else json.dumps(turn.value, ensure_ascii=False)
    given = turn.input_tokens if turn.input_tokens is not None else max(1, len(seen.prompt) // 4)
    made = turn.output_tokens if turn.output_tokens is not None else max(1, len(text) // 4)
    number = f"{len(text):08x}"
    if seen.protocol == "anthropic":
        if turn.text is None and not turn.refused:
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": seen.schema_name, "input": turn.value}
            stop = "tool_use"
        else:
            block, stop = {"type": "text", "text": text}, "end_turn"
        usage = {
            "input_tokens": given,
            "cache_read_input_tokens": turn.cached_tokens,
            "cache_creation_input_tokens": turn.cache_write_tokens,
            "output_tokens": made,
        }
        answer: dict[str, Any] = {
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "model": seen.body["model"],
            "content": [block],
            "stop_reason": "max_tokens" if turn.truncated else "refusal" if turn.refused else stop,
            "stop_sequence": None,
        }
    else:
        message = {"role": "assistant", "content": None if turn.refused else text}
        message["refusal"] = "I cannot help with that." if turn.refused else None
        usage = {
            "prompt_tokens": given + turn.cached_tokens,
            "completion_tokens": made,
            "total_tokens": given + turn.cached_tokens + made,
            "prompt_tokens_details": {"cached_tokens": turn.cached_tokens},
        }
        answer = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": 1,
            "model": seen.body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "length" if turn.truncated else "stop"}],
        }
    return answer | ({"usage": usage} if turn.usage else {})


_KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
          413: "request_too_large", 429: "rate_limit_error", 500: "api_error", 529: "overloaded_error"}  # fmt: skip


def _error(protocol: Protocol, turn: Status) -> dict[str, Any]:
    kind = _KINDS.get(turn.status, "api_error")
    if protocol == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": turn.message}, "request_id": "req_test"}
    return {"error": {"message": turn.message, "type": kind, "param": None, "code": None}}


def _schema(seen: Seen) -> dict[str, Any]:
    if seen.protocol == "anthropic":
        return dict(seen.body["tools"][0]["input_schema"])
    form = seen.body.get("response_format")
    if form is not None:
        return dict(form["json_schema"]["schema"])
    system = str(seen.body["messages"][0]["content"])
    return dict(json.loads(system[system.rindex("\n{") :]))


def _least(schema: dict[str, Any], top: dict[str, Any] | None = None) -> Any:
    """The least value a JSON schema allows, as far as msgspec's schemas go."""
    top = schema if top is None else top
    if "$ref" in schema:
        return _least(top["$defs"][schema["$ref"].rsplit("/", 1)[-1]], top)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    if "default" in schema:
        return schema["default"]
    if "anyOf" in schema:
        return _least(schema["anyOf"][0], top)
    match schema.get("type"):
        case "object":
            members = schema.get("properties", {})
            return {name: _least(members[name], top) for name in schema.get("required", [])}
        case "array":
            item = schema.get("items")
            return [_least(item, top) for _ in range(schema.get("minItems", 0))] if item else []
        case "string":
            return "x" * max(schema.get("minLength", 0), 1)
        case "integer" | "number":
            return max(schema.get("minimum", 0), 0)
        case "boolean":
            return False
    return None


async def _main(port: int, key: str) -> None:
    server = LlmServer(key=key)
    await server.start(port)
    print(server.url, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default=LlmServer.key)
    arguments = parser.parse_args()
    try:
        asyncio.run(_main(arguments.port, arguments.key))
    except KeyboardInterrupt:
        sys.exit(0)
