"""How a command ends: 0 went well, 1 failed, 2 was asked wrongly, 130 was interrupted."""

import typer

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130


def failed(sentence: str) -> typer.Exit:
    """To raise when something that was asked for did not work."""
    return _ending(sentence, FAILED)


def refused(sentence: str) -> typer.Exit:
    """To raise when arguments or settings are wrong."""
    return _ending(sentence, WRONG_USE)


def interrupted(sentence: str) -> typer.Exit:
    """To raise when the user pressed Ctrl-C."""
    return _ending(sentence, INTERRUPTED)


def _ending(sentence: str, code: int) -> typer.Exit:
    typer.echo(f"sdcpp: {sentence}", err=True)
    return typer.Exit(code)
