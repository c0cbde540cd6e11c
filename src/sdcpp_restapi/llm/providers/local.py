"""The provider `local`: a chat model of the llm folder."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import ClassVar, Self

from ...errors import LlmModelMissing
from ...models.file_check import find_part
from ...schemas.chat import Answer, Chat, ProviderSettings
from ...schemas.llama import Completed
from .resources import ProviderResources

# In the names of files that hold only the vision part of a model.
_VISION_PART = "mmproj"


class LocalProvider:
    """One model of the folder, run in the chat model slot."""

    name: ClassVar[str] = "local"

    def __init__(self, resources: ProviderResources, model: str) -> None:
        """`model`: a listed name; empty takes the first."""
        self._slot = resources.slot
        self._catalog = resources.catalog
        self._model = model

    @classmethod
    async def open(cls, settings: ProviderSettings, resources: ProviderResources) -> Self:
        """See Provider.open; base_url and key of the settings do not matter here."""
        return cls(resources, settings.model)

    async def list_models(self) -> list[str]:
        """The GGUF files of the llm folder that may be chat models. Raises LlmModelMissing."""
        entries = await self._catalog.list_entries(type="llm")
        names = [entry.name for entry in entries if _is_chat_model(entry.name)]
        if not names:
            raise LlmModelMissing("The llm folder has no GGUF file of a chat model")
        return names

    async def supports_tools(self) -> bool:
        """Never: each model writes calls in its own way. Its answers can be held to a schema instead."""
        return False

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """See Provider.stream."""
        assert not chat.tools
        name, path = await self._find_file()
        async with aclosing(self._slot.stream(path, chat)) as reports:
            async for report in reports:
                if isinstance(report, Completed):
                    yield Answer(text=report.text, model=name)
                else:
                    yield report.text

    async def _find_file(self) -> tuple[str, Path]:
        name = self._model or (await self.list_models())[0]
        path = await self._catalog.find("llm", name) if _is_chat_model(name) else None
        if path is None:
            names = ", ".join(await self.list_models())
            raise LlmModelMissing(f"The llm folder has no chat model {name!r}; it has: {names}")
        return name, path


def _is_chat_model(name: str) -> bool:
    """Whether a file of the folder may be a whole language model for llama.cpp."""
    part = find_part(name)  # llama.cpp finds the other parts beside the first
    return name.lower().endswith(".gguf") and _VISION_PART not in name.lower() and not (part and part[0] > 1)
