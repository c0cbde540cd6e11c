"""WebSocket handshakes with any headers, and what the server says to them."""

import socket
from collections.abc import Mapping


def knock(port: int, headers: Mapping[str, str] | None = None, path: str = "/") -> int:
    """The HTTP status of a handshake: 101 when the door opens."""
    sent = {
        "Host": f"127.0.0.1:{port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items()), "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1"))
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1])
