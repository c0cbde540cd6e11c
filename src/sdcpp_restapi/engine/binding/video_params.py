"""From a generate_video command to the function's argument: here alone video requests become C fields."""

import ctypes

from ...schemas.engine import GenerateVideo
from .control_images import preprocess_control
from .field_rules import Rule, find_index
from .generation_params import (
    SHARED_ELSEWHERE,
    SHARED_RULES,
    GenerationCall,
    eta_of,
    fill,
    load_images,
    map_guidance,
    map_image,
    map_number,
)
from .library import Library
from .revision import INFINITY
from .structs import sd_image_t

VideoCall = GenerationCall[GenerateVideo]

NEXT_AFTER_1 = 1 + 2**-23
"""In single precision."""


def build_video_params(
    library: Library, command: GenerateVideo, flow_shift: float = INFINITY, *, paired: bool = False
) -> VideoCall:
    """Fill the argument. Raises JobFailed when an input image cannot be read.

    `flow_shift` is find_flow_shift's; `paired`: a high-noise model is loaded beside the main one.
    """
    call = GenerationCall(
        library.revision.structs["sd_vid_gen_params"](), command, library.revision, flow_shift
    )
    library.c.sd_vid_gen_params_init(ctypes.byref(call.struct))
    fill(call, VIDEO_RULES)
    frames = call.struct.control_frames
    preprocess_control(library, command.params, [frames[i] for i in range(call.struct.control_frames_size)])
    if paired:
        _have_negative_prompt_encoded(call)
    return call


def _have_negative_prompt_encoded(call: VideoCall) -> None:
    """Let the high-noise model be guided where the main model is not.

    At a main scale of exactly 1 the engine encodes no negative prompt, and the high-noise model goes without
    guidance whatever its own scale. At the next larger number it does; the main model then computes two
    passes a step, whose sum is the one that it would have computed: the same pixels, measured.
    """
    params = call.command.params
    if params.cfg_scale == 1 != params.high_noise_cfg_scale:
        call.struct.sample_params.guidance.txt_cfg = NEXT_AFTER_1


def _put_flow_shift(call: VideoCall) -> None:
    # A literal 0 gives black images.
    call.struct.sample_params.flow_shift = call.command.params.flow_shift or call.flow_shift


def _put_control(call: VideoCall) -> None:
    # The engine takes frames only: one image for all is all of them.
    frames = load_images(call, "control_frames", 3)
    frames = frames or load_images(call, "control_image_base64", 3) * call.command.params.video_frames
    array = (sd_image_t * len(frames))(*(frame.struct for frame in frames))
    call.alive.append(array)
    call.struct.control_frames = array
    call.struct.control_frames_size = len(frames)


def _put_high_noise_sampler(call: VideoCall) -> None:
    params, high_noise = call.command.params, call.struct.high_noise_sample_params
    sampler = params.high_noise_sampler or params.sampler
    high_noise.sample_method = find_index(call.revision, "samplers", "high_noise_sampler", sampler)
    high_noise.eta = eta_of(call)


VIDEO_RULES: tuple[Rule[VideoCall], ...] = (
    *SHARED_RULES,
    map_number("video_frames"),
    map_number("fps"),
    Rule(("flow_shift",), _put_flow_shift),
    map_image("end_image_base64", "end_image", 3),
    Rule(("control_frames", "control_image_base64"), _put_control),
    map_number("high_noise_steps", "high_noise_sample_params.sample_steps"),
    *map_guidance("high_noise_", "high_noise_sample_params"),
    Rule(("high_noise_sampler",), _put_high_noise_sampler),
    map_number("moe_boundary"),
    map_number("vace_strength"),
)

VIDEO_ELSEWHERE = SHARED_ELSEWHERE | {"save_frames": "done after the engine's call"}
