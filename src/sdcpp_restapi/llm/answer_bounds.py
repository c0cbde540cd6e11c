"""Bounds on the answers of language models: on nesting, and no text that is broken."""

import json
from typing import Any

from ..errors import LlmGarbled
from ..schemas.chat import Answer

# Levels of lists and objects in the arguments of a call.
MOST_LEVELS = 30


def check_text(text: str) -> None:
    """Raises LlmGarbled for text with half a character, which no answer of ours could carry."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LlmGarbled("The language model answered with broken text") from None


def check_answer(answer: Answer) -> None:
    """Raises LlmGarbled for what could not be passed on."""
    check_text(answer.text)
    for call in answer.tool_calls:
        if is_too_deep(call.arguments):
            raise LlmGarbled(f"The language model nested its answer more than {MOST_LEVELS} levels deep")
        check_text(call.name + call.id + json.dumps(call.arguments, ensure_ascii=False))


def is_too_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than MOST_LEVELS."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
