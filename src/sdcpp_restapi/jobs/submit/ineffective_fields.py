"""Which fields act on which kind of model and beside which others; those that do nothing are told.

The table is measured with stable-diffusion.cpp 487de75 on a model of every architecture that has a tiny one;
for its relatives it is read off the source. Where it is not certain that a field does nothing, there is no
rule. A field that has its default value asks for nothing.
"""

from collections.abc import Collection
from typing import NamedTuple

from ...schemas.caching import CacheFields
from ...schemas.hires import HiresFields
from .architecture_rules import Params
from .ineffective_reasons import (
    APG,
    UNETS,
    Case,
    Reason,
    beside,
    beside_apg,
    boundary_is_given,
    except_on,
    on,
    only_images,
    plain_unet,
    prompted_only,
    skips_no_step,
    unguided,
    unseen_control,
    with_other_sampler,
    with_other_scheduler,
    without,
    without_brownian_tree,
    without_component,
    without_eta,
    without_guidance_input,
    without_high_noise_steps,
    without_hires_model,
    without_last_frame,
    without_mode,
    without_reference,
    without_vace,
    wrong_cache,
)


class IneffectiveFields(NamedTuple):
    """Fields that do nothing for one reason."""

    fields: tuple[str, ...]
    reason: Reason


WAN = ("Wan", "Wan2.2 I2V", "Wan2.2 TI2V")
NO_GUIDANCE_INPUT = (*UNETS, *WAN, "SD3", "Qwen-Image", "Z-Image", "MiniT2I", "LingBot Video")
NO_LAYERS_TO_SKIP = (*UNETS, *WAN, "Qwen-Image", "Z-Image", "MiniT2I", "LingBot Video")
NO_CLIP_LAYERS = (*WAN, "Flux", "Qwen-Image", "Z-Image", "MiniT2I", "LingBot Video")
SLG = ("slg_scale", "skip_layers", "slg_start", "slg_end")
SCHEDULED = ("guidance_schedule", "cfg_start", "cfg_end")
HIGH_NOISE_SLG = tuple(f"high_noise_{field}" for field in SLG)
HIGH_NOISE = (
    "high_noise_cfg_scale", "high_noise_sampler", "high_noise_distilled_guidance", *HIGH_NOISE_SLG,
)  # fmt: skip
TILES = ("vae_tile_size_x", "vae_tile_size_y", "vae_tile_overlap")
PREPROCESS = ("control_preprocess", "canny_low", "canny_high")
CONTROL = ("control_image_base64", "control_frames", "vace_strength")
REFERENCE_OPTIONS = ("auto_resize_ref_image", "increase_ref_index")
LCM = ("lcm_noise_clip_std", "lcm_noise_scale_start", "lcm_noise_scale_end")
LOGIT_NORMAL = ("logit_normal_std", "logit_normal_logsnr_min", "logit_normal_logsnr_max")
OF_SCHEDULERS = (
    "beta_alpha", "beta_beta", *LOGIT_NORMAL, "base_shift", "max_shift", "ltx2_terminal", "ltx2_stretch",
    "llada_uniform",
)  # fmt: skip
HIRES = tuple(field for field in HiresFields.model_fields if field != "hires")
EASYCACHE = ("easycache", "easycache_threshold", "easycache_start", "easycache_end")
CACHES = tuple(CacheFields.model_fields)
UCACHE = ("cache_error_decay_rate", "cache_use_relative_threshold", "cache_reset_error_on_compute")
BLOCK_CACHES = (
    "cache_residual_diff_threshold", "cache_fn_compute_blocks", "cache_bn_compute_blocks",
)  # fmt: skip
SPECTRUM = tuple(field for field in CACHES if field.startswith("cache_spectrum_"))
IP_ADAPTER = ("ip_adapter_image_base64", "ip_adapter_strength")
PULID = ("pulid_id_embed_path", "pulid_id_weight")
PHOTOMAKER = ("pm_id_images", "pm_id_embed_path", "pm_style_strength")

