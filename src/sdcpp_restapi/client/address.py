"""Where the server is, and what lets a client in."""

import os
import re
import ssl
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from .failures import ClientError

DEFAULT_URL = "http://127.0.0.1:8080"
# What is trusted for https instead of the system's: a file of certificates in PEM, or a context.
type Trust = str | ssl.SSLContext | None
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Address:
    """A server's address, without a slash at its end, and a key if the server wants one.

    `tls`: what is trusted for https, where that is not what the system trusts.
    """

    url: str
    api_key: str | None = field(default=None, repr=False)

    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def find(cls, url: str | None = None, api_key: str | None = None, ca: Trust = None) -> Self:
        """What is not given comes from SDCPP_URL, SDCPP_API_KEY and SDCPP_CA, as for the command.

        Raises ClientError for what cannot be an address, a key or a file of certificates.
        """
        url = url or os.environ.get("SDCPP_URL") or DEFAULT_URL
        api_key = api_key or os.environ.get("SDCPP_API_KEY") or None
        if api_key and not re.fullmatch(r"[!-~]+", api_key):
            raise ClientError("An API key consists of visible ASCII characters")
        url = (url if "://" in url else f"http://{url}").rstrip("/")
        try:
            urlsplit(url)
        except ValueError as error:
            raise ClientError(f"{url} is no address of a server: {error}") from None
        ca = ca or os.environ.get("SDCPP_CA") or None
        return cls(url, api_key, _trust(ca) if ca and url.startswith("https:") else None)

    @property
    def headers(self) -> dict[str, str]:
        """Those of every request."""
        return {"X-API-Key": self.api_key} if self.api_key else {}

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """As httpx wants it."""
        return self.tls or True

    @property
    def is_local(self) -> bool:
        """Whether no proxy leads there: one does not know this machine's own servers."""
        return urlsplit(self.url).hostname in _LOOPBACK

    @property
    def events_url(self) -> str:
        """The WebSocket."""
        return f"ws{self.url.removeprefix('http')}/ws"


def _trust(ca: str | ssl.SSLContext) -> ssl.SSLContext:
    if isinstance(ca, ssl.SSLContext):
        return ca
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # of which ssl.SSLError is one
        raise ClientError(f"{ca} holds no certificates in PEM: {error.strerror or error}") from None
