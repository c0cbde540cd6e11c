"""Pictures of other servers: bounded, and known by what they begin with."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from .failures import NotAModel, UpstreamFailed
from .http_client import HttpClient

MOST_BYTES = 8 * 2**20
# Seconds for one picture: a server that sends byte by byte never falls silent.
MOST_SECONDS = 30.0
# What a body begins with -> what it is, whatever its server calls it.
_STARTS = (
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"GIF8", "image/gif", ".gif"),
)


@dataclass(frozen=True)
class RemotePicture:
    """A picture of another server; `extension` with its dot."""

    content: bytes
    media_type: str
    extension: str


async def fetch_picture(client: HttpClient, url: str) -> RemotePicture:
    """A picture of another server. Raises UpstreamFailed, UpstreamMissing."""
    content = bytearray()
    try:
        async with asyncio.timeout(MOST_SECONDS), client.get(url, {"Accept": "image/*"}) as response:
            host = response.request.url.host
            if response.status_code != 200:
                raise client.failure_of(response)
            async for piece in response.aiter_raw():
                content += piece
                if len(content) > MOST_BYTES:
                    raise UpstreamFailed(f"the picture of {host} has more than {MOST_BYTES // 2**20} MiB")
    except TimeoutError:
        raise UpstreamFailed(f"the picture did not come in {MOST_SECONDS:.0f} s") from None
    media_type, extension = find_media_type(bytes(content[:16]))
    if media_type is None:
        raise NotAModel(f"{host} sent something else than a picture")
    return RemotePicture(bytes(content), media_type, extension)


def find_media_type(start: bytes) -> tuple[str | None, str]:
    """Media type and extension of a picture that begins so; None for anything else."""
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp", ".webp"
    return next(
        ((media_type, end) for begin, media_type, end in _STARTS if start.startswith(begin)), (None, "")
    )
