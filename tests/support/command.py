"""The command `sdcpp`, in a process of its own, as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.logged_process import TRACEBACK

COMMAND = (sys.executable, "-m", "sdcpp_restapi")
SERVING = re.compile(r"Serving on http://\S+?:(\d+) ")
ANY_PORTS = ("--port", "0", "--ws-port", "0")


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """A user without settings, whose home is `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SDCPP_")}
    return kept | {"HOME": str(folder), "XDG_DATA_HOME": str(folder / "share"), "COLUMNS": "200"} | variables


def sdcpp(*arguments: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end, in `folder`."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder, **variables),
        capture_output=True,
        text=True,
        timeout=60,
    )


class Running:
    """The command while it runs; both its streams are one."""

    def __init__(self, *arguments: str, folder: Path, **variables: str) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=folder,
            env=environment(folder, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # Tests that a shell runs in its background ignore Ctrl-C, and so would their children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def wait_for(self, pattern: re.Pattern[str] | str) -> re.Match[str]:
        """The first line from here on that matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"{pattern} was not said:\n{''.join(self.lines)}")

    def port(self) -> int:
        """Wait until the server answers; its port."""
        return int(self.wait_for(SERVING)[1])

    def loaded_url(self, model: str = "demo-emoji", api_key: str = "") -> str:
        """Wait until a model is in memory, by default the demo model; the server's address."""
        url = f"http://127.0.0.1:{self.port()}"
        self.wait_for(f"loaded {model}")
        # The line is written a moment before /health knows.
        with httpx.Client(base_url=url, headers={"X-API-Key": api_key}) as http:
            until = time.monotonic() + 60
            while not http.get("/health").json()["model_loaded"]:
                assert time.monotonic() < until, "".join(self.lines)
        return url

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send the signal; the exit code, and everything that was said."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        if not self.process.stdout.closed:
            # Not communicate(): it would lose what the loop above has read ahead.
            self.lines.extend(self.process.stdout)
            self.process.stdout.close()
        return self.process.wait(30), "".join(self.lines)


@contextmanager
def running(*arguments: str, folder: Path, **variables: str) -> Iterator[Running]:
    """Start it; it is ended with the block, however that ends, and may not have said a traceback."""
    command = Running(*arguments, folder=folder, **variables)
    try:
        yield command
    finally:
        command.end(signal.SIGKILL)
    assert not [line for line in command.lines if TRACEBACK.search(line)], "".join(command.lines)
