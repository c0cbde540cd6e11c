"""Ctrl-C, which every system has."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def raise_on_interrupt() -> Iterator[None]:
    """Ctrl-C in the block leaves it as KeyboardInterrupt, whatever a library has made of it.

    Seen with pydantic 2.14: one that arrives while its compiled core builds the validator of a model
    comes out of it as a SchemaError. For the main thread.
    """
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except Exception as error:
        if interrupted:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
