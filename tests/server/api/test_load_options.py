"""Load options act: on the engine's log, its threads, and the pictures that it makes."""

import json
import re
from typing import Any

import psutil
import pytest

from sdcpp_restapi.schemas.models import LoadRequest
from tests.proofs.cases import changes, pairs
from tests.support.engine_at_hand import find_unknown
from tests.support.images import as_base64
from tests.support.outputs import pixels
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup
from tests.support.tiny_models import build

type Options = dict[str, Any]

FAST: dict[str, Any] = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "cfg_scale": 1.0, "seed": 7}
TILED = {"vae_tiling": True, "vae_tile_size_x": 4, "vae_tile_size_y": 4}
LORA = "a cat <lora:lora_minit2i:1>"

SERVER = ServerSetup(models=["lora_minit2i", "sd1_vae", "taesd"], loads=["minit2i"])


def load(server: RunningServer, kind: str, options: Options, **components: str) -> list[str]:
    """Load a tiny model; the lines that were logged on the way."""
    before = len(server.log)
    # One thread: several would wait for each other wherever cores are shared.
    body = {**build(kind).install(server.models_dir), **components, "options": {"n_threads": 1, **options}}
    server.post("/models/load", body)
    server.wait_for_log(f"loaded {re.escape(str(body['model_name']))}")
    return server.log[before:]


def picture(server: RunningServer, kind: str, options: Options, **changed: Any) -> bytes:
    """What a model draws that was loaded with these options."""
    load(server, kind, options)
    return pixels(server, server.make(**FAST | changed))


@pytest.mark.parametrize(
    ("one", "other"),
    pairs("load", [
        ({}, {"prediction": "flux_flow"}),
        ({}, {"sampler_rng_type": "cpu"}),
        ({}, {"tensor_type_rules": "double_blocks=q8_0"}),
        ({}, {"lora_apply_mode": "immediately"}),
    ]),
)  # fmt: skip
def test_an_option_changes_the_picture(server: RunningServer, one: Options, other: Options) -> None:
    shown = [picture(server, "minit2i", options, prompt=LORA, sampler="euler_a") for options in (one, other)]
    assert shown[0] != shown[1]


@pytest.fixture(scope="module")
def tiled(server: RunningServer) -> bytes:
    return picture(server, "sd1_vae", TILED, steps=1)


@pytest.mark.parametrize(
    "changed",
    changes("load", [
        {"vae_tiling": False},
        {"vae_tile_size_x": 6},
        {"vae_tile_size_y": 6},
        {"vae_tile_overlap": 0.0},
    ]),
)  # fmt: skip
def test_tiling_changes_what_the_vae_makes(server: RunningServer, tiled: bytes, changed: Options) -> None:
    assert picture(server, "sd1_vae", TILED | changed, steps=1) != tiled


def test_a_request_decides_whether_and_how_its_picture_is_tiled_and_a_repeat_repeats_it(
    server: RunningServer, tiled: bytes
) -> None:
    def make(**changed: Any) -> tuple[bytes, Any]:
        job = server.make(**FAST | {"steps": 1} | changed)
        config = json.loads(server.http.get(f"/output/{job['job_id']}/config.json").text)
        assert config["params"] == job["params"]
        return pixels(server, job), job["params"]

    wide = {"vae_tiling": True, "vae_tile_size_x": 6}
    load(server, "sd1_vae", {})
    whole, _ = make()
    load(server, "sd1_vae", TILED)
    as_loaded, off, other = make(), make(vae_tiling=False), make(**wide)
    assert (as_loaded[0], off[0]) == (tiled, whole)
    assert other[0] not in (tiled, whole)
    assert as_loaded[1].items() >= TILED.items()
    assert other[1].items() >= (TILED | wide).items()
    assert off[1]["vae_tiling"] is False
    load(server, "sd1_vae", {"vae_tiling": True})
    for picture_made, params in (as_loaded, off, other):
        assert make(**params)[0] == picture_made


