"""The applications: the web UI's own API, its ControlNet extension's, and what tells that it is there."""

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from ...api.app_state import AppState
from ..sub_app import create_sub_app
from . import (
    controlnet,
    extras,
    fixed_routes,
    generation,
    model_routes,
    option_routes,
    png_info,
    progress,
    status,
)
from .drawings import Drawings
from .errors import install_error_handlers
from .webui import Webui


class ByPlace:
    """ASGI application: each of the places where it is mounted has an application of its own."""

    def __init__(self, mounted: dict[str, FastAPI], otherwise: FastAPI) -> None:
        """`otherwise` answers at addresses that are not below a prefix."""
        self._mounted = mounted
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        app = self._mounted.get(scope.get("root_path", ""), self._otherwise)
        await app(scope, receive, send)


def create_app(state: AppState) -> ASGIApp:
    """All of them."""
    webui = Webui(state, Drawings(state))
    # What is not offered comes last: it takes every address.
    own = (generation, progress, extras, png_info, option_routes, model_routes, fixed_routes)
    return ByPlace(
        {
            "/sdapi/v1": _create("AUTOMATIC1111-compatible API", webui, *(module.router for module in own)),
            "/controlnet": _create("ControlNet extension", webui, controlnet.router),
        },
        _create("Gradio's queue", webui, status.router),
    )


def _create(title: str, webui: Webui, *routers: APIRouter) -> FastAPI:
    app = create_sub_app(title, "", webui.server)
    app.state.webui = webui
    for router in routers:
        app.include_router(router)
    install_error_handlers(app)
    return app
