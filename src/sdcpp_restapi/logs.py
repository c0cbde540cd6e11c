"""The log: for people on standard error (or as JSON lines), and as JSON lines in the data directory."""

import json
import logging
import logging.handlers
import os
import queue
import re
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from .config import Logging
from .request_source import CLIENT, JOB_ID, REQUEST_ID
from .schemas.addresses import hide_secrets
from .schemas.log import LogEntry

# 5 files of 5 MB: some weeks of an ordinary server.
FILE_BYTES, FILES = 5 * 2**20, 5
# A line has some 150 bytes; where lines are much longer the tail has fewer of them.
BYTES_PER_LINE = 1000
# Lines that wait for a slow reader of standard error.
MOST_WAITING = 10_000
# Seconds that they get at the end.
LAST_WORDS = 1.0
# What the access log tells of a request besides its sentence.
MEASURED = ("method", "path", "status", "duration_ms")
# What a terminal would obey, or show as another line or in another order than it is.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class TextLines(logging.Formatter):
    """A line for people, without the secrets in addresses; control characters, which a client may have sent,
    are escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback if there is one, whose lines stay lines."""
        return "\n".join(_escape(line) for line in hide_secrets(super().format(record)).split("\n"))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The line without the traceback, and the id of the request that it belongs to."""
        record.message = _escape(record.message)
        request_id = REQUEST_ID.get()
        return super().formatMessage(record) + (f" [{request_id}]" if request_id else "")


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, logger, message, what the line belongs to, and the traceback if
    there is one; without the secrets in addresses."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide_secrets(record.getMessage()),
        }
        line.update(_list_context(record))
        if record.exc_info:
            line["exception"] = hide_secrets(self.formatException(record.exc_info))
        text = json.dumps(line, ensure_ascii=False)
        return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class StandardError(logging.Handler):
    """Standard error, written by a thread: a reader that does not read keeps nobody waiting.

    Once so many lines wait, further ones are counted and dropped; that is told when it moves again.
    """

    def __init__(self, descriptor: int, most_waiting: int = MOST_WAITING) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._waiting: queue.Queue[str | None] = queue.Queue(most_waiting)
        self._dropped = 0
        self._thread = threading.Thread(target=self._write_lines, name="stderr", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Leave the line to the thread."""
        try:
            if self._dropped:
                self._waiting.put_nowait(self._describe_dropped())
                self._dropped = 0
            self._waiting.put_nowait(self.format(record))
        except queue.Full:
            self._dropped += 1
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Give the lines that wait a moment to be written."""
        with suppress(queue.Full):
            self._waiting.put_nowait(None)
            self._thread.join(LAST_WORDS)
        super().close()

    def _write_lines(self) -> None:
        while (line := self._waiting.get()) is not None:
            self._write(line)
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        """Once the thread moves again, even if no further line comes; `emit` counts under the same lock."""
        self.acquire()
        try:
            if self._dropped and self._waiting.empty():
                self._waiting.put_nowait(self._describe_dropped())
                self._dropped = 0
        finally:
            self.release()

    def _describe_dropped(self) -> str:
        return f"{self._dropped} lines of the log were dropped here: nobody read standard error"

    def _write(self, line: str) -> None:
        left = f"{line}\n".encode(errors="backslashreplace")
        # Not by sys.stderr: at the end the interpreter would wait for its lock. A reader may be gone.
        with suppress(OSError):
            while left:
                left = left[os.write(self._descriptor, left) :]


class LogFile(logging.handlers.RotatingFileHandler):
    """The file in the data directory. A full disk does not keep the server from running."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Go without the line when the disk is full; the same lines go to standard error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def configure(settings: Logging, data_dir: Path) -> None:
    """Set up the root logger; libraries are heard from warnings on."""
    people = StandardError(sys.stderr.fileno())
    people.setFormatter(JsonLines() if settings.format == "json" else TextLines())
    path = _log_path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    # What a client sent need not be text that UTF-8 can carry.
    file = LogFile(
        path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8", errors="backslashreplace"
    )
    file.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[people, file], force=True)
    logging.getLogger("sdcpp_restapi").setLevel(settings.level.upper())


def read_tail(data_dir: Path, count: int) -> list[LogEntry]:
    """The newest `count` entries of the file, oldest first; fewer after the file was begun anew."""
    try:
        with _log_path(data_dir).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - count * BYTES_PER_LINE))
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return [entry for line in lines[-count:] if (entry := _parse_entry(line))]


def _list_context(record: logging.LogRecord) -> dict[str, object]:
    """The request and the job that a line belongs to, and what the access log measured."""
    context = {"request_id": REQUEST_ID.get(), "client": CLIENT.get(), "job_id": JOB_ID.get()}
    measured = {name: vars(record).get(name) for name in MEASURED}
    texts = {name: hide_secrets(value) for name, value in context.items() if value}
    return {**texts, **{name: value for name, value in measured.items() if value is not None}}


def _escape(text: str) -> str:
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _parse_entry(line: bytes) -> LogEntry | None:
    # The first one may be cut off.
    try:
        return LogEntry.model_validate_json(line)
    except ValidationError:
        return None


def _log_path(data_dir: Path) -> Path:
    return data_dir / "logs" / "server.log"
