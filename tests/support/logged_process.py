"""A command of ours in a process of its own, and what it logs."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.fork_server import ForkedCommand

# More than a minute was seen where 30 processes shared two cores. A test that may take less ends with it.
START_SECONDS = 110
# Variables that act only on a process that is started anew.
READ_BY_THE_LOADER = {"LD_PRELOAD"}
# What no log holds, unless a test says that it is expected.
TRACEBACK = re.compile(
    r"Traceback \(most recent call last\)|was never retrieved|was never awaited|^Exception ignored"
)


class LoggedProcess:
    """`sdcpp ...`, which can be killed and started again.

    At the end of the block that it is the context of, it is killed, the end of its log is printed, and a
    traceback in the log of any of its starts fails the test.
    """

    name = "the server"
    # Set by a test that makes it log a traceback.
    expects_tracebacks = False

    def __init__(self, root: Path, env: dict[str, str] | None = None) -> None:
        self.root = root
        self.env = env or {}
        self.log: list[str] = []
        self._earlier: list[str] = []
        self._said = threading.Condition()

    def launch(self, *arguments: str) -> None:
        """Start the command (again); `log` holds the lines of this start only."""
        self._earlier += self.log
        self.log = []
        self._ended = False
        self.process = self._start(arguments)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _start(self, arguments: Sequence[str]) -> subprocess.Popen[str] | ForkedCommand:
        environment = {**os.environ, **self.env}
        if not READ_BY_THE_LOADER & self.env.keys():
            return ForkedCommand(arguments, self.root, environment)
        return subprocess.Popen(
            [sys.executable, "-m", "sdcpp_restapi", *arguments],
            cwd=self.root,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def wait_for_log(self, pattern: re.Pattern[str] | str, seconds: float = START_SECONDS) -> re.Match[str]:
        """The last line (of all, not only of new ones) that matches; fails with the log when none comes."""
        with self._said:
            found: list[re.Match[str]] = []

            def seen() -> bool:
                found[:] = [m for line in self.log if (m := re.search(pattern, line))]
                return bool(found) or self._ended

            self._said.wait_for(seen, seconds)
            if not found:
                raise AssertionError(f"{pattern} was not logged:\n" + "\n".join(self.log[-40:]))
            return found[-1]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._said:
                self.log.append(line.rstrip())
                self._said.notify_all()
        with self._said:
            self._ended = True
            self._said.notify_all()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)  # it may have been paused
        code = self.process.wait(30)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        """End it as a power cut would: SIGKILL."""
        self.stop(signal.SIGKILL)

    def end(self) -> None:
        """Kill it, and show the end of its log; no start of it may have logged a traceback."""
        self.kill()
        # pytest shows this beside a failure.
        print("\n".join([f"--- log of {self.name}", *self.log[-60:]]))
        found = self.tracebacks()
        assert self.expects_tracebacks or not found, "\n\n".join(found)

    def tracebacks(self) -> list[str]:
        """What nobody expects in the logs of all starts, each with the lines after it."""
        lines = [*self._earlier, *self.log]
        return ["\n".join(lines[n : n + 40]) for n, line in enumerate(lines) if TRACEBACK.search(line)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, where: TracebackType | None
    ) -> None:
        if failure is not None:
            # The failure is what is told; the log beside it has the traceback.
            self.expects_tracebacks = True
        self.end()
