"""The header of a file on another server: its first bytes are asked for, the weights are not fetched."""

from __future__ import annotations

import asyncio
import io
import re
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple

from ...models.header_cache import parse_facts
from ...models.headers.gguf_header import MAGIC
from ...models.headers.pickle_start import looks_like_pickle
from ...models.headers.safetensors_header import looks_like_safetensors
from ...schemas.inspection import ModelFacts
from ..failures import NotAModel, TransferInterrupted
from ..fetch import looks_like_page, refuse_pages
from ..http_client import HttpClient

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

# Most headers of safetensors files are smaller; those of GGUF files with a vocabulary take some megabytes.
FIRST_BYTES = 2**17
# Of a GGUF file so many times as many are asked for next, until they are the most that its reader takes.
GROWTH = 8
MOST_BYTES = 64 * 2**20
# Seconds for one file: a server that sends byte by byte never falls silent.
MOST_SECONDS = 60.0
_RANGE = re.compile(r"bytes 0-\d+/(\d+|\*)")


class RemoteStart(NamedTuple):
    """The first bytes of a file, and how many it has, as far as its server tells."""

    content: bytes
    size: int | None


class RemoteFacts(NamedTuple):
    """What a file elsewhere is."""

    format: Literal["safetensors", "gguf", "pickle"] | None
    facts: ModelFacts
    size: int | None


class _NotFetched(Exception):
    """A reader wants bytes that were not asked for yet."""


class _Start(io.BytesIO):
    """The beginning of a longer file."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self._fetched, self._size = len(content), size

    def read(self, count: int | None = -1, /) -> bytes:
        """Raises _NotFetched."""
        end = self.tell() + (count or 0)
        if self._fetched < min(end, self._size):
            raise _NotFetched
        return super().read(count)


async def read_remote_facts(client: HttpClient, url: str, suffix: str) -> RemoteFacts:
    """What the header of a file says; `suffix` is that of its name.

    Raises UpstreamFailed, UpstreamMissing, NotAModel.
    """
    count = FIRST_BYTES
    try:
        async with asyncio.timeout(MOST_SECONDS):
            while True:
                start = await fetch_start(client, url, count)
                try:
                    facts = await asyncio.to_thread(_parse, start, suffix)
                except _NotFetched:
                    if count < MOST_BYTES:
                        count = min(_count_wanted(start.content, count), MOST_BYTES)
                        continue
                    facts = ModelFacts(problem=f"its header has more than {MOST_BYTES // 2**20} MiB")
                return RemoteFacts(_find_format(start.content), facts, start.size)
    except TimeoutError:
        raise TransferInterrupted(f"the header did not come in {MOST_SECONDS:.0f} s") from None


async def fetch_start(client: HttpClient, url: str, count: int) -> RemoteStart:
    """The first `count` bytes of a file; of a server that ignores Range no more is read either."""
    async with client.get(url, {"Range": f"bytes=0-{count - 1}"}) as response:
        if response.status_code == 416:  # of a file without a byte
            return RemoteStart(b"", 0)
        if response.status_code not in (200, 206):
            raise client.failure_of(response)
        refuse_pages(response)
        content = bytearray()
        async for piece in response.aiter_raw():
            content += piece
            if len(content) >= count:
                break
        size = _read_size(response)
        if len(content) < count:
            size = len(content)  # it ended here, whatever its length was said to be
    if looks_like_page(bytes(content[:64])):
        raise NotAModel(f"{response.request.url.host} sent a page instead of a model; a token may be needed")
    return RemoteStart(bytes(content[:count]), size)


def _read_size(response: httpx.Response) -> int | None:
    if response.status_code == 206:
        found = _RANGE.fullmatch(response.headers.get("content-range", ""))
        return int(found[1]) if found and found[1] != "*" else None
    length = response.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


def _count_wanted(content: bytes, count: int) -> int:
    """How many bytes to ask for after `count` were too few: safetensors files begin with that number."""
    if looks_like_safetensors(content):
        return max(count + 1, 8 + int.from_bytes(content[:8], "little"))
    return count * GROWTH


def _parse(start: RemoteStart, suffix: str) -> ModelFacts:
    size = start.size if start.size is not None else sys.maxsize
    return parse_facts(_Start(start.content, size), size, suffix)


def _find_format(content: bytes) -> Literal["safetensors", "gguf", "pickle"] | None:
    if content.startswith(MAGIC):
        return "gguf"
    if looks_like_safetensors(content):
        return "safetensors"
    return "pickle" if looks_like_pickle(content) else None
