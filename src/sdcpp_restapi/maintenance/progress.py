"""How long work on many files is told."""

from collections.abc import Callable

type Tell = Callable[[str, int, int], None]
"""Takes what is being done, how much of it, and how much there is, in bytes or pieces."""


def tell_nobody(_what: str, _done: int, _total: int) -> None:
    """For callers that do not want to know."""
