"""Every field of POST /txt2vid acts: seen in the video, or where no tiny model shows it, in what the engine
gets."""

from functools import reduce
from typing import Any

import pytest

from sdcpp_restapi.engine.binding import names
from tests.proofs.cases import fields, pairs
from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer
from tests.support.videos import TINY, fetched, film, frames, passed, shot

IMAGE = as_base64(picture(40, 24))
OTHER = as_base64(picture(16, 16).rotate(90))
LONG = {"steps": 12}
# Enough steps for the cache to skip some.
CACHED = {**LONG, "easycache": True, "easycache_threshold": 50.0}
WIDE = {"width": 64, "steps": 1}
TILED = {**WIDE, "vae_tiling": True, "vae_tile_size_x": 4, "vae_tile_size_y": 4}
ETA = {"sampler": "euler_a", "eta": 0.3}
GUIDED = {"cfg_scale": 5.0}

SEEN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"prompt": "a red house in the snow"}),
    (GUIDED, {**GUIDED, "negative_prompt": "a dog"}),
    ({}, {"width": 32}),
    ({}, {"height": 32}),
    ({}, {"steps": 3}),
    ({}, GUIDED),
    ({}, {"seed": 8}),
    ({}, {"sampler": "euler_a"}),
    ({"sampler": "euler_a"}, ETA),
    ({"steps": 4}, {"steps": 4, "scheduler": "exponential"}),
    ({}, {"flow_shift": 8.0}),
    ({}, {"init_image_base64": IMAGE}),
    (LONG, CACHED),
    ({**CACHED, "easycache_threshold": 0.01}, CACHED),
    (CACHED, {**CACHED, "easycache_start": 0.6}),
    (CACHED, {**CACHED, "easycache_end": 0.4}),
    (WIDE, TILED),
    (TILED, {**TILED, "vae_tile_size_x": 6}),
    (TILED, {**TILED, "vae_tile_overlap": 0.0}),
    ({}, {"loras": [{"name": "lora_lingbot", "weight": 1.0}]}),
]  # fmt: skip

# field -> (value, where the struct has it, what it must be there)
GUIDANCE, HIGH = "sample_params.guidance", "high_noise_sample_params"
PASSED: dict[str, tuple[Any, str, Any]] = {
    "distilled_guidance": (2.25, f"{GUIDANCE}.distilled_guidance", 2.25),
    "clip_skip": (2, "clip_skip", 2),
    "slg_scale": (2.5, f"{GUIDANCE}.slg.scale", 2.5),
    "skip_layers": ([1, 5], f"{GUIDANCE}.slg.layers", [1, 5]),
    "slg_start": (0.125, f"{GUIDANCE}.slg.layer_start", 0.125),
    "slg_end": (0.5, f"{GUIDANCE}.slg.layer_end", 0.5),
    "vae_tile_size_y": (40, "vae_tiling_params.tile_size_y", 40),
    "end_image_base64": (IMAGE, "end_image", {"width": 16, "height": 16, "channel": 3}),
    "strength": (0.25, "strength", 0.25),
    "control_frames": ([IMAGE, OTHER], "control_frames", [{"width": 16, "height": 16, "channel": 3}] * 2),
    "high_noise_steps": (4, f"{HIGH}.sample_steps", 4),
    "high_noise_cfg_scale": (3.25, f"{HIGH}.guidance.txt_cfg", 3.25),
    "high_noise_sampler": ("DPM++2M", f"{HIGH}.sample_method", names.SAMPLERS.index("dpm++2m")),
    "high_noise_distilled_guidance": (2.75, f"{HIGH}.guidance.distilled_guidance", 2.75),
    "high_noise_slg_scale": (1.5, f"{HIGH}.guidance.slg.scale", 1.5),
    "high_noise_skip_layers": ([2], f"{HIGH}.guidance.slg.layers", [2]),
    "high_noise_slg_start": (0.25, f"{HIGH}.guidance.slg.layer_start", 0.25),
    "high_noise_slg_end": (0.75, f"{HIGH}.guidance.slg.layer_end", 0.75),
    "moe_boundary": (0.5, "moe_boundary", 0.5),
    "vace_strength": (0.75, "vace_strength", 0.75),
}


def at(struct: dict[str, Any], path: str) -> Any:
    return reduce(lambda inner, name: inner[name], path.split("."), struct)


@pytest.fixture(scope="module")
def shots() -> dict[str, list[bytes]]:
    """Videos that several tests compare with."""
    return {}