@pytest.mark.proves("load.tae_preview_only")
def test_a_taesd_that_is_for_previews_only_leaves_decoding_to_the_vae(server: RunningServer) -> None:
    taesd = build("taesd").install(server.models_dir)
    shown = []
    for components, options in (({}, {}), (taesd, {"tae_preview_only": True}), (taesd, {})):
        load(server, "sd1_vae", options, **components)
        shown.append(pixels(server, server.make(**FAST)))
    assert shown[0] == shown[1] != shown[2]


@pytest.mark.proves("load.vae_decode_only")
@pytest.mark.parametrize("decode_only", [True, False])
def test_image_to_image_works_whatever_vae_decode_only_says(server: RunningServer, decode_only: bool) -> None:
    load(server, "sd1_vae", {"vae_decode_only": decode_only})
    plain = pixels(server, server.make(**FAST))
    assert pixels(server, server.make("/img2img", **FAST, init_image_base64=as_base64())) != plain


@pytest.mark.proves(
    "load.flash_attn", "load.vae_conv_direct", "load.diffusion_conv_direct", "load.enable_mmap"
)
def test_the_engine_tells_of_other_ways_to_compute_and_to_read(server: RunningServer) -> None:
    lines = {
        "Using flash attention in the diffusion model": {"flash_attn": True},
        "Using Conv2d(/Conv3d)? direct in the vae model": {"vae_conv_direct": True},
        "Using Conv2d direct in the diffusion model": {"diffusion_conv_direct": True},
        "using mmap for": {"enable_mmap": True},
    }
    options = {name: on for one in lines.values() for name, on in one.items()}
    told = "\n".join(load(server, "sd1_vae", options))
    untold = "\n".join(load(server, "sd1_vae", dict.fromkeys(options, False)))
    for line in lines:
        assert re.search(line, told)
        assert not re.search(line, untold)


@pytest.mark.proves("load.params_backend", "load.auto_fit")
def test_the_engine_tells_where_it_keeps_weights(server: RunningServer) -> None:
    kept = load(server, "minit2i", {"params_backend": "disk"})
    assert not [line for line in kept if "loading tensors" in line]
    assert any("auto-fit" in line for line in load(server, "minit2i", {"auto_fit": True}))
    assert not any("auto-fit" in line for line in load(server, "minit2i", {}))


@pytest.mark.proves("load.backend", "load.max_vram")
def test_a_device_that_is_not_there_is_refused_in_the_engines_words(server: RunningServer) -> None:
    for options in ({"backend": "diffusion=CUDA7"}, {"max_vram": "CUDA7=4"}):
        body = {**build("minit2i").install(server.models_dir), "options": options}
        assert "cuda7" in server.post("/models/load", body, expect=500)["error"].lower()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"backend": "unet2=cpu"}, "'unet2' is no module"),
        ({"backend": "vae=cpu,vae=CUDA0"}, "twice"),
        ({"params_backend": "te=cpu&disk"}, "allowed is cpu"),
        ({"max_vram": "much"}, "GiB"),
        ({"max_vram": "6,4"}, "name its device"),
        ({"split_mode": "column"}, "layer or row"),
        ({"vae_format": "jpeg"}, "vae_format"),
        ({"params_backend": "cpu", "offload_to_cpu": True}, "offload_to_cpu"),
        ({"auto_fit": True, "backend": "cpu"}, "auto_fit"),
    ],
)
def test_a_placement_that_the_engine_would_misread_is_refused(
    server: RunningServer, options: Options, told: str
) -> None:
    body = {**build("minit2i").install(server.models_dir), "options": options}
    assert told in server.post("/models/load", body, expect=400)["error"]


