"""A TCP proxy that can be cut off like a cable; it keeps what is sent meanwhile, as a network does."""

import socket
import threading
from contextlib import suppress


class TcpProxy:
    """Leads to a port of this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._whole = threading.Event()
        self._whole.set()
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"nats://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._whole.clear()

    def mend(self) -> None:
        """What was on its way arrives now."""
        self._whole.set()

    def close(self) -> None:
        """Hang everything up."""
        self.mend()
        for end in [self._listener, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for end in [self._listener, *self._ends]:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self._port))
                self._ends += [client, broker]
                for source, target in ((client, broker), (broker, client)):
                    thread = threading.Thread(target=self._pump, args=(source, target), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._whole.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
