"""Pictures of a job as a graph's ends saved them."""

from pathlib import PurePosixPath
from typing import Any

from .prompts import Submitted


def list_outputs(prompt: Submitted, outputs: list[str]) -> dict[str, dict[str, Any]]:
    """Node -> its pictures. All ends have the same: where one saves it, the others show it too."""
    shown: dict[str, dict[str, Any]] = {}
    for node_id in prompt.ends:
        kind = "temp" if prompt.class_of(node_id) == "PreviewImage" else "output"
        shown[node_id] = {"images": [_describe(PurePosixPath(path), kind) for path in outputs]}
    return shown


def _describe(path: PurePosixPath, kind: str) -> dict[str, str]:
    return {"filename": path.name, "subfolder": path.parent.as_posix(), "type": kind}
