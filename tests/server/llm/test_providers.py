"""Providers as the assistant uses them: streams, tools, answers of a given shape."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sdcpp_restapi.errors import LlmDisabled, LlmFailed, LlmGarbled, LlmModelMissing, LlmTimeout
from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.llm.provider import Provider, ask, stream_answer, wait_within
from sdcpp_restapi.llm.providers.registry import Providers
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.schemas.chat import Answer, Chat, Message, ProviderSettings, Tool, ToolCall
from tests.server.llm.conftest import LOCAL
from tests.support.llm_upstream import CANNED, REAL, SETTINGS, WEIGHTS, Upstream, upstream

ALL = ("ollama", "openai", "local")
LOAD = Tool(
    name="load_model",
    description="Load a model",
    parameters={"type": "object", "properties": {"model_name": {"type": "string"}}},
)
CALL = ToolCall(name="load_model", arguments={"model_name": "x.gguf"}, id="call_1")


class Makes:
    """Providers of all kinds, by name and model."""

    def __init__(self, site: Upstream, folder: Path) -> None:
        self.site = site
        self.slot = ChatModelSlot(SETTINGS)
        self.providers = Providers(self.slot, Catalog({"llm": folder}))

    async def __call__(self, name: str, model: str = "canned", **choice: Any) -> Provider:
        address = {"openai": f"{self.site.url}/v1"}.get(name, self.site.url)
        values = {"provider": name, "base_url": address, "model": model, **choice}
        return await self.providers.open(ProviderSettings.model_validate(values))


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture
async def make(site: Upstream, tmp_path: Path) -> AsyncIterator[Makes]:
    (tmp_path / LOCAL).symlink_to(WEIGHTS)
    makes = Makes(site, tmp_path)
    yield makes
    await makes.slot.close()


def chat(text: str, **options: Any) -> Chat:
    return Chat(
        messages=[Message(role="user", content=text)], **{"temperature": 0, "max_tokens": 16, **options}
    )


@pytest.mark.parametrize("name", ALL)
async def test_a_stream_gives_the_text_in_pieces_and_then_the_answer(make: Makes, name: str) -> None:
    provider = await make(name, model={"local": LOCAL}.get(name, REAL))
    parts = [part async for part in stream_answer(provider, chat("Name a colour."), timeout=100)]
    assert len(parts) > 3
    whole = parts.pop()
    assert isinstance(whole, Answer)
    assert "".join(str(part) for part in parts) == whole.text
    assert whole.model == {"local": LOCAL}.get(name, REAL)


@pytest.mark.parametrize("name", ALL)
async def test_an_answer_has_the_shape_that_was_asked_for(make: Makes, name: str) -> None:
    schema = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
    provider = await make(name, model={"local": LOCAL}.get(name, REAL))
    told = await ask(provider, chat("A colour", answer_schema=schema, max_tokens=60), timeout=100)
    jsonschema.validate(json.loads(told.text), schema)


@pytest.mark.parametrize("name", ["ollama", "openai"])
async def test_tools_are_offered_and_calls_come_back(make: Makes, site: Upstream, name: str) -> None:
    told = await ask(await make(name, "calling"), chat("Load x.gguf", tools=[LOAD]), timeout=10)
    assert told.text == ""
    assert [(call.name, call.arguments) for call in told.tool_calls] == [(CALL.name, CALL.arguments)]
    assert site.heard[-1].body["tools"] == [{"type": "function", "function": LOAD.model_dump()}]


async def test_calls_and_their_results_are_told_in_ollamas_way(make: Makes, site: Upstream) -> None:
    await ask(await make("ollama"), _after_a_call(), timeout=10)
    call = {"name": CALL.name, "arguments": CALL.arguments}
    assert site.last("/api/chat").body["messages"][1:] == [
        {"role": "assistant", "tool_calls": [{"function": call}]},
        {"role": "tool", "content": "loaded", "tool_name": "load_model"},
    ]


async def test_calls_and_their_results_are_told_in_openais_way(make: Makes, site: Upstream) -> None:
    await ask(await make("openai"), _after_a_call(), timeout=10)
    call = {"name": CALL.name, "arguments": json.dumps(CALL.arguments)}
    assert site.last("/v1/chat/completions").body["messages"][1:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call_1", "type": "function", "function": call}],
        },
        {"role": "tool", "content": "loaded", "tool_call_id": "call_1"},
    ]


def _after_a_call() -> Chat:
    asked = chat("Load x.gguf")
    result = Message(role="tool", content="loaded", tool_name="load_model", tool_call_id="call_1")
    return asked.model_copy(
        update={"messages": [*asked.messages, Message(role="assistant", tool_calls=[CALL]), result]}
    )


async def test_who_takes_tools_is_known(make: Makes) -> None:
    assert await (await make("ollama", "calling")).supports_tools() is True
    assert await (await make("ollama")).supports_tools() is False
    assert await (await make("openai")).supports_tools() is True
    assert await (await make("local", LOCAL)).supports_tools() is False


async def test_calls_with_broken_arguments_are_garbled(make: Makes) -> None:
    with pytest.raises(LlmGarbled):
        await ask(await make("openai", "babbling"), chat("Load x.gguf", tools=[LOAD]), timeout=10)


async def test_a_server_that_does_not_stream_will_do(make: Makes) -> None:
    assert (await ask(await make("openai", "whole"), chat("a cat"), timeout=10)).text == CANNED


async def test_a_long_conversation_gets_the_room_that_it_needs(make: Makes, site: Upstream) -> None:
    provider = await make("ollama")
    await ask(provider, chat("hello " * 100), timeout=10)
    assert "num_ctx" not in site.last("/api/chat").body["options"]
    await ask(provider, chat("hello " * 3000), timeout=10)
    assert site.last("/api/chat").body["options"]["num_ctx"] == 8192


@pytest.mark.parametrize("name", ["ollama", "openai"])
async def test_leaving_a_stream_hangs_up(make: Makes, site: Upstream, name: str) -> None:
    site.asked.clear()
    site.left.clear()
    waiting = asyncio.create_task(ask(await make(name, "slow"), chat("a cat"), timeout=100))
    await asyncio.to_thread(site.asked.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await asyncio.to_thread(site.left.wait, 30)


@pytest.mark.parametrize("name", ALL)
async def test_a_stream_that_takes_too_long_is_ended(make: Makes, name: str) -> None:
    provider = await make(name, {"local": LOCAL}.get(name, "slow"))
    with pytest.raises(LlmTimeout, match=r"within 0\.2 s"):
        await ask(provider, chat("Tell a story.", temperature=1, max_tokens=2000), timeout=0.2)


async def test_a_question_that_takes_too_long_is_ended() -> None:
    with pytest.raises(LlmTimeout):
        await wait_within(asyncio.Event().wait(), 0.01)


async def test_no_model_at_all_is_told(make: Makes, site: Upstream, tmp_path: Path) -> None:
    for name, address in (("ollama", "/none"), ("openai", "/v1/none")):
        provider = await make(name, model="", base_url=site.url + address)
        with pytest.raises(LlmFailed):
            await ask(provider, chat("a cat"), timeout=10)
    (tmp_path / LOCAL).unlink()
    with pytest.raises(LlmModelMissing, match="no GGUF file of a chat model"):
        await ask(await make("local", model=""), chat("a cat"), timeout=10)


async def test_what_is_disabled_is_not_asked(make: Makes) -> None:
    with pytest.raises(LlmDisabled):
        await make("ollama", enabled=False)
