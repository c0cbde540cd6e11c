"""What of a request does nothing here, told in sentences. A value that asks for nothing needs no word."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ...schemas.base import Request
from .requests import DrawRequest, ExtrasRequest, Img2Img, Txt2Img

# The one of the always-on scripts that there is.
CONTROLNET = "controlnet"


class Idle(NamedTuple):
    """A field that does nothing here, and the values of it that ask for nothing."""

    field: str
    neutral: tuple[object, ...]
    reason: str


_NO_FACES = "there are no face restorers"
_NO_NOISE = "the engine's samplers have no such noise"
_ONE_SCHEDULER = "both passes have one scheduler"
_DRAWING = (
    Idle("styles", ([], ["None"], ["none"], [""]), "there are no styles"),
    Idle("subseed_strength", (0.0,), "the engine has no variation seeds"),
    Idle("seed_resize_from_h", (-1, 0), "the engine does not resize noise"),
    Idle("seed_resize_from_w", (-1, 0), "the engine does not resize noise"),
    Idle("restore_faces", (False,), _NO_FACES),
    Idle("do_not_save_samples", (False,), "every picture is kept in the gallery until it is deleted"),
    Idle("s_min_uncond", (0.0,), _NO_NOISE),
    Idle("s_churn", (0.0,), _NO_NOISE),
    Idle("s_tmax", (0.0,), _NO_NOISE),
    Idle("s_tmin", (0.0,), _NO_NOISE),
    Idle("s_noise", (0.0, 1.0), _NO_NOISE),
    Idle("refiner_checkpoint", ("", "None", "none"), "there is no refiner"),
    Idle("disable_extra_networks", (False,), "LoRAs act where the prompt names them"),
    Idle("comments", ({},), "they are not kept"),
    Idle("infotext", ("",), "fields are not read from it; send them themselves"),
)
_TXT2IMG = (
    Idle("firstphase_width", (0,), "width is that of the first pass"),
    Idle("firstphase_height", (0,), "height is that of the first pass"),
)
_SECOND_PASS = (
    Idle("hr_checkpoint_name", ("", "Use same checkpoint"), "both passes have one model"),
    Idle(
        "hr_scheduler", ("", "Use same scheduler", "automatic", "Automatic"), "both passes have one scheduler"
    ),
)
_IMG2IMG = (
    Idle("initial_noise_multiplier", (1.0, 0.0), "the engine has no such factor"),
    Idle("mask_round", (True,), "the mask of the latents is always rounded"),
)
_EXTRAS = (
    Idle("gfpgan_visibility", (0.0,), _NO_FACES),
    Idle("codeformer_visibility", (0.0,), _NO_FACES),
)
# [from:to:0.5], [word::0.5], [:word:10] and [one|other]; a colon alone only weighs.
_SCHEDULED = re.compile(r"(?<!\\)\[[^\[\]\n]{0,200}:[^\[\]\n]{0,200}:\s{0,9}[\d.]{1,9}\s{0,9}\]")
_ALTERNATING = re.compile(r"(?<!\\)\[[^\[\]\n|]{1,200}\|[^\[\]\n]{1,200}\]")
_COMPOSED = re.compile(r"\bAND\b")
_LONGEST_SHOWN = 60


def tell_idle_fields(request: Request) -> list[str]:
    """A sentence for each field that asks for something which is not done."""
    rows: tuple[Idle, ...] = ()
    if isinstance(request, DrawRequest):
        rows += _DRAWING
    if isinstance(request, Txt2Img):
        rows += _TXT2IMG + (_SECOND_PASS if request.enable_hr else ())
    if isinstance(request, Img2Img):
        rows += _IMG2IMG
    if isinstance(request, ExtrasRequest):
        rows += _EXTRAS
    told = [f"{row.field} has no effect: {row.reason}" for row in rows if not _is_neutral(request, row)]
    return [*told, *request.warn_of_unknown_fields()]


def _is_neutral(request: Request, row: Idle) -> bool:
    value = getattr(request, row.field)
    return any(value == neutral and type(value) is type(neutral) for neutral in row.neutral)


def tell_prompt_syntax(request: DrawRequest) -> Iterator[str]:
    """What of the web UI's prompt syntax the engine does not know. It knows emphasis and BREAK."""
    for field in ("prompt", "negative_prompt"):
        text = getattr(request, field)
        for pattern, what in (
            (_SCHEDULED, "the prompt is the same in all steps"),
            (_ALTERNATING, "the prompt is the same in all steps"),
            (_COMPOSED, "prompts are not composed"),
        ):
            found = pattern.search(text)
            if found:
                yield f"{field}: {found[0][:_LONGEST_SHOWN]} stays part of the text: {what}"


def tell_other_scripts(scripts: Mapping[str, Any]) -> list[str]:
    """A sentence for each always-on script that is to do something and is not there."""
    return [
        f"alwayson_scripts: {name} has no effect: there is no such script"
        for name, script in scripts.items()
        if name.casefold() != CONTROLNET and _asks_for_something(script)
    ]


def _asks_for_something(script: object) -> bool:
    """Clients send scripts that are off as well: without arguments, or with false as the first."""
    arguments = script.get("args") if isinstance(script, dict) else script
    if isinstance(arguments, list):
        first = arguments[0] if arguments else False
        return first is not False and not (isinstance(first, dict) and first.get("enable") is False)
    return bool(arguments)
