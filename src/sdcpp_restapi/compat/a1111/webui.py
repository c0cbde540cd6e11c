"""What the routes of this interface share."""

import asyncio
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ...api.app_state import AppState
from .drawings import Drawings
from .options import WebuiOptions


@dataclass
class Webui:
    """The server, and what there is of the web UI beside it."""

    server: AppState
    drawings: Drawings
    options: WebuiOptions = field(default_factory=WebuiOptions)
    upscaling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held from the choice of an upscaler until a job is stamped with it."""


async def _webui(connection: HTTPConnection) -> Webui:
    webui: Webui = connection.app.state.webui
    return webui


WebuiState = Annotated[Webui, Depends(_webui)]
