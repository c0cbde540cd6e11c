"""HTTP requests to other servers: addresses are checked at every redirect, tokens go to their server only."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from pydantic import BaseModel, SecretStr, ValidationError

from ..errors import BadRequest
from .address_rules import AddressRules, CheckedTransport
from .failures import AddressRefused, TransferInterrupted, UpstreamFailed, failure_of, host_of

MOST_HOPS = 10
# More than any description of a model; a server that sends more wants to fill our memory.
MOST_JSON = 16 * 2**20


class Token:
    """A secret that belongs to one server, and the setting that holds it."""

    def __init__(self, home: str, secret: SecretStr | None, *, setting: str) -> None:
        self._home = _server_of(httpx.URL(home))
        self.secret = secret
        self.setting = setting

    def belongs_to(self, url: httpx.URL) -> bool:
        """Whether this URL has scheme, host and port of the token's server."""
        return _server_of(url) == self._home


class HttpClient:
    """Sends GET and HEAD requests. Nothing is kept between them: no cookies, no connections."""

    def __init__(self, address_rules: AddressRules, *, tokens: list[Token], timeout: float) -> None:
        """`timeout`: seconds to connect, and seconds without a byte."""
        self._address_rules = address_rules
        self._tokens = tokens
        self._transport = CheckedTransport(address_rules)
        self._extensions = {"timeout": httpx.Timeout(timeout).as_dict()}

    async def close(self) -> None:
        """Close the transport."""
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

    async def get_json[M: BaseModel](self, url: str, shape: type[M]) -> M:
        """A small JSON document. Raises UpstreamFailed or UpstreamMissing."""
        async with self.get(url, {"Accept": "application/json"}) as response:
            host = host_of(response.request.url)
            if response.status_code != 200:
                raise self.failure_of(response)
            text = bytearray()
            async for chunk in response.aiter_bytes():
                text += chunk
                if len(text) > MOST_JSON:
                    raise UpstreamFailed(f"{host} sent too much")
        try:
            return shape.model_validate_json(bytes(text))
        except ValidationError:
            raise UpstreamFailed(f"{host} sent something else than the description of a model") from None

    def failure_of(self, response: httpx.Response) -> Exception:
        """The failure that an answer without success stands for."""
        url = response.request.url
        setting = next((token.setting for token in self._tokens if token.belongs_to(url)), None)
        return failure_of(response.status_code, host_of(url), response.headers, setting)

    @asynccontextmanager
    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx.Response]:
        try:
            request = self._build_request(method, url, headers)
            response = await self._transport.handle_async_request(request)
            response.request = httpx.Request(method, url)
            try:
                yield response
            finally:
                await response.aclose()
        except httpx.TransportError as error:
            raise TransferInterrupted(f"The connection to {host_of(url)} broke: {_describe(error)}") from None

    def _build_request(self, method: str, url: httpx.URL, headers: Mapping[str, str]) -> httpx.Request:
        sent = {"User-Agent": "sdcpp-restapi", "Accept": "*/*", "Accept-Encoding": "identity", **headers}
        for token in self._tokens:
            if token.secret is not None and token.belongs_to(url):
                sent["Authorization"] = f"Bearer {token.secret.get_secret_value()}"
        return httpx.Request(method, url, headers=sent, extensions=self._extensions)


def parse_url(text: str) -> httpx.URL:
    """An http(s) URL. Raises AddressRefused, whose message leaves out what may be a secret."""
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
    try:
        return parse_url(str(url.join(location)))
    except (BadRequest, httpx.InvalidURL, ValueError) as error:
        raise AddressRefused(f"{host_of(url)} redirects to where it may not: {error}") from None


def _server_of(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _describe(error: httpx.TransportError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "nothing came for too long"
    return str(error) or type(error).__name__
