"""What a plain address leads to: one file."""

from functools import partial
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from ...errors import BadRequest
from ...schemas.addresses import has_hidden, hide_secrets
from ...schemas.model_search import SearchQuery
from ..http_client import HttpClient, parse_url
from .links import PastedLink
from .lookup import FoundPage, MakeOffer, Offer, OfferedAddress

_SECRET = "the link holds a secret, so download is null: give POST /models/download the whole link"


class UrlLookup:
    """See SourceLookup; takes every address that no other source takes."""

    link_forms: ClassVar[tuple[str, ...]] = ()

    def __init__(self, client: HttpClient) -> None:
        self._client = client

    def match(self, link: PastedLink) -> MakeOffer | None:
        """See SourceLookup."""
        return partial(self._offer, link.text) if link.address is not None else None

    async def search(self, query: SearchQuery) -> FoundPage:
        """Raises BadRequest: nothing is known of arbitrary servers."""
        raise BadRequest("source: addresses can't be searched", field="source")

    async def _offer(self, url: str) -> Offer:
        parse_url(url)  # refuses passwords and the like
        await self._client.check(url)
        # An address with a secret is not repeated, and with a gap in it could not be fetched.
        secret = has_hidden(hide_secrets(url))
        file = OfferedAddress(
            name=unquote(urlsplit(url).path.rpartition("/")[2]) or "model",
            url=url,
            download=None if secret else {"source": "url", "url": url},
            primary=True,
        )
        return Offer(source="url", files=[file], warnings=(_SECRET,) if secret else ())