RULES = (
    IneffectiveFields(("negative_prompt", "scheduler", "init_image_base64"), on("MiniT2I")),
    IneffectiveFields(("negative_prompt",), unguided),
    IneffectiveFields((*SCHEDULED, *APG, "apg_norm_threshold_smoothing", "slg_uncond"), unguided),
    IneffectiveFields(SCHEDULED, beside_apg),
    IneffectiveFields(("apg_norm_threshold_smoothing",), without("apg_norm_threshold")),
    IneffectiveFields(("brownian_tree_rng",), without_brownian_tree),
    IneffectiveFields(("euler_ge_gamma",), with_other_sampler("euler_ge")),
    IneffectiveFields(("lms_max_order", "lms_shift", "lms_divisions"), with_other_sampler("lms")),
    IneffectiveFields(LCM, with_other_sampler("lcm")),
    IneffectiveFields(("scheduler", *OF_SCHEDULERS), beside("custom_sigmas")),
    IneffectiveFields(("beta_alpha", "beta_beta"), with_other_scheduler("beta")),
    IneffectiveFields(LOGIT_NORMAL, with_other_scheduler("logit_normal")),
    IneffectiveFields(("base_shift", "max_shift"), with_other_scheduler("flux", "ltx2")),
    IneffectiveFields(("ltx2_terminal", "ltx2_stretch"), with_other_scheduler("ltx2")),
    IneffectiveFields(("llada_uniform",), with_other_scheduler("llada_image")),
    IneffectiveFields(("sefi_alpha", "sefi_delta_t"), except_on("SeFi-Image")),
    IneffectiveFields(("eta",), without_eta),
    IneffectiveFields(("clip_skip",), on(*NO_CLIP_LAYERS)),
    IneffectiveFields(("distilled_guidance", "high_noise_distilled_guidance"), on(*NO_GUIDANCE_INPUT)),
    IneffectiveFields(("distilled_guidance",), without_guidance_input),
    IneffectiveFields((*SLG, "slg_uncond", *HIGH_NOISE_SLG), on(*NO_LAYERS_TO_SKIP)),
    IneffectiveFields((*SLG, "slg_uncond"), skips_no_step),
    IneffectiveFields(SLG[1:], without("slg_scale", "slg_uncond")),
    IneffectiveFields(HIGH_NOISE_SLG[1:], without("high_noise_slg_scale")),
    IneffectiveFields(("vae_tiling", *TILES), on("MiniT2I")),  # it has no VAE
    IneffectiveFields(TILES, without("vae_tiling")),
    IneffectiveFields(EASYCACHE, wrong_cache),
    IneffectiveFields(EASYCACHE[1:], without("easycache")),
    # Images.
    IneffectiveFields(("shifted_timestep",), except_on("SDXL")),
    IneffectiveFields(("control_strength", "return_control"), without("control_image_base64")),
    IneffectiveFields(PREPROCESS, without("control_image_base64", "control_frames")),
    IneffectiveFields(PREPROCESS[1:], without("control_preprocess")),
    IneffectiveFields(
        ("control_image_base64", "control_strength"),
        only_images(without_component("controlnet", "a ControlNet")),
    ),
    IneffectiveFields(PREPROCESS, only_images(unseen_control)),
    IneffectiveFields(REFERENCE_OPTIONS, without("ref_images")),
    IneffectiveFields(("ref_images", *REFERENCE_OPTIONS, "img_cfg_scale"), on("SD3", "MiniT2I")),
    IneffectiveFields(("ref_images", *REFERENCE_OPTIONS, "img_cfg_scale"), plain_unet),
    IneffectiveFields(("img_cfg_scale",), without_reference),
    IneffectiveFields(("mask_composite",), without("mask_image_base64")),
    IneffectiveFields(("circular_x", "circular_y"), on("MiniT2I")),
    IneffectiveFields(PHOTOMAKER, without_component("photo_maker", "photo_maker")),
    IneffectiveFields(("pm_style_strength",), without("pm_id_images")),
    IneffectiveFields(IP_ADAPTER, without_component("ip_adapter", "ip_adapter")),
    IneffectiveFields(("ip_adapter_strength",), without("ip_adapter_image_base64")),
    IneffectiveFields(PULID, without_component("pulid_weights", "pulid_weights")),
    IneffectiveFields(("pulid_id_weight",), without("pulid_id_embed_path")),
    IneffectiveFields(("layers",), except_on("Qwen-Image-Layered")),
    IneffectiveFields(("upscale_repeats", "upscale_auto_unload"), without("upscale")),
    IneffectiveFields(CACHES, wrong_cache),
    IneffectiveFields(("cache_threshold", "cache_start", "cache_end"), without_mode("easycache", "ucache")),
    IneffectiveFields(UCACHE, without_mode("ucache")),
    IneffectiveFields(BLOCK_CACHES, without_mode("dbcache", "taylorseer", "cache-dit")),
    IneffectiveFields(SPECTRUM, without_mode("spectrum")),
    IneffectiveFields(
        ("strength", "ref_images", "control_image_base64", "hires", "custom_sigmas", *SCHEDULED),
        beside("adetail_only"),
    ),
    IneffectiveFields(HIRES, without("hires")),
    IneffectiveFields(("hires_model", "hires_tile_size"), without_hires_model),
    IneffectiveFields(("hires_steps", "hires_strength"), beside("hires_custom_sigmas")),
    IneffectiveFields(("hires_scale",), beside("hires_width")),
    IneffectiveFields(("hires_scale",), beside("hires_height")),
    # Videos.
    IneffectiveFields(("init_image_base64",), prompted_only),
    IneffectiveFields(("end_image_base64",), on("LingBot Video")),
    IneffectiveFields(("end_image_base64",), without_last_frame),
    IneffectiveFields(("strength",), on(*WAN, "LingBot Video")),
    IneffectiveFields((*CONTROL, *PREPROCESS), on("LingBot Video", "Wan2.2 I2V", "Wan2.2 TI2V")),
    IneffectiveFields((*CONTROL, *PREPROCESS), without_vace),
    IneffectiveFields(
        ("high_noise_steps", *HIGH_NOISE, "moe_boundary"),
        without_component("high_noise_diffusion_model", "high_noise_diffusion_model"),
    ),
    IneffectiveFields(HIGH_NOISE, without_high_noise_steps),
    IneffectiveFields(("moe_boundary",), boundary_is_given),
)


def list_asked(request: Params) -> set[str]:
    """The fields that a client gave a value other than the default."""
    return {
        name
        for name in request.model_fields_set & set(type(request).model_fields)
        if getattr(request, name) != type(request).model_fields[name].default
    }


def warn_of_ineffective_fields(case: Case, asked: Collection[str]) -> list[str]:
    """A sentence for each reason why some of the fields do nothing, for the first one of each field."""
    warnings: list[str] = []
    left = set(asked)
    for rule in RULES:
        fields = [field for field in rule.fields if field in left]
        reason = rule.reason(case) if fields else None
        if reason is not None:
            left -= set(fields)
            warnings.append(f"{', '.join(fields)} {'has' if len(fields) == 1 else 'have'} no effect{reason}")
    return warnings
