"""The child's end: reads commands in a thread, because calls into the C library block the main one.

`--fd N` names the inherited end of a socket pair. Commands come down and reports go up, one JSON line each.
The process ends itself when the other end is closed, also in the middle of a C call.
"""

import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, Protocol

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import InternalError, JobCancelled, SdcppError
from ..schemas.pipe import Cancel, Log, Refused, Shutdown, Unusable

EXIT_UNUSABLE = 3
# oom_score_adj, between the server's 0 and 1000, the greatest.
OOM_SCORE = 500

SETTINGS = {
    # An abort would fork a debugger, which can hang for minutes.
    "GGML_NO_BACKTRACE": "1",
    # Threads that wait by spinning take the cores from those that work: up to 20 times slower when shared.
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
}


class Work(Protocol):
    """A command that is carried out in its turn, unlike Cancel and Shutdown."""

    @property
    def id(self) -> int:
        """Ids of later commands are greater."""
        ...


class Session(Protocol):
    """The state of a child between its commands, of which one runs at a time."""

    def begin(self) -> None:
        """Forget an earlier cancel: a new command begins."""
        ...

    def cancel(self) -> None:
        """Stop the running command. Called from another thread."""
        ...


class ChildEnd[W: Work, S: Session]:
    """Reads commands in one thread and carries them out in the main one."""

    def __init__(self, fd: int, commands: TypeAdapter[W | Cancel | Shutdown]) -> None:
        self._connection = socket.socket(fileno=fd)
        self._commands = commands
        self._write_lock = threading.Lock()
        self._queue: queue.SimpleQueue[W] = queue.SimpleQueue()
        # Guards the two below: a cancel must hit the command that it names, or none.
        self._state_lock = threading.Lock()
        self._running: int | None = None
        self._cancelled: set[int] = set()
        self._session: S | None = None

    def run(self, start: Callable[[], tuple[S, BaseModel]], perform: Callable[[S, W], BaseModel]) -> NoReturn:
        """Start the session, report its greeting, then work until the server is gone.

        An SdcppError of `start` is reported as Unusable. `perform` gives a command's last report; its
        SdcppErrors are reported as Refused.
        """
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        try:
            session, greeting = start()
        except SdcppError as error:
            self.report(Unusable(error=str(error)))
            sys.exit(EXIT_UNUSABLE)
        self._session = session
        self.report(greeting)
        while True:
            self._perform(session, perform, self._queue.get())

    def report(self, report: BaseModel) -> None:
        """Send one line; from any thread."""
        line = report.model_dump_json().encode() + b"\n"
        try:
            with self._write_lock:
                self._connection.sendall(line)
        except OSError:
            os._exit(0)  # the server is gone

    # ------------------------------------------------------------ reading

    def _read(self) -> NoReturn:
        with suppress(OSError):
            for line in self._connection.makefile("rb"):
                try:
                    self._dispatch(self._commands.validate_json(line))
                except ValidationError as error:
                    self.report(Log(level="error", text=f"not a command: {error}"))
        os._exit(0)  # the server is gone, and no C call is worth waiting for

    def _dispatch(self, command: W | Cancel | Shutdown) -> None:
        match command:
            case Shutdown():
                os._exit(0)
            case Cancel():
                self._cancel(command.id)
            case _:
                self._queue.put(command)

    def _cancel(self, command_id: int) -> None:
        with self._state_lock:
            if self._running is None or command_id > self._running:
                self._cancelled.add(command_id)  # still queued: ids only grow
            elif command_id == self._running and self._session is not None:
                self._session.cancel()

    # ------------------------------------------------------------ working

    def _perform(self, session: S, perform: Callable[[S, W], BaseModel], work: W) -> None:
        try:
            self._begin(session, work.id)
            last = perform(session, work)
        except SdcppError as error:
            last = Refused(id=work.id, error=error.info)
        except Exception as error:  # a bug of ours must not cost the model in memory
            self.report(Log(level="error", text=traceback.format_exc()))
            last = Refused(id=work.id, error=InternalError.of(error).info)
        with self._state_lock:
            self._running = None
        self.report(last)

    def _begin(self, session: S, command_id: int) -> None:
        with self._state_lock:
            self._running = command_id
            session.begin()
            cancelled = command_id in self._cancelled
            self._cancelled = {other for other in self._cancelled if other > command_id}
        if cancelled:
            raise JobCancelled


def prepare_process(niceness: int) -> None:
    """Set environment, priority and signals of this process. To be called before a C library is loaded."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # When cores are short the server goes first: it needs them for a millisecond, a child for minutes.
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its children in order
    # When memory runs out the kernel shall take a child, which can be replaced, and not the server.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(str(OOM_SCORE))
