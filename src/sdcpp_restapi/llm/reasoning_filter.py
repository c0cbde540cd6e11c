"""Removes a model's reasoning, <think>...</think> before its answer."""

OPEN, CLOSE = "<think>", "</think>"


def strip_reasoning(text: str) -> str:
    """The answer without reasoning; empty if the reasoning was cut off."""
    reasoning, closed, answer = text.partition(CLOSE)
    if closed:
        return answer.lstrip()
    return "" if reasoning.lstrip().startswith(OPEN) else text


class ReasoningFilter:
    """The same for a stream: holds text back until it is clear whether reasoning comes first."""

    def __init__(self) -> None:
        self._held = ""
        self._answering = False

    def pass_on(self, piece: str) -> str:
        """The text of the answer that this piece completes; empty while reasoning goes on."""
        if self._answering:
            return piece
        self._held += piece
        begun = self._held.lstrip()
        if (begun.startswith(OPEN) and CLOSE not in begun) or OPEN.startswith(begun):
            return ""
        answer = strip_reasoning(self._held)
        self._answering = bool(answer)
        return answer
