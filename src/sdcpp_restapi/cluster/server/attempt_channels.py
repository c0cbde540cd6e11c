"""What workers say of attempts, given to whoever waits for it; what nobody waits for is dropped."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ...errors import Interrupted
from ...schemas.cluster import Attempt, AttemptResult
from ...schemas.events import JobPreview
from ...schemas.jobs import Progress


@dataclass(frozen=True)
class FinishedAttempt:
    """The end of an attempt; until it is taken, the broker delivers it again and again."""

    end: AttemptResult
    take: Callable[[], Awaitable[None]]


Word = Progress | JobPreview | FinishedAttempt


class AttemptChannel:
    """What arrives about one attempt, in order."""

    def __init__(self) -> None:
        self._words: asyncio.Queue[Word | Interrupted] = asyncio.Queue()

    def put(self, word: Word | Interrupted) -> None:
        """Something arrived, or nothing more will."""
        self._words.put_nowait(word)

    async def get(self) -> Word:
        """The next of it. Raises Interrupted."""
        word = await self._words.get()
        if isinstance(word, Interrupted):
            raise word
        return word


class AttemptChannels:
    """All attempts that the server waits for."""

    def __init__(self) -> None:
        self._mail: dict[Attempt, AttemptChannel] = {}

    def expect(self, attempt: Attempt) -> AttemptChannel:
        """Where everything about an attempt goes from now on."""
        return self._mail.setdefault(attempt, AttemptChannel())

    def forget(self, attempt: Attempt) -> None:
        """What still comes is too late."""
        self._mail.pop(attempt, None)

    def expected(self) -> set[Attempt]:
        """All that somebody waits for."""
        return set(self._mail)

    def expects(self, attempt: Attempt) -> bool:
        """Whether somebody waits for it."""
        return attempt in self._mail

    def put(self, attempt: Attempt, word: Word | Interrupted) -> bool:
        """Deliver; False when nobody waits for this attempt."""
        channel = self._mail.get(attempt)
        if channel is None:
            return False
        channel.put(word)
        return True
