"""A new provider of chat models is one row of the registry."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import ClassVar, Self, get_args

import pytest

from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.llm.provider import ask
from sdcpp_restapi.llm.providers import registry
from sdcpp_restapi.llm.providers.resources import ProviderResources
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.schemas.chat import Answer, Chat, Message, ProviderName, ProviderSettings
from tests.support.llm_upstream import SETTINGS


class Echo:
    """The new provider: repeats the last message."""

    name: ClassVar[str] = "echo"

    @classmethod
    async def open(cls, settings: ProviderSettings, resources: ProviderResources) -> Self:
        return cls()

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        text = chat.messages[-1].content
        yield text
        yield Answer(text=text, model="parrot")

    async def list_models(self) -> list[str]:
        return ["parrot"]

    async def supports_tools(self) -> bool:
        return False


async def test_it_is_opened_and_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(registry, "PROVIDERS", (*registry.PROVIDERS, Echo))
    providers = registry.Providers(ChatModelSlot(SETTINGS), Catalog({"llm": tmp_path}))
    provider = await providers.open(ProviderSettings().model_copy(update={"provider": "echo"}))
    answer = await ask(provider, Chat(messages=[Message(role="user", content="a cat")]), timeout=5)
    assert (answer.text, answer.model) == ("a cat", "parrot")


def test_the_settings_take_exactly_the_registered_names() -> None:
    assert sorted(provider.name for provider in registry.PROVIDERS) == sorted(get_args(ProviderName))
