"""Bounds on the answers of language models: on bytes and nesting, and no text that is broken."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from ..errors import LlmGarbled
from ..schemas.chat import Answer

# Past any real answer, whose tokens are bounded; a whole one is kept in memory.
MOST_BYTES = 8 * 2**20
# Levels of lists and objects in the arguments of a call.
MOST_LEVELS = 30


class _Counted(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, url: httpx.URL) -> None:
        self._stream = stream
        self._url = url

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for piece in self._stream:
            received += len(piece)
            if received > MOST_BYTES:
                raise LlmGarbled(f"{self._url.host} answered with more than {MOST_BYTES // 2**20} MB")
            yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


async def bound_response(response: httpx.Response) -> None:
    """A response hook of httpx: reading on past the bound raises LlmGarbled, as does compressed data."""
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise LlmGarbled(f"{response.url.host} answered with compressed data, which nobody asked for")
    assert isinstance(response.stream, httpx.AsyncByteStream)
    response.stream = _Counted(response.stream, response.url)


# For every client: the bound is on what arrives, so that nothing may unfold into more.
HOOKS = {"response": [bound_response]}
HEADERS = {"accept-encoding": "identity"}


def check_text(text: str) -> None:
    """Raises LlmGarbled for text with half a character, which no answer of ours could carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LlmGarbled("The language model answered with broken text") from None


def check_answer(answer: Answer) -> None:
    """Raises LlmGarbled for what could not be passed on."""
    check_text(answer.text)
    for call in answer.tool_calls:
        if is_too_deep(call.arguments):
            raise LlmGarbled(f"The language model nested its answer more than {MOST_LEVELS} levels deep")
        check_text(call.name + call.id + json.dumps(call.arguments, ensure_ascii=False))


def is_too_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than MOST_LEVELS."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
