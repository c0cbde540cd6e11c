"""AUTOMATIC1111's API, with the published client `webuiapi` and the calls of SillyTavern and a Krita plugin.

The server has a key, which the client sends as its password.
"""

import base64
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from webuiapi import ControlNetUnit, WebUIApi

from tests.support.images import as_base64, picture
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

KEY = "a-key-for-the-web-ui"
SMALL: dict[str, Any] = {"width": 64, "height": 64, "steps": 1, "cfg_scale": 1.0}
# The client sends them always, with the web UI's default.
PLAIN: dict[str, Any] = {"image_cfg_scale": -1}

SERVER = ServerSetup(
    models=[("esrgan", "RealESRGAN_tiny.safetensors"), "lora_sd1", "embedding", ("sd1", "other.gguf")],
    env={"SDCPP_SERVER_API_KEYS": json.dumps([KEY])},
)


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    """With SD1.5 and a VAE that can encode."""
    server.http.headers["x-api-key"] = KEY
    server.post("/models/load", {**build("sd1_vae").install(server.models_dir), "options": OPTIONS})
    return server


@pytest.fixture(scope="module")
def api(server: RunningServer) -> Iterator[WebUIApi]:
    """The client."""
    client = WebUIApi(port=server.port, username="anybody", password=KEY)
    yield client
    client.session.close()


def post(server: RunningServer, path: str, body: object = None, expect: int = 200) -> Any:
    return server.post(f"/sdapi/v1{path}", body, expect)


def get(server: RunningServer, path: str, **query: Any) -> Any:
    return server.get(f"/sdapi/v1{path}", **query)


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def differ(one: Image.Image, other: Image.Image) -> bool:
    return ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox() is not None


# ---------------------------------------------------------------- webuiapi


def test_the_client_lists_what_there_is(api: WebUIApi) -> None:
    assert api.util_get_model_names() == ["other.gguf", "sd1.gguf"]
    assert api.util_get_current_model() == "sd1.gguf"
    assert {"Euler a", "DPM++ 2M"} <= set(api.util_get_sampler_names())
    assert {"automatic", "karras"} <= set(api.util_get_scheduler_names())
    assert [one["model_name"] for one in api.get_sd_vae()] == ["vae_sd1.safetensors"]
    assert [one["name"] for one in api.get_upscalers()] == ["None", "Lanczos", "Nearest", "RealESRGAN_tiny"]
    assert [one["name"] for one in api.get_realesrgan_models()] == ["RealESRGAN_tiny"]
    assert [one["name"] for one in api.get_loras()] == ["lora_sd1"]
    (embedding,) = api.get_embeddings()["loaded"].values()
    assert (embedding["shape"], embedding["vectors"]) == (768, 2)
    assert {"name": "Latent (bicubic)"} in api.get_latent_upscale_modes()
    assert api.get_hypernetworks() == api.get_face_restorers() == api.get_prompt_styles() == []
    assert api.get_scripts()["txt2img"] == ["controlnet"]
    assert api.get_memory()["ram"]["total"] > 0
    assert api.get_cmd_flags()["api"] is True
    assert api.controlnet_version() == 2
    assert api.controlnet_model_list() == []
    assert api.controlnet_module_list() == ["none"]


def test_a_batch_is_a_job_whose_pictures_and_seeds_are_answered(api: WebUIApi, server: RunningServer) -> None:
    made = api.txt2img(
        prompt="a (cat:1.2) <lora:lora_sd1:0.8>", negative_prompt="dog", seed=5, n_iter=2,
        **SMALL | {"cfg_scale": 2.0},
    )  # fmt: skip
    assert [one.size for one in made.images] == [(64, 64)] * 2
    assert differ(*made.images)
    info = made.info
    assert (info["all_seeds"], info["sampler_name"], info["sd_model_name"]) == ([5, 6], "Euler a", "sd1")
    assert info["all_prompts"] == ["a (cat:1.2) <lora:lora_sd1:0.8>"] * 2
    assert info["warnings"] == []
    assert (made.parameters["seed"], made.parameters["n_iter"]) == (5, 2)
    job = server.get(f"/queue/{info['job_id']}")
    assert (job["type"], job["status"], len(job["outputs"])) == ("txt2img", "completed", 2)
    kept = server.http.get(f"/output/{job['outputs'][1]}").content
    assert kept == base64.b64decode(made.json["images"][1])
    told = api.png_info(made.images[1])
    assert told.json["info"] == info["infotexts"][1]
    assert (told.parameters["Seed"], told.parameters["Negative prompt"]) == ("6", "dog")


