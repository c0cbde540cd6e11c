"""Language models: better prompts, and the assistant."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from ..config import Settings
from ..llm.assistant.assistant import Assistant
from ..llm.assistant.history import History as Conversation
from ..llm.configured_model import ConfiguredModel
from ..llm.enhancement_history import History
from ..llm.local.chat_model_slot import ChatModelSlot
from ..llm.prompt_enhancer import PromptEnhancer
from ..llm.providers.registry import Providers
from ..llm.settings import ProviderPreference
from ..schemas.assistant import AssistantSettings
from ..schemas.ollama import OllamaSettings
from ..slots.current_model import CurrentModel
from .base import Base
from .models import Models
from .slots import Slots


@dataclass(frozen=True)
class Llm:
    """Who is asked."""

    enhancer: PromptEnhancer
    assistant: Assistant


async def open_llm(
    settings: Settings, base: Base, models: Models, slots: Slots, stack: AsyncExitStack
) -> Llm:
    """No model is read yet."""
    seat = ChatModelSlot(settings.llm)
    stack.push_async_callback(seat.close)
    providers = Providers(seat, models.catalog)
    of_ollama = await ProviderPreference.read(base.preferences, "ollama", OllamaSettings())
    of_assistant = await ProviderPreference.read(base.preferences, "assistant", AssistantSettings())
    enhancer = PromptEnhancer(
        ConfiguredModel(providers, of_ollama, "/ollama/settings"),
        History(base.database),
        partial(_loaded_architecture, slots.model),
        settings.limits.max_prompt_chars,
    )
    chosen = ConfiguredModel(providers, of_assistant, "/assistant/settings")
    return Llm(enhancer, Assistant(chosen, Conversation(base.database)))


def _loaded_architecture(model: CurrentModel) -> str | None:
    loaded = model.architecture()
    return loaded.name if loaded else None
