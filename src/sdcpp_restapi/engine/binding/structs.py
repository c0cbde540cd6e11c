"""The C interface of stable-diffusion.cpp 487de75 (in the cyllama 0.4.9 wheel), as ctypes.

Structs, callback types and prototypes only: layouts are those of that revision's public header and are
checked against the library at hand in `library.py`. Enums are C ints. Strings may be NULL. Images are
height x width x channel, uint8, row-major, without padding.
"""

import ctypes
import importlib.util
import sys
from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_bool,
    c_char_p,
    c_float,
    c_int,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_void_p,
)
from pathlib import Path
from typing import Any

from ...errors import EngineUnusable
from . import backends

COMMIT = "487de75"
INSTALL = "pip install cyllama==0.4.9"

# sd_log_level_t
LOG_LEVELS = ("debug", "info", "warning", "error")
# sd_cancel_mode_t
CANCEL_ALL, CANCEL_NEW_LATENTS, CANCEL_RESET = 0, 1, 2
# sd_cache_mode_t
CACHE_OFF, CACHE_EASYCACHE = 0, 1
# sd_type_t of the API's quantization ids. The engine's own str_to_sd_type knows "q4_K" but not "q4_k", and
# answers "as stored" to whatever it does not know.
TYPE_AS_STORED = 42
TYPES = {
    "f32": 0,
    "f16": 1,
    "q4_0": 2,
    "q4_1": 3,
    "q5_0": 6,
    "q5_1": 7,
    "q8_0": 8,
    "q2_k": 10,
    "q3_k": 11,
    "q4_k": 12,
    "q5_k": 13,
    "q6_k": 14,
    "q8_k": 15,
    "bf16": 30,
}


class sd_image_t(ctypes.Structure):
    """One picture. `data` belongs to whoever made it: the engine's results are freed with free_sd_images."""

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
    """PhotoMaker."""

    _fields_ = (
        ("id_images", POINTER(sd_image_t)),
        ("id_images_count", c_int),
        ("id_embed_path", c_char_p),
        ("style_strength", c_float),
    )


class sd_pulid_params_t(ctypes.Structure):
    """PuLID."""

    _fields_ = (("id_embedding_path", c_char_p), ("id_weight", c_float))


class sd_tiling_params_t(ctypes.Structure):
    """VAE tiling; tile sizes in latent pixels, 0 = the default."""

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
    """Step caching."""

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
    """The second, larger pass."""

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