@pytest.mark.parametrize(("one", "other"), pairs("txt2vid", SEEN))
def test_a_field_changes_the_video(
    server: RunningServer, shots: dict[str, list[bytes]], one: dict[str, Any], other: dict[str, Any]
) -> None:
    for changed in (one, other):
        if repr(changed) not in shots:
            shots[repr(changed)] = shot(server, **changed)
    assert shots[repr(one)] != shots[repr(other)]


@pytest.fixture(scope="module")
def struct(server: RunningServer) -> dict[str, Any]:
    """What the engine is given when a request has all these fields."""
    film(server, video_frames=5, steps=1, **{name: value for name, (value, _, _) in PASSED.items()})
    return passed(server)


@pytest.mark.parametrize("name", fields("txt2vid", PASSED, passed=True))
def test_a_field_reaches_the_engine(struct: dict[str, Any], name: str) -> None:
    _, path, expected = PASSED[name]
    assert at(struct, path) == expected


@pytest.mark.proves("txt2vid.control_image_base64", passed=True)
def test_one_control_image_is_the_control_of_every_frame(server: RunningServer) -> None:
    film(server, video_frames=5, steps=1, control_image_base64=IMAGE)
    assert passed(server)["control_frames"] == [{"width": 16, "height": 16, "channel": 3}] * 5


def test_what_the_model_has_no_use_for_is_told_and_changes_nothing(server: RunningServer) -> None:
    ineffective = {
        "end_image_base64": OTHER, "strength": 0.2, "control_image_base64": OTHER, "vace_strength": 0.5,
        "slg_scale": 3.0, "skip_layers": [0], "slg_start": 0.0, "slg_end": 1.0, "clip_skip": 2,
        "distilled_guidance": 9.0, "eta": 0.5, "negative_prompt": "a dog", "vae_tile_size_x": 4,
        "high_noise_steps": 2, "high_noise_cfg_scale": 2.0, "moe_boundary": 0.3,
    }  # fmt: skip
    base = {"video_frames": 5, "init_image_base64": IMAGE}
    job = film(server, **base, **ineffective)
    told = {field for warning in job["warnings"] for field in warning.partition(" ha")[0].split(", ")}
    assert told == set(ineffective)
    assert frames(fetched(server, job)) == shot(server, **base)


@pytest.mark.proves("txt2vid.use_architecture_defaults")
def test_the_architectures_own_values_fill_in_what_is_not_given(server: RunningServer) -> None:
    given = {name: value for name, value in TINY.items() if name != "cfg_scale"}
    job = server.make("/txt2vid", **given, use_architecture_defaults=True)
    assert (job["params"]["cfg_scale"], job["params"]["video_frames"]) == (3.0, 1)


def test_the_high_noise_model_samples_as_the_other_one_unless_asked_otherwise(server: RunningServer) -> None:
    film(server, **ETA)
    struct = passed(server)
    assert at(struct, f"{HIGH}.sample_method") == names.SAMPLERS.index("euler_a")
    assert at(struct, f"{HIGH}.eta") == at(struct, "sample_params.eta") != float("inf")
    assert (at(struct, f"{HIGH}.sample_steps"), struct["moe_boundary"]) == (-1, 0.875)


def test_loras_are_taken_from_tags_and_told_which_model_they_are_for(server: RunningServer) -> None:
    tagged = film(server, prompt="a cat in a garden<lora:lora_lingbot:1>")
    assert frames(fetched(server, tagged)) == shot(server, loras=[{"name": "lora_lingbot"}])
    film(server, prompt="a cat <lora:lora_lingbot:0.5><lora:|high_noise|lora_lingbot:0.25>")
    struct = passed(server)
    assert struct["prompt"] == "a cat "
    assert [(lora["multiplier"], lora["is_high_noise"]) for lora in struct["loras"]] == [
        (0.5, False),
        (0.25, True),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, 3.0), ({"flow_shift": 0}, float("inf")), ({"flow_shift": None}, 3.0)],
    ids=str,
)
def test_flow_shift_is_3_unless_given_and_0_is_the_models_own(
    server: RunningServer, given: dict[str, Any], expected: float
) -> None:
    film(server, **given)
    assert at(passed(server), "sample_params.flow_shift") == expected


def test_the_same_request_makes_the_same_video(server: RunningServer) -> None:
    job = film(server, seed=-1)
    assert job["params"]["seed"] >= 0
    again = server.make("/txt2vid", **job["params"])
    assert frames(fetched(server, again)) == frames(fetched(server, job))
