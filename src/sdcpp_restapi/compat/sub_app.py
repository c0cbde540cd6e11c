"""What the applications of all interfaces have in common."""

from fastapi import FastAPI

from .. import __version__
from ..api.app_state import AppState
from ..api.error_handlers import ErrorShape, install_error_handlers, our_shape
from ..api.methods import HeadRequests


def create_sub_app(
    title: str, description: str, state: AppState, error_shape: ErrorShape = our_shape
) -> FastAPI:
    """An application without routes, with the parts of the server; its openapi.json describes it."""
    app = FastAPI(title=title, version=__version__, description=description, docs_url=None, redoc_url=None)
    app.state.server = state
    install_error_handlers(app, {"": error_shape})
    app.add_middleware(HeadRequests, routes=app.router.routes)
    return app
