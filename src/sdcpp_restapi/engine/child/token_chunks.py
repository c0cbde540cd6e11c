"""How many tokens the text encoders of SD3 make of a prompt, as the engine's log tells it.

The engine cuts a prompt into chunks, for T5 and for CLIP each by its own tokens, and takes as many of both as
there are of the one that has more: where T5 has more, it reads past the end of CLIP's (487de75 and 2bb7294,
measured: it aborts, or draws with what lies in memory there). Only its own tokenizers can count them.
"""

import re
from math import ceil

_PROMPT = re.compile(r"parse '")
_TOKENS = re.compile(r"split prompt ")
# Without the tokens that begin and end a chunk.
_CLIP_CHUNK, _T5_CHUNK = 75, 77


class TokenChunks:
    """Counts over the parts of one prompt, each of which has its own weight and its own lines."""

    def __init__(self) -> None:
        self._clip, self._t5 = 0, 0

    def note(self, line: str, message: str) -> str | None:
        """A line of the log, and the same without its source; what is wrong, when all parts were counted."""
        if _PROMPT.match(message):
            self._clip, self._t5 = 0, 0
        elif _TOKENS.match(message):
            # A line that is cut off ends in no bracket; its tokens are at least these.
            count = message.rpartition(" tokens [")[2].count('", ')
            if line.startswith("t5_"):
                self._t5 += count
            else:
                self._clip += count
        elif self._clip and self._t5:
            return self._compare()
        return None

    def _compare(self) -> str | None:
        # CLIP-L and CLIP-G split it in the same way, and each tells it.
        clip, t5, self._clip, self._t5 = self._clip // 2, self._t5, 0, 0
        if ceil((t5 + 1) / _T5_CHUNK) <= max(1, ceil(clip / _CLIP_CHUNK)):
            return None
        return (
            f"prompt: T5 makes {t5} tokens of it and CLIP {clip}, which the engine can't cut into equally"
            f" many parts: shorten it to {_T5_CHUNK - 1} of T5's tokens, or load the model without T5, or"
            " without CLIP"
        )
