"""How many wrong keys an address may try; past that, right ones are refused too, so that none is guessed."""

from collections import OrderedDict
from collections.abc import Callable
from math import ceil
from time import monotonic

from ..errors import TooManyRequests
from .token_buckets import MOST_CALLERS, TokenBuckets


class WrongKeys:
    """Counts the wrong keys of each address.

    A key that was right before goes on being let in from where it was: whoever shares an address with
    somebody who guesses is not shut out.
    """

    def __init__(self, per_minute: int | None, clock: Callable[[], float] = monotonic) -> None:
        """None: any number."""
        self._buckets = TokenBuckets(per_minute, clock) if per_minute else None
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()

    def judge(self, address: str, key_id: str | None) -> None:
        """`key_id`: that of the key which came, None for a wrong one. Raises TooManyRequests."""
        if self._buckets is None or (key_id is not None and (address, key_id) in self._known):
            return
        pause = self._buckets.look(address) if key_id is not None else self._buckets.take(address)
        if pause > 0.0:
            error = TooManyRequests(
                "Too many wrong keys came from this address (setting limits.wrong_keys_per_minute); keys that"
                " were not right before are looked at again later"
            )
            error.retry_after = ceil(pause)
            raise error
        if key_id is not None:
            self._known[address, key_id] = None
            if len(self._known) > MOST_CALLERS:
                self._known.popitem(last=False)
