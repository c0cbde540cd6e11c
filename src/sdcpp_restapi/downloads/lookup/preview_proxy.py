"""Pictures of other servers, shown by this one: the page loads nothing from elsewhere."""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections import OrderedDict
from urllib.parse import urlencode

from ...errors import NotFound
from ..failures import telling_busy
from ..http_client import HttpClient
from ..pictures import RemotePicture, fetch_picture

PATH = "/models/search/preview"
# What all kept pictures may take.
MOST_KEPT = 64 * 2**20
AT_ONCE = 6


class PreviewProxy:
    """Fetches pictures whose addresses it signed: nobody can have it fetch anything else."""

    def __init__(self, client: HttpClient) -> None:
        self._client = client
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[str, RemotePicture] = OrderedDict()
        self._turns = asyncio.Semaphore(AT_ONCE)

    def address_of(self, url: str | None) -> str | None:
        """Where this server shows a picture, until it is started anew."""
        if not url:
            return None
        return f"{PATH}?{urlencode({'url': url, 'signature': self._sign(url)})}"

    async def get(self, url: str, signature: str) -> RemotePicture:
        """A picture.

        Raises NotFound for an address that was not signed, UpstreamBusy, UpstreamFailed, UpstreamMissing.
        """
        if not hmac.compare_digest(signature.encode(), self._sign(url).encode()):
            raise NotFound("This picture was not found by a search of this run of the server; search again")
        if url in self._kept:
            self._kept.move_to_end(url)
            return self._kept[url]
        with telling_busy():
            async with self._turns:
                picture = await fetch_picture(self._client, url)
        self._keep(url, picture)
        return picture

    def _keep(self, url: str, picture: RemotePicture) -> None:
        self._kept[url] = picture
        while sum(len(one.content) for one in self._kept.values()) > MOST_KEPT:
            self._kept.popitem(last=False)

    def _sign(self, url: str) -> str:
        return hmac.digest(self._key, url.encode(), "sha256").hex()
