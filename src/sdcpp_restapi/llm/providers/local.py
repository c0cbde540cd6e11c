"""The provider `local`: a chat model of the llm folder."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Protocol

from ...errors import LlmModelMissing
from ...schemas.chat import Answer, Chat
from ...schemas.llama import Completed
from ...schemas.model_types import ModelType
from ...schemas.models import ModelEntry
from ..local.chat_model_slot import ChatModelSlot

# In the names of files that hold the part of a model that sees pictures.
_EYES = "mmproj"


class Catalog(Protocol):
    """Where models are."""

    async def list_entries(self, type: str | None = None) -> list[ModelEntry]:
        """The models of a type."""
        ...

    async def find(self, type: ModelType, name: str) -> Path | None:
        """The file of exactly this name."""
        ...


class LocalProvider:
    """One model of the folder, through the seat."""

    def __init__(self, seat: ChatModelSlot, catalog: Catalog, model: str) -> None:
        """`model`: a listed name; empty takes the first."""
        self._seat = seat
        self._catalog = catalog
        self._model = model

    async def models(self) -> list[str]:
        """The GGUF files of the llm folder that may be able to talk. Raises LlmModelMissing."""
        entries = await self._catalog.list_entries(type="llm")
        names = [entry.name for entry in entries if _can_talk(entry.name)]
        if not names:
            raise LlmModelMissing("The llm folder has no GGUF file of a chat model")
        return names

    async def takes_tools(self) -> bool:
        """Never: each model writes calls in its own way. Its answers can be held to a schema instead."""
        return False

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """See Provider.stream."""
        assert not chat.tools
        name, path = await self._file()
        async with aclosing(self._seat.stream(path, chat)) as reports:
            async for report in reports:
                if isinstance(report, Completed):
                    yield Answer(text=report.text, model=name)
                else:
                    yield report.text

    async def _file(self) -> tuple[str, Path]:
        name = self._model or (await self.models())[0]
        path = await self._catalog.find("llm", name) if _can_talk(name) else None
        if path is None:
            names = ", ".join(await self.models())
            raise LlmModelMissing(f"The llm folder has no chat model {name!r}; it has: {names}")
        return name, path


def _can_talk(name: str) -> bool:
    """Whether a file of the folder may be a whole language model for llama.cpp."""
    return name.lower().endswith(".gguf") and _EYES not in name.lower()
