"""From a generate command to the argument of generate_image: here alone image requests become C fields."""

import ctypes
import os
from pathlib import Path

from ...errors import JobFailed
from ...schemas.engine import Generate
from ...schemas.generation import Img2ImgRequest
from . import image_buffers
from .control_images import preprocess_control
from .field_rules import Rule, find_index
from .generation_params import (
    SHARED_ELSEWHERE,
    SHARED_RULES,
    GenerationCall,
    fill,
    map_image,
    map_number,
    map_numbers,
)
from .library import Library
from .measurements import EDITORS, INPAINTERS
from .revision import INFINITY
from .structs import sd_image_t

ImageCall = GenerationCall[Generate]


def build_image_params(
    library: Library, command: Generate, architecture: str = "", flow_shift: float = INFINITY
) -> ImageCall:
    """Fill the argument. Raises JobFailed when a file cannot be read, or the model cannot do what is asked.

    `architecture` is the loaded model's, as the engine's log names it; `flow_shift` is find_flow_shift's.
    """
    if command.params.hires and architecture in EDITORS + INPAINTERS:
        raise JobFailed(f"hires: not possible with {architecture}; leave it out")
    call = GenerationCall(
        library.revision.structs["sd_img_gen_params"](), command, library.revision, flow_shift
    )
    library.c.sd_img_gen_params_init(ctypes.byref(call.struct))
    fill(call, IMAGE_RULES)
    preprocess_control(library, command.params, [call.struct.control_image])
    if architecture in EDITORS and isinstance(command.params, Img2ImgRequest):
        _put_edited_image(call)
    return call


def _put_edited_image(call: ImageCall) -> None:
    """Pass the init image, which is to be edited, as the reference; img_cfg_scale -1 is cfg_scale."""
    guidance = call.struct.sample_params.guidance
    if guidance.img_cfg == INFINITY:
        guidance.img_cfg = guidance.txt_cfg
    if not call.struct.ref_images_count:
        array = (sd_image_t * 1)(call.struct.init_image)
        call.alive.append(array)
        call.struct.ref_images, call.struct.ref_images_count = array, 1


def _put_image_cfg(call: ImageCall) -> None:
    scale = getattr(call.command.params, "img_cfg_scale", -1.0)
    call.struct.sample_params.guidance.img_cfg = scale if scale >= 0 else INFINITY


def _load_images(call: ImageCall, name: str) -> ctypes.Array[sd_image_t]:
    """Read the input images of a field in their own sizes; the call keeps them alive."""
    loaded = [image_buffers.load_input(path, 3, None) for path in call.command.images.get(name, [])]
    array = (sd_image_t * len(loaded))(*(image.struct for image in loaded))
    call.alive += [loaded, array]
    return array


def _put_references(call: ImageCall) -> None:
    # The engine resizes them as ref_image_args say.
    array = _load_images(call, "ref_images")
    call.struct.ref_images = array
    call.struct.ref_images_count = len(array)
    # Only what differs from the preset of the architecture, which the engine picks itself.
    params = call.command.params
    arguments = [] if params.auto_resize_ref_image else ["resize_before_vae=0"]
    arguments += ["ref_index_mode=increase"] if params.increase_ref_index else []
    call.struct.ref_image_args = ",".join(arguments).encode()


def _put_flow_shift(call: ImageCall) -> None:
    # A literal 0 gives black images.
    call.struct.sample_params.flow_shift = call.command.options.flow_shift or call.flow_shift


def _put_photomaker(call: ImageCall) -> None:
    params, target = call.command.params, call.struct.pm_params
    array = _load_images(call, "pm_id_images")
    target.id_images = array
    target.id_images_count = len(array)
    target.style_strength = params.pm_style_strength
    if params.pm_id_embed_path:
        target.id_embed_path = _require_file("pm_id_embed_path", params.pm_id_embed_path)


def _put_pulid(call: ImageCall) -> None:
    params, target = call.command.params, call.struct.pulid_params
    target.id_weight = params.pulid_id_weight
    if params.pulid_id_embed_path:
        target.id_embedding_path = _require_file("pulid_id_embed_path", params.pulid_id_embed_path)


def _put_ip_adapter_image(call: ImageCall) -> None:
    # The engine crops and shrinks it for CLIP vision.
    for image in _load_images(call, "ip_adapter_image_base64"):
        call.struct.ip_adapter_image = image


