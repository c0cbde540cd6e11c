"""The fields of a C struct as plain data, for the log: the engine cannot print an sd_vid_gen_params_t."""

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


def read_struct(struct: ctypes.Structure) -> dict[str, Any]:
    """Field -> value; structs are dictionaries, arrays are lists."""
    found: dict[str, Any] = {}
    for name, kind, *_ in struct._fields_:
        value = getattr(struct, name)
        if name in COUNTS:
            found[name] = [_to_plain(value[i]) for i in range(getattr(struct, COUNTS[name]))]
        elif not issubclass(kind, ctypes._Pointer):
            found[name] = _to_plain(value)
    return found


def _to_plain(value: Any) -> Any:
    if isinstance(value, ctypes.Structure):
        return read_struct(value)
    return value.decode(errors="replace") if isinstance(value, bytes) else value
