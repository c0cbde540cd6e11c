"""The provider `openai`: any server that speaks OpenAI's chat completions.

Why not through the library of that name: docs/decisions/0020-clients-of-language-models.md.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ...errors import LlmRefused
from ...schemas.chat import Answer, Chat, Message, ProviderSettings, ToolCall
from ..failures import failure_of, pick_first, translate_errors
from .resources import CONNECT_TIMEOUT, ProviderResources

if TYPE_CHECKING:
    import httpx  # slow to import

END = "[DONE]"


class OpenAiProvider:
    """One model of a server whose base_url ends where /chat/completions and /models begin."""

    name: ClassVar[str] = "openai"

    def __init__(self, settings: ProviderSettings, tls: ssl.SSLContext) -> None:
        """`settings.model`: its name; empty takes the first that the server lists."""
        self._settings = settings
        self._tls = tls

    @classmethod
    async def open(cls, settings: ProviderSettings, resources: ProviderResources) -> Self:
        """See Provider.open."""
        return cls(settings, await resources.load_tls())

    async def list_models(self) -> list[str]:
        """The models that the server lists."""
        async with self._open_client() as client:
            return await self._fetch_models(client)

    async def supports_tools(self) -> bool:
        """Always true: such servers support tools, and have no request that tells."""
        return True

    async def stream(self, chat: Chat) -> AsyncGenerator[str | Answer]:
        """See Provider.stream."""
        text, calls = "", _ToolCallParts()
        async with self._open_client() as client:
            model = self._settings.model or pick_first(
                await self._fetch_models(client), self._settings.base_url
            )
            async with client.stream(
                "POST", "chat/completions", json=_build_request(chat, model)
            ) as response:
                await self._check_status(response)
                async for choice in _read_choices(response):
                    # A server that does not stream gives the whole message at once.
                    message = choice.get("delta") or choice.get("message") or {}
                    calls.add(message.get("tool_calls") or ())
                    if piece := message.get("content"):
                        text += piece
                        yield piece
            answer = Answer(text=text, tool_calls=calls.join(), model=model)
        yield answer

    async def _fetch_models(self, client: httpx.AsyncClient) -> list[str]:
        response = await client.get("models")
        await self._check_status(response)
        return [str(model["id"]) for model in response.json()["data"]]

    @asynccontextmanager
    async def _open_client(self) -> AsyncIterator[httpx.AsyncClient]:
        import httpx

        from ..response_bounds import HEADERS, HOOKS

        settings, headers = self._settings, {**HEADERS, "accept": "application/json, text/event-stream"}
        if settings.api_key is not None:
            headers["authorization"] = f"Bearer {settings.api_key.get_secret_value()}"
        with translate_errors(settings.base_url):
            async with httpx.AsyncClient(
                base_url=settings.base_url,
                headers=headers,
                event_hooks=HOOKS,
                verify=self._tls,
                # httpx takes the key off again where that leads to another host.
                follow_redirects=True,
                timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT),
            ) as client:
                yield client

    async def _check_status(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        await response.aread()
        raise failure_of(self._settings, response.status_code, _read_error(response.text))


class _ToolCallParts:
    """Tool calls come in parts, each with the index of the call that it belongs to."""

    def __init__(self) -> None:
        self._parts: dict[int, dict[str, str]] = {}

    def add(self, parts: Sequence[dict[str, Any]]) -> None:
        for position, part in enumerate(parts):
            call = self._parts.setdefault(
                part.get("index", position), {"id": "", "name": "", "arguments": ""}
            )
            function = part.get("function") or {}
            call["id"] = call["id"] or part.get("id") or ""
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""

    def join(self) -> list[ToolCall]:
        """The complete calls. Raises ValueError for arguments that are not JSON."""
        return [
            ToolCall(id=call["id"], name=call["name"], arguments=json.loads(call["arguments"] or "{}"))
            for _, call in sorted(self._parts.items())
        ]


async def _read_choices(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The `choices` of the response, out of server-sent events or one JSON document."""
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
            raise LlmRefused(f"{response.request.url} broke off: {_read_error(json.dumps({'error': error}))}")
        for choice in part["choices"][:1]:
            yield choice


def _read_error(text: str) -> str:
    """The message in an error's body, or all of it where it has another shape."""
    try:
        error = json.loads(text)["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    except (ValueError, TypeError, KeyError):
        return text


def _build_request(chat: Chat, model: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": model,
        "messages": [_build_message(message) for message in chat.messages],
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


def _build_message(message: Message) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in message.tool_calls
        ]
    return body
