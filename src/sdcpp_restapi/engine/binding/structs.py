"""The smaller C structs of stable-diffusion.cpp, as ctypes, and the types of its callbacks.

All known revisions lay them out alike; the self-check compares what of them lies in larger ones with the
library at hand.
Enums are C ints. Strings may be NULL. Images are height x width x channel, uint8, row-major, without padding.
"""

import ctypes
from collections.abc import Mapping
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_size_t,
    c_uint8,
    c_uint32,
    c_void_p,
)


class sd_image_t(ctypes.Structure):
    """An image. `data` belongs to whoever made it: the engine's results are freed with free_sd_images."""

    _fields_ = (("width", c_uint32), ("height", c_uint32), ("channel", c_uint32), ("data", POINTER(c_uint8)))


class sd_audio_t(ctypes.Structure):
    """Interleaved samples of -1..1."""

    _fields_ = (
        ("sample_rate", c_uint32),
        ("channels", c_uint32),
        ("sample_count", c_size_t),
        ("data", POINTER(c_float)),
    )


class sd_ref_video_t(ctypes.Structure):
    """A reference video: its frames and sound."""

    _fields_ = (
        ("frames", POINTER(sd_image_t)),
        ("frame_count", c_int),
        ("fps", c_int),
        ("audio", sd_audio_t),
    )


class sd_lora_t(ctypes.Structure):
    """A LoRA file and its weight."""

    _fields_ = (("is_high_noise", c_bool), ("multiplier", c_float), ("path", c_char_p))


class sd_embedding_t(ctypes.Structure):
    """A textual inversion: trigger word and file."""

    _fields_ = (("name", c_char_p), ("path", c_char_p))


class sd_slg_params_t(ctypes.Structure):
    """Skip layer guidance; start and end are fractions of the steps."""

    _fields_ = (
        ("layers", POINTER(c_int)),
        ("layer_count", c_size_t),
        ("layer_start", c_float),
        ("layer_end", c_float),
        ("scale", c_float),
    )


class sd_guidance_params_t(ctypes.Structure):
    """Guidance scales; img_cfg infinity means the same as txt_cfg."""

    _fields_ = (
        ("txt_cfg", c_float),
        ("img_cfg", c_float),
        ("distilled_guidance", c_float),
        ("slg", sd_slg_params_t),
    )


class sd_sample_params_t(ctypes.Structure):
    """How to sample; eta and flow_shift infinity mean the model's own."""

    _fields_ = (
        ("guidance", sd_guidance_params_t),
        ("scheduler", c_int),
        ("sample_method", c_int),
        ("sample_steps", c_int),
        ("eta", c_float),
        ("shifted_timestep", c_int),
        ("custom_sigmas", POINTER(c_float)),
        ("custom_sigmas_count", c_int),
        ("flow_shift", c_float),
        ("extra_sample_args", c_char_p),
    )


class sd_pm_params_t(ctypes.Structure):
    """PhotoMaker: images of a person, or a file that was made of some."""

    _fields_ = (
        ("id_images", POINTER(sd_image_t)),
        ("id_images_count", c_int),
        ("id_embed_path", c_char_p),
        ("style_strength", c_float),
    )


class sd_pulid_params_t(ctypes.Structure):
    """PuLID: a file with the embedding of a face, and its weight."""

    _fields_ = (("id_embedding_path", c_char_p), ("id_weight", c_float))


class sd_tiling_params_t(ctypes.Structure):
    """VAE tiling; the revision says in which unit tile sizes are, 0 = the default."""

    _fields_ = (
        ("enabled", c_bool),
        ("temporal_tiling", c_bool),
        ("tile_size_x", c_int),
        ("tile_size_y", c_int),
        ("target_overlap", c_float),
        ("rel_size_x", c_float),
        ("rel_size_y", c_float),
        ("extra_tiling_args", c_char_p),
    )


class sd_cache_params_t(ctypes.Structure):
    """Reuse of what a sampling step computed; which fields count depends on `mode`."""

    _fields_ = (
        ("mode", c_int),
        ("reuse_threshold", c_float),
        ("start_percent", c_float),
        ("end_percent", c_float),
        ("error_decay_rate", c_float),
        ("use_relative_threshold", c_bool),
        ("reset_error_on_compute", c_bool),
        ("Fn_compute_blocks", c_int),
        ("Bn_compute_blocks", c_int),
        ("residual_diff_threshold", c_float),
        ("max_warmup_steps", c_int),
        ("max_cached_steps", c_int),
        ("max_continuous_cached_steps", c_int),
        ("taylorseer_n_derivatives", c_int),
        ("taylorseer_skip_interval", c_int),
        ("scm_mask", c_char_p),
        ("scm_policy_dynamic", c_bool),
        ("spectrum_w", c_float),
        ("spectrum_m", c_int),
        ("spectrum_lam", c_float),
        ("spectrum_window_size", c_int),
        ("spectrum_flex_window", c_float),
        ("spectrum_warmup_steps", c_int),
        ("spectrum_stop_percent", c_float),
    )


class sd_hires_params_t(ctypes.Structure):
    """The second pass (hires), at a larger size."""

    _fields_ = (
        ("enabled", c_bool),
        ("upscaler", c_int),
        ("model_path", c_char_p),
        ("scale", c_float),
        ("target_width", c_int),
        ("target_height", c_int),
        ("steps", c_int),
        ("denoising_strength", c_float),
        ("upscale_tile_size", c_int),
        ("custom_sigmas", POINTER(c_float)),
        ("custom_sigmas_count", c_int),
    )


class sd_adetailer_params_t(ctypes.Structure):
    """What a detector looks for, as key=value, and the prompts of what is drawn instead."""

    _fields_ = (("prompt", c_char_p), ("negative_prompt", c_char_p), ("extra_ad_args", c_char_p))


# Callbacks are global to the process. A callback must outlive the last call that may use it.
log_cb_t = CFUNCTYPE(None, c_int, c_char_p, c_void_p)
progress_cb_t = CFUNCTYPE(None, c_int, c_int, c_float, c_void_p)
preview_cb_t = CFUNCTYPE(None, c_int, c_int, POINTER(sd_image_t), c_bool, c_void_p)

STRUCT_SIZES: Mapping[type[ctypes.Structure], int] = {
    sd_image_t: 24,
    sd_audio_t: 24,
    sd_ref_video_t: 40,
    sd_lora_t: 16,
    sd_embedding_t: 16,
    sd_slg_params_t: 32,
    sd_guidance_params_t: 48,
    sd_sample_params_t: 96,
    sd_pm_params_t: 32,
    sd_pulid_params_t: 16,
    sd_tiling_params_t: 32,
    sd_cache_params_t: 96,
    sd_hires_params_t: 56,
    sd_adetailer_params_t: 24,
}
"""Bytes."""
