"""Single fields of a request's head, for what looks at every request."""

from starlette.types import Scope


def find_header(scope: Scope, name: bytes) -> str | None:
    """The first value of a header, by its name in small letters; None where there is none."""
    for other, value in scope["headers"]:
        if other == name:
            return str(value, "latin-1")
    return None


def client_address(scope: Scope) -> str:
    """Who asks, as far as trusted proxies tell; "" where the connection has no address."""
    client = scope.get("client")
    return str(client[0]) if client else ""
