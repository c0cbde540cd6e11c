"""The provider `ollama`, through Ollama's own client library."""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import SecretStr

from ...schemas.chat import Answer, Chat, Message, ProviderSettings, ToolCall
from ..failures import failure_of, pick_first, translate_errors
from .resources import CONNECT_TIMEOUT, ProviderResources

if TYPE_CHECKING:
    import httpx  # slow to import, as is its user
    from ollama import AsyncClient, ListResponse

# Ollama's context size in tokens unless `num_ctx` is set; it silently drops the beginning of a longer chat.
DEFAULT_CONTEXT = 4096
# Fewer characters than this a token has in hardly any text, so that the context is rather too big.
CHARACTERS_PER_TOKEN = 3


class OllamaProvider:
    """One model of an Ollama server."""

    name: ClassVar[str] = "ollama"

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext) -> None:
        """`settings.model`: its name; empty takes the first that is installed."""
        self._settings = settings
        self._tls = tls

    @classmethod
    async def open(cls, settings: ProviderSettings, resources: ProviderResources) -> Self:
        """See Provider.open; imports the client library in a thread, as it is slow to import."""
        await asyncio.to_thread(importlib.import_module, "ollama")
        return cls(settings, await resources.load_tls())

    async def list_models(self) -> list[str]:
        """The installed models, in Ollama's order."""
        async with self._open_client() as client:
            return _list_names(await client.list())

    async def supports_tools(self) -> bool:
        """Whether Ollama lists tools among the model's capabilities."""
        async with self._open_client() as client:
            return "tools" in ((await client.show(await self._pick_model(client))).capabilities or ())

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """See Provider.stream."""
        text, calls = "", list[ToolCall]()
        async with self._open_client() as client:
            model = await self._pick_model(client)
            async for part in await client.chat(**_build_request(chat, model)):
                if part.message.content:
                    text += part.message.content
                    yield part.message.content
                for call in part.message.tool_calls or ():
                    function = call.function
                    calls.append(ToolCall(name=function.name, arguments=dict(function.arguments)))
        yield Answer(text=text, tool_calls=calls, model=model)

    async def _pick_model(self, client: AsyncClient) -> str:
        if self._settings.model:
            return self._settings.model
        return pick_first(_list_names(await client.list()), self._settings.base_url)

    @asynccontextmanager
    async def _open_client(self) -> AsyncIterator[AsyncClient]:
        import httpx
        from ollama import AsyncClient, ResponseError

        from ..response_bounds import HEADERS, HOOKS

        settings = self._settings
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT)
        client = AsyncClient(
            settings.base_url,
            auth=partial(_put_key, settings.api_key),
            verify=self._tls,
            timeout=timeout,
            headers=HEADERS,
            event_hooks=HOOKS,
        )
        try:
            with translate_errors(settings.base_url):
                async with client:
                    yield client
        except ResponseError as error:
            raise failure_of(settings, error.status_code, error.error) from None


def _put_key(key: SecretStr | None, request: httpx.Request) -> httpx.Request:
    """The user's key and no other: left alone, the client would send OLLAMA_API_KEY out of the environment,
    wherever base_url points.

    An `auth` of httpx, which takes the header off again where a redirect leads to another host.
    """
    request.headers.pop("authorization", None)
    if key is not None:
        request.headers["authorization"] = f"Bearer {key.get_secret_value()}"
    return request


def _list_names(listed: ListResponse) -> list[str]:
    return [model.model for model in listed.models if model.model]


def _build_request(chat: Chat, model: str) -> dict[str, Any]:
    options: dict[str, Any] = {"temperature": chat.temperature, "num_predict": chat.max_tokens}
    tools = [{"type": "function", "function": tool.model_dump()} for tool in chat.tools]
    characters = sum(len(message.content) for message in chat.messages) + len(json.dumps(tools))
    needed = characters // CHARACTERS_PER_TOKEN + chat.max_tokens
    if needed > DEFAULT_CONTEXT:
        options["num_ctx"] = 1 << needed.bit_length()
    return {
        "model": model,
        "messages": _build_messages(chat.messages),
        "tools": tools,
        "format": chat.answer_schema,
        "options": options,
        # No reasoning before the answer: it takes long and is not shown.
        "think": False,
        "stream": True,
    }


def _build_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [
        {
            "role": message.role,
            "content": message.content,
            "tool_name": message.tool_name,
            "tool_calls": [
                {"function": {"name": call.name, "arguments": call.arguments}} for call in message.tool_calls
            ]
            or None,
        }
        for message in messages
    ]
