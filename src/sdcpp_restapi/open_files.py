"""The limit of open files: raised at start, shared among connections, and told where it is reached."""

import asyncio
import logging
from typing import Any

from .os_support import get_open_file_limit, raise_open_file_limit

log = logging.getLogger(__name__)

# More than this no server of ours needs; some systems allow a billion, and some programs try each of them.
MOST_OPEN_FILES = 65_536
# Kept free of connections: the database, files being read and written, pipes to children.
OTHER_FILES = 256
# Seconds between two lines about connections that could not be accepted.
TELL_EVERY = 1.0


def raise_limit() -> None:
    """Allow this process as many open files as the system lets it have, within reason."""
    raise_open_file_limit(MOST_OPEN_FILES)


def fit_connections(wanted: int, ports: int) -> int:
    """How many connections each of so many ports may have open, `wanted` at most."""
    limit = get_open_file_limit()
    if limit is None:
        return wanted
    return max(1, min(wanted, max(limit - OTHER_FILES, limit // 4) // ports))


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
