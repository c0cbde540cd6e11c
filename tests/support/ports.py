"""Ports for programs that cannot choose one themselves."""

import socket


def find_free_port() -> int:
    """One that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
