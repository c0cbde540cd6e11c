"""The server's log, as the API shows it."""

from .base import Frozen, LeftOut


class LogEntry(Frozen):
    """One line of the log file."""

    time: str
    level: str
    logger: str
    message: str
    exception: str | None = LeftOut


class LogTail(Frozen):
    """GET /log: the newest entries, oldest first."""

    entries: list[LogEntry]
