"""`sdcpp serve`."""

import logging
from collections.abc import Callable
from pathlib import Path

import typer

from .. import event_loop
from ..config import Server, Settings
from ..errors import SdcppError
from ..serve import run
from .exit_codes import exit_failed, exit_refused
from .flags import Flags, read_settings_of

log = logging.getLogger(__name__)


def serve_until_stopped(config: Path | None, flags: Flags, demo: bool) -> None:
    """Serve with these settings; a problem is one sentence and exit code 2."""
    if demo:
        from .demo_model import print_demo, with_demo_model

        settings = with_demo_model(config, flags)
        print_demo(settings)
    else:
        settings = read_settings_of(config, flags)
    run_to_the_end(settings, lambda settings, _stop: announce(settings))


def run_to_the_end(settings: Settings, started: Callable[[Settings, Callable[[], None]], None]) -> None:
    """Serve until a signal; what prevents it becomes a sentence."""
    try:
        event_loop.run(run(settings, started))
    except SdcppError as error:
        raise exit_refused(str(error)) from None
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        raise exit_failed(f"The server cannot run: {what}{error.strerror or error}") from None


def announce(settings: Settings) -> None:
    """Say where the server is."""
    server = settings.server
    shown = "localhost" if server.host in ("127.0.0.1", "0.0.0.0", "::1", "::") else bracketed(server.host)
    typer.echo(
        f"Serving on {server.scheme}://{shown}:{server.port}"
        f" (events on {server.scheme.replace('http', 'ws')}://{shown}:{server.ws_port}, docs at /docs)"
    )
    if server.redirect_port is not None:
        log.info("plain HTTP on port %d is led to HTTPS", server.redirect_port)


def local_url(server: Server) -> str:
    """Where a client on this machine finds the server."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    return f"{server.scheme}://{bracketed(host)}:{server.port}"


def bracketed(host: str) -> str:
    """An IPv6 address as URLs want it."""
    return f"[{host}]" if ":" in host else host
