"""Where the engine computes with the parts of a model, and where it keeps their weights.

The syntax is the engine's (revisions 487de75 and 2bb7294): TARGET for all modules, or MODULE=TARGET,... The
engine refuses devices that it does not know; what it would misread is refused here.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

MODULES = ("diffusion", "te", "vae", "controlnet", "*")
_DEVICE = r"[A-Za-z][A-Za-z0-9_.:-]{0,63}"
_GIB = re.compile(rf"({_DEVICE}=)?-?[0-9]{{1,5}}(\.[0-9]{{1,3}})?")
_LONGEST = 500

VaeFormat = Literal["", "flux", "sd3", "flux2", "wan"]
# As the enum of 487de75 and 2bb7294 numbers them: read off what sd_ctx_params_to_str prints.
VAE_FORMATS: tuple[VaeFormat, ...] = ("flux", "sd3", "flux2", "wan")


def _check_parts(text: str, target: re.Pattern[str], allowed: str) -> str:
    if len(text) > _LONGEST:
        raise ValueError(f"at most {_LONGEST} characters")
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        module, equals, value = part.rpartition("=")
        if equals and module not in MODULES:
            raise ValueError(f"{part!r}: {module!r} is no module; there are {', '.join(MODULES)}")
        if not target.fullmatch(value):
            raise ValueError(f"{part!r}: allowed is {allowed}")
    modules = [part.rpartition("=")[0] or "*" for part in parts]
    if twice := next((module for module in modules if modules.count(module) > 1), None):
        raise ValueError(f"{twice!r} is there twice")
    return ",".join(part if "=" in part else f"*={part}" for part in parts)


def _check_backend(text: str) -> str:
    devices = re.compile(rf"{_DEVICE}(&{_DEVICE})*")
    return _check_parts(text, devices, "a device of the engine such as cpu or CUDA0, or several: CUDA0&CUDA1")


def _check_params_backend(text: str) -> str:
    return _check_parts(text, re.compile(_DEVICE), "cpu, disk, or one device of the engine")


def _check_split_mode(text: str) -> str:
    text = text.strip()
    if text in ("layer", "row"):
        return text
    return _check_parts(text, re.compile("layer|row"), "layer or row")


def _check_max_vram(text: str) -> str:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    for part in parts:
        if not _GIB.fullmatch(part):
            raise ValueError(
                f"{part!r}: allowed are GiB such as 6 or 7.5, -1 to leave 1 GiB free, or DEVICE=GiB for each"
            )
    if len(parts) > 1 and not all("=" in part for part in parts):
        raise ValueError(f"{text!r}: of several budgets each must name its device")
    return ",".join(parts)


def _number_as_text(value: object) -> object:
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


Backend = Annotated[str, AfterValidator(_check_backend)]
ParamsBackend = Annotated[str, AfterValidator(_check_params_backend)]
SplitMode = Annotated[str, AfterValidator(_check_split_mode)]
MaxVram = Annotated[
    str,
    AfterValidator(_check_max_vram),
    BeforeValidator(_number_as_text, json_schema_input_type=float | str),
]
