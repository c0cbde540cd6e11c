"""A reverse proxy that serves a server below a path, as nginx does with `location /some/prefix/`."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def behind_prefix(port: int, prefix: str) -> Iterator[str]:
    """The address of the proxy, prefix included. WebSockets pass."""
    listener = socket.create_server(("127.0.0.1", 0))
    accepting = threading.Thread(target=_accept, args=(listener, port, prefix.encode()), daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}{prefix}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listener.close()


def _accept(listener: socket.socket, port: int, prefix: bytes) -> None:
    """Serve until the listener is shut down; what is open then is hung up."""
    ends: list[socket.socket] = []
    pumps: list[threading.Thread] = []
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            upstream = socket.create_connection(("127.0.0.1", port))
            ends += [client, upstream]
            for source, target, cut in ((client, upstream, prefix), (upstream, client, b"")):
                pumps.append(threading.Thread(target=_pump, args=(source, target, cut), daemon=True))
                pumps[-1].start()
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    for pump in pumps:
        pump.join()
    for end in ends:
        end.close()


def _pump(source: socket.socket, target: socket.socket, prefix: bytes) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            if prefix:
                # A request of this page is small: its head is never split, and no body holds the words. Each
                # request has a connection of its own, so that none meets one that is just being closed.
                data = data.replace(b"GET " + prefix, b"GET ", 1)
                data = data.replace(b"Connection: keep-alive", b"Connection: close", 1)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
