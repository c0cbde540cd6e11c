"""Showing how far work on many files is."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from ..maintenance.progress import Tell
from .job_progress import show_progress


@contextmanager
def telling() -> Iterator[Tell]:
    """Shows the share of what is done; with garbage collected, which commands that soon end do without."""
    gc.enable()
    with show_progress() as show:

        def tell(what: str, done: int, total: int) -> None:
            show(what, done, total, f"{100 * done // total} %" if total else "")

        yield tell
