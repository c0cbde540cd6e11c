"""`sdcpp mcp`."""

import asyncio
import gc

from ..mcp.stdio import serve_stdio
from ..os_support import end_on_interrupt
from .exit_codes import exit_on_errors


def serve_host(url: str, api_key: str | None) -> None:
    """Serve the program that started this until it leaves."""
    # There is nothing to tidy up, and the thread that reads standard input could not be interrupted.
    end_on_interrupt()
    gc.enable()  # it runs for long
    with exit_on_errors():
        asyncio.run(serve_stdio(url, api_key))
