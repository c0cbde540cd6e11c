"""The table of stable-diffusion.cpp 487de75, which the wheel cyllama 0.4.9 ships.

Sizes and type ids are those of its public header; defaults and printed lines were read off the library. What
all revisions have in common is elsewhere: the smaller structs in structs.py, functions in functions.py, log
lines in log_patterns.py, how the engine behaves in measurements.py.
"""

from collections.abc import Mapping

from .call_structs import CONTEXT_FIELDS, IMAGE_FIELDS, VIDEO_FIELDS
from .names import NAMES
from .revision import INFINITY, Revision

# The engine's own str_to_sd_type knows "q4_K" but not "q4_k", and answers "as stored" to whatever it does not
# know.
TYPE_IDS: Mapping[str, int] = {
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

DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "sd_ctx_params": {
        "rng_type": 1,
        "lora_apply_mode": 0,
        "vae_format": -1,
        "eager_load": False,
        "auto_fit": False,
        "rpc_servers": None,
        "model_args": None,
    },
    "sd_img_gen_params": {
        "clip_skip": -1,
        "width": 512,
        "height": 512,
        "sample_params.guidance.txt_cfg": 7.0,
        "sample_params.guidance.img_cfg": INFINITY,
        "sample_params.guidance.distilled_guidance": 3.5,
        "sample_params.sample_steps": 20,
        "sample_params.flow_shift": INFINITY,
        "strength": 0.75,
        "seed": -1,
        "batch_count": 1,
        "pm_params.style_strength": 20.0,
        "vae_tiling_params.target_overlap": 0.5,
        "cache.spectrum_m": 3,
        "hires.scale": 2.0,
        "qwen_image_layers": 3,
        "circular_y": False,
    },
    "sd_vid_gen_params": {
        "high_noise_sample_params.sample_steps": -1,
        "moe_boundary": 0.875,
        "video_frames": 6,
        "fps": 16,
        "vace_strength": 1.0,
        "cache.spectrum_warmup_steps": 4,
        "hires.upscale_tile_size": 128,
    },
}

# Fields of sd_ctx_params_t that are strings and are printed.
TEXT_FIELDS = (
    "model_path",
    "clip_l_path",
    "clip_g_path",
    "clip_vision_path",
    "t5xxl_path",
    "llm_path",
    "llm_vision_path",
    "diffusion_model_path",
    "high_noise_diffusion_model_path",
    "vae_path",
    "taesd_path",
    "control_net_path",
    "photo_maker_path",
    "tensor_type_rules",
    "max_vram",
    "backend",
    "params_backend",
    "model_args",
)
CONTEXT_SENTINELS: Mapping[str, tuple[object, str]] = {
    **{name: (f"<{name}>".encode(), f"\n{name}: <{name}>\n") for name in TEXT_FIELDS},
    "n_threads": (77, "\nn_threads: 77\n"),
    "wtype": (8, "\nwtype: q8_0\n"),
    "rng_type": (2, "\nrng_type: cpu\n"),
    "sampler_rng_type": (0, "\nsampler_rng_type: std_default\n"),
    "prediction": (3, "\nprediction: sd3_flow\n"),
    "eager_load": (True, "\neager_load: true\n"),
    "flash_attn": (True, "\nflash_attn: true\n"),
    "diffusion_flash_attn": (True, "\ndiffusion_flash_attn: true\n"),
    "auto_fit": (True, "\nauto_fit: true\n"),
}
IMAGE_SENTINELS: Mapping[str, tuple[object, str]] = {
    "prompt": (b"<prompt>", "\nprompt: <prompt>\n"),
    "negative_prompt": (b"<negative>", "\nnegative_prompt: <negative>\n"),
    "clip_skip": (3, "\nclip_skip: 3\n"),
    "width": (711, "\nwidth: 711\n"),
    "height": (712, "\nheight: 712\n"),
    "strength": (0.25, "\nstrength: 0.25\n"),
    "seed": (2**40 + 1, f"\nseed: {2**40 + 1}\n"),
    "batch_count": (5, "\nbatch_count: 5\n"),
    "control_strength": (0.5, "\ncontrol_strength: 0.50\n"),
    "ref_image_args": (b"<ref>", "\nref_image_args: <ref>\n"),
    "sample_params.guidance.txt_cfg": (1.25, "(txt_cfg: 1.25,"),
    "sample_params.guidance.img_cfg": (1.5, " img_cfg: 1.50,"),
    "sample_params.guidance.distilled_guidance": (1.75, " distilled_guidance: 1.75,"),
    "sample_params.guidance.slg.layer_start": (0.125, " slg.layer_start: 0.12,"),
    "sample_params.guidance.slg.layer_end": (0.75, " slg.layer_end: 0.75,"),
    "sample_params.guidance.slg.scale": (2.5, " slg.scale: 2.50,"),
    "sample_params.scheduler": (2, " scheduler: exponential,"),
    "sample_params.sample_method": (13, " sample_method: res_2s,"),
    "sample_params.sample_steps": (31, " sample_steps: 31,"),
    "sample_params.eta": (0.5, " eta: 0.50,"),
    "sample_params.shifted_timestep": (250, " shifted_timestep: 250,"),
    "sample_params.flow_shift": (4.5, " flow_shift: 4.50,"),
    "vae_tiling_params.enabled": (True, "\nVAE tiling: true "),
    "pm_params.style_strength": (12.5, "{style_strength = 12.50,"),
    "qwen_image_layers": (9, "\nqwen_image_layers: 9\n"),
    "pm_params.id_embed_path": (b"<embed>", ", id_embed_path = <embed>}"),
    "hires.enabled": (True, "{enabled=true,"),
    "hires.upscaler": (9, " upscaler=Model,"),
    "hires.model_path": (b"<esrgan>", " model_path=<esrgan>,"),
    "hires.scale": (3.5, " scale=3.50,"),
    "hires.target_width": (713, " target=713x"),
    "hires.target_height": (714, "x714,"),
    "hires.steps": (17, ", steps=17,"),
    "hires.denoising_strength": (0.25, " denoising_strength=0.25}"),
    "cache.mode": (1, "\ncache: easycache "),
    "cache.reuse_threshold": (0.375, "(threshold=0.375,"),
    "cache.start_percent": (0.25, " start=0.25,"),
    "cache.end_percent": (0.75, " end=0.75)"),
    "circular_x": (True, "\ncircular_x: true\n"),
    "circular_y": (True, "\ncircular_y: true\n"),
}

REVISION = Revision(
    commit="487de75",
    package="cyllama==0.4.9",
    names=NAMES["487de75"],
    fields={
        "sd_ctx_params": CONTEXT_FIELDS,
        "sd_img_gen_params": IMAGE_FIELDS,
        "sd_vid_gen_params": VIDEO_FIELDS,
    },
    struct_sizes={"sd_ctx_params": 280, "sd_img_gen_params": 544, "sd_vid_gen_params": 576},
    video_tells_fps=False,
    type_ids=TYPE_IDS,
    log_levels=("debug", "info", "warning", "error"),
    tile_unit=1,
    defaults=DEFAULTS,
    sentinels={"sd_ctx_params": CONTEXT_SENTINELS, "sd_img_gen_params": IMAGE_SENTINELS},
)
