"""`ssd serve`."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Final

import msgspec
import uvicorn
from litestar import Litestar

from ssd.access.admin_accounts import check_username
from ssd.app import begin_shutdown, build_app
from ssd.errors import SsdError
from ssd.ops.checks import require_production_rules
from ssd.ops.logs import capture_standard_logging
from ssd.settings import Settings, load_settings

_BACKLOG: Final = 2048


class Server(uvicorn.Server):
    """Prints its address when it is ready, and tells the application before it waits for connections to end."""

    def __init__(self, config: uvicorn.Config, app: Litestar, address: str) -> None:
        super().__init__(config)
        self._application = app
        self._address = address
        self.answering = asyncio.Event()
        """Set when the address was printed, and when it never will be."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._address, flush=True)
            self.answering.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        begin_shutdown(self._application)
        await super().shutdown(sockets)


def serve(*, host: str | None = None, port: int | None = None) -> int:
    """Run the service until SIGTERM or SIGINT. Raises SsdError when it cannot start."""
    settings = load_settings()
    if host is not None:
        settings = msgspec.structs.replace(settings, host=host)
    if port is not None:
        settings = msgspec.structs.replace(settings, port=port)
    require_production_rules(settings)
    check_username(settings.admin_username)
    capture_standard_logging(settings.log_level)
    listener = listen(settings)
    try:
        with listener:
            asyncio.run(_serve(settings, listener))
    except BaseExceptionGroup as group:
        raise _reason(group) from group
    return 0


def _reason(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of ours a failed start ended with; the framework wraps it in groups. Else the group itself."""
    for error in group.exceptions:
        inner = _reason(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(inner, SsdError):
            return inner
    return group


def listen(settings: Settings) -> socket.socket:
    """The listening socket. Raises ADDRESS_UNAVAILABLE."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only where it says TCP; with
    # socket.create_server, which leaves it open, every answer waited 40 ms for the client's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SsdError("ADDRESS_UNAVAILABLE", f"Cannot listen on {settings.host}:{settings.port}: {error}.") from error
    return listener


def _address_of(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _serve(settings: Settings, listener: socket.socket) -> None:
    app = build_app(settings)
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="httptools",
        ws="none",
        # The lifespan is entered here, not by uvicorn, which would hide why it failed.
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_grace_seconds)),
    )
    server = Server(config, app, _address_of(listener))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    # uvicorn raises the signal again when it is done; without handlers of ours that would end the process
    # before the parts of the application are stopped.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    async with app.lifespan():
        administration = asyncio.create_task(_begin_administration(app, settings, server))
        try:
            await server.serve([listener])
        finally:
            server.answering.set()
            await administration


async def _begin_administration(app: Litestar, settings: Settings, server: Server) -> None:
    """Bring the administrator's account in line; at its first start, a local server tells the password, this once."""
    try:
        generated = await app.state.services.administrators.begin(
            username=settings.admin_username,
            password=None if settings.admin_password is None else settings.admin_password.reveal(),
            may_generate=settings.env == "local",
        )
    except BaseException:
        # Nobody could log in, or a former password could: such a service must not go on.
        server.should_exit = True
        raise
    if generated is not None:
        await server.answering.wait()
        told = f"administrator: {settings.admin_username}  password: {generated}"
        print(f"{told}  (shown this once; log in at /api/admin)", flush=True)
