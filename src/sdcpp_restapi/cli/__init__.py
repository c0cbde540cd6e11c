"""The command `sdcpp`."""

from .commands import main

__all__ = ["main"]
