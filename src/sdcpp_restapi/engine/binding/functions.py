"""The exported C functions of stable-diffusion.cpp that are called: results and arguments."""

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_size_t, c_uint32, c_void_p
from typing import Any

from .structs import (
    log_cb_t,
    preview_cb_t,
    progress_cb_t,
    sd_adetailer_params_t,
    sd_audio_t,
    sd_cache_params_t,
    sd_hires_params_t,
    sd_image_t,
    sd_sample_params_t,
)

# sd_cancel_mode_t, for sd_cancel_generation
CANCEL_ALL, CANCEL_NEW_LATENTS, CANCEL_RESET = 0, 1, 2

_name = (c_char_p, (c_int,))
_index = (c_int, (c_char_p,))
_text = (c_char_p, ())
_has = (c_bool, (c_void_p,))
_void = (None, (c_void_p,))

type Function = tuple[Any, tuple[Any, ...]]
"""Result, arguments. A result declared void* is a string that libc's free releases."""

_FUNCTIONS: Mapping[str, Function] = {
    "convert": (c_bool, (c_char_p, c_char_p, c_char_p, c_int, c_char_p, c_bool)),
    "convert_with_components": (c_bool, (*(c_char_p,) * 7, c_int, c_char_p, c_bool, c_int)),
    "free_adetailer_ctx": _void,
    "free_sd_audio": (None, (POINTER(sd_audio_t),)),
    "free_sd_ctx": _void,
    "free_sd_images": (None, (POINTER(sd_image_t), c_int)),
    "free_upscaler_ctx": _void,
    "get_upscale_factor": (c_int, (c_void_p,)),
    "new_adetailer_ctx": (c_void_p, (c_char_p, c_int, c_char_p, c_char_p)),
    "new_upscaler_ctx": (c_void_p, (c_char_p, c_bool, c_int, c_int, c_char_p, c_char_p)),
    "preprocess_canny": (c_bool, (sd_image_t, c_float, c_float, c_float, c_float, c_bool)),
    "sd_cache_params_init": (None, (POINTER(sd_cache_params_t),)),
    "sd_cancel_generation": (None, (c_void_p, c_int)),
    "sd_commit": _text,
    "sd_ctx_has_control_net": _has,
    "sd_ctx_load_control_net": (c_bool, (c_void_p, c_char_p)),
    "sd_ctx_supports_image_generation": _has,
    "sd_ctx_supports_video_generation": _has,
    "sd_ctx_unload_control_net": _has,
    "sd_get_default_sample_method": (c_int, (c_void_p,)),
    "sd_get_default_scheduler": (c_int, (c_void_p, c_int)),
    "sd_get_num_physical_cores": (c_int, ()),
    "sd_get_system_info": _text,
    "sd_hires_params_init": (None, (POINTER(sd_hires_params_t),)),
    "sd_hires_upscaler_name": _name,
    "sd_list_devices": (c_size_t, (c_char_p, c_size_t)),
    "sd_lora_apply_mode_name": _name,
    "sd_prediction_name": _name,
    "sd_preview_name": _name,
    "sd_rng_type_name": _name,
    "sd_sample_method_name": _name,
    "sd_sample_params_init": (None, (POINTER(sd_sample_params_t),)),
    "sd_sample_params_to_str": (c_void_p, (POINTER(sd_sample_params_t),)),
    "sd_scheduler_name": _name,
    "sd_set_log_callback": (None, (log_cb_t, c_void_p)),
    "sd_set_preview_callback": (None, (preview_cb_t, c_int, c_int, c_bool, c_bool, c_void_p)),
    "sd_set_progress_callback": (None, (progress_cb_t, c_void_p)),
    "sd_type_name": _name,
    "sd_version": _text,
    "str_to_lora_apply_mode": _index,
    "str_to_prediction": _index,
    "str_to_preview": _index,
    "str_to_rng_type": _index,
    "str_to_sample_method": _index,
    "str_to_scheduler": _index,
    "str_to_sd_hires_upscaler": _index,
    "str_to_sd_type": _index,
    "upscale": (c_bool, (c_void_p, sd_image_t, c_uint32, POINTER(POINTER(sd_image_t)), POINTER(c_int))),
}

_MADE = (POINTER(POINTER(sd_image_t)), POINTER(c_int))


def define_functions(
    structs: Mapping[str, type[ctypes.Structure]], *, video_tells_fps: bool
) -> Mapping[str, Function]:
    """All of them, for the structs of a revision; `video_tells_fps`: generate_video takes `int* fps_out`."""
    context, image, video = (
        POINTER(structs[name]) for name in ("sd_ctx_params", "sd_img_gen_params", "sd_vid_gen_params")
    )
    fps = (POINTER(c_int),) if video_tells_fps else ()
    return {
        **_FUNCTIONS,
        "adetail_image": (
            c_bool,
            (c_void_p, c_void_p, sd_image_t, POINTER(sd_adetailer_params_t), image, *_MADE),
        ),
        "generate_image": (c_bool, (c_void_p, image, *_MADE)),
        "generate_video": (c_bool, (c_void_p, video, *_MADE, POINTER(POINTER(sd_audio_t)), *fps)),
        "new_sd_ctx": (c_void_p, (context,)),
        "sd_ctx_params_init": (None, (context,)),
        "sd_ctx_params_to_str": (c_void_p, (context,)),
        "sd_img_gen_params_init": (None, (image,)),
        "sd_img_gen_params_to_str": (c_void_p, (image,)),
        "sd_vid_gen_params_init": (None, (video,)),
    }
