"""The engine child: the process that owns the C library.

    python -m sdcpp_restapi.engine.child --fd N [--library PATH] [--debug]

`N` is the inherited end of a socket pair. Commands come down and reports go up, one JSON line each
(schemas/engine.py). The first report is Hello, or Unusable and exit code 3. The process ends itself when
the other end is closed, also in the middle of a C call.
"""

import argparse
import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from contextlib import suppress
from typing import NoReturn

from pydantic import ValidationError

from ..errors import EngineUnusable, JobCancelled, SdcppError
from ..schemas.engine import (
    COMMAND,
    Cancel,
    Command,
    Convert,
    Generate,
    GenerateVideo,
    Hello,
    Load,
    LoadUpscaler,
    Log,
    Refused,
    Report,
    Shutdown,
    Unload,
    Unloaded,
    UnloadUpscaler,
    Unusable,
    Upscale,
)
from .capi import Library
from .library import open_library
from .session import Session

Work = Load | Unload | Generate | GenerateVideo | LoadUpscaler | UnloadUpscaler | Upscale | Convert
EXIT_UNUSABLE = 3
# Between the server's 0 and the 1000 of "take me first".
OOM_SCORE = 500
# When cores are short the server answers first: it needs them for a millisecond, the engine for minutes.
NICENESS = 5

SETTINGS = {
    # An abort would fork a debugger, which can hang for minutes.
    "GGML_NO_BACKTRACE": "1",
    # Threads that wait by spinning take the cores from those that work: up to 20 times slower when shared.
    "OMP_WAIT_POLICY": "passive",
    "GOMP_SPINCOUNT": "0",
}


class Child:
    """Reads commands in one thread and carries them out in another."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._writing = threading.Lock()
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        # Guards the two below: a cancel must hit the command that it names, or none.
        self._turn = threading.Lock()
        self._running: int | None = None
        self._cancelled: set[int] = set()
        self._session: Session | None = None

    def run(self, library_path: str | None, debug: bool) -> NoReturn:
        """Greet, then work until the server is gone."""
        try:
            library = open_library(library_path)
        except EngineUnusable as error:
            self.report(Unusable(error=str(error)))
            sys.exit(EXIT_UNUSABLE)
        session = self._session = Session(library, self.report, debug)
        self.report(hello(library))
        threading.Thread(target=self._read, name="commands", daemon=True).start()
        while True:
            self._carry_out(session, self._work.get())

    def report(self, report: Report) -> None:
        """Send one line; from any thread."""
        line = report.model_dump_json().encode() + b"\n"
        try:
            with self._writing:
                self._connection.sendall(line)
        except OSError:
            os._exit(0)  # nobody listens any more

    # ------------------------------------------------------------ reading

    def _read(self) -> NoReturn:
        with suppress(OSError):
            for line in self._connection.makefile("rb"):
                try:
                    self._take(COMMAND.validate_json(line))
                except ValidationError as error:
                    self.report(Log(level="error", text=f"not a command: {error}"))
        os._exit(0)  # the server is gone, and no C call is worth waiting for

    def _take(self, command: Command) -> None:
        match command:
            case Shutdown():
                os._exit(0)
            case Cancel():
                self._cancel(command.id)
            case _:
                self._work.put(command)

    def _cancel(self, command_id: int) -> None:
        with self._turn:
            if self._running is None or command_id > self._running:
                self._cancelled.add(command_id)  # still queued: ids only grow
            elif command_id == self._running and self._session is not None:
                self._session.cancel()

    # ------------------------------------------------------------ working

    def _carry_out(self, session: Session, work: Work) -> None:
        try:
            self._begin(session, work.id)
            last = self._perform(session, work)
        except SdcppError as error:
            last = Refused(id=work.id, error=str(error), cancelled=isinstance(error, JobCancelled))
        except Exception as error:  # a bug of ours must not cost the model in memory
            self.report(Log(level="error", text=traceback.format_exc()))
            last = Refused(id=work.id, error=f"Internal error: {type(error).__name__}: {error}")
        with self._turn:
            self._running = None
        self.report(last)

    def _begin(self, session: Session, command_id: int) -> None:
        with self._turn:
            self._running = command_id
            session.begin()
            cancelled = command_id in self._cancelled
            self._cancelled = {other for other in self._cancelled if other > command_id}
        if cancelled:
            raise JobCancelled

    def _perform(self, session: Session, work: Work) -> Report:
        match work:
            case Load():
                return session.load(work)
            case Generate():
                return session.generate(work)
            case GenerateVideo():
                return session.generate_video(work)
            case LoadUpscaler():
                return session.upscaler.load(work)
            case Upscale():
                return session.upscaler.upscale(work)
            case Convert():
                return session.convert(work)
            case UnloadUpscaler():
                session.upscaler.unload()
                return Unloaded(id=work.id)
            case Unload():
                session.unload()
                return Unloaded(id=work.id)


def hello(library: Library) -> Hello:
    """What the library says about itself and the machine."""
    return Hello(
        commit=library.text("sd_commit"),
        version=library.text("sd_version"),
        system_info=" ".join(library.text("sd_get_system_info").split()),
        devices=_devices(library),
        physical_cores=library.c.sd_get_num_physical_cores(),
        library=str(library.path),
    )


def _devices(library: Library) -> list[str]:
    buffer = ctypes.create_string_buffer(16384)
    library.c.sd_list_devices(buffer, len(buffer))
    return buffer.value.decode(errors="replace").splitlines()


def _prepare_process() -> None:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends its children in order
    # When memory runs out the kernel shall take the child, which can be replaced, and not the server.
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write(str(OOM_SCORE))


def main() -> NoReturn:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--fd", type=int, required=True, help="inherited end of a socket pair")
    parser.add_argument("--library", help="path of the engine library (default: the installed wheel's)")
    parser.add_argument("--debug", action="store_true", help="report the engine's debug lines as well")
    arguments = parser.parse_args()
    _prepare_process()
    Child(socket.socket(fileno=arguments.fd)).run(arguments.library, arguments.debug)


if __name__ == "__main__":
    main()
