"""The message in a model's answer, which is text, JSON, or JSON that is still incomplete."""

from typing import Any

from pydantic_core import from_json

from .answer_bounds import is_too_deep


def parse_json(text: str) -> Any:
    """The value of a JSON text; None for a text that is not JSON, or nested as no answer is."""
    try:
        value = from_json(text)
    except ValueError:
        return None
    return None if is_too_deep(value) else value


def read_message(text: str) -> str | None:
    """The message of an answer in JSON, as far as it is there; None for anything else."""
    try:
        answer = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return None
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else None


class PartialJson:
    """Takes an answer in pieces and gives its message in pieces."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._text = ""
        self._passed_on = 0

    def feed(self, piece: str) -> str:
        """What the piece adds to the message; empty where it belongs to other fields of the JSON."""
        if not self._as_json:
            return piece
        self._text += piece
        message = read_message(self._text) or ""
        more, self._passed_on = message[self._passed_on :], len(message)
        return more
