"""What a model thinks aloud, <think>...</think> before its answer, is no part of the answer."""

OPEN, CLOSE = "<think>", "</think>"


def strip_reasoning(text: str) -> str:
    """The answer alone; empty where the thinking came to no end."""
    reasoning, closed, answer = text.partition(CLOSE)
    if closed:
        return answer.lstrip()
    return "" if reasoning.lstrip().startswith(OPEN) else text


class ReasoningFilter:
    """The same for a stream: nothing comes through before it is clear whether the model thinks."""

    def __init__(self) -> None:
        self._held = ""
        self._answering = False

    def pass_on(self, piece: str) -> str:
        """What of the text so far belongs to the answer and was not passed on yet."""
        if self._answering:
            return piece
        self._held += piece
        begun = self._held.lstrip()
        if (begun.startswith(OPEN) and CLOSE not in begun) or OPEN.startswith(begun):
            return ""
        answer = strip_reasoning(self._held)
        self._answering = bool(answer)
        return answer
