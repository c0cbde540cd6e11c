"""The messages that every child process understands and says, whatever its work."""

from typing import Literal

from pydantic import Field

from .base import Frozen
from .errors import ErrorInfo

# How threads of a C library wait for each other.
WaitPolicy = Literal["auto", "spin", "sleep"]


class Cancel(Frozen):
    """Stop the command with this id, if it still runs."""

    kind: Literal["cancel"] = "cancel"
    id: int


class Shutdown(Frozen):
    """End the process."""

    kind: Literal["shutdown"] = "shutdown"


class Notice(Frozen):
    """The base of commands that act at once, beside the one that runs, and have no answer."""


class Unusable(Frozen):
    """First and last report of a child that cannot work; a sentence saying why, or what to install."""

    kind: Literal["unusable"] = "unusable"
    error: str


class Log(Frozen):
    """One log line of the C library."""

    kind: Literal["log"] = "log"
    level: Literal["debug", "info", "warning", "error"]
    text: str


class Refused(Frozen):
    """A command failed or was cancelled; the child lives and goes on."""

    kind: Literal["refused"] = "refused"
    id: int
    error: ErrorInfo = Field(
        description="With the library's last error lines; `job_cancelled` after a cancel"
    )
