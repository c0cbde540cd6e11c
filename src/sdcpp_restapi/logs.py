"""The log: for people on standard error (or as JSON lines), and as JSON lines in the data directory."""

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from .config import Logging
from .schemas.log import LogEntry

# 5 files of 5 MB: some weeks of an ordinary server.
FILE_BYTES, FILES = 5 * 2**20, 5
# A line has some 150 bytes; where lines are much longer the tail has fewer of them.
BYTES_PER_LINE = 1000


class JsonLines(logging.Formatter):
    """One JSON object per line: time, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class LogFile(logging.handlers.RotatingFileHandler):
    """The file in the data directory. A full disk does not keep the server from running."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the name is logging's
        """Go without the line when the disk is full; the same lines go to standard error."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def configure(settings: Logging, data_dir: Path) -> None:
    """Set up the root logger; libraries are heard from warnings on."""
    people = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    people.setFormatter(JsonLines() if settings.format == "json" else text)
    path = _log_path(data_dir)
    path.parent.mkdir(parents=True, exist_ok=True)
    file = LogFile(path, maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8")
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


def _parse_entry(line: bytes) -> LogEntry | None:
    # The first one may be cut off.
    try:
        return LogEntry.model_validate_json(line)
    except ValidationError:
        return None


def _log_path(data_dir: Path) -> Path:
    return data_dir / "logs" / "server.log"
