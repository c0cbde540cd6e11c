"""Which addresses may be connected to: public ones, unless a setting opens the private networks."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from .failures import AddressRefused, TransferInterrupted, host_of

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

# Translates IPv4 addresses, private ones too, into IPv6 addresses that look public (RFC 6052).
_NAT64 = IPv6Network("64:ff9b::/96")


class AddressRules:
    """Resolves host names and refuses addresses of this machine and of private networks."""

    def __init__(self, allow_private: bool, setting: str = "downloads.allow_private") -> None:
        """`setting`: the one that decides, for messages."""
        self._allow_private = allow_private
        self._setting = setting

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
                f" the setting {self._setting} would allow it"
            )
        return addresses


def _is_public(text: str) -> bool:
    address: IPv4Address | IPv6Address = ip_address(text)
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if address in _NAT64:
            inner = IPv4Address(address.packed[-4:])
        address = inner or address
    return address.is_global and not address.is_multicast
