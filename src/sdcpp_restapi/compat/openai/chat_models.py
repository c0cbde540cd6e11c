"""Which language model answers: the assistant's, or another one of its provider."""

import re
from typing import NamedTuple

from ...api.app_state import AppState
from ...errors import LlmFailed, ModelNotFound
from ...llm.provider import Provider

# Clients have these built in, or as their default.
_OPENAI_CHAT_MODELS = re.compile(r"(chatgpt|gpt|o\d)(-|$)|text-davinci", re.IGNORECASE)
# Seconds; GET /v1/models is requested often, by users who wait for it.
_LIST_TIMEOUT = 3.0


class ConfiguredName(NamedTuple):
    """The configured language model, and who runs it."""

    name: str
    provider: str


class ChosenChatModel(NamedTuple):
    """Who answers, and until when; seconds."""

    provider: Provider
    timeout: float
    name: str


async def find_configured_model(state: AppState) -> ConfiguredName | None:
    """The configured model, if its provider answers now and has it."""
    settings = state.assistant.model.settings
    try:
        names = await state.assistant.model.list_models(_LIST_TIMEOUT)
    except LlmFailed:
        return None
    name = _find(settings.model, names) if settings.model else next(iter(names), None)
    return ConfiguredName(name, settings.provider) if name else None


async def choose_chat_model(state: AppState, asked: str | None, warnings: list[str]) -> ChosenChatModel:
    """The model for a question. Raises LlmFailed, ModelNotFound; `warnings` gets what is to be told."""
    configured = state.assistant.model
    settings = configured.settings
    name: str | None = None
    if asked and asked != settings.model:
        try:
            name = _find(asked, await configured.list_models())
        except LlmFailed as error:
            raise await configured.add_advice(error) from None
        if name is None and not _OPENAI_CHAT_MODELS.match(asked):
            raise ModelNotFound(
                f"The language model {asked!r} does not exist; GET /ollama/models lists those that do",
                field="model",
            )
        if name is None:
            warnings.append(f"model: {asked!r} is not here; the configured language model answered")
    provider = await configured.open_provider(name)
    return ChosenChatModel(provider, settings.timeout_seconds, name or settings.model)


def _find(name: str, names: list[str]) -> str | None:
    return next((one for one in names if one in (name, f"{name}:latest")), None)
