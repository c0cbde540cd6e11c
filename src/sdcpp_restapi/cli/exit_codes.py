"""How a command ends: 0 went well, 1 failed, 2 was asked wrongly, 130 was interrupted."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ..client import ClientError
from ..errors import SdcppError

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


def exit_failed(sentence: str) -> typer.Exit:
    """To raise when something that was asked for did not work."""
    return _exit(sentence, FAILED)


def exit_refused(sentence: str) -> typer.Exit:
    """To raise when arguments or settings are wrong."""
    return _exit(sentence, WRONG_USE)


def exit_interrupted(sentence: str) -> typer.Exit:
    """To raise when the user pressed Ctrl-C."""
    return _exit(sentence, INTERRUPTED)


@contextmanager
def exit_on_errors() -> Iterator[None]:
    """What goes wrong in the block is one sentence; Ctrl-C too."""
    try:
        yield
    except (SdcppError, ClientError) as error:
        raise exit_failed(str(error)) from None
    except KeyboardInterrupt:
        raise exit_interrupted("interrupted") from None


def warn(warnings: list[str] | None) -> None:
    """Pass on what the server remarks, beside the output."""
    for warning in warnings or []:
        typer.echo(f"note: {warning}", err=True)


def _exit(sentence: str, code: int) -> typer.Exit:
    typer.echo(f"sdcpp: {sentence}", err=True)
    return typer.Exit(code)
