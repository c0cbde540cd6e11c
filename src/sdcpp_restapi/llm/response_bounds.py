"""Bounds on the HTTP responses of language models: on bytes, however they are compressed."""

from collections.abc import AsyncIterator

import httpx

from ..errors import LlmGarbled

# Past any real answer, whose tokens are bounded; a whole one is kept in memory.
MOST_BYTES = 8 * 2**20


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
