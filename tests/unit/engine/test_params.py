"""Every field of the API reaches the C struct that it stands for."""

import ctypes
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdcpp_restapi.engine.binding import names
from sdcpp_restapi.engine.binding.field_rules import find_unmapped_fields
from sdcpp_restapi.engine.binding.image_params import (
    IMAGE_ELSEWHERE,
    IMAGE_RULES,
    ImageCall,
    build_image_params,
)
from sdcpp_restapi.engine.binding.library import Library
from sdcpp_restapi.engine.binding.load_params import (
    LOAD_ELSEWHERE,
    LOAD_RULES,
    ContextCall,
    build_context_params,
    put_component,
)
from sdcpp_restapi.engine.binding.revision import INFINITY
from sdcpp_restapi.engine.binding.revisions import REVISIONS
from sdcpp_restapi.engine.binding.self_check import open_library, resolve_member
from sdcpp_restapi.engine.binding.video_params import VIDEO_ELSEWHERE, VIDEO_RULES, build_video_params
from sdcpp_restapi.errors import JobFailed, LoadFailed
from sdcpp_restapi.schemas.engine import Generate, GenerateVideo, LoraFile
from sdcpp_restapi.schemas.generation import Img2ImgRequest, Txt2ImgRequest
from sdcpp_restapi.schemas.model_types import COMPONENTS, Component
from sdcpp_restapi.schemas.models import LoadOptions, ModelFiles
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from sdcpp_restapi.schemas.placement import VAE_FORMATS
from sdcpp_restapi.schemas.sampling import SamplingFields
from sdcpp_restapi.schemas.video import Txt2VidRequest
from tests.proofs.cases import fields

