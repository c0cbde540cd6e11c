"""The limit of open files: raised at start, shared among connections, and told where it is reached."""

import asyncio
import logging
import resource
from contextlib import suppress
from typing import Any

log = logging.getLogger(__name__)

# More than this no server of ours needs; some systems allow a billion, and some programs try each of them.
MOST_OPEN_FILES = 65_536
# Kept free of connections: the database, files being read and written, pipes to children.
OTHER_FILES = 256
# Seconds between two lines about connections that could not be accepted.
TELL_EVERY = 1.0


def raise_limit() -> None:
    """Allow this process as many open files as the system lets it have, within reason."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # macOS tells no limit and has one all the same.
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def fit_connections(wanted: int, ports: int) -> int:
    """How many connections each of so many ports may have open, `wanted` at most."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, max(soft - OTHER_FILES, soft // 4) // ports))


class AcceptErrors:
    """The exception handler of an event loop: what an accept failed of is one line, and not too often."""

    def __init__(self) -> None:
        self._told_at = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """See asyncio's set_exception_handler."""
        error = context.get("exception")
        if not (isinstance(error, OSError) and "accept" in str(context.get("message"))):
            loop.default_exception_handler(context)
        elif loop.time() - self._told_at >= TELL_EVERY:
            self._told_at = loop.time()
            log.warning("a connection could not be accepted: %s", error.strerror or error)
