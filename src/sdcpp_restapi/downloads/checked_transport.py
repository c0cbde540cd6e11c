"""httpx's connections, to checked addresses only; imported with the first request."""

import httpx

from .address_rules import AddressRules


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to exactly the address that was checked, whatever the name means a moment later."""

    def __init__(self, address_rules: AddressRules) -> None:
        self._address_rules = address_rules
        # Connections are not kept: one that was opened for a name, its certificate checked, must not serve
        # another name that happens to have the same address.
        self._inner = httpx.AsyncHTTPTransport(
            trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the addresses of a name are tried in turn."""
        addresses = await self._address_rules.resolve(request.url)
        for address in addresses[:-1]:
            try:
                return await self._inner.handle_async_request(_pin_address(address, request))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._inner.handle_async_request(_pin_address(addresses[-1], request))

    async def aclose(self) -> None:
        """Close the inner transport."""
        await self._inner.aclose()


def _pin_address(address: str, request: httpx.Request) -> httpx.Request:
    """The same request to this address; Host header and TLS name stay those of the URL."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address.partition("%")[0]),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
    )
