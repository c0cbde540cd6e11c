"""The provider `openai`: any server that speaks OpenAI's chat completions.

Why not through the library of that name: docs/decisions/0020-clients-of-language-models.md.
"""

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx

from ...errors import LlmRefused
from ...schemas.chat import Answer, Chat, Message, ProviderChoice, ToolCall
from ..failures import first, refusal, told
from .ollama import CONNECT_TIMEOUT

END = "[DONE]"


class OpenAiProvider:
    """One model of a server whose base_url ends where /chat/completions and /models begin."""

    def __init__(self, choice: ProviderChoice, tls: ssl.SSLContext) -> None:
        """`choice.model`: its name; empty takes the first that the server lists."""
        self._choice = choice
        self._tls = tls

    async def models(self) -> list[str]:
        """The models that the server lists."""
        async with self._client() as client:
            return await self._listed(client)

    async def takes_tools(self) -> bool:
        """Such servers do, and cannot be asked."""
        return True

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """See Provider.stream."""
        text, calls = "", _Calls()
        async with self._client() as client:
            model = self._choice.model or first(await self._listed(client), self._choice.base_url)
            async with client.stream("POST", "chat/completions", json=_request(chat, model)) as response:
                await self._check(response)
                async for choice in _choices(response):
                    # A server that does not stream gives the whole message at once.
                    said = choice.get("delta") or choice.get("message") or {}
                    calls.add(said.get("tool_calls") or ())
                    if piece := said.get("content"):
                        text += piece
                        yield piece
            answer = Answer(text=text, tool_calls=calls.whole(), model=model)
        yield answer

    async def _listed(self, client: httpx.AsyncClient) -> list[str]:
        response = await client.get("models")
        await self._check(response)
        return [str(model["id"]) for model in response.json()["data"]]

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[httpx.AsyncClient]:
        choice, headers = self._choice, {"accept": "application/json, text/event-stream"}
        if choice.api_key is not None:
            headers["authorization"] = f"Bearer {choice.api_key.get_secret_value()}"
        with told(choice.base_url):
            async with httpx.AsyncClient(
                base_url=choice.base_url,
                headers=headers,
                verify=self._tls,
                # httpx takes the key off again where that leads to another host.
                follow_redirects=True,
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
            ) as client:
                yield client

    async def _check(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        await response.aread()
        raise refusal(self._choice, response.status_code, _words(response.text))


class _Calls:
    """Tool calls come in crumbs, each with the index of the call that it belongs to."""

    def __init__(self) -> None:
        self._crumbs: dict[int, dict[str, str]] = {}

    def add(self, crumbs: Sequence[dict[str, Any]]) -> None:
        for place, crumb in enumerate(crumbs):
            call = self._crumbs.setdefault(crumb.get("index", place), {"id": "", "name": "", "arguments": ""})
            function = crumb.get("function") or {}
            call["id"] = call["id"] or crumb.get("id") or ""
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def whole(self) -> list[ToolCall]:
        """All of them. Raises ValueError for arguments that are not JSON."""
        return [
            ToolCall(id=call["id"], name=call["name"], arguments=json.loads(call["arguments"] or "{}"))
            for _, call in sorted(self._crumbs.items())
        ]


async def _choices(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """What the server says, out of server-sent events or one JSON document."""
    if not response.headers.get("content-type", "").startswith("text/event-stream"):
        await response.aread()
        for choice in response.json()["choices"][:1]:
            yield choice
        return
    async for line in response.aiter_lines():
        data = line.removeprefix("data:").strip()
        if not line.startswith("data:") or data == END:
            continue
        part = json.loads(data)
        if error := part.get("error"):
            raise LlmRefused(f"{response.request.url} broke off: {_words(json.dumps({'error': error}))}")
        for choice in part["choices"][:1]:
            yield choice


def _words(text: str) -> str:
    """The message in an error's body, or all of it where it has another shape."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, TypeError, KeyError):
        return text


def _request(chat: Chat, model: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in chat.messages],
        "temperature": chat.temperature,
        "max_tokens": chat.max_tokens,
        "stream": True,
    }
    if chat.tools:
        request["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in chat.tools]
    if chat.answer_schema is not None:
        schema = {"name": "answer", "schema": chat.answer_schema}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    return request


def _message(message: Message) -> dict[str, Any]:
    spoken: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_call_id is not None:
        spoken["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        spoken["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return spoken
