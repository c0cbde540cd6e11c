"""From a choice in the settings to the provider that it names."""

import asyncio
import importlib
import ssl

import httpx

from ...errors import LlmDisabled, LlmModelMissing
from ...schemas.chat import ProviderChoice
from ..local.chat_model_slot import ChatModelSlot
from ..provider import Provider
from .local import Catalog, LocalProvider
from .ollama import OllamaProvider
from .openai import OpenAiProvider


class Providers:
    """Makes providers. They hold nothing open, so that they may be dropped at any time."""

    def __init__(self, seat: ChatModelSlot, catalog: Catalog) -> None:
        self._seat = seat
        self._catalog = catalog
        self._tls: ssl.SSLContext | None = None

    async def of(self, choice: ProviderChoice) -> Provider:
        """The chosen provider. Raises LlmDisabled."""
        if not choice.enabled:
            raise LlmDisabled
        if choice.provider == "local":
            return LocalProvider(self._seat, self._catalog, choice.model)
        if self._tls is None:
            self._tls = await asyncio.to_thread(_prepare)
        provider = OllamaProvider if choice.provider == "ollama" else OpenAiProvider
        return provider(choice, self._tls)

    async def local_models(self) -> list[str]:
        """The models of the llm folder that could answer."""
        try:
            return await LocalProvider(self._seat, self._catalog, "").models()
        except LlmModelMissing:
            return []


def _prepare() -> ssl.SSLContext:
    """What would hold up the event loop for a tenth of a second: reading certificates, importing a client."""
    importlib.import_module("ollama")
    return httpx.create_ssl_context()
