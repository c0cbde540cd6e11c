"""What all users of language models have: a provider's status and models, and settings that choose it."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, Protocol

from fastapi import APIRouter, Body
from fastapi.openapi.models import Example
from pydantic import BaseModel

from ...schemas.llm_settings import LlmFailure, ProviderUpdate
from ...schemas.ollama import ChatModels
from ..app_state import AppState, State

FAILED: dict[int | str, dict[str, Any]] = {
    500: {"model": LlmFailure, "description": "The language model gave no answer; the text says why"}
}


class ModelUser[U: ProviderUpdate](Protocol):
    """Prompt enhancement, or the assistant."""

    async def check_status(self) -> BaseModel:
        """Whether the provider can be reached."""
        ...

    async def list_models(self) -> list[str]:
        """The models of the provider. Raises LlmFailed."""
        ...

    def show_settings(self) -> BaseModel:
        """The settings, with a mask for the key."""
        ...

    async def update_settings(self, update: U) -> BaseModel:
        """Change the settings that `update` carries."""
        ...


class Shapes[U: ProviderUpdate](NamedTuple):
    """The bodies of a user's routes."""

    status: type[BaseModel]
    settings: type[BaseModel]
    update: type[U]
    updated: type[BaseModel]


def add_provider_routes[U: ProviderUpdate](
    router: APIRouter,
    user_of: Callable[[AppState], ModelUser[U]],
    shapes: Shapes[U],
    *,
    about_settings: str,
    examples: dict[str, Example],
) -> None:
    """Add /status, /models and /settings of a user to its router."""

    @router.get("/status", response_model=shapes.status)
    async def status(state: State) -> BaseModel:
        """Whether the provider can be reached; takes 5 seconds at most."""
        return await user_of(state).check_status()

    @router.get("/models", responses=FAILED)
    async def models(state: State) -> ChatModels:
        """The models of the provider."""
        return ChatModels(models=await user_of(state).list_models())

    @router.get("/settings", response_model=shapes.settings, description=about_settings)
    async def settings(state: State) -> BaseModel:
        return user_of(state).show_settings()

    async def update_settings(body: U, state: State) -> BaseModel:
        """Change some settings: what is left out stays. A key does not survive a change of its server."""
        return await user_of(state).update_settings(body)

    # FastAPI reads the shape of a body from here; a variable is no type to a type checker.
    update_settings.__annotations__["body"] = Annotated[shapes.update, Body(openapi_examples=examples)]
    router.put("/settings", response_model=shapes.updated)(update_settings)
