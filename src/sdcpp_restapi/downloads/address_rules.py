"""Which addresses may be connected to: public ones, unless a setting opens the private networks."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

import httpx

from .failures import AddressRefused, TransferInterrupted, host_of

# Translates IPv4 addresses, private ones too, into IPv6 addresses that look public (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRules:
    """Resolves host names and refuses addresses of this machine and of private networks."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private

    async def resolve(self, url: httpx.URL) -> list[str]:
        """The checked addresses of a URL's host.

        Raises AddressRefused if one of them is private, TransferInterrupted if the name is not known.
        """
        host = url.raw_host.decode("ascii")
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise TransferInterrupted(f"The name {host} is not known") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allow_private and not all(_is_public(address) for address in addresses):
            raise AddressRefused(
                f"{host_of(url)} is on this machine or in a private network;"
                " the setting downloads.allow_private would allow it"
            )
        return addresses


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
        extensions={**request.extensions, "sni_hostname": request.url.raw_host.decode("ascii")},
    )


def _is_public(text: str) -> bool:
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        address = inner or address
    return address.is_global and not address.is_multicast
