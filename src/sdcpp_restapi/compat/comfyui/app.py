"""The application."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ...api.app_state import AppState
from ..error_shapes import comfyui_shape
from ..sub_app import create_sub_app
from . import info_routes, picture_routes, prompt_routes, stream
from .prompts import Prompts
from .refusals import GraphRefused
from .submit import GraphSubmission
from .uploads import Uploads


def create_app(state: AppState) -> FastAPI:
    """Its routes, each with and without /api before it, as there."""
    app = create_sub_app(
        "ComfyUI-compatible API", "The part of ComfyUI's interface that plugins use", state, comfyui_shape
    )
    app.state.prompts = Prompts()
    app.state.uploads = Uploads(state.settings.paths.data_dir / "uploads", state.outputs)
    app.state.graphs = GraphSubmission(state, app.state.prompts, app.state.uploads)
    for module in (prompt_routes, info_routes, picture_routes, stream):
        app.include_router(module.router)
        app.include_router(module.router, prefix="/api", include_in_schema=False)
    app.add_exception_handler(GraphRefused, _refuse_graph)
    return app


def _refuse_graph(_request: Request, error: Exception) -> Response:
    assert isinstance(error, GraphRefused)
    return JSONResponse(error.show(), 400)
