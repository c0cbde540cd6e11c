"""What became of the LoRAs of a finished job, in words."""

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..schemas.engine import LoraOutcome
from .header_cache import read_header
from .headers.header import BadHeader


async def warn_of_ineffective_loras(outcomes: Iterable[LoraOutcome], sources: Mapping[str, str]) -> list[str]:
    """A sentence for each LoRA that could not be read, or of which not all tensors acted.

    `sources`: path that the engine was given -> the file that this is a copy of.
    """
    told = [
        await asyncio.to_thread(_describe, outcome, Path(sources.get(outcome.path, outcome.path)))
        for outcome in outcomes
    ]
    return [text for text in told if text]


def _describe(outcome: LoraOutcome, source: Path) -> str | None:
    name = source.name
    if outcome.unread is not None:
        return f"loras: {name} did not act: the engine could not read it ({outcome.unread})"
    given = _count_tensors(Path(outcome.path)) or outcome.seen
    if outcome.applied >= given:
        return None
    # A copy may hold some tensors more, which fill gaps.
    total = _count_tensors(source) or given
    applied = max(total - (given - outcome.applied), 0) if outcome.applied else 0
    if applied == 0:
        return f"loras: none of the {total} tensors of {name} acted: they do not fit this model"
    return f"loras: {applied} of {total} tensors of {name} acted, the others do not fit this model"


def _count_tensors(path: Path) -> int:
    """How many the file has, 0 if that can't be told. The engine leaves out some before it counts."""
    try:
        header = read_header(path)
    except (BadHeader, OSError):
        return 0
    return len(header.tensors) if header else 0
