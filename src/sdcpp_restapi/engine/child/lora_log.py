"""What became of the LoRAs of a generation, as the engine's log tells it."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...schemas.engine import LoraFile, LoraOutcome
from ..binding.log_patterns import Line


@dataclass
class _Counts:
    applied: int = 0
    seen: int = 0
    unread: str | None = None


class LoraLog:
    """Counts by file. Merged LoRAs are counted when they are merged, and stay for the jobs that follow."""

    def __init__(self) -> None:
        self._files: dict[str, _Counts] = {}
        self._begun: set[str] = set()

    def begin_call(self) -> None:
        """A call of the engine begins: files that it reads are counted anew."""
        self._begun.clear()

    def forget(self) -> None:
        """Another model is loaded: nothing is merged into it."""
        self._files.clear()

    def note(self, line: Line, match: re.Match[str], reason: str) -> None:
        """A line of the log; `reason` is what the engine complained of before it."""
        match line:
            case Line.LORA_BEGINS:
                if match[1] not in self._begun:
                    self._begun.add(match[1])
                    self._files[match[1]] = _Counts()
            case Line.LORA_UNREAD:
                counts = self._files.setdefault(match[1], _Counts())
                counts.unread = counts.unread or reason
            case Line.LORA_COUNTS_BEGIN:
                for counts in self._files.values():
                    counts.applied = counts.seen = 0
            case Line.LORA_COUNTED:
                counts = self._files.setdefault(match[3], _Counts())
                counts.applied += int(match[1])
                counts.seen = max(counts.seen, int(match[2]), counts.applied)

    def outcomes_of(self, loras: Iterable[LoraFile]) -> list[LoraOutcome]:
        """What the log told of these files; nothing of files that it did not name."""
        # As the log writes them.
        names = {lora.path: os.fsencode(lora.path).decode(errors="replace") for lora in loras}
        return [
            LoraOutcome(path=path, applied=counts.applied, seen=counts.seen, unread=counts.unread)
            for path, name in names.items()
            if (counts := self._files.get(name))
        ]