def test_only_what_is_masked_is_painted_into_a_picture_that_keeps_its_size(api: WebUIApi) -> None:
    init, hole = picture(128, 96), (80, 40, 110, 70)
    mask = Image.new("L", init.size)
    mask.paste(255, hole)
    made = api.img2img(
        images=[init], mask_image=mask, prompt="a cat", mask_blur=2, inpaint_full_res_padding=8,
        inpainting_fill=1, denoising_strength=1.0, **SMALL | PLAIN,
    )  # fmt: skip
    assert made.image.size == init.size
    left = (0, 0, 70, 96)
    assert not differ(made.image.crop(left), init.crop(left))
    assert differ(made.image.crop(hole), init.crop(hole))
    assert made.image.info["parameters"] == made.info["infotexts"][0]
    assert made.parameters["init_images"] is None


def test_a_second_pass_and_what_is_told_of_a_request(api: WebUIApi) -> None:
    made = api.txt2img(
        prompt="a [cat:dog:0.5]", enable_hr=True, hr_upscaler="Latent (bicubic)", hr_scale=1,
        denoising_strength=0.5, styles=["Photo"], s_churn=0.5, **SMALL,
    )  # fmt: skip
    assert "Denoising strength: 0.5, Hires resize: 64x64" in made.info["infotexts"][0]
    told = "\n".join(made.info["warnings"])
    for part in ("[cat:dog:0.5] stays part of the text", "styles has no effect", "s_churn has no effect"):
        assert part in told


def test_pictures_are_enlarged(api: WebUIApi, server: RunningServer) -> None:
    single = api.extra_single_image(
        picture(16, 12), upscaler_1="RealESRGAN_tiny", upscaling_resize=2.5, gfpgan_visibility=0.5
    )
    assert single.image.size == (40, 30)
    assert "gfpgan_visibility has no effect" in single.info
    assert server.get("/queue", type="upscale", limit=1)["items"][0]["status"] == "completed"
    both = api.extra_batch_images(
        [picture(16, 12), picture(8, 8)], upscaler_1="Lanczos", upscaler_2="Nearest",
        extras_upscaler_2_visibility=0.5, resize_mode=1, upscaling_resize_w=20, upscaling_resize_h=10,
    )  # fmt: skip
    assert [one.size for one in both.images] == [(20, 10)] * 2
    assert not differ(api.extra_single_image(picture(16, 12)).image, picture(16, 12))


@pytest.mark.parametrize(
    ("stop", "told"),
    [("interrupt", []), ("skip", ["skip: the job was ended, an image of a batch can't be left out alone"])],
)
def test_progress_shows_the_running_job_and_stopping_it_leaves_what_is_finished(
    api: WebUIApi, server: RunningServer, stop: str, told: list[str]
) -> None:
    made: list[Any] = []
    body = {"prompt": "a cat", "seed": 1, "n_iter": 20, "force_task_id": "mine", **SMALL, "steps": 4}
    drawing = threading.Thread(target=lambda: made.append(api.custom_post("sdapi/v1/txt2img", body)))
    address = f"ws://127.0.0.1:{server.ws_port}/?token={KEY}"
    with server.events(address) as events:
        drawing.start()
        events.wait_for("job_progress")
        asked = get(server, "/progress")
        assert 0 < asked["progress"] < 1
        state = asked["state"]
        assert (state["job"], state["job_count"], state["sampling_steps"]) == ("mine", 20, 4)
        # Asked for, a picture is there once the next ones were made.
        events.wait_for("job_progress", lambda data: data["current_image"] == 1)
        events.wait_for("job_preview")
        events.wait_for("job_progress", lambda data: data["current_image"] == 2)
        assert opened(get(server, "/progress")["current_image"]).size[0] > 0
        assert get(server, "/progress", skip_current_image=True)["current_image"] is None
        assert post(server, f"/{stop}") == {}
        drawing.join(60)
    assert 2 <= len(made[0].images) < 20
    assert made[0].info["all_seeds"] == [1 + number for number in range(len(made[0].images))]
    assert made[0].info["warnings"] == told
    assert api.interrupt() == api.skip() == {}
    assert api.get_progress()["state"]["job_count"] == 0


