"""What a request shows to be let in: a key in a header or the address, or a cookie of this server's."""

import base64
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope


class CookieNames:
    """The cookies of a server. All servers of a host share cookies, so that the port tells them apart."""

    def __init__(self, port: int) -> None:
        self.session = f"sdcpp-session-{port}"
        self.pictures = f"sdcpp-pictures-{port}"


def list_header_keys(headers: Headers) -> list[str]:
    """What may be the key in a request's head: of the places where one is found, the first that has anything.

    Basic is what clients of other programs know: the key is their password, or name and password.
    """
    if key := headers.get("x-api-key"):
        return [key]
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return [credentials.strip()]
    if scheme.lower() == "basic" and (pair := _decode_basic(credentials)):
        return [pair.partition(":")[2], pair]
    return []


def list_address_keys(query: bytes) -> list[str]:
    """What may be the key in the address, for clients that can't set a header."""
    return parse_qs(query.decode("latin-1")).get("token", []) if b"token" in query else []


def drop_token(query: bytes) -> bytes:
    """The query without the key, so that no redirect and no message repeats it."""
    if b"token" not in query:
        return query
    return b"&".join(part for part in query.split(b"&") if part.partition(b"=")[0] != b"token")


def find_cookie(headers: Headers, name: str) -> str | None:
    """The value of a cookie."""
    text = headers.get("cookie", "")
    return cookie_parser(text).get(name) if name in text else None


def make_cookie(scope: Scope, name: str, value: str, seconds: int | None = None) -> str:
    """The header Set-Cookie. No script and no page of another site gets it; over TLS nothing else carries it.

    `seconds`: how long the browser keeps it; None = for its own session.
    """
    lasts = "" if seconds is None else f"; Max-Age={seconds}"
    secure = "; Secure" if scope["scheme"] == "https" else ""
    return f"{name}={value}; Path=/{lasts}; HttpOnly; SameSite=Strict{secure}"


def _decode_basic(credentials: str) -> str:
    try:
        return base64.b64decode(credentials.strip(), validate=True).decode("latin-1")
    except ValueError:
        return ""
