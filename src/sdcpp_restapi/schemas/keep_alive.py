"""How long a model stays in memory without work, as Ollama's `keep_alive` says it: seconds or a duration."""

import re
from typing import Annotated

from pydantic import AllowInfNan, BeforeValidator, Field

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = r"([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)"
_NEVER = -1.0
# Ten years: more is meant as "never".
MOST_SECONDS = 10 * 365 * 24 * 3600


def read_keep_alive(value: object) -> object:
    """Seconds, -1 = never, of a number of seconds or of a text such as "10m" or "1h30m" (Go's durations).

    Raises ValueError for other texts; what is neither text nor number is left to the field's type.
    """
    if isinstance(value, bool):
        raise ValueError("seconds or a duration is required, not a boolean")
    if isinstance(value, str):
        value = _parse(value.strip())
    if isinstance(value, int | float):
        return _NEVER if value < 0 else value
    return value


def _parse(text: str) -> float:
    sign, magnitude = (-1, text[1:]) if text.startswith("-") else (1, text)
    if re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", magnitude):
        return sign * float(magnitude)
    if len(magnitude) <= 100 and re.fullmatch(rf"({_PART})+", magnitude):
        return sign * sum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, magnitude))
    raise ValueError(f"{text!r} is no duration; allowed are seconds, or a text such as 5m or 1h30m")


KeepAlive = Annotated[
    float,
    AllowInfNan(False),
    Field(le=MOST_SECONDS),
    BeforeValidator(read_keep_alive, json_schema_input_type=float | str),
]
