"""The server's end of one engine child: spawn it, talk to it, notice when it dies."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Self

import psutil
from pydantic import ValidationError

from ..config import Engine
from ..errors import EngineLost, EngineUnusable
from ..schemas.engine import COMMAND, REPORT, Command, Hello, Log, Report, Shutdown, Step, Unusable

log = logging.getLogger(__name__)
engine_log = logging.getLogger("sdcpp_restapi.engine.log")

# Longest line that a child may send: a 1024x1024 preview is 1 MB of base64 at most.
LONGEST_LINE = 16 * 2**20
LAST_REPORTS = (
    "loaded",
    "unloaded",
    "generated",
    "video_generated",
    "upscaler_ready",
    "upscaled",
    "converted",
    "refused",
)
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class EngineChild:
    """One living child process. Made by `start`; dead for good once `gone` is set."""

    def __init__(
        self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter, hello: Hello
    ) -> None:
        self.process = process
        self.hello = hello
        self.gone = asyncio.Event()
        self.reason = ""
        self.last_word = asyncio.get_running_loop().time()
        self.slowest_step = 0.0  # seconds, of all steps so far
        self._last_step: tuple[Step, float] | None = None
        self._writer = writer
        self._calls: dict[int, asyncio.Queue[Report | EngineLost]] = {}
        self._last_lines: deque[str] = deque(maxlen=6)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def start(cls, settings: Engine) -> Self:
        """Spawn a child and wait for its Hello.

        Raises EngineUnusable when the library fails its self-check, EngineLost when the child dies or stays
        silent for `start_timeout`.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in the terminal is for the server, which ends the child in order.
            process = await asyncio.create_subprocess_exec(
                *_command_line(settings, theirs.fileno()),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        reader, writer = await asyncio.open_unix_connection(sock=ours, limit=LONGEST_LINE)
        lines: deque[str] = deque(maxlen=6)
        output = asyncio.create_task(_drain(process, lines))
        try:
            hello = await asyncio.wait_for(_first_report(reader), settings.start_timeout)
        except (EngineLost, TimeoutError, ValueError) as error:
            if isinstance(error, EngineLost):
                # It closed its socket: its own exit code tells more than our signal would.
                with suppress(TimeoutError):
                    await asyncio.wait_for(process.wait(), 1.0)
            await _end(process, writer, output)
            raise EngineLost(_no_start(process, error, lines)) from error
        except BaseException:
            await _end(process, writer, output)
            raise
        if isinstance(hello, Unusable):
            await _end(process, writer, output)
            raise EngineUnusable(hello.error)
        child = cls(process, writer, hello)
        child._last_lines = lines
        child._tasks = [output, asyncio.create_task(child._listen(reader))]
        return child

    async def call(self, command: Command, call_id: int) -> AsyncGenerator[Report]:
        """Send a command and yield its reports, up to the last one. Raises EngineLost when the child dies."""
        reports: asyncio.Queue[Report | EngineLost] = asyncio.Queue()
        self._calls[call_id] = reports
        try:
            await self.send(command)
            while True:
                report = await reports.get()
                if isinstance(report, EngineLost):
                    raise report
                yield report
                if report.kind in LAST_REPORTS:
                    return
        finally:
            self._calls.pop(call_id, None)

    async def send(self, command: Command) -> None:
        """Send a command. Raises EngineLost when the child is gone."""
        if self.gone.is_set():
            raise EngineLost(self.reason)
        try:
            self._writer.write(COMMAND.dump_json(command) + b"\n")
            await self._writer.drain()
        except ConnectionError:
            await self.gone.wait()
            raise EngineLost(self.reason) from None

    def kill(self, reason: str) -> None:
        """End the child at once; its calls raise EngineLost with this reason."""
        self.reason = self.reason or reason
        _kill_group(self.process)

    async def close(self) -> None:
        """Ask the child to end, and make sure that it did."""
        self.reason = self.reason or "The engine was shut down"
        if not self.gone.is_set():
            try:
                await asyncio.wait_for(self.send(Shutdown()), 1.0)
                await asyncio.wait_for(self.gone.wait(), 2.0)
            except (EngineLost, TimeoutError):
                _kill_group(self.process)
        await self.gone.wait()
        await asyncio.gather(*self._tasks)

    def cpu_seconds(self) -> float:
        """CPU time that the child has used so far; 0.0 when it is gone."""
        try:
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return times.user + times.system

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self.last_word = asyncio.get_running_loop().time()
                self._route(REPORT.validate_json(line))
        except (ValueError, ConnectionError) as error:
            # Not a report, or a line without end: nothing that such a child says can be trusted.
            detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            self.kill(f"The engine process sent something that is not a report: {detail}")
        finally:
            await self._bury()

    def _route(self, report: Report) -> None:
        if isinstance(report, Log):
            engine_log.log(_LEVELS[report.level], "%s", report.text)
            if report.level == "error":
                self._last_lines.append(report.text)
        elif not isinstance(report, Hello | Unusable) and report.id in self._calls:
            if isinstance(report, Step):
                self._time(report)
            self._calls[report.id].put_nowait(report)

    def _time(self, step: Step) -> None:
        """Only from a step to the next one: before the first of an image other work is done."""
        if self._last_step is not None:
            before, then = self._last_step
            if (before.id, before.image, before.step + 1) == (step.id, step.image, step.step):
                self.slowest_step = max(self.slowest_step, self.last_word - then)
        self._last_step = step, self.last_word

    async def _bury(self) -> None:
        _close(self._writer)
        try:
            # A child that closed its socket without ending is of no more use.
            await asyncio.wait_for(self.process.wait(), 2.0)
        except TimeoutError:
            _kill_group(self.process)
            await self.process.wait()
        await asyncio.wait(self._tasks[:1], timeout=1.0)
        self.reason = self.reason or _why(self.process.returncode, self._last_lines)
        self.gone.set()
        for reports in self._calls.values():
            reports.put_nowait(EngineLost(self.reason))


def _command_line(settings: Engine, fd: int) -> list[str]:
    library = ["--library", str(settings.library)] if settings.library else []
    debug = ["--debug"] if engine_log.isEnabledFor(logging.DEBUG) else []
    child = [sys.executable, "-m", "sdcpp_restapi.engine.child", "--fd", str(fd)]
    return [*settings.command, *child, *library, *debug]


async def _first_report(reader: asyncio.StreamReader) -> Hello | Unusable:
    while line := await reader.readline():
        report = REPORT.validate_json(line)
        if isinstance(report, Hello | Unusable):
            return report
        if isinstance(report, Log):
            engine_log.log(_LEVELS[report.level], "%s", report.text)
    raise EngineLost


async def _drain(process: asyncio.subprocess.Process, last_lines: deque[str]) -> None:
    """What the C library and its runtime print: log lines, and the last ones tell why a child died."""
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:
            continue  # longer than the buffer: this part is dropped, the next line is read
        if not line:
            return
        text = line.decode(errors="replace").rstrip()
        if text:
            last_lines.append(text)
            engine_log.info("%s", text)


async def _end(
    process: asyncio.subprocess.Process, writer: asyncio.StreamWriter, output: asyncio.Task[None]
) -> None:
    _close(writer)
    _kill_group(process)
    await process.wait()
    await output


def _close(writer: asyncio.StreamWriter) -> None:
    try:
        writer.close()
    except RuntimeError:
        log.debug("the event loop was closed before the engine's socket")


def _kill_group(process: asyncio.subprocess.Process) -> None:
    """The whole session: a wrapper such as `nice` may stand between us and the child."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        log.debug("engine process %d is gone already", process.pid)


def _why(returncode: int | None, last_lines: deque[str]) -> str:
    if returncode is not None and returncode < 0:
        name = signal.Signals(-returncode).name
        hint = ", as happens when memory runs out" if name == "SIGKILL" else ""
        how = f"was killed by {name}{hint}"
    else:
        how = f"ended with exit code {returncode}"
    words = "; ".join(last_lines)
    return f"The engine process {how}" + (f": {words}" if words else "")


def _no_start(process: asyncio.subprocess.Process, error: Exception, lines: deque[str]) -> str:
    if isinstance(error, TimeoutError):
        return "The engine process did not report in time (engine.start_timeout)"
    if isinstance(error, EngineLost):
        return "The engine process did not start: " + _why(process.returncode, lines)
    return f"The engine process did not start: it sent something that is not a report: {error}"
