"""What a model says, out of an answer that is text, JSON, or JSON that is not whole yet."""

from typing import Any

from pydantic_core import from_json


def parsed(text: str) -> Any:
    """JSON of any shape; None where it is none."""
    try:
        return from_json(text)
    except ValueError:
        return None


def message_in(text: str) -> str | None:
    """The message of an answer in JSON, as far as it has come; None where it is something else."""
    try:
        answer = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else None


class PartialJson:
    """The words of an answer that comes in pieces."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._text = ""
        self._passed_on = 0

    def take(self, piece: str) -> str:
        """What the piece adds to the words."""
        if not self._as_json:
            return piece
        self._text += piece
        message = message_in(self._text) or ""
        more, self._passed_on = message[self._passed_on :], len(message)
        return more