class sd_ctx_params_t(ctypes.Structure):
    """What new_sd_ctx loads, and how."""

    _fields_ = (
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


class sd_img_gen_params_t(ctypes.Structure):
    """One call of generate_image."""

    _fields_ = (
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


class sd_vid_gen_params_t(ctypes.Structure):
    """One call of generate_video."""

    _fields_ = (
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


SIZES: dict[type[ctypes.Structure], int] = {
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
    sd_ctx_params_t: 280,
    sd_img_gen_params_t: 544,
    sd_vid_gen_params_t: 576,
}

# Callbacks are global to the process. A callback must outlive the last call that may use it.
log_cb_t = CFUNCTYPE(None, c_int, c_char_p, c_void_p)
progress_cb_t = CFUNCTYPE(None, c_int, c_int, c_float, c_void_p)
preview_cb_t = CFUNCTYPE(None, c_int, c_int, POINTER(sd_image_t), c_bool, c_void_p)

_name = (c_char_p, (c_int,))
_index = (c_int, (c_char_p,))
_text = (c_char_p, ())
_has = (c_bool, (c_void_p,))
_void = (None, (c_void_p,))

# name -> (result, arguments). A result declared void* is a string that libc's free releases.
PROTOTYPES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "convert": (c_bool, (c_char_p, c_char_p, c_char_p, c_int, c_char_p, c_bool)),
    "convert_with_components": (c_bool, (*(c_char_p,) * 7, c_int, c_char_p, c_bool, c_int)),
    "free_sd_audio": (None, (POINTER(sd_audio_t),)),
    "free_sd_ctx": _void,
    "free_sd_images": (None, (POINTER(sd_image_t), c_int)),
    "free_upscaler_ctx": _void,
    "generate_image": (
        c_bool,
        (c_void_p, POINTER(sd_img_gen_params_t), POINTER(POINTER(sd_image_t)), POINTER(c_int)),
    ),
    "generate_video": (
        c_bool,
        (
            c_void_p,
            POINTER(sd_vid_gen_params_t),
            POINTER(POINTER(sd_image_t)),
            POINTER(c_int),
            POINTER(POINTER(sd_audio_t)),
        ),
    ),
    "get_upscale_factor": (c_int, (c_void_p,)),
    "new_sd_ctx": (c_void_p, (POINTER(sd_ctx_params_t),)),
    "new_upscaler_ctx": (c_void_p, (c_char_p, c_bool, c_int, c_int, c_char_p, c_char_p)),
    "preprocess_canny": (c_bool, (sd_image_t, c_float, c_float, c_float, c_float, c_bool)),
    "sd_cache_params_init": (None, (POINTER(sd_cache_params_t),)),
    "sd_cancel_generation": (None, (c_void_p, c_int)),
    "sd_commit": _text,
    "sd_ctx_has_control_net": _has,
    "sd_ctx_load_control_net": (c_bool, (c_void_p, c_char_p)),
    "sd_ctx_params_init": (None, (POINTER(sd_ctx_params_t),)),
    "sd_ctx_params_to_str": (c_void_p, (POINTER(sd_ctx_params_t),)),
    "sd_ctx_supports_image_generation": _has,
    "sd_ctx_supports_video_generation": _has,
    "sd_ctx_unload_control_net": _has,
    "sd_get_default_sample_method": (c_int, (c_void_p,)),
    "sd_get_default_scheduler": (c_int, (c_void_p, c_int)),
    "sd_get_num_physical_cores": (c_int, ()),
    "sd_get_system_info": _text,
    "sd_hires_params_init": (None, (POINTER(sd_hires_params_t),)),
    "sd_hires_upscaler_name": _name,
    "sd_img_gen_params_init": (None, (POINTER(sd_img_gen_params_t),)),
    "sd_img_gen_params_to_str": (c_void_p, (POINTER(sd_img_gen_params_t),)),
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
    "sd_vid_gen_params_init": (None, (POINTER(sd_vid_gen_params_t),)),
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


class Library:
    """An opened library with its prototypes set. Nothing of it has been called yet."""

    def __init__(self, path: Path) -> None:
        """Raises EngineUnusable: not a loadable library, or not one with all the functions."""
        self.path = path
        backends.preload_cuda()
        self.c = _open(path)
        backends.register(self.c, path)
        for name, (result, arguments) in PROTOTYPES.items():
            try:
                function = getattr(self.c, name)
            except AttributeError:
                raise EngineUnusable(
                    f"{path} is not stable-diffusion.cpp {COMMIT} (it has no function {name}): {INSTALL}"
                ) from None
            function.restype, function.argtypes = result, arguments

    def text(self, function: str, *arguments: Any) -> str:
        """The string that a function answers; a void* one is copied and freed."""
        answer = getattr(self.c, function)(*arguments)
        if isinstance(answer, int):
            copy = ctypes.string_at(answer)
            self._free(answer)
            return copy.decode(errors="replace")
        return answer.decode(errors="replace") if answer else ""

    def _free(self, address: int) -> None:
        # The C runtime that allocated it; on Windows it is not reachable through this handle, and a few
        # hundred bytes at start may stay.
        free = getattr(self.c, "free", None)
        if free is not None:
            free(c_void_p(address))


def find_library() -> Path:
    """The library in the installed cyllama wheel, found without importing it. Raises EngineUnusable."""
    spec = importlib.util.find_spec("cyllama")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for suffix in ("so", "pyd", "dylib"):
            for found in sorted(Path(folder, "sd").glob(f"stable_diffusion*.{suffix}")):
                return found
    raise EngineUnusable(f"The engine library is not installed: {INSTALL}")


def _open(path: Path) -> ctypes.CDLL:
    if not path.is_file():
        raise EngineUnusable(f"The engine library {path} does not exist: {INSTALL}")
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        # A copy outside of the wheel does not find the OpenMP runtime that the wheel brings along.
        if not (sys.platform == "linux" and "libgomp" in str(error) and _open_bundled_openmp()):
            raise EngineUnusable(f"The engine library cannot be opened ({error}): {INSTALL}") from None
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineUnusable(f"The engine library cannot be opened ({error}): {INSTALL}") from None


def _open_bundled_openmp() -> bool:
    spec = importlib.util.find_spec("cyllama")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [lib for folder in folders for lib in Path(f"{folder}.libs").glob("libgomp*")]
    for library in found:
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    return bool(found)
