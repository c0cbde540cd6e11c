"""A real worker in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

START_SECONDS = 60


class Worker:
    """`sdcpp worker`, with folders below `root`."""

    def __init__(
        self,
        broker_url: str,
        root: Path,
        name: str,
        *flags: str,
        models: str = "models",
        env: dict[str, str] | None = None,
    ) -> None:
        self.name = name
        self.root = root
        self.broker_url = broker_url
        self.flags = flags
        self.models = models
        self.env = env or {}
        self.start()

    def start(self) -> None:
        """Start it (again); `log` holds the lines of this start only."""
        self.log: list[str] = []
        self._said = threading.Condition()
        self._ended = False
        folders = ("--models-dir", self.models, "--data-dir", f"worker-{self.name}")
        who = ("--nats", self.broker_url, "--name", self.name)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sdcpp_restapi", "worker", *who, *folders, *self.flags],
            cwd=self.root,
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for_log(self, pattern: str, seconds: float = START_SECONDS) -> None:
        """Until a line matches; fails with the log when none does."""
        with self._said:
            found = self._said.wait_for(
                lambda: self._ended or any(re.search(pattern, line) for line in self.log), seconds
            )
            if not found or not any(re.search(pattern, line) for line in self.log):
                raise AssertionError(f"{pattern} was not logged:\n" + "\n".join(self.log[-40:]))

    def pause(self) -> None:
        """It stops answering, and so does its engine, as if the network were cut."""
        for process in self._family():
            process.suspend()

    def go_on(self) -> None:
        """After `pause`."""
        for process in self._family():
            process.resume()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.stop(signal.SIGKILL)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
        code = self.process.wait(30)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def engine(self) -> psutil.Process:
        """Its engine's process."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    def _family(self) -> list[psutil.Process]:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.log.append(line.rstrip())
                self._said.notify_all()
        with self._said:
            self._ended = True
            self._said.notify_all()
