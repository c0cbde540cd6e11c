"""Tensor type rules that act on nothing, told by the names and shapes of the tensors in the files.

The engine searches a pattern in names of its own: mostly those of the file, with a prefix for what it is read
as. Where a file has other names (diffusers, llama.cpp), a rule may act that is told to have no effect.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from ..schemas import type_rules
from ..schemas.model_types import COMPONENT_NAMES
from ..schemas.models import ModelFiles
from .header_cache import read_header
from .headers.header import Tensor

_CLIP = ("cond_stage_model.transformer.", "text_encoders.clip_l.transformer.")
# What a file is read as -> what the engine puts before its names.
_PREFIXES: Mapping[str, tuple[str, ...]] = {
    "main": ("model.diffusion_model.",),
    "high_noise_diffusion_model": ("model.high_noise_diffusion_model.",),
    "vae": ("first_stage_model.",),
    "clip_l": _CLIP,
    "clip_g": ("cond_stage_model.1.transformer.", "text_encoders.clip_g.transformer."),
    "t5xxl": ("text_encoders.t5xxl.transformer.",),
    "llm": ("text_encoders.llm.",),
    "llm_vision": ("text_encoders.llm.visual.",),
}
assert _PREFIXES.keys() <= {"main", *COMPONENT_NAMES}


def warn_of_idle_rules_of_load(rules: str, files: ModelFiles) -> list[str]:
    """A sentence for each rule without effect on a load: there it acts on matrices only. Raises OSError.

    Vectors are computed in f32 and convolutions in f16, whatever is asked for (measured on 487de75).
    """
    paths = {str(part): Path(path) for part, path in files.components.items()} | {"main": Path(files.main)}
    return _warn(rules, paths, lambda tensor: len(tensor.shape) == 2, "no matrix (convolutions stay f16)")


def warn_of_idle_rules_of_conversion(rules: str, source: Path, vae: Path | None) -> list[str]:
    """A sentence for each rule without effect on a conversion. Raises OSError."""
    paths = {"main": source, **({"vae": vae} if vae else {})}
    return _warn(rules, paths, lambda tensor: len(tensor.shape) > 1, "no tensor")


def _warn(
    rules: str, files: Mapping[str, Path], may_change: Callable[[Tensor], bool], nothing: str
) -> list[str]:
    split = type_rules.split(rules)
    headers = {part: read_header(path) for part, path in files.items()} if split else {}
    names: set[str] = set()
    for part, header in headers.items():
        if header is None:
            return []  # who knows what is in it
        changeable = [name for name, tensor in header.tensors.items() if may_change(tensor)]
        names.update(prefix + name for prefix in ("", *_PREFIXES.get(part, ())) for name in changeable)
    return [
        f"tensor_type_rules: {pattern}={kind} has no effect: it matches {nothing} of the model's files"
        for pattern, kind in split
        if not any(re.search(type_rules.translate(pattern), name) for name in names)
    ]
