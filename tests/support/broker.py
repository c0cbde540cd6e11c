"""A real NATS broker in a process of its own."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

NATS_SERVER = Path(sys.executable).with_name("nats-server")


class Broker:
    """`nats-server -js` on a port of its own, which it keeps when it is started again."""

    def __init__(self, folder: Path | None, *flags: str) -> None:
        """Without a folder it has no JetStream."""
        self.flags = flags if folder is None else ("-js", "-sd", str(folder), *flags)
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Start it (again) and wait until it listens."""
        self.process = subprocess.Popen(
            [str(NATS_SERVER), "-a", "127.0.0.1", "-p", str(self.port), *self.flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if "Server is ready" in line:
                break
        else:
            raise AssertionError("the broker did not start")
        self._reader = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._reader.start()

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        self.process.wait(30)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stop()


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
