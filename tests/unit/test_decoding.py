"""Pictures in memory: so many pixels at once, in turn, and not for ever."""

import asyncio
import threading

import pytest

from sdcpp_restapi.decoding import Decoding
from sdcpp_restapi.errors import PicturesBusy

LONG = 30.0


class Held:
    """Work that holds pixels until it is let go, and the most that was ever held at once."""

    def __init__(self, decoding: Decoding) -> None:
        self._decoding = decoding
        self._lock = threading.Lock()
        self.now = self.most = 0
        self.began = threading.Semaphore(0)
        self.end = threading.Event()

    def hold(self, pixels: int) -> None:
        with self._decoding.hold(pixels):
            with self._lock:
                self.now += pixels
                self.most = max(self.most, self.now)
            self.began.release()
            assert self.end.wait(LONG)
            with self._lock:
                self.now -= pixels


async def begun(held: Held, count: int) -> None:
    for _ in range(count):
        assert await asyncio.to_thread(held.began.acquire, timeout=LONG)


async def test_no_more_pixels_are_held_at_once_than_allowed_and_all_come_to_their_turn() -> None:
    decoding = Decoding(100)
    held = Held(decoding)
    work = [asyncio.create_task(decoding.run(held.hold, pixels)) for pixels in [60, 40, 50, 30, 20, 70, 10]]
    await begun(held, 2)
    assert not held.began.acquire(blocking=False)
    held.end.set()
    await asyncio.gather(*work)
    assert held.most <= 100
    assert held.now == 0


async def test_what_is_larger_than_allowed_is_decoded_alone() -> None:
    decoding = Decoding(100)
    held = Held(decoding)
    first = asyncio.create_task(decoding.run(held.hold, 1))
    await begun(held, 1)
    large = asyncio.create_task(decoding.run(held.hold, 500))
    small = asyncio.create_task(decoding.run(held.hold, 1))
    held.end.set()
    await asyncio.gather(first, large, small)
    assert held.most == 500


@pytest.mark.parametrize("waiting", [1, 20])
async def test_whoever_waits_too_long_is_told_and_the_others_go_on(waiting: int) -> None:
    decoding = Decoding(100, patience=0.05)
    held = Held(decoding)
    first = asyncio.create_task(decoding.run(held.hold, 100))
    await begun(held, 1)
    late = [decoding.run(held.hold, 1) for _ in range(waiting)]
    assert {type(error) for error in await asyncio.gather(*late, return_exceptions=True)} == {PicturesBusy}
    held.end.set()
    await first
    await decoding.run(held.hold, 100)


async def test_what_goes_wrong_holds_nothing_afterwards() -> None:
    decoding = Decoding(100)

    def fail() -> None:
        with decoding.hold(100):
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await decoding.run(fail)
