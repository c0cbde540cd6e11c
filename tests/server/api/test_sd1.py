"""Parameters that act on a UNet with CLIP: on the tiny SD1.5."""

from typing import Any

import pytest

from tests.proofs.cases import changes, pairs
from tests.support.outputs import opened, pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

BASE: dict[str, Any] = {
    "prompt": "a cat in a garden", "negative_prompt": "blurry", "width": 64, "height": 64, "steps": 3,
    "cfg_scale": 5.0, "seed": 7, "sampler": "euler_a", "scheduler": "discrete",
}  # fmt: skip
CHANGES: list[dict[str, Any]] = [
    {"negative_prompt": "a dog"},
    {"negative_prompt": ""},
    {"cfg_scale": 1.0},
    {"seed": 8},
    {"steps": 2},
    {"clip_skip": 2},
    {"scheduler": "karras"},
    {"scheduler": "exponential"},
    {"sampler": "euler"},
    {"sampler": "dpm++2m"},
    {"sampler": "ddim_trailing"},
    {"eta": 0.5},
    {"custom_sigmas": [14.6, 6.0, 1.0, 0.0]},
    {"prompt": "a cat in a garden <lora:lora_sd1:1>"},
    {"loras": [{"name": "lora_sd1", "weight": -1}]},
    {"prompt": "a (cat:1.5) in a garden"},
    {"prompt": "an embedding"},
    {"width": 128},
    {"height": 128},
]

# Enough steps for a cache to skip some.
CACHED: dict[str, Any] = {
    "steps": 8, "sampler": "euler", "cfg_scale": 1.0, "cache_mode": "ucache", "cache_threshold": 2.0,
}  # fmt: skip

SERVER = ServerSetup(models=["lora_sd1", "embedding"], loads=["sd1"])


@pytest.fixture(scope="module")
def base(server: RunningServer) -> bytes:
    """The pixels of the unchanged request."""
    return pixels(server, server.make(**BASE))


@pytest.mark.parametrize("changed", changes("txt2img", CHANGES))
def test_a_parameter_changes_the_picture(server: RunningServer, base: bytes, changed: dict[str, Any]) -> None:
    assert pixels(server, server.make(**BASE | changed)) != base


@pytest.fixture(scope="module")
def cached(server: RunningServer) -> bytes:
    return pixels(server, server.make(**BASE | CACHED))


@pytest.mark.parametrize(
    ("_one", "other"),
    pairs("txt2img", [
        (CACHED, CACHED | {"cache_mode": ""}),
        (CACHED, CACHED | {"cache_error_decay_rate": 0.2}),
        (CACHED, CACHED | {"cache_use_relative_threshold": False}),
        (CACHED, CACHED | {"cache_reset_error_on_compute": False}),
    ]),
)  # fmt: skip
def test_a_number_of_the_cache_changes_the_picture(
    server: RunningServer, cached: bytes, _one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert pixels(server, server.make(**BASE | other)) != cached


@pytest.mark.parametrize(
    "same",
    [
        {"clip_skip": -1},
        {"custom_sigmas": []},
        {"eta": 0},
        {"negative_prompt": "blurry<lora:lora_sd1:1>"},
        {"sampler": "EULER_A", "steps": "3"},
    ],
    ids=str,
)
def test_a_default_or_another_spelling_changes_nothing(
    server: RunningServer, base: bytes, same: dict[str, Any]
) -> None:
    assert pixels(server, server.make(**BASE | same)) == base


def test_without_guidance_the_negative_prompt_has_no_say(server: RunningServer) -> None:
    unguided = BASE | {"cfg_scale": 1.0, "steps": 1}
    with_it = server.make(**unguided)
    without = server.make(**unguided | {"negative_prompt": "a dog"})
    assert pixels(server, with_it) == pixels(server, without)


def test_a_picture_need_not_be_square(server: RunningServer) -> None:
    job = server.make(**BASE | {"width": 128, "height": 64, "steps": 1})
    assert opened(server, job).size == (128, 64)


def test_the_positive_prompts_tag_is_gone_from_what_the_engine_reads(server: RunningServer) -> None:
    tagged = server.make(**BASE | {"prompt": "a cat in a garden<lora:lora_sd1:0>"})
    plain = server.make(**BASE)
    assert pixels(server, tagged) == pixels(server, plain)
