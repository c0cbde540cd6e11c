"""Running a server: the lock, both ports, signals, and an orderly end."""

import asyncio
import gc
import logging
import socket as sockets
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from typing import NamedTuple

import uvicorn

from .access.access import Access
from .api.app_state import AppState
from .api.http_protocol import BoundedHttp
from .app import create_app, create_redirect_app, create_socket_app
from .assembly.server import open_server
from .cluster.credentials import options_of
from .config import Server, Settings
from .errors import SdcppError
from .lock import DataDirectoryLock
from .logs import configure
from .open_files import AcceptErrors, fit_connections, raise_limit
from .os_support import call_on_ending_signals, fit_listener
from .tls import Certificate

log = logging.getLogger(__name__)

Started = Callable[[Settings, Callable[[], None]], None]


class PortTaken(SdcppError):
    """The port cannot be used"""


class StartFailed(SdcppError):
    """The server could not start; the lines above say why"""


class _Server(uvicorn.Server):
    """Tells when it listens, and leaves signals to `run`, which handles them once for both ports."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.ending: Callable[[], None] | None = None

    async def startup(self, sockets: list[sockets.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[sockets.socket] | None = None) -> None:
        if self.ending is not None:
            self.ending()
        await super().shutdown(sockets)

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


class _Sockets(NamedTuple):
    http: sockets.socket
    events: sockets.socket
    redirect: sockets.socket | None


async def run(settings: Settings, started: Started | None = None) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP.

    `started` is called once both ports answer, with the settings as they came out (port 0 becomes the port
    that was free) and a function that ends the server as a signal does. Raises CertificateUnusable,
    CredentialsUnusable, DataDirectoryBusy and PortTaken before anything is changed.
    """
    options_of(settings.cluster)
    tls = Certificate.read(settings.server)
    raise_limit()
    asyncio.get_running_loop().set_exception_handler(AcceptErrors())
    http = _bind(settings.server.host, settings.server.port)
    events = _bind(settings.server.host, settings.server.ws_port)
    redirect = _bind_redirect(settings.server)
    ports = {"port": http.getsockname()[1], "ws_port": events.getsockname()[1]}
    if redirect is not None:
        ports["redirect_port"] = redirect.getsockname()[1]
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=ports)})
    lock = DataDirectoryLock.take(settings.paths.data_dir, settings.server.port)
    try:
        configure(settings.logging, settings.paths.data_dir)
        await _serve(settings, tls, _Sockets(http, events, redirect), started)
    finally:
        lock.release()


async def _serve(
    settings: Settings, tls: Certificate | None, bound: _Sockets, started: Started | None
) -> None:
    app = create_app(settings)
    main = _Server(_config(app, settings, tls))
    others = {_Server(_config(create_socket_app(app, settings), settings, tls)): bound.events}
    if bound.redirect is not None:
        others[_Server(_config(create_redirect_app(settings), settings))] = bound.redirect
    stop = _stop_on_signals(main, *others)
    async with AsyncExitStack() as stack:
        app.state.server = await _open(settings, stack)
        main.ending = app.state.server.open_answers.end
        serving = asyncio.create_task(main.serve([bound.http]))
        listening = asyncio.create_task(main.listening.wait())
        await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if main.listening.is_set():
            # What is there now stays: it is never looked through again, which would hold up requests for
            # 50 ms.
            gc.freeze()
            gc.enable()
            everything = asyncio.gather(serving, *(one.serve([socket]) for one, socket in others.items()))
            # From now on connections wait for the server instead of being refused.
            for socket in others.values():
                socket.listen()
            if started is not None:
                started(settings, stop)
            _warn_where_open(settings.server, app.state.server.access)
            await everything
        await serving


async def _open(settings: Settings, stack: AsyncExitStack) -> AppState:
    """The parts behind the routes. What is no fault of ours is a sentence; the log tells of others."""
    try:
        return await stack.enter_async_context(open_server(settings))
    except (SdcppError, OSError):
        raise
    except Exception:
        log.exception("the server could not start")
        raise StartFailed from None


def _warn_where_open(server: Server, access: Access) -> None:
    if not access.required and not server.on_loopback:
        log.warning(
            "everyone who reaches %s may use this server: set server.api_keys (SDCPP_SERVER_API_KEYS), make a"
            " key (sdcpp keys add) or bind to 127.0.0.1",
            server.host,
        )


def _config(app: object, settings: Settings, tls: Certificate | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="off",
        http=BoundedHttp,
        limit_concurrency=fit_connections(settings.server.max_connections, _count_ports(settings.server)),
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        # Previews are JPEG already; compressing them again only costs time.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=int(settings.server.shutdown_grace),
        server_header=False,
        proxy_headers=False,  # api/proxy.py reads them
        ssl_context_factory=tls.make_context if tls is not None else None,
        backlog=2048,
    )


def _count_ports(server: Server) -> int:
    return 2 if server.redirect_port is None else 3


def _bind_redirect(server: Server) -> sockets.socket | None:
    return None if server.redirect_port is None else _bind(server.host, server.redirect_port)


def _bind(host: str, port: int) -> sockets.socket:
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    # The protocol is named: only then does the event loop switch Nagle's algorithm off (40 ms an answer).
    listener = sockets.socket(family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    fit_listener(listener)
    try:
        listener.bind((host, port))
        return listener
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"Cannot listen on {host}:{port}: {error.strerror or error};"
            " choose another port (--port, --ws-port)"
        ) from error


def _stop_on_signals(*servers: uvicorn.Server) -> Callable[[], None]:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    def signalled() -> None:
        for server in servers:
            # A second Ctrl-C does not wait for open requests.
            server.force_exit = server.should_exit
        stop()

    call_on_ending_signals(asyncio.get_running_loop(), signalled)
    return stop