# field -> (what is asked for, path in the struct, what must be found, what the engine prints or "")
OPTIONS: dict[str, tuple[Any, str, Any, str]] = {
    "n_threads": (7, "n_threads", 7, "n_threads: 7\n"),
    "keep_clip_on_cpu": (True, "backend", b"te=cpu", "\nbackend: te=cpu\n"),
    "keep_vae_on_cpu": (True, "backend", b"te=cpu,vae=cpu", "\nbackend: te=cpu,vae=cpu\n"),
    "keep_controlnet_on_cpu": (True, "backend", b"te=cpu,controlnet=cpu", ""),
    "vae_conv_direct": (True, "vae_conv_direct", True, ""),
    "diffusion_conv_direct": (True, "diffusion_conv_direct", True, ""),
    "flash_attn": (True, "diffusion_flash_attn", True, "\nflash_attn: true\ndiffusion_flash_attn: true\n"),
    "offload_to_cpu": (True, "params_backend", b"*=cpu", "params_backend: *=cpu\n"),
    "backend": (
        "te=cpu,diffusion=cpu",
        "backend",
        b"te=cpu,diffusion=cpu",
        "\nbackend: te=cpu,diffusion=cpu\n",
    ),
    "params_backend": ("disk", "params_backend", b"*=disk", "params_backend: *=disk\n"),
    "max_vram": (-1.5, "max_vram", b"-1.5", "\nmax_vram: -1.5\n"),
    "split_mode": ("diffusion=row", "split_mode", b"diffusion=row", "\nsplit_mode: diffusion=row\n"),
    "auto_fit": (True, "auto_fit", True, "\nauto_fit: true\n"),
    "vae_format": ("sd3", "vae_format", 1, "\nvae_format: sd3\n"),
    "enable_mmap": (True, "enable_mmap", True, ""),
    "tae_preview_only": (True, "tae_preview_only", True, ""),
    "free_params_immediately": (True, "params_backend", b"*=disk", "params_backend: *=disk\n"),
    "weight_type": ("q4_k", "wtype", 12, "\nwtype: q4_K\n"),
    "tensor_type_rules": (
        r"^vae\.=f16",
        "tensor_type_rules",
        rb"^first_stage_model\.=f16",
        "^first_stage_model\\.=f16\n",
    ),
    "rng_type": ("cpu", "rng_type", 2, "\nrng_type: cpu\n"),
    "sampler_rng_type": ("std_default", "sampler_rng_type", 0, "sampler_rng_type: std_default\n"),
    "prediction": ("v", "prediction", 1, "prediction: v\n"),
    "lora_apply_mode": ("at_runtime", "lora_apply_mode", 2, ""),
    "chroma_use_dit_mask": (
        False,
        "model_args",
        b"chroma_use_dit_mask=0,chroma_use_t5_mask=0,chroma_t5_mask_pad=1",
        "model_args: chroma_use_dit_mask=0",
    ),
    "chroma_use_t5_mask": (
        True,
        "model_args",
        b"chroma_use_dit_mask=1,chroma_use_t5_mask=1,chroma_t5_mask_pad=1",
        "",
    ),
    "chroma_t5_mask_pad": (
        9,
        "model_args",
        b"chroma_use_dit_mask=1,chroma_use_t5_mask=0,chroma_t5_mask_pad=9",
        "",
    ),
}
GUIDANCE = "sample_params.guidance"
FIELDS: dict[str, tuple[Any, str, Any, str]] = {
    "width": (640, "width", 640, "\nwidth: 640\n"),
    "height": (704, "height", 704, "\nheight: 704\n"),
    "steps": (33, "sample_params.sample_steps", 33, "sample_steps: 33,"),
    "cfg_scale": (3.25, f"{GUIDANCE}.txt_cfg", 3.25, "(txt_cfg: 3.25,"),
    "distilled_guidance": (2.25, f"{GUIDANCE}.distilled_guidance", 2.25, "distilled_guidance: 2.25,"),
    "eta": (0.75, "sample_params.eta", 0.75, " eta: 0.75,"),
    "shifted_timestep": (250, "sample_params.shifted_timestep", 250, "shifted_timestep: 250,"),
    "seed": (2**62 + 1, "seed", 2**62 + 1, f"\nseed: {2**62 + 1}\n"),
    "sampler": ("DPM++2M_SDE", "sample_params.sample_method", 18, "sample_method: dpm++2m_sde,"),
    "scheduler": ("beta", "sample_params.scheduler", 15, "scheduler: beta,"),
    "batch_count": (4, "batch_count", 4, "\nbatch_count: 4\n"),
    "clip_skip": (2, "clip_skip", 2, "\nclip_skip: 2\n"),
    "slg_scale": (2.5, f"{GUIDANCE}.slg.scale", 2.5, "slg.scale: 2.50,"),
    "skip_layers": ([1, 5], f"{GUIDANCE}.slg.layers", [1, 5], "slg.layer_count: 2,"),
    "slg_start": (0.125, f"{GUIDANCE}.slg.layer_start", 0.125, "slg.layer_start: 0.12,"),
    "slg_end": (0.5, f"{GUIDANCE}.slg.layer_end", 0.5, "slg.layer_end: 0.50,"),
    "custom_sigmas": ([2.0, 0.5, 0.0], "sample_params.custom_sigmas", [2.0, 0.5, 0.0], ""),
    "ref_images": (["x", "x"], "ref_images_count", 2, "ref_images_count: 2\n"),
    "auto_resize_ref_image": (False, "ref_image_args", b"resize_before_vae=0", "resize_before_vae=0\n"),
    "increase_ref_index": (True, "ref_image_args", b"ref_index_mode=increase", "ref_index_mode=increase\n"),
    "control_image_base64": ("x", "control_image.channel", 3, ""),
    "control_strength": (0.25, "control_strength", 0.25, "control_strength: 0.25\n"),
    "vae_tiling": (True, "vae_tiling_params.enabled", True, "VAE tiling: true"),
    "vae_tile_size_x": (24, "vae_tiling_params.tile_size_x", 24, ""),
    "vae_tile_size_y": (40, "vae_tiling_params.tile_size_y", 40, ""),
    "vae_tile_overlap": (0.25, "vae_tiling_params.target_overlap", 0.25, ""),
    "easycache": (True, "cache.mode", 1, "cache: easycache"),
    "easycache_threshold": (0.625, "cache.reuse_threshold", 0.625, "threshold=0.625"),
    "easycache_start": (0.25, "cache.start_percent", 0.25, "start=0.25"),
    "easycache_end": (0.75, "cache.end_percent", 0.75, "end=0.75"),
    "init_image_base64": ("x", "init_image.channel", 3, ""),
    "mask_image_base64": ("x", "mask_image.channel", 1, ""),
    "strength": (0.5, "strength", 0.5, "strength: 0.50\n"),
    "img_cfg_scale": (1.5, f"{GUIDANCE}.img_cfg", 1.5, "img_cfg: 1.50,"),
    "pm_id_images": (["x", "x"], "pm_params.id_images_count", 2, "id_images_count = 2,"),
    "pm_id_embed_path": (__file__, "pm_params.id_embed_path", __file__.encode(), f"= {__file__}}}"),
    "pm_style_strength": (35.5, "pm_params.style_strength", 35.5, "style_strength = 35.50,"),
    "ip_adapter_image_base64": ("x", "ip_adapter_image.width", 10, ""),
    "ip_adapter_strength": (0.75, "ip_adapter_strength", 0.75, ""),
    "pulid_id_embed_path": (__file__, "pulid_params.id_embedding_path", __file__.encode(), ""),
    "pulid_id_weight": (0.75, "pulid_params.id_weight", 0.75, ""),
    "layers": (5, "qwen_image_layers", 5, "\nqwen_image_layers: 5\n"),
    "cache_mode": ("ucache", "cache.mode", 2, "cache: ucache"),
    "cache_threshold": (0.625, "cache.reuse_threshold", 0.625, "threshold=0.625"),
    "cache_start": (0.25, "cache.start_percent", 0.25, "start=0.25"),
    "cache_end": (0.75, "cache.end_percent", 0.75, "end=0.75"),
    "cache_error_decay_rate": (0.25, "cache.error_decay_rate", 0.25, ""),
    "cache_use_relative_threshold": (False, "cache.use_relative_threshold", False, ""),
    "cache_reset_error_on_compute": (False, "cache.reset_error_on_compute", False, ""),
    "cache_residual_diff_threshold": (0.5, "cache.residual_diff_threshold", 0.5, ""),
    "cache_fn_compute_blocks": (4, "cache.Fn_compute_blocks", 4, ""),
    "cache_bn_compute_blocks": (2, "cache.Bn_compute_blocks", 2, ""),
    "cache_spectrum_w": (0.25, "cache.spectrum_w", 0.25, ""),
    "cache_spectrum_m": (5, "cache.spectrum_m", 5, ""),
    "cache_spectrum_lam": (0.5, "cache.spectrum_lam", 0.5, ""),
    "cache_spectrum_window_size": (4, "cache.spectrum_window_size", 4, ""),
    "cache_spectrum_flex_window": (1.5, "cache.spectrum_flex_window", 1.5, ""),
    "cache_spectrum_warmup_steps": (7, "cache.spectrum_warmup_steps", 7, ""),
    "cache_spectrum_stop_percent": (0.5, "cache.spectrum_stop_percent", 0.5, ""),
    "hires": (True, "hires.enabled", True, "hires: {enabled=true,"),
    "hires_upscaler": ("Lanczos", "hires.upscaler", 7, "upscaler=Lanczos,"),
    "hires_model": (__file__, "hires.model_path", __file__.encode(), f"model_path={__file__},"),
    "hires_scale": (1.5, "hires.target_width", 768, "target=768x768,"),
    "hires_width": (640, "hires.target_width", 640, "target=640x640,"),
    "hires_height": (256, "hires.target_height", 256, "target=256x256,"),
    "hires_steps": (9, "hires.steps", 9, "steps=9,"),
    "hires_strength": (0.25, "hires.denoising_strength", 0.25, "denoising_strength=0.25}"),
    "hires_tile_size": (64, "hires.upscale_tile_size", 64, ""),
    "hires_custom_sigmas": ([2.0, 0.5, 0.0], "hires.custom_sigmas", [2.0, 0.5, 0.0], ""),
    "circular_x": (True, "circular_x", True, "\ncircular_x: true\n"),
    "circular_y": (True, "circular_y", True, "\ncircular_y: true\n"),
}
# Fields that only count together with others.
COMPANIONS: dict[str, dict[str, Any]] = {
    "custom_sigmas": {"steps": 2},
    "auto_resize_ref_image": {"ref_images": ["x"]},
    "easycache_threshold": {"easycache": True},
    "easycache_start": {"easycache": True},
    "easycache_end": {"easycache": True},
    "cache_threshold": {"cache_mode": "easycache"},
    "cache_start": {"cache_mode": "easycache"},
    "cache_end": {"cache_mode": "easycache"},
    "hires_upscaler": {"hires": True},
    "hires_model": {"hires": True, "hires_upscaler": "model"},
    "hires_scale": {"hires": True},
    "hires_width": {"hires": True},
    "hires_height": {"hires": True},
}


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library(None)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A stored input of an odd size: red on the left, green on the right."""
    image = Image.new("RGBA", (10, 6), (255, 0, 0, 255))
    image.paste((0, 255, 0, 255), (5, 0, 10, 6))
    image.save(tmp_path / "input.png")
    return str(tmp_path / "input.png")


def _generate(
    fields: dict[str, Any], kind: type[Txt2ImgRequest] | type[Img2ImgRequest] = Img2ImgRequest, **more: Any
) -> Generate:
    base = {"prompt": "with <lora:tags:1>"} | ({"init_image_base64": "x"} if kind is Img2ImgRequest else {})
    command = {
        "id": 1,
        "params": kind.model_validate(base | fields),
        "prompt": "words",
        "negative_prompt": "bad words",
        "options": LoadOptions(),
        "model_name": "m",
        "folder": "/nowhere",
        "preview": BoundedPreviewSettings(),
    }
    return Generate.model_validate(command | more)


def _film(params: Txt2VidRequest, **images: list[str]) -> GenerateVideo:
    return GenerateVideo(
        id=1,
        params=params,
        prompt=params.prompt,
        negative_prompt="",
        images=images,
        options=LoadOptions(),
        model_name="any",
        folder="",
        preview=BoundedPreviewSettings(),
    )


def _found(struct: ctypes.Structure, path: str, expected: Any) -> Any:
    inner, field = resolve_member(struct, path)
    value = getattr(inner, field)
    return value[: len(expected)] if isinstance(expected, list) else value


def _printed(library: Library, call: ContextCall | ImageCall) -> str:
    name = "sd_ctx_params" if isinstance(call, ContextCall) else "sd_img_gen_params"
    return "\n" + library.read_string(f"{name}_to_str", ctypes.byref(call.struct))


def _load(library: Library, **options: Any) -> ContextCall:
    files = ModelFiles(main="/m.gguf", model_type="checkpoint")
    return build_context_params(library, files, LoadOptions.model_validate(options))


def test_every_format_of_a_vae_has_the_engines_number(library: Library) -> None:
    printed = [_printed(library, _load(library, vae_format=one)) for one in VAE_FORMATS]
    assert [re.findall("vae_format: (.*)", text) for text in printed] == [[one] for one in VAE_FORMATS]
    call = _load(library)
    call.struct.vae_format = len(VAE_FORMATS)
    assert "vae_format: NONE" in _printed(library, call)


def test_no_load_option_is_lost() -> None:
    assert find_unmapped_fields(LoadOptions, LOAD_RULES, LOAD_ELSEWHERE) == set()
    assert set(OPTIONS) == set(LoadOptions.model_fields) - set(LOAD_ELSEWHERE)


def test_no_request_field_is_lost() -> None:
    assert find_unmapped_fields(Img2ImgRequest, IMAGE_RULES, IMAGE_ELSEWHERE) == set()
    assert find_unmapped_fields(Txt2ImgRequest, IMAGE_RULES, IMAGE_ELSEWHERE) == set()
    assert find_unmapped_fields(Txt2VidRequest, VIDEO_RULES, VIDEO_ELSEWHERE) == set()
    elsewhere = {*IMAGE_ELSEWHERE, *SamplingFields.model_fields}  # those of test_sample_args.py
    assert set(FIELDS) == set(Img2ImgRequest.model_fields) - elsewhere


def test_every_component_has_a_place() -> None:
    for revision in REVISIONS:
        fields = {name for name, _ in revision.fields["sd_ctx_params"]}
        absent = {*names.LATER_FIELDS} - {*revision.names.later_fields}
        assert {row.ctx_field for part, row in COMPONENTS.items() if part not in absent} <= fields
        assert not any(row.ctx_field in fields for part, row in COMPONENTS.items() if part in absent)


@pytest.mark.parametrize("name", fields("load", OPTIONS, passed=True))
def test_a_load_option_reaches_the_engine(library: Library, name: str) -> None:
    value, path, expected, line = OPTIONS[name]
    call = _load(library, **{name: value})
    assert _found(call.struct, path, expected) == expected
    assert line in _printed(library, call)


@pytest.mark.parametrize("name", fields("img2img", FIELDS, passed=True))
def test_a_request_field_reaches_the_engine(library: Library, picture: str, name: str) -> None:
    value, path, expected, line = FIELDS[name]
    images = {field: [picture] for field in FIELDS if "image" in field}
    images |= {"ref_images": [picture, picture], "pm_id_images": [picture, picture]}
    call = build_image_params(library, _generate({name: value} | COMPANIONS.get(name, {}), images=images))
    assert _found(call.struct, path, expected) == expected
    assert line in _printed(library, call)


ADAPTERS = (
    "ip_adapter_image_base64", "ip_adapter_strength", "pulid_id_embed_path", "pulid_id_weight", "layers",
)  # fmt: skip
"""Models that have a use for them are too large for a test."""


@pytest.mark.parametrize("name", fields("txt2img", ADAPTERS, passed=True))
def test_text_to_image_has_the_fields_of_adapters_too(library: Library, picture: str, name: str) -> None:
    value, path, expected, _ = FIELDS[name]
    command = _generate({name: value}, Txt2ImgRequest, images={"ip_adapter_image_base64": [picture]})
    assert _found(build_image_params(library, command).struct, path, expected) == expected


@pytest.mark.parametrize("component", ["audio_encoder"])
def test_a_component_that_a_revision_lacks_is_refused(library: Library, component: Component) -> None:
    earlier = next(one for one in REVISIONS if one.commit == "487de75")
    struct = earlier.structs["sd_ctx_params"]()
    call = ContextCall(struct, LoadOptions(), earlier)
    with pytest.raises(LoadFailed, match="audio_encoder: the engine's revision 487de75 does not have it"):
        put_component(call, component, "/a")


def test_files_go_where_their_kind_belongs(library: Library) -> None:
    components = {component: f"/{component}.gguf" for component in COMPONENTS}
    files = ModelFiles(main="/main.gguf", model_type="diffusion", components=components)
    struct = build_context_params(library, files, LoadOptions()).struct
    assert (struct.model_path, struct.diffusion_model_path) == (None, b"/main.gguf")
    for component, row in COMPONENTS.items():
        assert getattr(struct, row.ctx_field) == f"/{component}.gguf".encode()


def test_a_checkpoint_is_the_whole_model(library: Library) -> None:
    struct = _load(library).struct
    assert (struct.model_path, struct.diffusion_model_path) == (b"/m.gguf", None)
    assert struct.eager_load


def test_embeddings_are_named(library: Library) -> None:
    files = ModelFiles(main="/m", model_type="checkpoint", embeddings={"wörd": "/e.pt", "b": "/f.pt"})
    struct = build_context_params(library, files, LoadOptions()).struct
    words = [(struct.embeddings[i].name, struct.embeddings[i].path) for i in range(struct.embedding_count)]
    assert words == [("wörd".encode(), b"/e.pt"), (b"b", b"/f.pt")]


def test_load_options_left_alone_are_the_engines_own(library: Library) -> None:
    struct = _load(library, keep_clip_on_cpu=False).struct
    assert struct.n_threads == library.c.sd_get_num_physical_cores()
    names = library.revision.names
    assert (struct.prediction, struct.sampler_rng_type) == (len(names.predictions), len(names.rng_types))
    assert library.read_string("sd_type_name", struct.wtype).lower() == "none"
    assert not struct.auto_fit
    assert (struct.backend, struct.params_backend) == (b"", None)


# The engine cannot convert to q8_k, so it is no load option.
@pytest.mark.parametrize("name", [name for name in names.QUANTIZATION_TYPES if name != "q8_k"])
def test_a_weight_type_is_the_engines_type_of_that_name(library: Library, name: str) -> None:
    assert f"\nwtype: {name}\n" in _printed(library, _load(library, weight_type=name)).lower()


def test_prompts_are_those_without_tags(library: Library) -> None:
    struct = build_image_params(library, _generate({}, prompt="naïve\0 cat")).struct
    assert (struct.prompt, struct.negative_prompt) == ("naïve  cat".encode(), b"bad words")


def test_loras_come_from_the_command(library: Library) -> None:
    loras = [LoraFile(path="/a.st", weight=0.5), LoraFile(path="/b.st", weight=-1.0, high_noise=True)]
    struct = build_image_params(library, _generate({}, loras=loras)).struct
    found = [struct.loras[i] for i in range(struct.lora_count)]
    assert [(x.path, x.multiplier, x.is_high_noise) for x in found] == [
        (b"/a.st", 0.5, False),
        (b"/b.st", -1.0, True),
    ]


def test_init_mask_and_control_have_the_size_of_the_result(library: Library, picture: str) -> None:
    images = {f: [picture] for f in ("init_image_base64", "mask_image_base64", "control_image_base64")}
    struct = build_image_params(library, _generate({"width": 64, "height": 128}, images=images)).struct
    for image, channels in ((struct.init_image, 3), (struct.mask_image, 1), (struct.control_image, 3)):
        assert (image.width, image.height, image.channel) == (64, 128, channels)
    assert struct.init_image.data[:3] == [255, 0, 0]
    assert struct.init_image.data[63 * 3 : 64 * 3] == [0, 255, 0]


def test_reference_images_keep_their_sizes(library: Library, picture: str) -> None:
    command = _generate({"ref_images": ["x"]}, images={"ref_images": [picture, picture]})
    struct = build_image_params(library, command).struct
    sizes = [(struct.ref_images[i].width, struct.ref_images[i].height) for i in range(2)]
    assert sizes == [(10, 6), (10, 6)]
    assert struct.ref_images[1].data[9 * 3 : 10 * 3] == [0, 255, 0]
    assert struct.ref_image_args == b""


def test_text_to_image_has_no_init_image(library: Library) -> None:
    struct = build_image_params(library, _generate({}, Txt2ImgRequest)).struct
    assert not struct.init_image.data
    assert not struct.mask_image.data
    assert struct.sample_params.guidance.img_cfg == INFINITY


@pytest.mark.parametrize(("given", "expected"), [(None, INFINITY), (0.0, INFINITY), (3.0, 3.0)])
def test_flow_shift_is_automatic_unless_given(library: Library, given: float, expected: float) -> None:
    command = _generate({}, options=LoadOptions(flow_shift=given))
    assert build_image_params(library, command).struct.sample_params.flow_shift == expected


def test_eta_of_zero_leaves_the_samplers_own(library: Library) -> None:
    assert build_image_params(library, _generate({"eta": 0.0})).struct.sample_params.eta == INFINITY


def test_image_cfg_of_minus_one_follows_cfg(library: Library) -> None:
    struct = build_image_params(library, _generate({"img_cfg_scale": -1})).struct
    assert struct.sample_params.guidance.img_cfg == INFINITY


def test_an_input_that_is_gone_fails_the_job(library: Library) -> None:
    command = _generate({}, images={"init_image_base64": ["/nowhere.png"]})
    with pytest.raises(JobFailed, match=r"nowhere\.png cannot be read"):
        build_image_params(library, command)


@pytest.mark.parametrize("field", ["pm_id_embed_path", "hires_model"])
def test_a_named_file_that_is_gone_fails_the_job(library: Library, field: str) -> None:
    command = _generate({"hires": True, "hires_model": __file__} | {field: "/nowhere.bin"})
    with pytest.raises(JobFailed, match=rf"{field}: /nowhere\.bin is gone"):
        build_image_params(library, command)


def test_a_second_pass_is_refused_where_the_engine_would_abort(library: Library) -> None:
    command = _generate({"hires": True})
    for architecture in ("SD 1.x Inpaint", "Instruct-Pix2Pix"):
        with pytest.raises(JobFailed, match=f"hires: not possible with {architecture}"):
            build_image_params(library, command, architecture)
    build_image_params(library, command, "SD 1.x")


@pytest.mark.parametrize(
    ("scale", "high_noise", "paired", "raised"),
    [(1.0, 3.0, True, True), (1.0, 1.0, True, False), (1.0, 3.0, False, False), (2.0, 3.0, True, False)],
)
def test_the_main_models_scale_is_raised_by_a_hair_where_only_the_other_is_guided(
    library: Library, scale: float, high_noise: float, paired: bool, raised: bool
) -> None:
    params = Txt2VidRequest(prompt="a cat", cfg_scale=scale, high_noise_cfg_scale=high_noise)
    given = build_video_params(library, _film(params), paired=paired).struct.sample_params.guidance.txt_cfg
    assert (given > scale) is raised
    assert given == pytest.approx(scale)


def test_a_picture_without_an_edge_gives_a_black_control_image(library: Library, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "flat.png")
    images = {"control_image_base64": [str(tmp_path / "flat.png")]}
    asked = {"width": 64, "height": 64, "control_image_base64": "x", "control_preprocess": "canny"}
    control = build_image_params(library, _generate(asked, images=images)).struct.control_image
    assert ctypes.string_at(control.data, 64 * 64 * 3) == bytes(64 * 64 * 3)


@pytest.mark.proves("txt2vid.control_preprocess", "txt2vid.canny_low", "txt2vid.canny_high", passed=True)
def test_the_edges_of_control_frames_are_found_once_for_each(library: Library, tmp_path: Path) -> None:
    picture = str(tmp_path / "noise.png")
    noise = np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(picture)

    def find(**fields: Any) -> list[bytes]:
        asked = {"prompt": "", "width": 64, "height": 64, "video_frames": 2, "control_image_base64": "x"}
        params = Txt2VidRequest.model_validate({**asked, "control_preprocess": "canny", **fields})
        struct = build_video_params(library, _film(params, control_image_base64=[picture])).struct
        return [ctypes.string_at(struct.control_frames[i].data, 64 * 64 * 3) for i in range(2)]

    first, second = find()
    assert first == second
    assert set(first) == {0, 255}
    assert find(control_preprocess="")[0] != first
    assert find(canny_high=0.5, canny_low=1.0)[0] != find(canny_high=0.5, canny_low=0.1)[0] != first
