"""The child's end: reads commands in a thread, because calls into the C library block the main one.

`--fd N` names the inherited end of a socket pair. Commands come down and reports go up, one JSON line each.
The process ends itself when the other end is closed, also in the middle of a C call.
"""

import argparse
import os
import queue
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NoReturn, Protocol

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..errors import InternalError, JobCancelled, SdcppError
from ..os_support import ignore_interrupts, lower_priority, prefer_as_victim
from ..schemas.pipe import Cancel, Log, Notice, Refused, Shutdown, Unusable, WaitPolicy

EXIT_UNUSABLE = 3
# oom_score_adj, between the server's 0 and 1000, the greatest.
OOM_SCORE = 500

SETTINGS = {
    # An abort would fork a debugger, which can hang for minutes.
    "GGML_NO_BACKTRACE": "1",
    "OMP_WAIT_POLICY": "passive",
}
# How often a thread looks whether the others are done before it sleeps. Where cores are shared, threads that
# look on take them from those that work; where they are not, to sleep and be woken takes longer than a node
# of a small graph. A thousand times have nearly all that looking gains and a small part of what it can cost
# (measured in docs/performance.md). libgomp itself has 300,000.
SPIN_COUNTS: dict[WaitPolicy, str] = {"auto": "1000", "spin": "300000", "sleep": "0"}


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


class ChildEnd[W: Work, S: Session, N: Notice]:
    """Reads commands in one thread and carries them out in the main one."""

    def __init__(
        self,
        fd: int,
        commands: TypeAdapter[W | N | Cancel | Shutdown],
        notice: Callable[[N], None] | None = None,
    ) -> None:
        """`notice` is called with every notice, in the thread that reads."""
        self._connection = socket.socket(fileno=fd)
        self._commands = commands
        self._notice = notice
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

    def _dispatch(self, command: W | N | Cancel | Shutdown) -> None:
        match command:
            case Shutdown():
                os._exit(0)
            case Cancel():
                self._cancel(command.id)
            case Notice():
                if self._notice is not None:
                    self._notice(command)
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


def add_wait_flag(parser: argparse.ArgumentParser) -> None:
    """Have the command line tell how threads wait."""
    parser.add_argument("--wait", choices=list(SPIN_COUNTS), default="auto", help="how threads wait")


def choose_environment(given: Mapping[str, str], wait: WaitPolicy) -> dict[str, str]:
    """The variables of a child: what is `given` stays, but for a spin count where one was chosen."""
    chosen = {**SETTINGS, "GOMP_SPINCOUNT": SPIN_COUNTS["auto"], **given}
    return chosen if wait == "auto" else chosen | {"GOMP_SPINCOUNT": SPIN_COUNTS[wait]}


def prepare_process(niceness: int, wait: WaitPolicy) -> None:
    """Set environment, priority and signals of this process. To be called before a C library is loaded."""
    os.environ.update(choose_environment(os.environ, wait))
    # When cores are short the server goes first: it needs them for a millisecond, a child for minutes.
    lower_priority(niceness)
    ignore_interrupts()  # Ctrl-C is for the server, which ends its children in order
    # When memory runs out the kernel shall take a child, which can be replaced, and not the server.
    prefer_as_victim(OOM_SCORE)
