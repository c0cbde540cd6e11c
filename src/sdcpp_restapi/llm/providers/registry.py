"""All providers of chat models: a new one is a file beside this one and a row in PROVIDERS."""

from ...errors import LlmDisabled, LlmModelMissing
from ...models.catalog import Catalog
from ...schemas.chat import ProviderSettings
from ..local.chat_model_slot import ChatModelSlot
from ..provider import Provider
from .local import LocalProvider
from .ollama import OllamaProvider
from .openai import OpenAiProvider
from .resources import ProviderResources

PROVIDERS: tuple[type[Provider], ...] = (OllamaProvider, LocalProvider, OpenAiProvider)


class Providers:
    """Opens providers. They hold nothing open themselves, so that they may be dropped at any time."""

    def __init__(self, slot: ChatModelSlot, catalog: Catalog) -> None:
        self._resources = ProviderResources(slot, catalog)

    async def open(self, settings: ProviderSettings) -> Provider:
        """The provider that the settings name. Raises LlmDisabled."""
        if not settings.enabled:
            raise LlmDisabled
        provider = next(provider for provider in PROVIDERS if provider.name == settings.provider)
        return await provider.open(settings, self._resources)

    async def list_local_models(self) -> list[str]:
        """The chat models of the llm folder; empty if there are none."""
        try:
            return await LocalProvider(self._resources, model="").list_models()
        except LlmModelMissing:
            return []
