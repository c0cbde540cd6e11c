"""The LoRAs that a request names: by tags in its prompt, and by its structured field.

    <lora:name>  <lora:name:0.8>  <lora:|high_noise|subfolder/name.safetensors:-0.5>

The name is relative to the lora folder, its extension optional. Tags as other tools write them are read too,
and what of them has no effect is told. What is not such a tag stays as text.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ..errors import BadRequest
from ..schemas.generation import GenerationRequest, LoraUse

_HIGH_NOISE = "|high_noise|"
_NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_SETTING = re.compile(r"\s*\w+\s*=.*", re.DOTALL)
# The engine makes no difference between a LoRA and a LyCORIS.
_KINDS = {"lora": "lora", "lyco": "lora", "hypernet": "hypernet"}
_NAMES = "|".join(_KINDS)
# What was meant as a tag, though it is none: the second form has lost its first sign. Bounded, so that a long
# prompt takes no longer than its length.
_BROKEN = re.compile(
    rf"<\s*(?:{_NAMES})\s*:[^<>\n]{{0,80}}>?|\b(?:{_NAMES}):[^<>\n]{{1,200}}>", re.IGNORECASE
)
# What was meant as a tag in other signs. `(lora:1.2)` and `[lora:0.5]` only weigh the word. Bounded as well.
_MEANT = re.compile(
    rf"(?:<|＜|&lt;)\s{{0,9}}(?:{_NAMES})\b[^<>＜＞\n]{{0,120}}?(?:>|＞|&gt;)"
    rf"|[\[({{]\s{{0,9}}(?:{_NAMES})\s{{0,9}}[:：=](?![\s\d.,]{{0,20}}[\])}}])[^\[\](){{}}<>\n]{{1,120}}[\])}}]",
    re.IGNORECASE,
)
_FOREIGN = re.compile(r"<[A-Za-z_]{2,20}:[^<>\n]{1,80}>")
_FORMS = "<lora:name>, <lora:name:weight> or <lora:|high_noise|name:weight>"


@dataclass(frozen=True)
class Tag:
    """What a tag asks for: a LoRA, or nothing that there is here. `ignored` says what of it has no effect."""

    use: LoraUse | None
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaggedPrompt:
    """A prompt taken apart: its text without the tags, and the tags in order, as they were written."""

    text: str
    tags: list[tuple[str, Tag]]


def uses_of(params: GenerationRequest) -> list[LoraUse]:
    """All LoRAs of a request, those of tags first. Tags in the negative prompt have no effect."""
    return [*strip_tags(params.prompt)[1], *params.loras]


def check_tags(params: GenerationRequest) -> list[str]:
    """Warnings about what of the tags has no effect. Raises BadRequest for what only looks like one."""
    prompt, negative = parse_prompt(params.prompt), parse_prompt(params.negative_prompt)
    for field, parsed in (("prompt", prompt), ("negative_prompt", negative)):
        broken = _BROKEN.search(parsed.text)
        if broken:
            raise BadRequest(f"{field}: {broken[0].strip()} is no tag that can be read; allowed: {_FORMS}")
    ignored = [f"prompt: {_shorten(tag)}: {text}" for tag, parsed in prompt.tags for text in parsed.ignored]
    ineffective = [
        f"negative_prompt: {_shorten(tag)} has no effect: tags act in the prompt" for tag, _ in negative.tags
    ]
    texts = {"prompt": prompt.text, "negative_prompt": negative.text}
    stays = [told for field, text in texts.items() for told in _warn_of_text(field, text)]
    return list(dict.fromkeys([*ignored, *ineffective, *stays]))


def parse_tag(tag: str) -> Tag | None:
    """What `<lora:...>` asks for; None if `tag` is not well-formed."""
    if not (tag.startswith("<") and tag.endswith(">")):
        return None
    kind, colon, body = tag[1:-1].partition(":")
    known = _KINDS.get(kind.strip().lower())
    if not colon or known is None:
        return None
    name, *rest = body.removeprefix(_HIGH_NOISE).split(":")
    name = name.strip()
    if not name or any(sign in body.removeprefix(_HIGH_NOISE) for sign in "<>|\n"):
        return None
    if known == "hypernet":
        return Tag(None, ("no effect, hypernetworks are not supported",))
    weight = 1.0
    if rest and not _SETTING.fullmatch(rest[0]):
        number = rest.pop(0).strip()
        if not _NUMBER.fullmatch(number) or not math.isfinite(weight := float(number.replace(",", "."))):
            return None
    use = LoraUse(name=name, weight=weight, high_noise=body.startswith(_HIGH_NOISE))
    return Tag(use, tuple(_say_ignored(part.strip(), weight) for part in rest if part.strip()))


def parse_prompt(prompt: str) -> TaggedPrompt:
    """The prompt without its tags, and the tags in order; the text around them is left as it is."""
    # One pass, so that a prompt of nested tags costs no more than another: a tag that only appears when the
    # one inside it is gone is still open then.
    text: list[str] = []
    opened: list[list[str]] = []
    tags: list[tuple[str, Tag]] = []
    for piece in re.split("([<>])", prompt):
        if piece == "<":
            opened.append([piece])
            continue
        whole = "".join(opened[-1]) + ">" if piece == ">" and opened else ""
        tag = parse_tag(whole)
        if tag:
            tags.append((whole, tag))
            opened.pop()
        elif piece == ">":
            # Nothing that holds a sign of its own can still become a tag.
            text.extend(part for parts in opened for part in parts)
            text.append(piece)
            opened.clear()
        else:
            (opened[-1] if opened else text).append(piece)
    text.extend(part for parts in opened for part in parts)
    return TaggedPrompt("".join(text), tags)


def strip_tags(prompt: str) -> tuple[str, list[LoraUse]]:
    """The prompt without its tags, and the LoRAs that they ask for, in order."""
    parsed = parse_prompt(prompt)
    return parsed.text, [tag.use for _, tag in parsed.tags if tag.use]


def _say_ignored(part: str, weight: float) -> str:
    if _SETTING.fullmatch(part):
        return f"{_shorten(part)} has no effect"
    return f"{_shorten(part)} has no effect, a LoRA has one weight ({weight:g})"


def _warn_of_text(field: str, text: str) -> Iterator[str]:
    """What looks like a tag and is left to the text encoder."""
    for found in _MEANT.findall(text):
        yield f"{field}: {_shorten(found)} is no LoRA tag, it stays part of the text; tags are {_FORMS}"
    for found in _FOREIGN.findall(text):
        yield f"{field}: {found} is no tag that has an effect here, it stays part of the text"


def _shorten(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."
