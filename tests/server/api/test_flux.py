"""Parameters that act on a DiT with distilled guidance and a VAE: on the tiny Flux."""

from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.engine.binding.names import LATER_FIELDS
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from tests.proofs.cases import pairs
from tests.support.api_document import curl_body
from tests.support.document_models import install
from tests.support.engine_at_hand import engine_names, find_unknown
from tests.support.images import as_base64, picture
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

BASE: dict[str, Any] = {
    "prompt": "a cat", "width": 32, "height": 32, "steps": 4, "cfg_scale": 1.0, "seed": 7, "sampler": "euler",
}  # fmt: skip
BODY = curl_body("flux dev load")
# One thread: several would wait for each other wherever cores are shared.
BODY["options"]["n_threads"] = 1
REFERENCE = as_base64(picture(48, 80))
TWO = [REFERENCE, as_base64(picture(32, 32))]
SKIPPING = {"slg_scale": 5.0, "skip_layers": [0], "slg_start": 0.0, "slg_end": 1.0}
# Enough steps for the cache to skip some.
CACHED = {"steps": 12, "easycache": True, "easycache_threshold": 50.0}
WIDE = {"width": 64, "steps": 1}
TILES = {"vae_tiling": True, "vae_tile_size_x": 4, "vae_tile_size_y": 4}
TILED = {**WIDE, **TILES}
TALL = {"height": 64, "steps": 1, **TILES}

GUIDED = {"cfg_scale": 5.0, "width": 16, "height": 16}
APG = GUIDED | {"apg_norm_threshold": 5.0}
LMS = {"sampler": "lms", "width": 16, "height": 16, "steps": 9}
LCM = {"sampler": "lcm", "width": 16, "height": 16}
NOISY = {"sampler": "euler_a", "width": 16, "height": 16}
TREE = NOISY | {"noise_sampler": "brownian_tree"}
BETA, LOGIT, SHIFTED, LTX2, LLADA = (
    {"scheduler": name, "width": 16, "height": 16}
    for name in ("beta", "logit_normal", "flux", "ltx2", "llada_image")
)

SERVER = ServerSetup(loads=[BODY])


@pytest.fixture(scope="module")
def root(root: Path) -> Path:
    """The document's models."""
    install(root / "models")
    return root


@pytest.mark.parametrize(
    ("one", "other"),
    pairs("txt2img", [
        ({}, {"distilled_guidance": 1.0}),
        ({}, {"ref_images": [REFERENCE]}),
        ({"ref_images": [REFERENCE]}, {"ref_images": TWO}),
        ({"ref_images": [REFERENCE]}, {"ref_images": [REFERENCE], "auto_resize_ref_image": False}),
        ({"steps": 12}, CACHED),
        (CACHED, CACHED | {"easycache_threshold": 0.01}),
        (CACHED, CACHED | {"easycache_start": 0.6}),
        (CACHED, CACHED | {"easycache_end": 0.4}),
        ({}, SKIPPING),
        (SKIPPING, SKIPPING | {"skip_layers": []}),
        (SKIPPING, SKIPPING | {"slg_start": 0.6}),
        (SKIPPING, SKIPPING | {"slg_end": 0.3}),
        ({"ref_images": TWO}, {"ref_images": TWO, "increase_ref_index": True}),
        (WIDE, TILED),
        (TILED, TILED | {"vae_tile_size_x": 6}),
        (TALL, TALL | {"vae_tile_size_y": 6}),
        (TILED, TILED | {"vae_tile_overlap": 0.0}),
        ({}, {"width": 40}),
        ({}, {"height": 40}),
    ]),
)  # fmt: skip
def test_a_parameter_changes_the_picture(
    server: RunningServer, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert pixels(server, server.make(**BASE | one)) != pixels(server, server.make(**BASE | other))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        pytest.param("flow_shift", 8.0, marks=pytest.mark.proves("load.flow_shift")),
        pytest.param("rng_type", "cpu", marks=pytest.mark.proves("load.rng_type")),
        pytest.param("weight_type", "q8_0", marks=pytest.mark.proves("load.weight_type")),
    ],
)
def test_a_load_option_changes_the_picture(server: RunningServer, option: str, value: object) -> None:
    server.post("/models/load", BODY)
    plain = pixels(server, server.make(**BASE))
    server.post("/models/load", BODY | {"options": {**BODY["options"], option: value}})
    assert pixels(server, server.make(**BASE)) != plain
    server.post("/models/load", BODY)
    assert pixels(server, server.make(**BASE)) == plain


@pytest.mark.parametrize(
    ("path", "more"),
    [
        pytest.param("/txt2img", {}, marks=pytest.mark.proves("txt2img.use_architecture_defaults")),
        pytest.param(
            "/img2img",
            {"init_image_base64": REFERENCE},
            marks=pytest.mark.proves("img2img.use_architecture_defaults"),
        ),
    ],
)
def test_the_guidance_that_suits_the_architecture_is_taken_when_asked_for(
    server: RunningServer, path: str, more: dict[str, Any]
) -> None:
    def shown(**params: Any) -> bytes:
        return pixels(server, server.make(path, **more | params))

    unguided = {name: value for name, value in BASE.items() if name != "cfg_scale"}
    asked = shown(**unguided, use_architecture_defaults=True)
    assert asked == shown(**unguided, cfg_scale=1.0)
    assert asked != shown(**unguided)


