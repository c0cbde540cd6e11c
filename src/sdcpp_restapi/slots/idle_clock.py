"""How long what is in memory has had no work, and when it has to leave."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class IdleClock:
    """Runs while there is no work; `expires_at` tells when it ends, None = never."""

    def __init__(self, seconds: float, on_end: Callable[[], None]) -> None:
        """`seconds` below 0 are for ever. `on_end` is called when they have passed without a restart."""
        self._seconds = seconds
        self._on_end = on_end
        self._timer: asyncio.TimerHandle | None = None
        self.has_ended = False
        self.expires_at: datetime | None = None

    @property
    def never_ends(self) -> bool:
        """Whether what it belongs to is to stay for ever."""
        return self._seconds < 0

    def restart(self, seconds: float | None = None) -> None:
        """Begin from now on, with so many seconds from now on, or else with as many as before."""
        self.stop()
        if seconds is not None:
            self._seconds = seconds
        if not self.never_ends:
            self.expires_at = datetime.now(UTC) + timedelta(seconds=self._seconds)
            self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def stop(self) -> None:
        """It does not end before it is started again."""
        self.has_ended, self.expires_at = False, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.has_ended = True
        self._on_end()