def test_a_checkpoint_is_switched_unloaded_and_loaded_again(api: WebUIApi, server: RunningServer) -> None:
    api.util_set_model("other")
    assert api.util_get_current_model() == "other.gguf"
    assert post(server, "/unload-checkpoint") == {}
    assert "No model loaded" in post(server, "/txt2img", SMALL, expect=503)["detail"]
    assert post(server, "/reload-checkpoint") == {}
    assert api.util_get_current_model() == "other.gguf"
    assert api.refresh_checkpoints() is None
    api.util_set_model("sd1.gguf")
    assert server.get("/health")["loaded_components"]["vae"] == "vae_sd1.safetensors"


def test_what_a_request_overrides_does_not_stay(api: WebUIApi, server: RunningServer) -> None:
    overrides = {
        "sd_model_checkpoint": "other",
        "samples_format": "jpg",
        "CLIP_stop_at_last_layers": 2,
        "foo": 1,
    }
    made = api.txt2img(prompt="a cat", override_settings=overrides, **SMALL)
    assert (made.image.format, made.info["sd_model_name"], made.info["clip_skip"]) == ("JPEG", "other", 2)
    assert made.info["warnings"][0] == "option 'foo' has no effect here"
    kept = api.get_options()
    assert (kept["sd_model_checkpoint"], kept["samples_format"]) == ("sd1.gguf", "png")


def test_secrets_are_not_repeated_in_the_parameters_of_an_answer(server: RunningServer) -> None:
    secrets = {"webhook_url": "https://example.com/a-secret-path", "webhook_secret": "a-secret-text"}
    answer = server.http.post("/sdapi/v1/txt2img", json={"prompt": "a cat", **SMALL, **secrets})
    assert answer.status_code == 200
    assert "a-secret" not in answer.text
    told = json.loads(answer.json()["info"])["warnings"]
    assert "unknown field 'webhook_secret' was ignored" in told


