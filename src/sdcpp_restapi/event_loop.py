"""The event loop of a server and of a worker: uvloop's where the platform has it, else asyncio's own."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def run[T](main: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run."""
    try:
        import uvloop
    except ImportError:  # Windows, PyPy
        return asyncio.run(main)
    return uvloop.run(main)
