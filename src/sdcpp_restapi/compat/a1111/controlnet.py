"""The ControlNet extension: one unit of a request, and the addresses below /controlnet."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import APIRouter
from pydantic import ValidationError

from ...api.app_state import AppState, State
from ...errors import BadRequest
from .checkpoints import list_entries, stem_of
from .pictures import CROP_AND_RESIZE, JUST_RESIZE, RESIZE_AND_FILL
from .requests import ControlUnit, DetectRequest
from .told import CONTROLNET

router = APIRouter(tags=["ControlNet"])

NO_MODULE = "none"
_VERSION = 2
_RESIZE_MODES: Mapping[str | int, int] = {
    0: JUST_RESIZE,
    1: CROP_AND_RESIZE,
    2: RESIZE_AND_FILL,
    "just resize": JUST_RESIZE,
    "crop and resize": CROP_AND_RESIZE,
    "inner fit (scale to fit)": CROP_AND_RESIZE,
    "scale to fit (inner fit)": CROP_AND_RESIZE,
    "resize and fill": RESIZE_AND_FILL,
    "outer fit (shrink to fit)": RESIZE_AND_FILL,
    "envelope (outer fit)": RESIZE_AND_FILL,
}
_BALANCED = (0, "balanced")


class Control(NamedTuple):
    """What a unit asks for. `model` None: the ControlNet that the model is loaded with."""

    image: str
    model: str | None
    strength: float
    resize_mode: int
    told: list[str]


def read_control(scripts: Mapping[str, Any], init_image: str | None) -> Control | None:
    """The unit that is on, if there is one; without a picture of its own it follows the init image.

    Raises BadRequest: the engine follows one picture.
    """
    units = [unit for unit in _read_units(scripts) if unit.enabled]
    if not units:
        return None
    if len(units) > 1:
        raise BadRequest(f"controlnet: {len(units)} units are not allowed; the engine has one", CONTROLNET)
    (unit,) = units
    image = _picture_of(unit) or init_image
    if not image:
        raise BadRequest("controlnet image: a picture is required", CONTROLNET)
    mode = _RESIZE_MODES.get(_fold(unit.resize_mode))
    if mode is None:
        allowed = "Just Resize, Crop and Resize, Resize and Fill"
        raise BadRequest(
            f"controlnet resize_mode: {unit.resize_mode!r} is not allowed; allowed are {allowed}", CONTROLNET
        )
    model = None if _fold(unit.model) in ("", "none") else unit.model
    return Control(image, model, min(unit.weight, 1.0), mode, _tell(unit))


def _read_units(scripts: Mapping[str, Any]) -> list[ControlUnit]:
    script = next((value for name, value in scripts.items() if name.casefold() == CONTROLNET), None)
    arguments = script.get("args") if isinstance(script, dict) else script
    given = arguments if isinstance(arguments, list) else [arguments]
    try:
        # Clients fill up with null and false.
        return [ControlUnit.model_validate(one) for one in given if one not in (None, False)]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "args"
        message = first["msg"].removeprefix("Value error, ")
        raise BadRequest(f"controlnet {where}: {message}", CONTROLNET) from error


def _picture_of(unit: ControlUnit) -> str | None:
    picture = unit.image.get("image") if isinstance(unit.image, dict) else unit.image
    if picture is not None and not isinstance(picture, str):
        raise BadRequest("controlnet image: it must be base64", CONTROLNET)
    return picture


def _tell(unit: ControlUnit) -> list[str]:
    mask = unit.mask or (isinstance(unit.image, dict) and unit.image.get("mask"))
    idle = {
        "module": (
            _fold(unit.module) != NO_MODULE,
            "there are no preprocessors, the picture is followed as it is",
        ),
        "mask": (bool(mask), "the whole picture is followed"),
        "guidance_start": (unit.guidance_start > 0, "the picture is followed in all steps"),
        "guidance_end": (unit.guidance_end < 1, "the picture is followed in all steps"),
        "control_mode": (_fold(unit.control_mode) not in _BALANCED, "prompt and picture are balanced"),
        "hr_option": (_fold(unit.hr_option) != "both", "both passes follow it"),
    }
    told = [f"controlnet {field} has no effect: {reason}" for field, (asks, reason) in idle.items() if asks]
    if unit.weight > 1:
        told.append(f"controlnet weight: {unit.weight:g} became 1, which is the most")
    return [*told, *(f"controlnet: {one}" for one in unit.warn_of_unknown_fields())]


def _fold(value: str | int) -> str | int:
    return value.strip().casefold() if isinstance(value, str) else value


# ---------------------------------------------------------------- addresses


@router.get("/version")
async def version() -> dict[str, int]:
    """The version of the extension's API that is spoken."""
    return {"version": _VERSION}


@router.get("/model_list")
async def model_list(state: State) -> dict[str, list[str]]:
    """ControlNets, as `model` of a unit names them."""
    return {"model_list": await _list_titles(state)}


@router.get("/module_list")
async def module_list() -> dict[str, Any]:
    """Preprocessors: there are none."""
    return {"module_list": [NO_MODULE], "module_detail": {NO_MODULE: {"model_free": False, "sliders": []}}}


@router.get("/control_types")
async def control_types(state: State) -> dict[str, Any]:
    """Kinds of control: all models are of one."""
    models = ["None", *await _list_titles(state)]
    everything = {
        "module_list": [NO_MODULE],
        "model_list": models,
        "default_option": NO_MODULE,
        "default_model": "None",
    }
    return {"control_types": {"All": everything}}


@router.get("/settings")
async def settings() -> dict[str, int]:
    """How many units there are."""
    return {"control_net_unit_count": 1}


@router.post("/detect")
async def detect(body: DetectRequest) -> dict[str, Any]:
    """What a preprocessor makes of pictures: "none" leaves them as they are."""
    if _fold(body.controlnet_module) != NO_MODULE:
        raise BadRequest(
            f"controlnet_module: {body.controlnet_module!r} is not allowed; there is only {NO_MODULE!r}",
            "controlnet_module",
        )
    images = [*body.controlnet_input_images, *body.controlnet_images]
    if not images:
        raise BadRequest("controlnet_input_images: a picture is required", "controlnet_input_images")
    # Clients decode them as they are.
    return {"images": [image.rpartition(",")[2] for image in images], "info": "Success"}


async def _list_titles(state: AppState) -> list[str]:
    entries = await list_entries(state, "controlnet")
    return [f"{stem_of(one.name)} [{one.hash[:8]}]" if one.hash else stem_of(one.name) for one in entries]