def test_options_are_kept_and_those_that_do_nothing_are_told(api: WebUIApi) -> None:
    told = api.set_options({"CLIP_stop_at_last_layers": 2, "jpeg_quality": 50, "sd_vae": "vae_sd1"})
    assert told == {"warnings": ["option 'jpeg_quality' has no effect here"]}
    kept = api.get_options()
    assert (kept["CLIP_stop_at_last_layers"], kept["sd_vae"]) == (2, "vae_sd1.safetensors")
    assert api.set_options({"CLIP_stop_at_last_layers": 1}) == {}


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("path", "body", "status", "told"),
    [
        ("/txt2img", {"sampler_name": "UniPC"}, 400, "sampler_name: 'UniPC' is not allowed; allowed are"),
        ("/txt2img", {"script_name": "x/y/z plot"}, 400, "script_name: 'x/y/z plot' was not found"),
        ("/txt2img", {"steps": 5000}, 400, "steps: 5000 is not allowed"),
        ("/txt2img", {"n_iter": 100}, 400, "n_iter x batch_size: 100 is not allowed"),
        ("/txt2img", {"prompt": "<lora:nothing:1>"}, 400, "nothing"),
        ("/txt2img", {"enable_hr": True, "hr_upscaler": "LDSR"}, 400, "hr_upscaler: 'LDSR' was not found"),
        ("/txt2img", {"override_settings": {"sd_model_checkpoint": "x9"}}, 400, "sd_model_checkpoint: 'x9'"),
        ("/txt2img", {"override_settings": {"sd_vae": "x9"}}, 400, "sd_vae: 'x9' was not found"),
        ("/txt2img", {"alwayson_scripts": {"controlnet": {"args": [{}]}}}, 400, "a picture is required"),
        ("/img2img", {"init_images": ["%%%"]}, 400, "init_images: not valid base64"),
        ("/img2img", {"init_images": ["http://x/y.png"]}, 400, "init_images: addresses are not fetched"),
        ("/img2img", {"init_images": ["aGk="], "mask": "aGk="}, 400, "init_images: not a readable image"),
        ("/extra-single-image", {"image": as_base64(), "upscaler_1": "SwinIR"}, 400, "upscaler_1: 'SwinIR'"),
        ("/extra-single-image", {"image": "aGk="}, 400, "image: not a readable image"),
        ("/png-info", {"image": "aGk="}, 400, "image: not a readable image"),
        ("/options", {"sd_model_checkpoint": "x9"}, 400, "sd_model_checkpoint: 'x9' was not found"),
        ("/interrogate", {"image": "aGk="}, 400, "no model here describes pictures"),
        ("/server-kill", None, 404, "POST server-kill is not offered"),
        ("/train/embedding", {}, 404, "POST train/embedding is not offered"),
    ],
)  # fmt: skip
def test_a_bad_request_is_refused_in_the_web_uis_shape(
    server: RunningServer, path: str, body: object, status: int, told: str
) -> None:
    answer = post(server, path, body, expect=status)
    assert told in answer["detail"]
    assert set(answer) == {"error", "detail", "body", "errors"}


@pytest.mark.parametrize(
    ("path", "body", "place"),
    [
        ("/txt2img", {"steps": "many"}, ["body", "steps"]),
        ("/txt2img", {"cfg_scale": -1}, ["body", "cfg_scale"]),
        ("/txt2img", {"override_settings": {"tiling": 7}}, ["body", "override_settings", "tiling"]),
        ("/img2img", {}, ["body", "init_images"]),
        ("/img2img", {"init_images": ["a", "b"]}, ["body", "init_images"]),
        ("/extra-single-image", {"image": "a", "upscaling_resize": 99}, ["body", "upscaling_resize"]),
    ],
)  # fmt: skip
def test_a_field_that_is_not_valid_is_named_as_fastapi_does(
    server: RunningServer, path: str, body: object, place: list[str]
) -> None:
    (detail,) = post(server, path, body, expect=422)["detail"]
    assert detail["loc"] == place
    assert detail["msg"]


def test_a_preprocessor_is_refused_and_none_leaves_pictures_alone(
    api: WebUIApi, server: RunningServer
) -> None:
    with pytest.raises(RuntimeError, match="there is only"):
        api.controlnet_detect([picture()], module="canny")
    assert not differ(api.controlnet_detect([picture()]).image, picture())
    assert server.http.get("/controlnet/samplers").json()["detail"] == "Not Found"


def test_a_wrong_password_is_refused(server: RunningServer) -> None:
    client = WebUIApi(port=server.port)
    client.session.auth = ("anybody", "some-other-password")
    with pytest.raises(RuntimeError, match="401"):
        client.txt2img(prompt="a cat")
    client.session.close()


# ---------------------------------------------------------------- other clients, by their calls


