"""The application."""

from fastapi import FastAPI

from ...api.app_state import AppState
from ..sub_app import create_sub_app
from . import generate, models, refused


def create_app(state: AppState) -> FastAPI:
    """Its routes. Errors have Ollama's shape in any case: {"error": "..."}, here with a code beside it."""
    app = create_sub_app("Ollama-compatible API", "Ollama's interface for image models", state)
    for module in (models, generate, refused):
        app.include_router(module.router)
    return app
