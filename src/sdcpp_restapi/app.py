"""The web applications of both ports: routes and middleware."""

from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import WebSocketRoute

from . import __version__
from .api import error_handlers, websocket
from .api.docs_policy import DocsPolicy
from .api.guard import Guard
from .api.methods import HeadRequests
from .api.origins import Cors, Origins
from .api.ranges import Ranges
from .api.request_body import JsonBodies
from .api.routes import (
    assistant,
    conversion,
    downloads,
    generation,
    health,
    log,
    models,
    ollama,
    options,
    outputs,
    plan,
    preview,
    queue,
    trash,
    upscaling,
    workers,
)
from .api.shutdown import AnswerWhenCancelled
from .config import Settings
from .ui.page import Page

DESCRIPTION = """
Image generation with stable-diffusion.cpp: load a model, submit jobs to a queue, follow them live, fetch
the results. Events come over a WebSocket at `/ws` (and on a port of its own, 8081 unless set otherwise).
"""


def create_app(settings: Settings) -> FastAPI:
    """The application on the main port; who serves it puts the parts behind it into `app.state.server`."""
    app = FastAPIOffline(title="SDCPP-RESTAPI", version=__version__, description=DESCRIPTION)
    for module in (
        health,
        log,
        downloads,
        models,
        upscaling,
        conversion,
        options,
        generation,
        trash,  # before the queue, which would take "jobs" for the id of one
        plan,
        queue,
        workers,
        preview,
        outputs,
        ollama,
        assistant,
    ):
        app.include_router(module.router)
    app.websocket("/ws")(websocket.serve_client)
    app.mount("/ui", Page())
    app.add_route("/", lambda _request: RedirectResponse("ui/"), include_in_schema=False)
    # Browsers ask for one on every page; an answer without content spares them an error in the console.
    app.add_route("/favicon.ico", lambda _request: Response(status_code=204), include_in_schema=False)
    error_handlers.install_error_handlers(app)
    error_handlers.describe_errors(app)
    if settings.server.api_keys:
        _describe_keys(app)
    _add_middleware(app, settings)
    return app


def _describe_keys(app: FastAPI) -> None:
    """Give /docs its Authorize button."""
    describe = app.openapi

    def with_keys() -> dict[str, Any]:
        description = describe()
        description["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        description["security"] = [{"key": []}]
        return description

    app.openapi = with_keys  # type: ignore[method-assign]


def create_socket_app(main: FastAPI, settings: Settings) -> Starlette:
    """The application on the WebSocket port: the same events, of the same parts."""
    app = Starlette(
        routes=[WebSocketRoute("/", websocket.serve_client), WebSocketRoute("/ws", websocket.serve_client)]
    )
    app.state = main.state
    error_handlers.install_error_handlers(app)
    app.add_middleware(Guard, server=settings.server, main_port=settings.server.port)
    return app


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    # The last one added is the first that a request meets.
    app.add_middleware(HeadRequests, routes=app.router.routes)
    app.add_middleware(Ranges)
    app.add_middleware(DocsPolicy)
    app.add_middleware(JsonBodies, max_bytes=settings.server.max_body_mb * 2**20)
    app.add_middleware(Guard, server=settings.server, main_port=settings.server.port)
    app.add_middleware(AnswerWhenCancelled)
    app.add_middleware(Cors, origins=Origins(settings.server))
