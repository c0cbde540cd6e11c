"""The server's log, as the API shows it."""

from .base import Frozen, LeftOut


class LogEntry(Frozen):
    """One line of the log file."""

    time: str
    level: str
    logger: str
    message: str
    request_id: str | None = LeftOut  # that it belongs to; a job has that of the request that made it
    client: str | None = LeftOut
    job_id: str | None = LeftOut
    method: str | None = LeftOut  # this and the next ones: of the access log
    path: str | None = LeftOut
    status: int | None = LeftOut
    duration_ms: float | None = LeftOut
    exception: str | None = LeftOut


class LogTail(Frozen):
    """GET /log: the newest entries, oldest first."""

    entries: list[LogEntry]