@pytest.fixture(scope="module")
def drawn() -> dict[str, bytes]:
    """Pictures that several tests compare with."""
    return {}


@pytest.mark.parametrize(
    ("one", "other"),
    pairs("txt2img", [
        (GUIDED, GUIDED | {"guidance_schedule": [1.0, 9.0]}),
        (GUIDED, GUIDED | {"cfg_start": 0.5}),
        (GUIDED, GUIDED | {"cfg_end": 0.5}),
        (GUIDED, GUIDED | {"apg_eta": 0.5}),
        (GUIDED, GUIDED | {"apg_momentum": -0.5}),
        (GUIDED, APG),
        (APG, APG | {"apg_norm_threshold_smoothing": 0.5}),
        (GUIDED | SKIPPING, GUIDED | SKIPPING | {"slg_uncond": True}),
        (NOISY, TREE),
        (TREE, TREE | {"brownian_tree_rng": "std_default"}),
        (GUIDED | {"sampler": "euler_ge"}, GUIDED | {"sampler": "euler_ge", "euler_ge_gamma": 3}),
        (LMS, LMS | {"lms_max_order": 1}),
        (LMS, LMS | {"lms_shift": 0}),
        (LMS, LMS | {"lms_divisions": 10}),
        (LCM, LCM | {"lcm_noise_clip_std": 0.5}),
        (LCM, LCM | {"lcm_noise_scale_start": 0.5}),
        (LCM, LCM | {"lcm_noise_scale_end": 0.5}),
        (BETA, BETA | {"beta_alpha": 0.9}),
        (BETA, BETA | {"beta_beta": 0.9}),
        (LOGIT, LOGIT | {"logit_normal_std": 0.5}),
        (LOGIT, LOGIT | {"logit_normal_logsnr_min": -3}),
        (LOGIT, LOGIT | {"logit_normal_logsnr_max": 3}),
        (SHIFTED, SHIFTED | {"base_shift": 0.9}),
        (SHIFTED, SHIFTED | {"max_shift": 3}),
        (LTX2, LTX2 | {"ltx2_terminal": 0.3}),
        (LTX2, LTX2 | {"ltx2_stretch": False}),
        (LLADA, LLADA | {"llada_uniform": True}),
    ]),
)  # fmt: skip
def test_guidance_and_the_numbers_of_samplers_and_schedulers_change_the_picture(
    server: RunningServer, drawn: dict[str, bytes], one: dict[str, Any], other: dict[str, Any]
) -> None:
    if told := find_unknown(Txt2ImgRequest.model_validate(BASE | other)):
        assert server.post("/txt2img", BASE | other, expect=400)["error"] == told
        pytest.skip(told)
    for changed in (one, other):
        if repr(changed) not in drawn:
            job = server.make(**BASE | changed)
            assert "warnings" not in job
            drawn[repr(changed)] = pixels(server, job)
    assert drawn[repr(one)] != drawn[repr(other)]


def test_a_schedule_gives_each_step_its_own_scale(server: RunningServer) -> None:
    base = BASE | GUIDED | {"steps": 2}
    plain = pixels(server, server.make(**base))
    assert pixels(server, server.make(**base | {"guidance_schedule": [5.0, 5.0]})) == plain
    assert pixels(server, server.make(**base | {"guidance_schedule": [5.0]})) == plain
    last = server.make(**base | {"guidance_schedule": [5.0, 1.0]})
    assert pixels(server, last) == pixels(server, server.make(**base | {"cfg_end": 0.5}))


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"guidance_schedule": [1.0] * 5}, "guidance_schedule", "5 values are not allowed"),
        ({"guidance_schedule": [1.0], "sampler": "heun"}, "guidance_schedule", "sampler 'heun'"),
        ({"cfg_start": 0.5, "sampler": "res_2s"}, "cfg_start", "sampler 'res_2s'"),
        ({"cfg_end": 0.5, "hires": True}, "cfg_start", "hires"),
        ({"cfg_start": 0.5, "cfg_end": 0.5}, "cfg_start", "below cfg_end"),
        ({"guidance_schedule": [1.0], "cfg_end": 0.5}, "guidance_schedule", "together with"),
        ({"noise_sampler": "white"}, "noise_sampler", "iid, brownian_tree"),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_step_could_have_is_refused(
    server: RunningServer, asked: dict[str, Any], field: str, words: str
) -> None:
    answer = server.post("/txt2img", BASE | {"cfg_scale": 5.0} | asked, expect=400)
    assert field in answer["error"]
    assert words in answer["error"]


def test_numbers_of_another_sampler_are_told(server: RunningServer) -> None:
    asked = {
        "apg_eta": 0.5, "cfg_end": 0.5, "lms_shift": 2, "euler_ge_gamma": 3, "lcm_noise_clip_std": 2,
        "beta_alpha": 1, "base_shift": 2, "ltx2_stretch": True, "llada_uniform": True, "sefi_alpha": 2,
        "brownian_tree_rng": "cuda", "logit_normal_std": 0.5,
    }  # fmt: skip
    absent = {*LATER_FIELDS} - {*engine_names().later_fields}
    asked = {field: value for field, value in asked.items() if field not in absent}
    job = server.make(**BASE | asked)
    told = {field for warning in job["warnings"] for field in warning.partition(" ha")[0].split(", ")}
    assert told == set(asked)
    assert pixels(server, job) == pixels(server, server.make(**BASE))
