"""The C structs that hold all arguments of new_sd_ctx, generate_image and generate_video (487de75)."""

import ctypes
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int64, c_uint32

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


class sd_ctx_params_t(ctypes.Structure):
    """The files that new_sd_ctx loads, and the options it loads them with."""

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
