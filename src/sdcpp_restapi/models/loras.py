"""The prompts and LoRA files of a request, as the engine takes them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import BadRequest, LoraNotFound
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest, LoraUse
from .catalog import Catalog
from .catalog_snapshot import CatalogSnapshot
from .lora_tags import strip_tags, uses_of


@dataclass(frozen=True)
class ResolvedPrompts:
    """Prompts without tags, and the LoRAs to apply: one per file and model, in order of first mention.

    `sources`: path of a LoRA -> the file that it is a copy of.
    """

    prompt: str
    negative_prompt: str
    loras: list[LoraFile]
    sources: Mapping[str, str] = field(default_factory=dict)


async def resolve(catalog: Catalog, params: GenerationRequest) -> ResolvedPrompts:
    """Take the tags out of both prompts and find the files of those in the positive one and of `loras`.

    Tags in the negative prompt have no effect. Raises BadRequest that names every LoRA that is missing.
    """
    uses = uses_of(params)
    snapshot = await catalog.take_snapshot()
    if any(snapshot.lora(use.name) is None for use in uses):
        await catalog.refresh()
        snapshot = await catalog.take_snapshot()
    return ResolvedPrompts(
        prompt=strip_tags(params.prompt)[0],
        negative_prompt=strip_tags(params.negative_prompt)[0],
        loras=_sum_weights(snapshot, uses),
    )


def _sum_weights(snapshot: CatalogSnapshot, uses: Iterable[LoraUse]) -> list[LoraFile]:
    weights: dict[tuple[str, bool], float] = {}
    missing: dict[str, None] = {}
    for use in uses:
        path = snapshot.lora(use.name)
        if path is None:
            missing[use.name] = None
        else:
            key = (str(path), use.high_noise)
            weights[key] = weights.get(key, 0.0) + use.weight
    if missing:
        where = f" in {snapshot.folders['lora']}" if "lora" in snapshot.folders else ""
        raise LoraNotFound(f"LoRA not found{where}: {', '.join(missing)}")
    for (file, _), weight in weights.items():
        if not math.isfinite(weight):
            raise BadRequest(f"loras: the weights of {Path(file).name} add up to more than a number can hold")
    return [LoraFile(path=path, weight=weight, high_noise=high) for (path, high), weight in weights.items()]
