"""The server's end of one child process: spawn it, talk to it, notice when it dies."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Self

import psutil
from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import SdcppError
from ..schemas.pipe import Cancel, Log, Shutdown, Unusable

log = logging.getLogger(__name__)

# Longest line that a child may send: a 1024x1024 preview is 1 MB of base64 at most.
LONGEST_LINE = 16 * 2**20
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


@dataclass(frozen=True)
class ChildKind:
    """What kind of child it is."""

    name: str  # begins sentences: "The engine process"
    module: str  # run with python -m
    patience: str  # the setting that says how long it may take to start
    last_reports: Sequence[str]  # the kinds that end a call
    lost: type[SdcppError]  # raised when a child dies
    unusable: type[SdcppError]  # raised when one says at once that it can't work
    log: logging.Logger


class ChildProcess[R: BaseModel]:
    """One living child. Subclasses give it a trade; dead for good once `gone` is set."""

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
        self._tasks: list[asyncio.Task[None]] = [asyncio.create_task(self._drain())]

    @classmethod
    async def spawn(
        cls, arguments: Sequence[str], timeout: float, wrapper: Sequence[str] = ()
    ) -> tuple[Self, R]:
        """A new child and its first report.

        Raises the trade's `unusable` when that says so, and `lost` when the child dies or stays silent for
        `timeout` seconds.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            fd = theirs.fileno()
            # A session of its own: Ctrl-C in the terminal is for the server, which ends the child in order.
            process = await asyncio.create_subprocess_exec(
                *[*wrapper, sys.executable, "-m", cls.kind.module, "--fd", str(fd), *arguments],
                pass_fds=(fd,),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_LINE)
        child = cls(process, writer)
        try:
            return child, await child._greeted(reader, timeout)
        except BaseException:
            await child._abort()
            raise

    async def call(self, command: BaseModel, call_id: int, grace: float | None = None) -> AsyncGenerator[R]:
        """Send a command and yield its reports, up to the last one. Raises the trade's `lost`.

        With a `grace`, a call that is left early is cancelled, and a child that does not obey within so many
        seconds is killed.
        """
        reports: asyncio.Queue[R | SdcppError] = asyncio.Queue()
        self._calls[call_id] = reports
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
                await self._stop(call_id, reports, grace)
            self._calls.pop(call_id, None)

    async def _stop(self, call_id: int, reports: asyncio.Queue[R | SdcppError], grace: float) -> None:
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
        """Send a command. Raises the trade's `lost` when the child is gone."""
        if self.gone.is_set():
            raise self._lost()
        try:
            self._writer.write(command.model_dump_json().encode() + b"\n")
            await self._writer.drain()
        except ConnectionError:
            await self.gone.wait()
            raise self._lost() from None

    def kill(self, reason: str) -> None:
        """End the child at once; its calls raise `lost` with this reason."""
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

    # ------------------------------------------------------------ birth

    async def _greeted(self, reader: asyncio.StreamReader, timeout: float) -> R:
        """The first report; from then on the others are listened to."""
        name = self.kind.name
        try:
            first = await asyncio.wait_for(self._first_report(reader), timeout)
        except TimeoutError:
            raise self.kind.lost(f"{name} did not report in time ({self.kind.patience})") from None
        except ValueError as error:
            raise self.kind.lost(
                f"{name} did not start: it sent something that is not a report: {error}"
            ) from error
        if first is None:
            # It closed its socket: its own exit code tells more than our signal would.
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), 1.0)
            await self._abort()
            raise self.kind.lost(f"{name} did not start: it {self._why()}")
        if isinstance(first, Unusable):
            raise self.kind.unusable(first.error)
        self._tasks.append(asyncio.create_task(self._listen(reader)))
        return first

    async def _first_report(self, reader: asyncio.StreamReader) -> R | None:
        while line := await reader.readline():
            report = self.reports.validate_json(line)
            if not isinstance(report, Log):
                return report
            self._note(report)
        return None

    async def _abort(self) -> None:
        _close(self._writer)
        self._kill_group()
        await self.process.wait()
        await asyncio.gather(*self._tasks)

    # ------------------------------------------------------------ life

    async def _drain(self) -> None:
        """What the C library and its runtime print: log lines, and the last ones tell why a child died."""
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
                self.kind.log.info("%s", text)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
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
            self._note(report)
            return
        reports = self._calls.get(getattr(report, "id", 0))
        if reports is not None:
            reports.put_nowait(report)

    def _note(self, report: Log) -> None:
        self.kind.log.log(_LEVELS[report.level], "%s", report.text)
        if report.level == "error":
            self._last_lines.append(report.text)

    # ------------------------------------------------------------ death

    async def _reap(self) -> None:
        _close(self._writer)
        try:
            # A child that closed its socket without ending is of no more use.
            await asyncio.wait_for(self.process.wait(), 2.0)
        except TimeoutError:
            self._kill_group()
            await self.process.wait()
        await asyncio.wait(self._tasks[:1], timeout=1.0)
        self.reason = self.reason or f"{self.kind.name} {self._why()}"
        if not self._closing:
            log.warning("%s", self.reason)
        self.gone.set()
        for reports in self._calls.values():
            reports.put_nowait(self._lost())

    def _lost(self) -> SdcppError:
        return self.kind.lost(self.reason)

    def _kill_group(self) -> None:
        """The whole session: a wrapper such as `nice` may stand between us and the child."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            log.debug("process %d is gone already", self.process.pid)

    def _why(self) -> str:
        returncode = self.process.returncode
        if returncode is not None and returncode < 0:
            name = signal.Signals(-returncode).name
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
