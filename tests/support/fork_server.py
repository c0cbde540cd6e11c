"""Commands of ours that start at once: forks of a process that has imported everything already.

Importing is most of what a start costs (1.4 s of CPU), and the same hundreds of times. As a script this is
that process. Tests of the start itself use tests/support/command.py, which starts the interpreter anew.
"""

import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

# The commands that servers and workers are, and what they import late.
MODULES = (
    "sdcpp_restapi.cli.commands",
    "sdcpp_restapi.serve",
    "sdcpp_restapi.work",
    "sdcpp_restapi.cli.serve",
    "sdcpp_restapi.cli.worker",
    "httpcore",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
)
# A request is one message: arguments, folder and environment.
LONGEST_REQUEST = 200_000


class ForkedCommand:
    """What `subprocess.Popen` is to a command that was started anew, as far as tests need it."""

    def __init__(self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        out, their_out = os.pipe()
        report, their_report = os.pipe()
        request = json.dumps([[*arguments], str(folder), dict(environment)]).encode()
        socket.send_fds(_fork_server(), [request], [their_out, their_report])
        os.close(their_out)
        os.close(their_report)
        self.stdout: IO[str] = open(out, encoding="utf-8", errors="replace")  # noqa: SIM115
        # Its process id, and when it has ended, its exit code.
        self._report = open(report, "rb", buffering=0)  # noqa: SIM115
        self.pid = int(self._read_line())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        if self.returncode is None and _is_readable(self._report.fileno(), 0):
            self._end()
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Its exit code; waits so many seconds for it. Raises TimeoutExpired."""
        if self.returncode is None:
            if not _is_readable(self._report.fileno(), timeout):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            self._end()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):  # it has ended just now
                os.kill(self.pid, number)

    def _end(self) -> None:
        self.returncode = int(self._read_line())
        self._report.close()

    def _read_line(self) -> bytes:
        line = self._report.readline()
        assert line, "the fork server has ended"
        return line


@cache
def _fork_server() -> socket.socket:
    """The way to the fork server of this process, which ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        command = [sys.executable, "-P", __file__, str(theirs.fileno())]
        server = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdout=subprocess.DEVNULL)
    # It lives as long as the socket: nobody waits for it.
    server.returncode = 0
    return ours


def _is_readable(fd: int, timeout: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(timeout))


# ------------------------------------------------------------ in the fork server


def _serve(requests: socket.socket) -> list[str]:
    """Fork for each request, and report how the forks end. Returns in a fork only: with its arguments."""
    # The process id and the report of each fork that runs, by the descriptor that tells its end.
    running: dict[int, tuple[int, int]] = {}
    selector = selectors.DefaultSelector()
    selector.register(requests, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not requests:
                selector.unregister(key.fd)
                _report_end(key.fd, *running.pop(key.fd))
                continue
            request, fds, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 2)
            if not request:
                os._exit(0)
            arguments, folder, environment = json.loads(request)
            out, report = fds
            pid = os.fork()
            if pid == 0:
                selector.close()
                for pidfd, (_, other_report) in running.items():
                    os.close(pidfd)
                    os.close(other_report)
                _become(folder, environment, out)
                os.close(report)
                return list(arguments)
            os.close(out)
            os.write(report, b"%d\n" % pid)
            pidfd = os.pidfd_open(pid)
            running[pidfd] = (pid, report)
            selector.register(pidfd, selectors.EVENT_READ)


def _report_end(pidfd: int, pid: int, report: int) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(pidfd)
    with suppress(BrokenPipeError):  # the test did not wait for it
        os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
    os.close(report)


def _become(folder: str, environment: dict[str, str], out: int) -> None:
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """Import everything, then serve; each fork goes on as the command."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in MODULES:
        importlib.import_module(module)
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        arguments = _serve(requests)
    sys.argv[1:] = arguments
    importlib.import_module("sdcpp_restapi.cli").main()


if __name__ == "__main__":
    main()
