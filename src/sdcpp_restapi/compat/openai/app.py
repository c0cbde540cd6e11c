"""The application."""

from fastapi import APIRouter, FastAPI, Request

from ...api.app_state import AppState
from ...errors import NotFound
from ..error_shapes import openai_shape
from ..sub_app import create_sub_app
from . import chat, images, model_routes, videos

DESCRIPTION = """
Images and videos, and the configured language model, for clients of OpenAI's API. What is drawn is a job like
any other; requests may carry all fields of POST /txt2img, /img2img and /txt2vid beside those described here.
"""

_rest = APIRouter()


def create_app(state: AppState) -> FastAPI:
    """Its routes."""
    app = create_sub_app("OpenAI-compatible API", DESCRIPTION, state, openai_shape)
    for module in (model_routes, images, videos, chat):
        app.include_router(module.router)
    app.include_router(_rest)  # behind all others
    return app


@_rest.post("/responses", include_in_schema=False)
async def responses() -> None:
    """Conversations that the server keeps are not offered."""
    raise NotFound("POST /v1/responses is not offered; POST /v1/chat/completions is, and /v1/images/...")


@_rest.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def refuse(request: Request, path: str) -> None:
    """What else OpenAI's API has."""
    raise NotFound(
        f"{request.method} /v1/{path[:100]} is not offered; offered are models, images/generations,"
        " images/edits, images/variations, videos, chat/completions and completions"
    )
