"""What is the same always: names of samplers, lists that are empty, and what there is not."""

from typing import Any

import psutil
from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ...api.app_state import State
from ...errors import BadRequest
from .names import SAMPLER_NAMES, SCHEDULER_NAMES
from .told import CONTROLNET

router = APIRouter(tags=["Lists"])

_METHODS = ["DELETE", "GET", "PATCH", "POST", "PUT"]


@router.get("/samplers")
async def samplers() -> list[dict[str, Any]]:
    """Samplers under the web UI's names; `options` has the scheduler that "Automatic" stands for."""
    return [
        {
            "name": one.label,
            "aliases": list(one.aliases),
            "options": {"scheduler": one.scheduler} if one.scheduler else {},
        }
        for one in SAMPLER_NAMES
    ]


@router.get("/schedulers")
async def schedulers() -> list[dict[str, Any]]:
    """Schedulers under the web UI's names."""
    return [
        {"name": one.name, "label": one.label, "aliases": None, "default_rho": -1, "need_inner_model": False}
        for one in SCHEDULER_NAMES
    ]


@router.get("/hypernetworks")
@router.get("/face-restorers")
@router.get("/prompt-styles")
@router.get("/extensions")
async def nothing() -> list[dict[str, Any]]:
    """There are none."""
    return []


@router.get("/scripts")
async def scripts() -> dict[str, list[str]]:
    """Scripts that requests may name: ControlNet among those that are always on."""
    return {"txt2img": [CONTROLNET], "img2img": [CONTROLNET]}


@router.get("/script-info")
async def script_info() -> list[dict[str, Any]]:
    """The same with what they take."""
    return [
        {"name": CONTROLNET, "is_alwayson": True, "is_img2img": is_img2img, "args": []}
        for is_img2img in (False, True)
    ]


@router.get("/cmd-flags")
async def cmd_flags(state: State) -> dict[str, Any]:
    """What of the web UI's flags has a meaning here."""
    folders = state.catalog.folders
    return {
        "api": True,
        "api_server_stop": False,
        "ckpt_dir": str(folders["checkpoint"]),
        "vae_dir": str(folders["vae"]),
        "lora_dir": str(folders["lora"]),
        "embeddings_dir": str(folders["embedding"]),
        "esrgan_models_path": str(folders["esrgan"]),
    }


@router.get("/memory")
async def memory() -> dict[str, Any]:
    """Bytes of memory of this machine. Of GPUs the engine alone knows."""
    ram = psutil.virtual_memory()
    return {
        "ram": {"free": ram.available, "used": ram.total - ram.available, "total": ram.total},
        "cuda": {"error": "unavailable"},
    }


@router.post("/interrogate")
async def interrogate() -> None:
    """Raises BadRequest: no model here describes pictures."""
    raise BadRequest("interrogate: no model here describes pictures")


@router.api_route("/{what:path}", methods=_METHODS, include_in_schema=False)
async def not_offered(what: str, request: Request) -> None:
    """Raises an error that names what is not offered: training, merging, stopping the server."""
    raise HTTPException(404, f"{request.method} {what} is not offered here")
