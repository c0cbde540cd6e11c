"""The source `url`: a file at a plain http(s) address."""

from typing import ClassVar

from ...config import Downloads
from ...errors import BadRequest
from ...schemas.addresses import HIDDEN, has_hidden, hide_secrets
from ...schemas.downloads import DownloadRequest
from ..file_names import requested_path
from ..http_client import HttpClient, Token
from .source import Origin


class DirectUrl:
    """Any web server; nothing is known of the file before it is fetched."""

    name: ClassVar[str] = "url"
    required_fields: ClassVar[tuple[str, ...]] = ("url",)
    usage: ClassVar[str] = "url"
    argument_forms: ClassVar[tuple[str, ...]] = ()

    def __init__(self, client: HttpClient, settings: Downloads) -> None:
        """See Source; no setting is about plain addresses."""
        self._client = client

    @staticmethod
    def create_token(settings: Downloads) -> Token | None:
        """None: there is no token for arbitrary servers."""
        return None

    @staticmethod
    def parse_argument(text: str) -> dict[str, str] | None:
        """Takes http:// and https:// addresses."""
        return {"url": text} if text.partition(":")[0] in ("http", "https") else None

    async def check(self, request: DownloadRequest) -> None:
        """Raises AddressRefused for an address that would be refused when the download runs, BadRequest for
        one that was copied from an answer."""
        assert request.url is not None
        if has_hidden(request.url):
            raise BadRequest(
                f"url: {hide_secrets(request.url)!r} has {HIDDEN} where a token or a password was left out;"
                " give the whole address"
            )
        await self._client.check(request.url)

    async def find_origin(self, request: DownloadRequest) -> Origin:
        """The address itself, without a request."""
        assert request.url is not None
        return Origin(url=request.url, path=requested_path(request))
