"""The web applications of both ports: routes and middleware."""

import warnings
from collections.abc import Collection
from typing import Any

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.applications import Starlette
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from . import __version__
from .access.token_buckets import TokenBuckets
from .api import error_handlers, websocket
from .api.docs_policy import DocsPolicy
from .api.guard import STREAMS, Guard
from .api.methods import HeadRequests
from .api.origins import Cors, Origins
from .api.proxy import BehindProxy, RelativeRedirects
from .api.ranges import Ranges
from .api.rate_limit import RateLimit
from .api.redirect import RedirectToHttps, StrictTransport
from .api.request_body import JsonBodies
from .api.request_log import RequestLog
from .api.response_cache import ReadyAnswers
from .api.routes import (
    assistant,
    conversion,
    downloads,
    events,
    generation,
    health,
    keys,
    log,
    login,
    metrics,
    model_files,
    model_search,
    model_sets,
    models,
    ollama,
    options,
    output_links,
    outputs,
    plan,
    preview,
    queue,
    trash,
    upscaling,
    users,
    workers,
)
from .api.shutdown import AnswerWhenCancelled
from .api.traffic import Traffic
from .compat.base_urls import BaseUrlSlashes
from .compat.on_demand import OnDemand
from .compat.registry import APIS, CompatApi
from .config import Settings
from .ui.page import Page

DESCRIPTION = """
Image generation with stable-diffusion.cpp: load a model, submit jobs to a queue, follow them live, fetch
the results. Events come as server-sent events at `/events`, and over a WebSocket at `/ws` (and on a port
of its own, 8081 unless set otherwise).
"""


def create_app(settings: Settings) -> FastAPI:
    """The application on the main port; who serves it puts the parts behind it into `app.state.server`."""
    # FastAPI gives bodies an alias, of which Pydantic warns. It hides that while it adds a route, and then
    # nothing is built yet: validators are built when they are needed.
    warnings.filterwarnings("ignore", "The 'alias' attribute with value", UserWarning)
    app = FastAPIOffline(
        title="SDCPP-RESTAPI",
        version=__version__,
        description=DESCRIPTION,
        # FastAPI would look through the environment at every request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.traffic = Traffic()
    per_minute = settings.limits.requests_per_minute
    app.state.buckets = TokenBuckets(per_minute) if per_minute else None  # of both ports together
    _mount_other_interfaces(app, settings)
    for module in (
        health,
        login,
        keys,
        users,
        log,
        downloads,
        model_search,
        model_sets,
        model_files,
        models,
        upscaling,
        conversion,
        options,
        generation,
        trash,  # before the queue, which would take "jobs" for the id of one
        plan,
        queue,
        workers,
        events,
        preview,
        output_links,
        outputs,
        ollama,
        assistant,
    ):
        app.include_router(module.router)
    if settings.server.metrics:
        app.include_router(metrics.router)
    app.websocket("/ws")(websocket.serve_client)
    app.mount("/ui", Page())
    app.add_route("/", lambda _request: RedirectResponse("ui/"), include_in_schema=False)
    # Browsers ask for one on every page; an answer without content spares them an error in the console.
    app.add_route("/favicon.ico", lambda _request: Response(status_code=204), include_in_schema=False)
    error_handlers.install_error_handlers(app, _list_error_shapes(settings))
    error_handlers.describe_errors(app)
    _describe_keys(app)
    _add_middleware(app, settings)
    return app


def _list_interfaces(settings: Settings) -> list[CompatApi]:
    return [interface for interface in APIS if getattr(settings.compat, interface.name)]


def _list_prefixes(settings: Settings) -> list[str]:
    return [
        address
        for interface in _list_interfaces(settings)
        for address in (*interface.prefixes, *interface.addresses)
    ]


def _mount_other_interfaces(app: FastAPI, settings: Settings) -> None:
    for interface in _list_interfaces(settings):
        made_once = OnDemand(interface, app.state)
        for prefix in interface.prefixes:
            app.mount(prefix, made_once)
        for address in interface.addresses:
            app.router.routes.append(Route(address, made_once, include_in_schema=False))


def _list_error_shapes(settings: Settings) -> dict[str, error_handlers.ErrorShape]:
    return {
        prefix: interface.error_shape
        for interface in _list_interfaces(settings)
        for prefix in interface.prefixes
    }


def _describe_keys(app: FastAPI) -> None:
    """Give /docs its Authorize button, once there are keys."""
    describe = app.openapi

    def with_keys() -> dict[str, Any]:
        description = describe()
        server = getattr(app.state, "server", None)
        if server is None or not server.access.required:
            return description
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
    _add_guard(app, settings)
    _add_outermost(app, settings)
    return app


def create_redirect_app(settings: Settings) -> ASGIApp:
    """The application on the port for plain HTTP."""
    return RedirectToHttps(settings.server)


def _add_guard(app: Starlette, settings: Settings, streams: Collection[str] = STREAMS) -> None:
    server = settings.server
    if app.state.buckets is not None:
        app.add_middleware(RateLimit, buckets=app.state.buckets)
    app.add_middleware(
        Guard,
        server=server,
        find_access=lambda: app.state.server.access,
        main_port=server.port,
        streams=streams,
    )


def _add_middleware(app: FastAPI, settings: Settings) -> None:
    # The last one added is the first that a request meets.
    app.add_middleware(HeadRequests, routes=app.router.routes)
    app.add_middleware(RelativeRedirects)
    app.add_middleware(Ranges)
    app.add_middleware(DocsPolicy)
    app.add_middleware(JsonBodies, max_bytes=settings.server.max_body_mb * 2**20)
    streams = [*STREAMS, *(path for interface in _list_interfaces(settings) for path in interface.streams)]
    app.add_middleware(ReadyAnswers)
    _add_guard(app, settings, streams)
    app.add_middleware(BaseUrlSlashes, prefixes=_list_prefixes(settings))
    app.add_middleware(AnswerWhenCancelled)
    app.add_middleware(Cors, origins=Origins(settings.server))
    _add_outermost(app, settings)


def _add_outermost(app: Starlette, settings: Settings) -> None:
    """What both ports have before everything else."""
    if seconds := settings.server.hsts_seconds:
        app.add_middleware(StrictTransport, seconds=seconds)
    app.add_middleware(RequestLog, traffic=app.state.traffic, access=settings.logging.access)
    app.add_middleware(BehindProxy, server=settings.server)
