"""Parameters that act on a DiT with distilled guidance and a VAE: on the tiny Flux."""

from pathlib import Path
from typing import Any

import pytest

from tests.proofs.cases import pairs
from tests.support.api_document import curl_body
from tests.support.document_models import install
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
