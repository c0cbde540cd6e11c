"""The fields of the C structs that hold all arguments of new_sd_ctx, generate_image and generate_video.

Revisions add fields to these. What stands here is their layout in the oldest revision that is known, 487de75;
the table of a later one says what comes in between, and `define_structs` makes the classes.
"""

import ctypes
from collections.abc import Mapping
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int64, c_uint32
from typing import Any

from .structs import (
    sd_audio_t,
    sd_cache_params_t,
    sd_embedding_t,
    sd_hires_params_t,
    sd_image_t,
    sd_lora_t,
    sd_pm_params_t,
    sd_pulid_params_t,
    sd_ref_video_t,
    sd_sample_params_t,
    sd_tiling_params_t,
)

type Fields = tuple[tuple[str, type[Any]], ...]
"""Name and type of each field, in order."""


def insert_after(fields: Fields, name: str, *new: tuple[str, type[Any]]) -> Fields:
    """The fields with others behind the one of this name."""
    index = [known for known, _ in fields].index(name) + 1
    return (*fields[:index], *new, *fields[index:])


def rename(fields: Fields, name: str, new: str) -> Fields:
    """The fields, one of which has another name."""
    return tuple((new if known == name else known, kind) for known, kind in fields)


def define_structs(fields: Mapping[str, Fields]) -> dict[str, type[ctypes.Structure]]:
    """A class for each of the structs, named as in C."""
    return {
        name: type(f"{name}_t", (ctypes.Structure,), {"_fields_": its_fields})
        for name, its_fields in fields.items()
    }


CONTEXT_FIELDS: Fields = (
    ("model_path", c_char_p),
    ("clip_l_path", c_char_p),
    ("clip_g_path", c_char_p),
    ("clip_vision_path", c_char_p),
    ("t5xxl_path", c_char_p),
    ("llm_path", c_char_p),
    ("llm_vision_path", c_char_p),
    ("diffusion_model_path", c_char_p),
    ("high_noise_diffusion_model_path", c_char_p),
    ("uncond_diffusion_model_path", c_char_p),
    ("embeddings_connectors_path", c_char_p),
    ("vae_path", c_char_p),
    ("audio_vae_path", c_char_p),
    ("taesd_path", c_char_p),
    ("control_net_path", c_char_p),
    ("ip_adapter_path", c_char_p),
    ("motion_module_path", c_char_p),
    ("embeddings", POINTER(sd_embedding_t)),
    ("embedding_count", c_uint32),
    ("photo_maker_path", c_char_p),
    ("pulid_weights_path", c_char_p),
    ("tensor_type_rules", c_char_p),
    ("n_threads", c_int),
    ("wtype", c_int),
    ("rng_type", c_int),
    ("sampler_rng_type", c_int),
    ("prediction", c_int),
    ("lora_apply_mode", c_int),
    ("enable_mmap", c_bool),
    ("flash_attn", c_bool),
    ("diffusion_flash_attn", c_bool),
    ("tae_preview_only", c_bool),
    ("diffusion_conv_direct", c_bool),
    ("vae_conv_direct", c_bool),
    ("force_sdxl_vae_conv_scale", c_bool),
    ("vae_format", c_int),
    ("max_vram", c_char_p),
    ("stream_layers", c_bool),
    ("eager_load", c_bool),
    ("backend", c_char_p),
    ("params_backend", c_char_p),
    ("split_mode", c_char_p),
    ("auto_fit", c_bool),
    ("rpc_servers", c_char_p),
    ("model_args", c_char_p),
)
"""The files that new_sd_ctx loads, and the options it loads them with."""


IMAGE_FIELDS: Fields = (
    ("loras", POINTER(sd_lora_t)),
    ("lora_count", c_uint32),
    ("prompt", c_char_p),
    ("negative_prompt", c_char_p),
    ("clip_skip", c_int),
    ("init_image", sd_image_t),
    ("ref_images", POINTER(sd_image_t)),
    ("ref_images_count", c_int),
    ("ref_image_args", c_char_p),
    ("mask_image", sd_image_t),
    ("width", c_int),
    ("height", c_int),
    ("sample_params", sd_sample_params_t),
    ("strength", c_float),
    ("seed", c_int64),
    ("batch_count", c_int),
    ("control_image", sd_image_t),
    ("control_strength", c_float),
    ("ip_adapter_image", sd_image_t),
    ("ip_adapter_strength", c_float),
    ("pm_params", sd_pm_params_t),
    ("pulid_params", sd_pulid_params_t),
    ("vae_tiling_params", sd_tiling_params_t),
    ("cache", sd_cache_params_t),
    ("hires", sd_hires_params_t),
    ("qwen_image_layers", c_int),
    ("circular_x", c_bool),
    ("circular_y", c_bool),
)
"""One call of generate_image."""


VIDEO_FIELDS: Fields = (
    ("loras", POINTER(sd_lora_t)),
    ("lora_count", c_uint32),
    ("prompt", c_char_p),
    ("negative_prompt", c_char_p),
    ("clip_skip", c_int),
    ("init_image", sd_image_t),
    ("end_image", sd_image_t),
    ("ref_images", POINTER(sd_image_t)),
    ("ref_images_count", c_int),
    ("ref_videos", POINTER(sd_ref_video_t)),
    ("ref_videos_count", c_int),
    ("ref_audios", POINTER(sd_audio_t)),
    ("ref_audios_count", c_int),
    ("control_frames", POINTER(sd_image_t)),
    ("control_frames_size", c_int),
    ("width", c_int),
    ("height", c_int),
    ("sample_params", sd_sample_params_t),
    ("high_noise_sample_params", sd_sample_params_t),
    ("moe_boundary", c_float),
    ("strength", c_float),
    ("seed", c_int64),
    ("video_frames", c_int),
    ("fps", c_int),
    ("vace_strength", c_float),
    ("vae_tiling_params", sd_tiling_params_t),
    ("cache", sd_cache_params_t),
    ("hires", sd_hires_params_t),
    ("circular_x", c_bool),
    ("circular_y", c_bool),
)
"""One call of generate_video."""
