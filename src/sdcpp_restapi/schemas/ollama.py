"""Prompt enhancement: requests, answers, history and settings of /ollama."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Frozen, Integer, LeftOut, Number, Request
from .chat import ProviderName, ProviderSettings
from .llm_settings import ProviderUpdate, ShownProviderSettings


class EnhanceRequest(Request):
    """POST /ollama/enhance."""

    prompt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    system_prompt: str = Field(
        "", description="In place of the one in the settings, and of the one that suits the loaded model"
    )


class Enhanced(Frozen):
    """Answer of POST /ollama/enhance."""

    success: Literal[True] = True
    id: str
    original_prompt: str
    enhanced_prompt: str
    model_used: str
    created_at: int
    warnings: list[str] | None = LeftOut


class Enhancement(Frozen):
    """One entry of the history; a failed one has an empty enhanced_prompt."""

    id: str
    original_prompt: str
    enhanced_prompt: str
    model_used: str
    created_at: int = Field(description="Unix seconds")
    success: bool
    error_message: str = ""


class EnhancementHistory(Frozen):
    """GET /ollama/history, newest first."""

    total_count: int
    items: list[Enhancement]


class OllamaSettings(ProviderSettings):
    """As they are kept."""

    max_history: int = 100
    system_prompt: str = ""
    temperature: float = 0.7
    max_tokens: int = 400


class OllamaUpdate(ProviderUpdate):
    """PUT /ollama/settings."""

    system_prompt: str = Field("", max_length=20_000, description="Empty: one that suits the loaded model")
    temperature: Number = Field(0.7, ge=0, le=2)
    max_tokens: Integer = Field(400, ge=16, le=8192, description="Of an enhanced prompt")


class ShownSettings(ShownProviderSettings):
    """The settings without the key."""

    temperature: float
    max_tokens: int


class SettingsWithMask(ShownSettings):
    """GET /ollama/settings."""

    api_key: str = Field(description="A mask where one is set, else empty")


class SettingsUpdated(Frozen):
    """Answer of PUT /ollama/settings."""

    success: Literal[True] = True
    settings: ShownSettings
    warnings: list[str] | None = LeftOut


class OllamaStatus(Frozen):
    """GET /ollama/status."""

    enabled: bool
    connected: bool = Field(description="The provider answers, and has a model")
    provider: ProviderName
    base_url: str
    model: str
    max_history: int
    history_count: int
    error: str | None = Field(None, exclude_if=lambda value: value is None, description="Why not connected")


class ChatModels(Frozen):
    """GET /ollama/models."""

    models: list[str]


class Success(Frozen):
    """Something was done."""

    success: Literal[True] = True
