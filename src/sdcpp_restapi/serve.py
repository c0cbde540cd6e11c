"""Running a server: the lock, both ports, signals, and an orderly end."""

import asyncio
import gc
import logging
import socket as sockets
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext

import uvicorn

from .api.app_state import AppState
from .api.http_protocol import BoundedHttp
from .app import create_app, create_socket_app
from .assembly.server import open_server
from .cluster.credentials import options_of
from .config import Settings
from .errors import SdcppError
from .lock import DataDirectoryLock
from .logs import configure
from .open_files import AcceptErrors, fit_connections, raise_limit
from .signals import list_ending_signals

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

    async def startup(self, sockets: list[sockets.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


async def run(settings: Settings, started: Started | None = None) -> None:
    """Serve until SIGINT, SIGTERM or SIGHUP.

    `started` is called once both ports answer, with the settings as they came out (port 0 becomes the port
    that was free) and a function that ends the server as a signal does. Raises CredentialsUnusable,
    DataDirectoryBusy and PortTaken before anything is changed.
    """
    options_of(settings.cluster)
    raise_limit()
    asyncio.get_running_loop().set_exception_handler(AcceptErrors())
    http = _bind(settings.server.host, settings.server.port)
    events = _bind(settings.server.host, settings.server.ws_port)
    ports = {"port": http.getsockname()[1], "ws_port": events.getsockname()[1]}
    settings = settings.model_copy(update={"server": settings.server.model_copy(update=ports)})
    lock = DataDirectoryLock.take(settings.paths.data_dir, settings.server.port)
    try:
        configure(settings.logging, settings.paths.data_dir)
        await _serve(settings, http, events, started)
    finally:
        lock.release()


async def _serve(
    settings: Settings,
    http: sockets.socket,
    events: sockets.socket,
    started: Started | None,
) -> None:
    app = create_app(settings)
    main = _Server(_config(app, settings))
    extra = _Server(_config(create_socket_app(app, settings), settings))
    stop = _stop_on_signals(main, extra)
    async with AsyncExitStack() as stack:
        app.state.server = await _open(settings, stack)
        serving = asyncio.create_task(main.serve([http]))
        listening = asyncio.create_task(main.listening.wait())
        await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if main.listening.is_set():
            # What is there now stays: it is never looked through again, which would hold up requests for
            # 50 ms.
            gc.freeze()
            gc.enable()
            both = asyncio.gather(serving, extra.serve([events]))
            # From now on connections wait for the server instead of being refused.
            events.listen()
            if started is not None:
                started(settings, stop)
            await both
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


def _config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="off",
        http=BoundedHttp,
        limit_concurrency=fit_connections(settings.server.max_connections, ports=2),
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        # Previews are JPEG already; compressing them again only costs time.
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=int(settings.server.shutdown_grace),
        server_header=False,
        forwarded_allow_ips=settings.server.trusted_proxies,
        backlog=2048,
    )


def _bind(host: str, port: int) -> sockets.socket:
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    # The protocol is named: only then does the event loop switch Nagle's algorithm off (40 ms an answer).
    listener = sockets.socket(family, sockets.SOCK_STREAM, sockets.IPPROTO_TCP)
    listener.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
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

    loop = asyncio.get_running_loop()
    for number in list_ending_signals():
        loop.add_signal_handler(number, signalled)
    return stop
