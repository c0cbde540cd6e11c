"""Routes what workers report of attempts to the slots that wait for it; anything else is dropped."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...errors import Interrupted
from ...schemas.cluster import Attempt, AttemptResult
from ...schemas.events import JobPreview
from ...schemas.jobs import Progress


@dataclass(frozen=True)
class FinishedAttempt:
    """The result of an attempt; the broker delivers it again and again until it is acknowledged."""

    result: AttemptResult
    acknowledge: Callable[[], Awaitable[None]]


AttemptMessage = Progress | JobPreview | FinishedAttempt


class AttemptChannel:
    """The messages about one attempt, in order of arrival."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[AttemptMessage | Interrupted] = asyncio.Queue()

    def put(self, message: AttemptMessage | Interrupted) -> None:
        """Add a message; an Interrupted says that none will follow."""
        self._messages.put_nowait(message)

    async def get(self) -> AttemptMessage:
        """The next message; waits for one. Raises Interrupted."""
        message = await self._messages.get()
        if isinstance(message, Interrupted):
            raise message
        return message


class AttemptChannels:
    """The channels of all attempts that the server waits for."""

    def __init__(self) -> None:
        self._channels: dict[Attempt, AttemptChannel] = {}

    def open(self, attempt: Attempt) -> AttemptChannel:
        """The channel of an attempt, which keeps all messages from now on."""
        return self._channels.setdefault(attempt, AttemptChannel())

    def close(self, attempt: Attempt) -> None:
        """Drop what still arrives."""
        self._channels.pop(attempt, None)

    def attempts(self) -> set[Attempt]:
        """All attempts with an open channel."""
        return set(self._channels)

    def is_open(self, attempt: Attempt) -> bool:
        """Whether the server waits for this attempt."""
        return attempt in self._channels

    def deliver(self, attempt: Attempt, message: AttemptMessage | Interrupted) -> bool:
        """Put a message into its channel; False when there is none."""
        channel = self._channels.get(attempt)
        if channel is None:
            return False
        channel.put(message)
        return True
