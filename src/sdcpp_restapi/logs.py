"""The log: for people on standard error (or as JSON lines), and as JSON lines in the data directory."""

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path

from .config import Logging

# 5 files of 5 MB: some weeks of an ordinary server.
FILE_BYTES, FILES = 5 * 2**20, 5


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


def configure(settings: Logging, data_dir: Path) -> None:
    """Set up the root logger; libraries are heard from warnings on."""
    people = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S")
    people.setFormatter(JsonLines() if settings.format == "json" else text)
    (data_dir / "logs").mkdir(parents=True, exist_ok=True)
    file = logging.handlers.RotatingFileHandler(
        data_dir / "logs" / "server.log", maxBytes=FILE_BYTES, backupCount=FILES - 1, encoding="utf-8"
    )
    file.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[people, file], force=True)
    logging.getLogger("sdcpp_restapi").setLevel(settings.level.upper())
