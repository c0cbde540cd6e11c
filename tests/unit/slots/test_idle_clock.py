"""The clock of a model without work."""

import asyncio
from datetime import UTC, datetime

from sdcpp_restapi.slots.idle_clock import IdleClock


async def test_it_ends_once_and_a_restart_takes_that_back() -> None:
    ended = asyncio.Event()
    clock = IdleClock(0.0, ended.set)
    clock.restart()
    await ended.wait()
    assert clock.has_ended
    clock.restart(60)
    assert not clock.has_ended
    clock.stop()


async def test_it_tells_when_it_ends() -> None:
    clock = IdleClock(60.0, lambda: None)
    assert clock.expires_at is None
    clock.restart()
    assert clock.expires_at is not None
    assert 0 < (clock.expires_at - datetime.now(UTC)).total_seconds() <= 60
    clock.stop()
    assert clock.expires_at is None


async def test_below_0_it_never_ends_until_other_seconds_are_asked_for() -> None:
    clock = IdleClock(-1.0, lambda: None)
    clock.restart()
    assert (clock.expires_at, clock.never_ends) == (None, True)
    clock.restart(60)
    assert clock.expires_at is not None
    clock.restart()
    assert clock.expires_at is not None
    clock.stop()
