"""All addresses that the server answers, of its own interface and of those of other programs."""

import importlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from unittest.mock import MagicMock

from fastapi import FastAPI
from starlette.routing import Mount, WebSocketRoute

from sdcpp_restapi.app import create_app
from sdcpp_restapi.compat.registry import APIS
from sdcpp_restapi.config import Settings

# Answer for addresses that do not exist.
CATCH_ALL = ("{path:path}", "{what:path}")


class Address(NamedTuple):
    """What a client can ask for."""

    method: str
    path: str


def _walk(routes: Iterable[Any], prefix: str = "") -> Iterator[Address]:
    """The addresses of routes; FastAPI keeps those of a router that was included apart."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from _walk(route.effective_candidates(), prefix)
            yield from _walk(route.effective_low_priority_routes(), prefix)
        elif getattr(route, "starlette_route", None) is not None:  # a WebSocket
            yield from _walk([route.starlette_route], prefix)
        elif isinstance(route, Mount):
            if isinstance(route.app, FastAPI):
                yield from _walk(route.app.routes, prefix + route.path)
        elif isinstance(route, WebSocketRoute) or getattr(route, "methods", None) is None:
            yield Address("GET", prefix + route.path)  # a WebSocket, or an application at one address
        elif not route.path.endswith(CATCH_ALL) or route.path in (
            "/output/{path:path}",
            "/thumb/{path:path}",
        ):
            yield from (Address(method, prefix + route.path) for method in route.methods)


def list_addresses() -> list[Address]:
    """Those of the main application and of all that are mounted in it."""
    found = list(_walk(create_app(Settings()).router.routes))
    for interface in APIS:
        if interface.name == "mcp":
            continue  # one address, which is a route of the main application too
        app: Any = _make_app(interface.module)
        own = app._mounted if hasattr(app, "_mounted") else dict.fromkeys(interface.prefixes, app)
        for prefix, one in own.items():
            found += _walk(one.routes, prefix)
    return sorted(found)  # methods come as a set


def _make_app(module: str) -> Any:
    return importlib.import_module(module).create_app(MagicMock())