def _put_cache(call: ImageCall) -> None:
    params, cache = call.command.params, call.struct.cache
    if params.cache_mode:
        cache.mode = 1 + find_index(call.revision, "cache_modes", "cache_mode", params.cache_mode)
        cache.reuse_threshold = INFINITY if params.cache_threshold is None else params.cache_threshold
        cache.start_percent = params.cache_start
        cache.end_percent = params.cache_end


def _put_hires(call: ImageCall) -> None:
    params, hires = call.command.params, call.struct.hires
    if not params.hires:
        return
    hires.enabled = True
    hires.upscaler = 1 + find_index(call.revision, "hires_upscalers", "hires_upscaler", params.hires_upscaler)
    hires.target_width, hires.target_height = params.made_size
    if params.hires_model:
        hires.model_path = _require_file("hires_model", params.hires_model)


def _require_file(field: str, path: str) -> bytes:
    """The path of a file; raises JobFailed when it is gone: without some files the engine would go on."""
    if not Path(path).is_file():
        raise JobFailed(f"{field}: {path} is gone")
    return os.fsencode(path)


def _map_cache_number(name: str) -> Rule[ImageCall]:
    return map_number(name, name.replace("cache_", "cache.", 1))


IMAGE_RULES: tuple[Rule[ImageCall], ...] = (
    *SHARED_RULES,
    map_number("shifted_timestep", "sample_params.shifted_timestep"),
    map_number("batch_count"),
    map_numbers("custom_sigmas", "sample_params.custom_sigmas", "custom_sigmas_count", ctypes.c_float),
    Rule(("ref_images", "auto_resize_ref_image", "increase_ref_index"), _put_references),
    map_image("control_image_base64", "control_image", 3),
    map_number("control_strength"),
    Rule((), _put_flow_shift),
    map_image("mask_image_base64", "mask_image", 1),
    Rule(("img_cfg_scale",), _put_image_cfg),
    Rule(("pm_id_images", "pm_id_embed_path", "pm_style_strength"), _put_photomaker),
    Rule(("ip_adapter_image_base64",), _put_ip_adapter_image),
    map_number("ip_adapter_strength"),
    Rule(("pulid_id_embed_path", "pulid_id_weight"), _put_pulid),
    map_number("layers", "qwen_image_layers"),
    Rule(("cache_mode", "cache_threshold", "cache_start", "cache_end"), _put_cache),
    _map_cache_number("cache_error_decay_rate"),
    _map_cache_number("cache_use_relative_threshold"),
    _map_cache_number("cache_reset_error_on_compute"),
    _map_cache_number("cache_residual_diff_threshold"),
    map_number("cache_fn_compute_blocks", "cache.Fn_compute_blocks"),
    map_number("cache_bn_compute_blocks", "cache.Bn_compute_blocks"),
    _map_cache_number("cache_spectrum_w"),
    _map_cache_number("cache_spectrum_m"),
    _map_cache_number("cache_spectrum_lam"),
    _map_cache_number("cache_spectrum_window_size"),
    _map_cache_number("cache_spectrum_flex_window"),
    _map_cache_number("cache_spectrum_warmup_steps"),
    _map_cache_number("cache_spectrum_stop_percent"),
    Rule(
        ("hires", "hires_upscaler", "hires_model", "hires_scale", "hires_width", "hires_height"), _put_hires
    ),
    map_number("hires_steps", "hires.steps"),
    map_number("hires_strength", "hires.denoising_strength"),
    map_number("hires_tile_size", "hires.upscale_tile_size"),
    map_numbers("hires_custom_sigmas", "hires.custom_sigmas", "custom_sigmas_count", ctypes.c_float),
    map_number("circular_x"),
    map_number("circular_y"),
)

IMAGE_ELSEWHERE = SHARED_ELSEWHERE | {
    "upscale": "command.enlargement says what the upscaler does afterwards",
    "upscale_repeats": "in command.enlargement",
    "upscale_auto_unload": "done by the server after the job",
    "mask_composite": "done after the engine's call",
    "output_format": "done after the engine's call",
    "keep_finished": "decides how many images one call makes",
    "return_control": "written by the child",
    "adetail": "done after the engine's call, by another one",
    "adetail_only": "the engine's call is left out",
}
