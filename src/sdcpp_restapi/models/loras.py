"""LoRAs: the tags in a prompt, and the files that they and the structured field name.

    <lora:name>  <lora:name:0.8>  <lora:|high_noise|subfolder/name.safetensors:-0.5>

The name is relative to the lora folder, its extension optional. What is not such a tag stays as text.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRequest, LoraNotFound
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest, LoraUse
from ..schemas.models import EXTENSIONS
from .catalog import Catalog
from .catalog_snapshot import Inventory

_HIGH_NOISE = "|high_noise|"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True)
class ResolvedPrompts:
    """Prompts without tags, and the LoRAs to apply: one per file and model, in order of first mention."""

    prompt: str
    negative_prompt: str
    loras: list[LoraFile]


def parse(tag: str) -> LoraUse | None:
    """What `<lora:...>` asks for; None if `tag` is not well-formed."""
    if not (tag.startswith("<lora:") and tag.endswith(">")):
        return None
    body = tag[len("<lora:") : -1]
    high_noise = body.startswith(_HIGH_NOISE)
    name, colon, weight = body.removeprefix(_HIGH_NOISE if high_noise else "").partition(":")
    name, weight = name.strip(), weight.strip()
    if not name or any(sign in name for sign in "<>|\n"):
        return None
    if not colon:
        return LoraUse(name=name, high_noise=high_noise)
    if not _NUMBER.fullmatch(weight) or not math.isfinite(float(weight)):
        return None
    return LoraUse(name=name, weight=float(weight), high_noise=high_noise)


def strip(prompt: str) -> tuple[str, list[LoraUse]]:
    """The prompt without its tags, and the tags in order; the text around them is left as it is."""
    # One pass, so that a prompt of nested tags costs no more than another: a tag that only appears when the
    # one inside it is gone is still open then.
    text: list[str] = []
    opened: list[list[str]] = []
    uses: list[LoraUse] = []
    for piece in re.split("([<>])", prompt):
        if piece == "<":
            opened.append([piece])
            continue
        use = parse("".join(opened[-1]) + ">") if piece == ">" and opened else None
        if use:
            uses.append(use)
            opened.pop()
        elif piece == ">":
            # Nothing that holds a sign of its own can still become a tag.
            text.extend(part for parts in opened for part in parts)
            text.append(piece)
            opened.clear()
        else:
            (opened[-1] if opened else text).append(piece)
    text.extend(part for parts in opened for part in parts)
    return "".join(text), uses


async def resolve(catalog: Catalog, params: GenerationRequest) -> ResolvedPrompts:
    """Take the tags out of both prompts and find the files of those in the positive one and of `loras`.

    Tags in the negative prompt have no effect. Raises BadRequest that names every LoRA that is missing.
    """
    prompt, tags = strip(params.prompt)
    negative, _ = strip(params.negative_prompt)
    uses = [*tags, *params.loras]
    inventory = await catalog.inventory()
    if any(_path(inventory, use.name) is None for use in uses):
        await catalog.refresh()
        inventory = await catalog.inventory()
    return ResolvedPrompts(prompt, negative, _summed(inventory, uses))


def _summed(inventory: Inventory, uses: Iterable[LoraUse]) -> list[LoraFile]:
    weights: dict[tuple[str, bool], float] = {}
    missing: dict[str, None] = {}
    for use in uses:
        path = _path(inventory, use.name)
        if path is None:
            missing[use.name] = None
        else:
            key = (str(path), use.high_noise)
            weights[key] = weights.get(key, 0.0) + use.weight
    if missing:
        where = f" in {inventory.folders['lora']}" if "lora" in inventory.folders else ""
        raise LoraNotFound(f"LoRA not found{where}: {', '.join(missing)}")
    for (file, _), weight in weights.items():
        if not math.isfinite(weight):
            raise BadRequest(f"loras: the weights of {Path(file).name} add up to more than a number can hold")
    return [LoraFile(path=path, weight=weight, high_noise=high) for (path, high), weight in weights.items()]


def _path(inventory: Inventory, name: str) -> Path | None:
    paths = (inventory.path("lora", name + extension) for extension in ("", *EXTENSIONS))
    return next((path for path in paths if path), None)
