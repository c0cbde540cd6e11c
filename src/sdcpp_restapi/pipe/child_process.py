"""The server's end of one child process: spawn it, send commands, read reports, notice when it dies."""

import asyncio
import logging
import os
import re
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import ClassVar, Self

import psutil
from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import SdcppError
from ..os_support import describe_signal, kill_group, list_spawn_options, open_socket_stream
from ..schemas.pipe import Cancel, Log, Shutdown, Unusable

log = logging.getLogger(__name__)

# Longest line that a child may send: a 1024x1024 preview is 1 MB of base64 at most.
LONGEST_LINE = 16 * 2**20
# Variables that are no business of a C library that reads files of strangers.
_SECRET = re.compile(r"^SDCPP_|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|API_?KEY|ACCESS_KEY", re.IGNORECASE)
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True, kw_only=True)
class ChildKind:
    """What all children with the same program have in common."""

    name: str  # begins sentences: "The engine process"
    module: str  # run with python -m
    timeout_setting: str  # name of the setting that limits the time of its start
    last_reports: Sequence[str]  # kinds of reports that end a call
    lost_error: type[SdcppError]  # raised when a child dies
    unusable_error: type[SdcppError]  # raised when its first report is Unusable
    log: logging.Logger


class ChildProcess[R: BaseModel]:
    """One child process. Subclasses name its program and its reports.

    Once `gone` is set the process has ended, for `reason`, and every call raises the kind's `lost_error`.
    """

    kind: ClassVar[ChildKind]
    reports: TypeAdapter[R]

    def __init__(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.gone = asyncio.Event()
        self.reason = ""
        self._closing = False
        self.last_report_at = asyncio.get_running_loop().time()
        self._writer = writer
        self._calls: dict[int, asyncio.Queue[R | SdcppError]] = {}
        self._last_lines: deque[str] = deque(maxlen=6)
        # What its log lines belong to: the job or request of the newest call, and none outside of calls.
        self._context = Context()
        self._tasks: list[asyncio.Task[None]] = [self._begin(self._log_output())]

    @classmethod
    async def spawn(
        cls, arguments: Sequence[str], timeout: float, wrapper: Sequence[str] = ()
    ) -> tuple[Self, R]:
        """Start a child and wait for its first report.

        `wrapper` is a command that runs the child's, such as `nice`. Raises the kind's `unusable_error` when
        the report is Unusable, and `lost_error` when the child dies or reports nothing for `timeout` seconds.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await cls._start(theirs, arguments, wrapper)
            reader, writer = await open_socket_stream(ours, LONGEST_LINE)
        except BaseException:
            # Also when the start is cancelled: a child that is there already sees the end of its socket.
            ours.close()
            raise
        child = cls(process, writer)
        try:
            return child, await child._read_greeting(reader, timeout)
        except BaseException:
            await child._discard()
            raise

    @classmethod
    async def _start(
        cls, theirs: socket.socket, arguments: Sequence[str], wrapper: Sequence[str]
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *[*wrapper, sys.executable, "-m", cls.kind.module, "--fd", str(theirs.fileno()), *arguments],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            **list_spawn_options(theirs),
            env={name: value for name, value in os.environ.items() if not _SECRET.search(name)},
        )

    async def call(self, command: BaseModel, call_id: int, grace: float | None = None) -> AsyncGenerator[R]:
        """Send a command and yield its reports, up to the last one. Raises the kind's `lost_error`.

        With a `grace`, a call that is left early is cancelled, and a child that does not end it within
        `grace` seconds is killed.
        """
        reports: asyncio.Queue[R | SdcppError] = asyncio.Queue()
        self._calls[call_id] = reports
        self._context = copy_context()
        ended = False
        try:
            await self.send(command)
            while not ended:
                report = await reports.get()
                ended = self._is_last(report)
                if isinstance(report, SdcppError):
                    raise report
                yield report
        finally:
            if not ended and grace is not None:
                await self._cancel_call(call_id, reports, grace)
            self._calls.pop(call_id, None)
            if not self._calls:
                self._context = Context()

    async def _cancel_call(self, call_id: int, reports: asyncio.Queue[R | SdcppError], grace: float) -> None:
        try:
            async with asyncio.timeout(grace):
                await self.send(Cancel(id=call_id))
                while not self._is_last(await reports.get()):
                    pass
        except TimeoutError:
            self.kill(f"{self.kind.name} did not stop when it was told to")
        except SdcppError:
            return  # gone, and what it was doing with it

    def _is_last(self, report: R | SdcppError) -> bool:
        return isinstance(report, SdcppError) or getattr(report, "kind", "") in self.kind.last_reports

    async def send(self, command: BaseModel) -> None:
        """Send a command. Raises the kind's `lost_error` when the child is gone."""
        if self.gone.is_set():
            raise self._build_lost_error()
        try:
            if self._writer.is_closing():  # uvloop would raise RuntimeError
                raise ConnectionResetError
            self._writer.write(command.model_dump_json().encode() + b"\n")
            await self._writer.drain()
        except ConnectionError:
            await self.gone.wait()
            raise self._build_lost_error() from None

    def kill(self, reason: str) -> None:
        """End the child at once; its calls raise `lost_error` with this reason."""
        self.reason = self.reason or reason
        self._kill_group()

    async def close(self) -> None:
        """Ask the child to end, and make sure that it did."""
        self._closing = True
        self.reason = self.reason or f"{self.kind.name} was shut down"
        if not self.gone.is_set():
            try:
                await asyncio.wait_for(self.send(Shutdown()), 1.0)
                await asyncio.wait_for(self.gone.wait(), 2.0)
            except (SdcppError, TimeoutError):
                self._kill_group()
        await self.gone.wait()
        await asyncio.gather(*self._tasks)

    def cpu_seconds(self) -> float:
        """CPU time that the child has used so far; 0.0 when it is gone."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    def memory_bytes(self) -> int:
        """Memory of its own: without the files that it maps, which the system takes back when it has to."""
        try:
            used = psutil.Process(self.process.pid).memory_info()
        except psutil.Error:
            return 0
        return int(used.rss - getattr(used, "shared", 0))

    # ------------------------------------------------------------ start

    async def _read_greeting(self, reader: asyncio.StreamReader, timeout: float) -> R:
        """The first report; a task reads those after it."""
        name = self.kind.name
        try:
            first = await asyncio.wait_for(self._read_first_report(reader), timeout)
        except TimeoutError:
            raise self.kind.lost_error(
                f"{name} did not report in time ({self.kind.timeout_setting})"
            ) from None
        except ValueError as error:
            raise self.kind.lost_error(
                f"{name} did not start: it sent something that is not a report: {error}"
            ) from error
        if first is None:
            # It closed its socket: its own exit code tells more than our signal would.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 1.0)
            await self._discard()
            raise self.kind.lost_error(f"{name} did not start: it {self._describe_exit()}")
        if isinstance(first, Unusable):
            raise self.kind.unusable_error(first.error)
        self._tasks.append(self._begin(self._read_reports(reader)))
        return first

    async def _read_first_report(self, reader: asyncio.StreamReader) -> R | None:
        while line := await reader.readline():
            report = self.reports.validate_json(line)
            if not isinstance(report, Log):
                return report
            self._log_report(report)
        return None

    async def _discard(self) -> None:
        _close(self._writer)
        self._kill_group()
        await self.process.wait()
        await asyncio.gather(*self._tasks)

    @staticmethod
    def _begin(work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """A task that lives longer than the request or job for which the child is started."""
        return asyncio.create_task(work, context=Context())

    # ------------------------------------------------------------ reports

    async def _log_output(self) -> None:
        """Log what the C library and its runtime print; the last lines tell why a child died."""
        assert self.process.stdout is not None
        while True:
            try:
                line = await self.process.stdout.readline()
            except ValueError:
                continue  # longer than the buffer: this part is dropped, the next line is read
            if not line:
                return
            text = line.decode(errors="replace").rstrip()
            if text:
                self._last_lines.append(text)
                self._context.run(self.kind.log.info, "%s", text)

    async def _read_reports(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self.last_report_at = asyncio.get_running_loop().time()
                self._route(self.reports.validate_json(line))
        except (ValueError, ConnectionError) as error:
            # Not a report, or a line without end: nothing that such a child says can be trusted.
            detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            self.kill(f"{self.kind.name} sent something that is not a report: {detail}")
        finally:
            await self._reap()

    def _route(self, report: R) -> None:
        if isinstance(report, Log):
            self._log_report(report)
            return
        reports = self._calls.get(getattr(report, "id", 0))
        if reports is not None:
            reports.put_nowait(report)

    def _log_report(self, report: Log) -> None:
        self._context.run(self.kind.log.log, _LEVELS[report.level], "%s", report.text)
        if report.level == "error":
            self._last_lines.append(report.text)

    # ------------------------------------------------------------ end

    async def _reap(self) -> None:
        _close(self._writer)
        try:
            # A child that closed its socket without ending cannot be reached any more.
            await asyncio.wait_for(self.process.wait(), 2.0)
        except TimeoutError:
            self._kill_group()
            await self.process.wait()
        await asyncio.wait(self._tasks[:1], timeout=1.0)
        self.reason = self.reason or f"{self.kind.name} {self._describe_exit()}"
        if not self._closing:
            log.warning("%s", self.reason)
        self.gone.set()
        for reports in self._calls.values():
            reports.put_nowait(self._build_lost_error())

    def _build_lost_error(self) -> SdcppError:
        return self.kind.lost_error(self.reason)

    def _kill_group(self) -> None:
        """The whole session: a wrapper such as `nice` may stand between us and the child."""
        try:
            kill_group(self.process.pid)
        except (ProcessLookupError, PermissionError):
            log.debug("process %d is gone already", self.process.pid)

    def _describe_exit(self) -> str:
        returncode = self.process.returncode
        if returncode is not None and (name := describe_signal(returncode)) is not None:
            hint = ", as happens when memory runs out" if name == "SIGKILL" else ""
            how = f"was killed by {name}{hint}"
        else:
            how = f"ended with exit code {returncode}"
        words = "; ".join(self._last_lines)
        return how + (f": {words}" if words else "")


def _close(writer: asyncio.StreamWriter) -> None:
    try:
        writer.close()
    except RuntimeError:
        log.debug("the event loop was closed before the child's socket")
