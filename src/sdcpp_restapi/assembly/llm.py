"""What language models do for the user: better prompts, and the assistant."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from ..config import Settings
from ..llm.assistant.assistant import Assistant
from ..llm.assistant.history import ConversationStore
from ..llm.configured_model import ConfiguredModel
from ..llm.enhancement_history import EnhancementStore
from ..llm.key_file import KeyFile
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
    """The two users of chat models."""

    enhancer: PromptEnhancer
    assistant: Assistant


async def open_llm(
    settings: Settings, base: Base, models: Models, slots: Slots, stack: AsyncExitStack
) -> Llm:
    """No model is loaded and no other server is asked yet."""
    slot = ChatModelSlot(settings.llm, settings.engine.wait)
    stack.push_async_callback(slot.close)
    providers = Providers(slot, models.catalog)
    keys = KeyFile(settings.paths.data_dir / "keys.json")
    enhancement_settings = await ProviderPreference.read(base.preferences, keys, "ollama", OllamaSettings())
    enhancer = PromptEnhancer(
        model=ConfiguredModel(
            providers=providers, preference=enhancement_settings, settings_path="/ollama/settings"
        ),
        history=EnhancementStore(base.database),
        architecture=partial(_read_architecture, slots.model),
        max_prompt_chars=settings.limits.max_prompt_chars,
    )
    assistant_settings = await ProviderPreference.read(
        base.preferences, keys, "assistant", AssistantSettings()
    )
    assistant = Assistant(
        ConfiguredModel(
            providers=providers, preference=assistant_settings, settings_path="/assistant/settings"
        ),
        ConversationStore(base.database),
    )
    return Llm(enhancer, assistant)


def _read_architecture(model: CurrentModel) -> str | None:
    loaded = model.architecture()
    return loaded.name if loaded else None
