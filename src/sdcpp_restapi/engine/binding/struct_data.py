"""What a C struct holds, read back as data: the engine has no printer of its own for sd_vid_gen_params_t."""

import ctypes
from typing import Any

# Pointer -> the field that says how many it points at. What other pointers lead to is left out.
COUNTS = {
    "loras": "lora_count",
    "layers": "layer_count",
    "custom_sigmas": "custom_sigmas_count",
    "control_frames": "control_frames_size",
    "ref_images": "ref_images_count",
    "id_images": "id_images_count",
}


def read_back(struct: ctypes.Structure) -> dict[str, Any]:
    """Field -> value; structs are dictionaries, arrays are lists."""
    found: dict[str, Any] = {}
    for name, kind, *_ in struct._fields_:
        value = getattr(struct, name)
        if name in COUNTS:
            found[name] = [_plain(value[i]) for i in range(getattr(struct, COUNTS[name]))]
        elif not issubclass(kind, ctypes._Pointer):
            found[name] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, ctypes.Structure):
        return read_back(value)
    return value.decode(errors="replace") if isinstance(value, bytes) else value
