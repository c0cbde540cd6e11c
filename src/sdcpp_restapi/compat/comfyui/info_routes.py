"""What nodes, models and devices there are."""

import asyncio
import sys
from typing import Any

import psutil
from fastapi import APIRouter

from ... import __version__
from ...api.app_state import State
from ...errors import NotFound
from ...os_support import OS_NAME
from .choices import FOLDERS, list_choices, list_embeddings
from .graph import Choices
from .nodes import COMBO, NODE_TYPES, InputType, NodeType
from .parts import Uploaded

router = APIRouter()


@router.get("/object_info")
async def object_info(state: State, uploads: Uploaded) -> dict[str, Any]:
    """All nodes that a graph may have, with the files that their inputs may name."""
    choices = {**await list_choices(state), "input": await asyncio.to_thread(uploads.list_names)}
    return {name: _describe_node(node_type, choices) for name, node_type in NODE_TYPES.items()}


@router.get("/object_info/{name}")
async def object_info_of(name: str, state: State, uploads: Uploaded) -> dict[str, Any]:
    """One node; nothing for one that does not exist, as there."""
    nodes = await object_info(state, uploads)
    return {name: nodes[name]} if name in nodes else {}


@router.get("/models")
async def folders() -> list[str]:
    """The folders of models."""
    return list(FOLDERS)


@router.get("/models/{folder}")
async def models(folder: str, state: State) -> list[str]:
    """The files of a folder."""
    if folder not in FOLDERS:
        raise NotFound(f"There is no folder {folder!r}; there are: {', '.join(FOLDERS)}")
    return (await list_choices(state))[folder]


@router.get("/embeddings")
async def embeddings(state: State) -> list[str]:
    """The names of embeddings, as prompts use them."""
    return await list_embeddings(state)


@router.get("/system_stats")
async def system_stats(state: State) -> dict[str, Any]:
    """Memory and devices. How much memory a device has is not known here: 0."""
    memory = psutil.virtual_memory()
    devices = dict.fromkeys(slot.device for slot in state.model.health(None).loaded_slots)
    unknown = dict.fromkeys(("vram_total", "vram_free", "torch_vram_total", "torch_vram_free"), 0)
    return {
        "system": {
            "os": OS_NAME,
            "ram_total": memory.total,
            "ram_free": memory.available,
            "comfyui_version": f"SDCPP-RESTAPI {__version__}",
            "python_version": sys.version,
            "pytorch_version": "none",
            "embedded_python": False,
            "argv": [],
        },
        "devices": [
            {"name": name, "type": name.rstrip("0123456789:").lower(), "index": index, **unknown}
            for index, name in enumerate(devices)
        ],
    }


def _describe_node(node_type: NodeType, choices: Choices) -> dict[str, Any]:
    inputs: dict[str, dict[str, Any]] = {"required": {}, "optional": {}}
    for one in node_type.inputs:
        inputs["required" if one.required else "optional"][one.name] = _describe_input(one, choices)
    if not inputs["optional"]:
        del inputs["optional"]
    return {
        "input": inputs,
        "input_order": {need: list(names) for need, names in inputs.items()},
        "output": list(node_type.outputs),
        "output_is_list": [False] * len(node_type.outputs),
        "output_name": list(node_type.outputs),
        "name": node_type.name,
        "display_name": node_type.title,
        "description": "",
        "python_module": "nodes",
        "category": node_type.category,
        "output_node": node_type.saves,
    }


def _describe_input(one: InputType, choices: Choices) -> list[Any]:
    if one.type != COMBO:
        return [one.type, dict(one.options)] if one.options else [one.type]
    allowed = list(one.choices) or [name for folder in one.files for name in choices.get(folder, ())]
    return [allowed, dict(one.options)]
