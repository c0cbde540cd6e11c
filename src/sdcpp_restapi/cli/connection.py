"""The running server that a command talks to."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..client import Client, ServerUnreachable
from .command_name import command_name
from .exit_codes import exit_failed, exit_on_errors


@contextmanager
def connected(url: str, api_key: str | None) -> Iterator[Client]:
    """A client for the block; what goes wrong there ends the command with a sentence."""
    with exit_on_errors(), Client(url, api_key) as server:
        try:
            yield server
        except ServerUnreachable as error:
            raise exit_failed(
                f"{error}; start one with '{command_name()} serve' or name another with --server"
            ) from None