def test_what_sillytavern_asks(server: RunningServer) -> None:
    assert "forge_preset" not in get(server, "/options")
    assert get(server, "/upscalers")[0]["name"] == "None"
    for listing in ("/latent-upscale-modes", "/samplers", "/schedulers"):
        assert all(one["name"] for one in get(server, listing))
    assert all(one["model_name"] for one in get(server, "/sd-vae"))
    assert server.http.get("/sdapi/v1/sd-modules").status_code == 404
    titles = [one["title"] for one in get(server, "/sd-models")]
    assert get(server, "/options")["sd_model_checkpoint"] in titles
    post(server, "/options", {"sd_model_checkpoint": "sd1.gguf"})
    waiting = get(server, "/progress")
    assert (waiting["progress"], waiting["state"]["job_count"]) == (0.0, 0)
    body = {
        "url": "http://localhost", "auth": "", "prompt": "a cat", "negative_prompt": "",
        "sampler_name": "Euler", "scheduler": "Karras", "steps": 1, "cfg_scale": 1, "width": 64, "height": 64,
        "restore_faces": False, "enable_hr": False, "hr_upscaler": "Latent", "hr_scale": 1.5,
        "hr_additional_modules": [], "denoising_strength": 0.7, "hr_second_pass_steps": 0, "seed": 7,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_vae": "vae_sd1.safetensors"},
        "override_settings_restore_afterwards": True, "clip_skip": 1, "save_images": True,
        "send_images": True, "do_not_save_grid": False, "do_not_save_samples": False,
    }  # fmt: skip
    answer = post(server, "/txt2img", body)
    assert opened(answer["images"][0]).size == (64, 64)
    assert json.loads(answer["info"])["extra_generation_params"]["Schedule type"] == "Karras"


def test_what_a_krita_plugin_asks(server: RunningServer) -> None:
    assert server.get("/queue/status")["queue_size"] == 0
    for listing in (
        "/face-restorers",
        "/prompt-styles",
        "/loras",
        "/hypernetworks",
        "/scripts",
        "/embeddings",
    ):
        get(server, listing)
    init = picture(96, 64)
    mask = Image.new("L", init.size, 255)
    answer = post(server, "/img2img", {
        **SMALL, "init_images": [as_base64(init)], "mask": as_base64(mask), "inpaint_full_res": False,
        "resize_mode": 1, "mask_blur": 0, "inpainting_fill": 1, "sampler_name": "Euler a", "seed": 3,
        "override_settings": {"sd_model_checkpoint": "sd1.gguf", "img2img_color_correction": False},
        "override_settings_restore_afterwards": False, "include_init_images": True, "batch_size": 1,
    })  # fmt: skip
    assert opened(answer["images"][0]).size == (64, 64)
    assert answer["parameters"]["init_images"] == [as_base64(init)]
    assert json.loads(answer["info"])["warnings"] == []


def test_what_clients_of_stable_diffusion_cpps_own_server_send(server: RunningServer) -> None:
    answer = post(server, "/txt2img", {
        **SMALL, "prompt": "a cat", "sampler_name": "euler_a", "scheduler": "discrete", "seed": 3,
        "lora": [{"path": "lora_sd1.safetensors", "multiplier": 0.5}], "clip_skip": 2, "send_images": False,
    })  # fmt: skip
    assert answer["images"] == []
    job = server.get(f"/queue/{json.loads(answer['info'])['job_id']}")
    assert job["params"]["loras"] == [{"name": "lora_sd1.safetensors", "weight": 0.5, "high_noise": False}]
    assert (job["params"]["clip_skip"], job["params"]["sampler"]) == (2, "euler_a")


@pytest.mark.heavy
@pytest.mark.timeout(600)
def test_a_unit_of_controlnet_steers_the_picture(api: WebUIApi, server: RunningServer, root: Path) -> None:
    build("controlnet").install(root / "models")
    server.post("/models/load", {**build("sd1_wide").install(server.models_dir), "options": OPTIONS})
    unit = ControlNetUnit(image=picture(), model=api.controlnet_model_list()[0])
    free, steered = (
        api.txt2img(prompt="a cat", seed=3, controlnet_units=units, **SMALL) for units in ([], [unit])
    )
    assert steered.info["warnings"] == []
    assert differ(free.image, steered.image)