@pytest.mark.proves("load.free_params_immediately")
def test_parameters_that_are_released_are_read_again_by_each_job(server: RunningServer) -> None:
    def readings(job: str) -> int:
        before = len(server.log)
        server.wait_for_job(job)
        return sum("loading tensors completed" in line for line in server.log[before:])

    load(server, "minit2i", {})
    assert readings(server.submit(**FAST)) == 0
    told = load(server, "minit2i", {"free_params_immediately": True})
    assert not [line for line in told if "loading tensors" in line]
    assert [readings(server.submit(**FAST)) > 0 for _ in range(2)] == [True, True]


@pytest.mark.proves("load.n_threads")
def test_n_threads_is_the_number_of_the_engines_threads(server: RunningServer) -> None:
    def threads(n_threads: int) -> int:
        load(server, "minit2i", {"n_threads": n_threads})
        server.make(**FAST)
        (child,) = psutil.Process(server.process.pid).children()
        return child.num_threads()

    few = threads(1)
    assert threads(9) >= few + 8


# Any file shows that the engine opens it as this component. It asks a ControlNet and a PhotoMaker for their
# tensors at once, and refuses it.
OPENED = {
    "vae": "vae", "clip_l": "clip", "clip_g": "clip", "clip_vision": "clip", "t5xxl": "t5", "llm": "llm",
    "llm_vision": "llm", "taesd": "taesd", "high_noise_diffusion_model": "diffusion_models",
    "pulid_weights": "adapters", "motion_module": "adapters", "uncond_diffusion_model": "diffusion_models",
    "audio_encoder": "clip", "embeddings_connectors": "clip",
}  # fmt: skip
# What the engine's log calls them.
WORDS = {
    "taesd": "tae", "pulid_weights": "PuLID weights", "motion_module": r"motion module \(AnimateDiff\)",
    "uncond_diffusion_model": "unconditional diffusion model", "audio_encoder": r"audio encoder \(wav2vec2\)",
}  # fmt: skip
ASKED = {
    "controlnet": ("controlnet", "ControlNet"), "photo_maker": ("photomaker", "photomaker"),
    "ip_adapter": ("adapters", "CLIP vision"), "audio_vae": ("vae", "audio VAE"),
}  # fmt: skip


def put(server: RunningServer, folder: str, name: str) -> None:
    path = server.models_dir / folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(build("lora_minit2i").files["lora"])


@pytest.mark.proves(*(f"load.{component}" for component in OPENED), "load.model_name", "load.model_type")
def test_the_engine_opens_every_file_as_what_it_was_named(server: RunningServer) -> None:
    for component, folder in OPENED.items():
        if component != "t5xxl":
            put(server, folder, f"{component}.safetensors")
    names = {component: f"{component}.safetensors" for component in OPENED}
    if unknown := find_unknown(LoadRequest.model_validate({"model_name": "any", **names})):
        body = {**build("minit2i").install(server.models_dir), "audio_encoder": names.pop("audio_encoder")}
        assert server.post("/models/load", body, expect=400)["error"] == unknown
    told = "\n".join(load(server, "minit2i", {}, **names | {"t5xxl": "t5xxl.safetensors"}))
    for component in names:
        word = WORDS.get(component) or component.replace("_", "[ _]")
        assert re.search(rf"loading {word} from '.*/{component}\.safetensors'", told), component
    assert re.search(r"loading diffusion model from '.*/minit2i\.safetensors'", told)


@pytest.mark.parametrize(
    "component",
    [pytest.param(one, marks=pytest.mark.proves(f"load.{one}")) for one in ASKED],
)
def test_a_component_of_another_kind_is_refused_in_the_engines_words(
    server: RunningServer, component: str
) -> None:
    folder, word = ASKED[component]
    put(server, folder, "wrong.safetensors")
    body = build("minit2i").install(server.models_dir) | {component: "wrong.safetensors"}
    error = server.post("/models/load", body, expect=500)["error"]
    assert re.search(rf"{word} tensor '.*' not in model metadata", error)
