"""The shape of the table that describes one revision of the engine's C library."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from .call_structs import Fields, define_structs
from .functions import Function, define_functions
from .names import EngineNames

INFINITY = float("inf")
"""What the engine reads as "the model's own value" in eta, img_cfg and flow_shift."""


@dataclass(frozen=True, kw_only=True)
class Revision:
    """Everything that the self-check compares with a library, and the ids that calls into it need.

    A parameter struct is named without its `_t`, as the functions `*_init` and `*_to_str` begin; a field of
    one by a dotted path such as "sample_params.eta".
    """

    commit: str  # what sd_commit answers, or its beginning
    package: str  # requirement of the wheel that ships this revision; empty: only builds of one's own
    was_run: bool = True  # False: the table was read off the header, and no library of it was ever called
    names: EngineNames
    fields: Mapping[str, Fields]  # parameter struct -> its fields
    struct_sizes: Mapping[str, int]  # parameter struct -> bytes
    video_tells_fps: bool  # generate_video has a sixth argument, int* fps_out
    type_ids: Mapping[str, int]  # quantization id of the API -> sd_type_t
    log_levels: tuple[str, ...]  # sd_log_level_t -> our name for it (names.LOG_LEVELS)
    tile_unit: int  # what one latent pixel of a VAE tile is in tile_size_x and tile_size_y
    defaults: Mapping[str, Mapping[str, object]]  # parameter struct -> field -> value after *_init
    # parameter struct -> field -> a value to put into it, and the text in which *_to_str must print it
    sentinels: Mapping[str, Mapping[str, tuple[object, str]]]

    @cached_property
    def structs(self) -> Mapping[str, type[ctypes.Structure]]:
        """Parameter struct -> its class."""
        return define_structs(self.fields)

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Name -> result type, argument types."""
        return define_functions(self.structs, video_tells_fps=self.video_tells_fps)

    @cached_property
    def enums(self) -> Mapping[str, tuple[str, ...]]:
        """Function that names an enum's values -> the names, from 0 on."""
        names = self.names
        return {
            "sd_sample_method_name": names.samplers,
            "sd_scheduler_name": names.schedulers,
            "sd_rng_type_name": names.rng_types,
            "sd_prediction_name": names.predictions,
            "sd_preview_name": names.preview_modes,
            "sd_lora_apply_mode_name": names.lora_apply_modes,
            "sd_hires_upscaler_name": ("none", *names.hires_upscalers),
        }
