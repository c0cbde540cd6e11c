"""`sdcpp serve`."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import typer
from pydantic import ValidationError

from ..config import Settings, read_settings
from ..errors import SdcppError
from ..serve import run


def serve_until_stopped(config: Path | None, flags: Mapping[str, Mapping[str, object]]) -> None:
    """Serve with these settings; a problem is one sentence and exit code 2."""
    given = {section: {k: v for k, v in values.items() if v is not None} for section, values in flags.items()}
    try:
        settings = read_settings(config, {section: values for section, values in given.items() if values})
        asyncio.run(run(settings, _announce))
    except FileNotFoundError as error:
        raise _refusal(f"There is no configuration file {error}") from None
    except (ValidationError, SdcppError) as error:
        raise _refusal(str(error)) from None


def _announce(settings: Settings) -> None:
    server = settings.server
    shown = "localhost" if server.host in ("127.0.0.1", "0.0.0.0", "::1", "::") else server.host
    typer.echo(
        f"Serving on http://{shown}:{server.port} (events on ws://{shown}:{server.ws_port}, docs at /docs)"
    )


def _refusal(sentence: str) -> typer.Exit:
    typer.echo(f"sdcpp: {sentence}", err=True)
    return typer.Exit(2)
