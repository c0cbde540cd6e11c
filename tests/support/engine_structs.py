"""Structs that the engine's process logs as it read them back."""

import json
from typing import Any

_READER = json.JSONDecoder()


def read_struct(line: str, name: str) -> dict[str, Any]:
    """The struct of this name in a line of the log; what the line says behind it is left out."""
    found: dict[str, Any] = _READER.raw_decode(line.partition(name)[2].lstrip())[0]
    return found
