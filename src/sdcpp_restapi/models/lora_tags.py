"""The LoRAs that a request names: by tags in its prompt, and by its structured field.

    <lora:name>  <lora:name:0.8>  <lora:|high_noise|subfolder/name.safetensors:-0.5>

The name is relative to the lora folder, its extension optional. What is not such a tag stays as text.
"""

import math
import re

from ..schemas.generation import GenerationRequest, LoraUse

_HIGH_NOISE = "|high_noise|"
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def uses_of(params: GenerationRequest) -> list[LoraUse]:
    """All LoRAs of a request, those of tags first. Tags in the negative prompt have no effect."""
    return [*strip_tags(params.prompt)[1], *params.loras]


def parse_tag(tag: str) -> LoraUse | None:
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


def strip_tags(prompt: str) -> tuple[str, list[LoraUse]]:
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
        use = parse_tag("".join(opened[-1]) + ">") if piece == ">" and opened else None
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
