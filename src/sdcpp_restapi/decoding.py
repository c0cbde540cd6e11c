"""Decoded pictures in memory: how many pixels at once, over all requests, and that it is given back."""

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from .errors import PicturesBusy

# Threads of its own: requests that wait here must not take those that read files and the database.
THREADS = 4
# Seconds that a request waits for its turn. A picture of 64 megapixels takes two to ten: it is stored as PNG.
PATIENCE = 600.0
# M_MMAP_THRESHOLD of mallopt(3), and the bytes from which on a block is the system's again once it is freed.
_MMAP_THRESHOLD, _RETURNED_FROM = -3, 2**20


class Decoding:
    """Threads in which pictures are decoded, and the pixels that they may hold at once."""

    def __init__(self, max_pixels: int, patience: float = PATIENCE) -> None:
        """A picture of more than `max_pixels` is decoded alone. `patience`: seconds."""
        self._max_pixels = max_pixels
        self._patience = patience
        self._held = 0
        self._turn = threading.Lock()
        self._freed = threading.Condition()
        self._deadline = threading.local()
        self._threads = ThreadPoolExecutor(THREADS, "pictures")

    async def run[**P, T](self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do `work`, which decodes inside of `hold`, in a thread. Raises PicturesBusy."""
        deadline = time.monotonic() + self._patience

        def begin() -> T:
            self._deadline.at = deadline
            if time.monotonic() > deadline:
                raise PicturesBusy
            return work(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(self._threads, begin)

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        """For `work` of `run`: wait until so many may be decoded, and count them until the block ends.

        Raises PicturesBusy when the turn does not come.
        """
        # Whoever waits for much room has its turn before others that would take it bit by bit.
        if not self._turn.acquire(timeout=self._left()):
            raise PicturesBusy
        try:
            with self._freed:
                if not self._freed.wait_for(lambda: self._fits(pixels), self._left()):
                    raise PicturesBusy
                self._held += pixels
        finally:
            self._turn.release()
        try:
            yield
        finally:
            with self._freed:
                self._held -= pixels
                self._freed.notify_all()

    def close(self) -> None:
        """End the threads once they have done what they are at."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _fits(self, pixels: int) -> bool:
        return self._held == 0 or self._held + pixels <= self._max_pixels

    def _left(self) -> float:
        return max(0.0, float(self._deadline.at) - time.monotonic())


def return_large_blocks() -> None:
    """Have the C library give blocks of a megabyte and more back to the system as soon as they are freed.

    glibc raises this threshold by itself, up to 32 MB, and then keeps what pictures took. Others have no such
    call, and need none.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _RETURNED_FROM)
