"""From a generate command to the argument of generate_image: the single place where request fields become
C fields."""

import ctypes

from ..schemas.engine import Generate
from . import images
from .capi import Library, sd_image_t, sd_img_gen_params_t
from .generation_params import SHARED_ELSEWHERE, SHARED_RULES, GenerationCall, fill, number, numbers, picture
from .rules import INFINITY, Rule

ImageCall = GenerationCall[Generate]


def image_params(library: Library, command: Generate) -> ImageCall:
    """All of a job. Raises JobFailed when an input image cannot be read."""
    call = GenerationCall(sd_img_gen_params_t(), command)
    library.c.sd_img_gen_params_init(ctypes.byref(call.struct))
    fill(call, IMAGE_RULES)
    return call


def _put_image_cfg(call: ImageCall) -> None:
    scale = getattr(call.command.params, "img_cfg_scale", -1.0)
    call.struct.sample_params.guidance.img_cfg = scale if scale >= 0 else INFINITY


def _put_references(call: ImageCall) -> None:
    # In their own sizes: the engine resizes them as ref_image_args say.
    loaded = [images.load_input(path, 3, None) for path in call.command.images.get("ref_images", [])]
    array = (sd_image_t * len(loaded))(*(image.struct for image in loaded))
    call.alive += [loaded, array]
    call.struct.ref_images = array
    call.struct.ref_images_count = len(loaded)
    # Only what differs from the preset of the architecture, which the engine picks itself.
    params = call.command.params
    arguments = [] if params.auto_resize_ref_image else ["resize_before_vae=0"]
    arguments += ["ref_index_mode=increase"] if params.increase_ref_index else []
    call.struct.ref_image_args = ",".join(arguments).encode()


def _put_flow_shift(call: ImageCall) -> None:
    # A literal 0 gives black pictures; infinity is the model's own.
    call.struct.sample_params.flow_shift = call.command.options.flow_shift or INFINITY


IMAGE_RULES: tuple[Rule[ImageCall], ...] = (
    *SHARED_RULES,
    number("shifted_timestep", "sample_params.shifted_timestep"),
    number("batch_count"),
    numbers("custom_sigmas", "sample_params.custom_sigmas", "custom_sigmas_count", ctypes.c_float),
    Rule(("ref_images", "auto_resize_ref_image", "increase_ref_index"), _put_references),
    picture("control_image_base64", "control_image", 3),
    number("control_strength"),
    Rule((), _put_flow_shift),
    picture("mask_image_base64", "mask_image", 1),
    Rule(("img_cfg_scale",), _put_image_cfg),
)

IMAGE_ELSEWHERE = SHARED_ELSEWHERE | {
    "upscale": "command.enlargement says what the upscaler does afterwards",
    "upscale_repeats": "in command.enlargement",
    "upscale_auto_unload": "done by the server after the job",
}
