"""HTTP requests to other servers: addresses are checked at every redirect, tokens go to their server only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pydantic import BaseModel, SecretStr, ValidationError

from ..errors import BadRequest
from .address_rules import AddressRules
from .failures import (
    AddressRefused,
    TransferInterrupted,
    UpstreamFailed,
    failure_of,
    host_of,
    read_retry_after,
)

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

    from .checked_transport import CheckedTransport

MOST_HOPS = 10
# More than any description of a model; a server that sends more wants to fill our memory.
MOST_JSON = 16 * 2**20


class Token:
    """A secret that belongs to one server, and the setting that holds it."""

    def __init__(self, home: str, secret: SecretStr | None, *, setting: str) -> None:
        self._home = home
        self.secret = secret
        self.setting = setting

    def belongs_to(self, url: httpx.URL) -> bool:
        """Whether this URL has scheme, host and port of the token's server."""
        import httpx

        return _server_of(url) == _server_of(httpx.URL(self._home))


class HttpClient:
    """Sends requests. Nothing is kept between them: no cookies, no connections."""

    def __init__(self, address_rules: AddressRules, *, tokens: list[Token], timeout: float) -> None:
        """`timeout`: seconds to connect, and seconds without a byte."""
        self._address_rules = address_rules
        self._tokens = tokens
        self._transport: CheckedTransport | None = None
        self._extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)}

    async def close(self) -> None:
        """Close the transport, if there was a request."""
        if self._transport is not None:
            await self._transport.aclose()

    async def check(self, url: str) -> None:
        """Raise AddressRefused for what would be refused later; an unknown name may be known then."""
        try:
            await self._address_rules.resolve(parse_url(url))
        except TransferInterrupted:
            return

    @asynccontextmanager
    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[httpx.Response]:
        """The answer at the end of all redirects, whatever its status, with its body still to be read.

        Its `history` are the redirects, in order.

        Raises UpstreamFailed; TransferInterrupted (also out of the block) where trying again may help.
        """
        hop = parse_url(url)
        seen = {hop}
        history: list[httpx.Response] = []
        for _ in range(MOST_HOPS):
            async with self._send("GET", hop, headers or {}) as response:
                if not response.has_redirect_location:
                    response.history = history
                    yield response
                    return
            history.append(response)
            hop = _follow(hop, response.headers["location"])
            if hop in seen:
                raise UpstreamFailed(f"{host_of(hop)} redirects in a circle")
            seen.add(hop)
        raise UpstreamFailed(f"{host_of(hop)} redirects more than {MOST_HOPS} times")

    async def head(self, url: str, headers: Mapping[str, str]) -> httpx.Response:
        """Status and headers of one address; a redirect is not followed. Raises as `get` does."""
        async with self._send("HEAD", parse_url(url), headers) as response:
            return response

    async def deliver(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, float | None]:
        """POST to one address: the status, and the seconds that it asks to wait. A redirect is not followed.

        Raises AddressRefused; TransferInterrupted where trying again may help.
        """
        async with self._send("POST", parse_url(url), headers, body) as response:
            return response.status_code, read_retry_after(response.headers)

    async def get_json[M: BaseModel](self, url: str, shape: type[M]) -> M:
        """A small JSON document. Raises UpstreamFailed or UpstreamMissing."""
        return (await self.get_json_page(url, shape))[0]

    async def get_json_page[M: BaseModel](self, url: str, shape: type[M]) -> tuple[M, str | None]:
        """A small JSON document, and where the header `Link` says that the next page of it is (RFC 8288)."""
        text, response = await self._read_small(url, "application/json", MOST_JSON)
        try:
            return shape.model_validate_json(text), response.links.get("next", {}).get("url")
        except ValidationError:
            host = host_of(response.request.url)
            raise UpstreamFailed(f"{host} sent something else than the description of a model") from None

    async def get_text(self, url: str, most: int) -> str:
        """A text in UTF-8 of at most so many bytes. Raises UpstreamFailed or UpstreamMissing."""
        text, response = await self._read_small(url, "*/*", most)
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            raise UpstreamFailed(f"{host_of(response.request.url)} sent something else than text") from None

    async def _read_small(self, url: str, accept: str, most: int) -> tuple[bytes, httpx.Response]:
        async with self.get(url, {"Accept": accept}) as response:
            host = host_of(response.request.url)
            if response.status_code != 200:
                raise self.failure_of(response)
            text = bytearray()
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > most:
                    raise UpstreamFailed(f"{host} sent too much")
        return bytes(text), response

    def failure_of(self, response: httpx.Response) -> Exception:
        """The failure that an answer without success stands for."""
        url = response.request.url
        setting = next((token.setting for token in self._tokens if token.belongs_to(url)), None)
        return failure_of(response.status_code, host_of(url), response.headers, setting)

    @asynccontextmanager
    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        import httpx

        try:
            request = self._build_request(method, url, headers, body)
            response = await self._open_transport().handle_async_request(request)
            response.request = httpx.Request(method, url)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            silent = isinstance(error, httpx.TimeoutException)
            reason = "nothing came for too long" if silent else str(error) or type(error).__name__
            raise TransferInterrupted(f"The connection to {host_of(url)} broke: {reason}") from None

    def _open_transport(self) -> CheckedTransport:
        from .checked_transport import CheckedTransport

        # Reading the certificates to trust takes longer than the import.
        self._transport = self._transport or CheckedTransport(self._address_rules)
        return self._transport

    def _build_request(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None
    ) -> httpx.Request:
        import httpx

        sent = {"User-Agent": "sdcpp-restapi", "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        for token in self._tokens:
            if token.secret is not None and token.belongs_to(url):
                sent["Authorization"] = f"Bearer {token.secret.get_secret_value()}"
        return httpx.Request(method, url, headers=sent, content=body, extensions=self._extensions)


def parse_url(text: str) -> httpx.URL:
    """An http(s) URL. Raises AddressRefused, whose message leaves out what may be a secret."""
    import httpx

    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError) as error:
        # Without what is wrong with it, which may be a part of a password.
        reason = str(error).partition(":")[0]
        raise AddressRefused(f"url: this is not an address: {reason}") from None
    if url.scheme not in ("http", "https"):
        raise AddressRefused(
            f"url: {url.scheme or 'an address without scheme'} is not allowed; only http and https"
        )
    if not url.host:
        raise AddressRefused("url: this address names no server")
    if url.userinfo:
        raise AddressRefused("url: an address with a password is not allowed")
    return url.copy_with(fragment=None)


def _follow(url: httpx.URL, location: str) -> httpx.URL:
    import httpx

    try:
        return parse_url(str(url.join(location)))
    except (BadRequest, httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(f"{host_of(url)} redirects to where it may not: {error}") from None


def _server_of(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme)
