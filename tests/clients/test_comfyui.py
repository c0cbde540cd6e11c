"""Published clients of ComfyUI, and its WebSocket, against the real engine."""

import io
import json
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from comfy_toolkit import ComfyClient as ToolkitClient
from comfy_toolkit import ComfyExecutionError, ComfySubmitError
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from tests.support.comfyui_graphs import (
    enlargement,
    image_to_image,
    inpainting,
    node,
    text_to_image,
)
from tests.support.images import encoded, picture
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

if TYPE_CHECKING:
    from comfy_headless import ComfyClient as HeadlessClient

ESRGAN = "RealESRGAN_tiny.safetensors"
OTHER_ESRGAN = "other.safetensors"
SERVER = ServerSetup(
    models=["lora_sd1", "vae", "zimage", ("esrgan", ESRGAN), ("esrgan", OTHER_ESRGAN)],
    loads=["sd1"],
)
LORA = "lora_sd1.safetensors"


@pytest.fixture(scope="module")
def url(server: RunningServer) -> str:
    """The base URL that clients are given."""
    return f"{server.url}/comfyui"


@pytest.fixture(scope="module")
def toolkit(url: str) -> ToolkitClient:
    return ToolkitClient(url)


@pytest.fixture(scope="module")
def headless(url: str) -> Iterator["HeadlessClient"]:
    # Here, since it takes a second, which all tests would wait for.
    from comfy_headless import ComfyClient

    with ComfyClient(url) as client:
        yield client


@pytest.fixture(scope="module")
def uploaded(headless: "HeadlessClient") -> str:
    """A picture whose left half is transparent."""
    image = picture(64, 64, "RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 32, 64))
    return str(headless.upload_image(encoded(image), filename="cat.png")["ref"])


def run(client: ToolkitClient, graph: dict[str, Any]) -> bytes:
    """The first picture of a graph."""
    (first, *_) = client.wait_for_images(client.submit(graph), poll_interval=0.1)
    return bytes(client.download(first))


def job_of(server: RunningServer, prompt_id: str) -> Any:
    return server.get(f"/queue/{prompt_id}")


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_graph_is_followed_to_its_picture(server: RunningServer, toolkit: ToolkitClient) -> None:
    steps: list[tuple[int, int]] = []
    nodes: list[str | None] = []
    result = toolkit.submit_and_track(
        text_to_image(),
        on_progress=lambda value, most: steps.append((value, most)),
        on_node=nodes.append,
    )
    (image,) = result["images"]
    assert image["node_id"] == "9"
    assert opened(toolkit.download(image)).size == (64, 64)
    assert steps == sorted(steps)
    assert {most for _, most in steps} <= {3}
    # Its last message is that of success, after which it closes.
    assert nodes == ["4", "6", "7", "5", "3", "8", "9"]
    job = job_of(server, result["prompt_id"])
    assert job["params"]["client_id"] == toolkit.client_id
    same = server.make(
        prompt="a cat in a garden", negative_prompt="blurry", width=64, height=64, steps=3, cfg_scale=5.0,
        seed=7, sampler="euler_a", scheduler="discrete",
    )  # fmt: skip
    assert server.http.get(f"/output/{same['outputs'][0]}").content == toolkit.download(image)


def with_vae(graph: dict[str, Any], name: str) -> dict[str, Any]:
    """The graph with another VAE."""
    decoder = node("VAEDecode", samples=["3", 0], vae=["20", 0])
    return {**graph, "20": node("VAELoader", vae_name=name), "8": decoder}


def test_a_model_in_several_files_draws(server: RunningServer, toolkit: ToolkitClient) -> None:
    graph = with_vae(text_to_image(model=["21", 0], steps=1, cfg=1.0), "taef1.safetensors")
    graph["4"] = node("CLIPLoader", clip_name="qwen3.safetensors", type="lumina2")
    graph["21"] = node("UNETLoader", unet_name="zimage.safetensors", weight_dtype="default")
    graph["5"] = node("EmptySD3LatentImage", width=64, height=64, batch_size=1)
    graph["6"]["inputs"]["clip"] = ["4", 0]
    graph["7"] = node("ConditioningZeroOut", conditioning=["6", 0])
    prompt_id = toolkit.submit(graph)
    toolkit.wait_for_images(prompt_id, poll_interval=0.1)
    job = job_of(server, prompt_id)
    parts = {name: job["model_settings"].get(name) for name in ("model_name", "llm", "taesd", "vae")}
    assert parts == {
        "model_name": "zimage.safetensors",
        "llm": "qwen3.safetensors",
        "taesd": "taef1.safetensors",
        "vae": None,
    }


def test_another_vae_takes_the_place_of_the_loaded_one(server: RunningServer, toolkit: ToolkitClient) -> None:
    prompt_id = toolkit.submit(with_vae(text_to_image(steps=900), "vae_sd1.safetensors"))
    settings = job_of(server, prompt_id)["model_settings"]
    server.http.delete(f"/queue/{prompt_id}")
    assert (settings["vae"], settings.get("taesd")) == ("vae_sd1.safetensors", None)
    # Of the load that it is made from.
    assert settings["options"]["n_threads"] == 1


def test_a_client_draws_with_what_it_found(headless: "HeadlessClient") -> None:
    assert headless.get_checkpoints() == ["sd1.gguf"]
    assert headless.get_loras() == [LORA]
    assert {"euler", "dpmpp_2m", "tcd"} <= set(headless.get_samplers())
    assert {"normal", "karras", "gits"} <= set(headless.get_schedulers())
    result = headless.generate_image("a cat", width=64, height=64, steps=1, seed=3, sampler="dpmpp_2m")
    assert result["success"], result
    (image,) = result["images"]
    content = headless.get_image(image["filename"], image["subfolder"], image["type"])
    assert content is not None
    assert opened(content).size == (64, 64)


def test_an_uploaded_picture_is_drawn_on(
    server: RunningServer, toolkit: ToolkitClient, headless: "HeadlessClient", uploaded: str
) -> None:
    assert headless.get_image(uploaded, "", "input")
    graph = image_to_image(uploaded, steps=2, denoise=0.5)
    prompt_id = toolkit.submit(graph)
    toolkit.wait_for_images(prompt_id, poll_interval=0.1)
    job = job_of(server, prompt_id)
    assert (job["type"], job["progress"]["total_steps"]) == ("img2img", 2)
    assert not any("transparent" in warning for warning in job.get("warnings") or [])


def test_the_transparent_part_of_a_picture_is_drawn_anew(toolkit: ToolkitClient, uploaded: str) -> None:
    drawn = opened(run(toolkit, inpainting(uploaded, grow_mask_by=0, steps=2))).convert("RGB")
    kept = picture().crop((40, 0, 64, 64))
    assert drawn.crop((40, 0, 64, 64)).tobytes() == kept.tobytes()
    assert drawn.crop((0, 0, 24, 64)).tobytes() != picture().crop((0, 0, 24, 64)).tobytes()


def test_a_mask_without_white_is_told(
    server: RunningServer, toolkit: ToolkitClient, headless: "HeadlessClient"
) -> None:
    opaque = headless.upload_image(encoded(picture()), filename="opaque.png")["ref"]
    prompt_id = toolkit.submit(inpainting(opaque, steps=900))
    warnings = job_of(server, prompt_id)["warnings"]
    server.http.delete(f"/queue/{prompt_id}")
    assert warnings == ["mask: nothing of opaque.png is masked, so that nothing is drawn anew"]


def test_a_mask_is_uploaded_for_a_picture(
    headless: "HeadlessClient", toolkit: ToolkitClient, uploaded: str
) -> None:
    base = headless.upload_image(encoded(picture()), filename="base.png")
    alpha = Image.new("RGBA", (64, 64), (0, 0, 0, 255))
    alpha.paste((0, 0, 0, 0), (0, 0, 64, 32))
    masked = headless.upload_mask(encoded(alpha), base, filename="masked.png")
    content = headless.get_image(masked["name"], masked["subfolder"], "input")
    assert content is not None
    assert opened(content).getchannel("A").getpixel((5, 5)) == 0
    assert opened(content).convert("RGB").tobytes() == picture().tobytes()


def test_a_name_that_is_taken_gets_a_number_unless_it_is_the_same_picture(headless: "HeadlessClient") -> None:
    first, other = encoded(picture(32, 32)), encoded(picture(16, 16))
    names = [headless.upload_image(one, filename="same.png")["name"] for one in (first, first, other)]
    assert names == ["same.png", "same.png", "same (1).png"]
    assert headless.upload_image(other, filename="same.png", overwrite=True)["name"] == "same.png"
    below = headless.upload_image(first, filename="x.png", subfolder="a/b")
    assert below["ref"] == "a/b/x.png"
    assert headless.get_image("x.png", "a/b", "input") == first


def test_a_lora_acts(server: RunningServer, toolkit: ToolkitClient) -> None:
    graph = text_to_image(steps=1)
    plain = run(toolkit, graph)
    graph["3"]["inputs"]["model"] = ["10", 0]
    graph["10"] = node("LoraLoaderModelOnly", model=["4", 0], lora_name=LORA, strength_model=1.0)
    assert run(toolkit, graph) != plain


def test_an_upscaler_is_loaded_for_the_graph_that_names_it(
    server: RunningServer, toolkit: ToolkitClient, headless: "HeadlessClient"
) -> None:
    small = str(headless.upload_image(encoded(picture(8, 8)), filename="small.png")["ref"])
    assert opened(run(toolkit, enlargement(small, OTHER_ESRGAN))).size == (32, 32)
    assert server.get("/health")["upscaler_name"] == OTHER_ESRGAN


def test_a_picture_is_enlarged_after_it_was_drawn(server: RunningServer, toolkit: ToolkitClient) -> None:
    server.post("/upscaler/load", {"model_name": ESRGAN, "n_threads": 1})
    graph = text_to_image(steps=1)
    graph["10"] = node("UpscaleModelLoader", model_name=ESRGAN)
    graph["11"] = node("ImageUpscaleWithModel", upscale_model=["10", 0], image=["8", 0])
    graph["9"]["inputs"]["images"] = ["11", 0]
    assert opened(run(toolkit, graph)).size == (256, 256)
    assert server.get("/health")["upscaler_name"] == ESRGAN


@contextmanager
def socket(url: str, client_id: str) -> Iterator[ClientConnection]:
    with connect(f"{url.replace('http', 'ws', 1)}/ws?clientId={client_id}", max_queue=None) as connection:
        yield connection


def listen(connection: ClientConnection, last: str) -> list[Any]:
    """Messages up to one of this type; those that are not text as they are."""
    heard: list[Any] = []
    while not heard or not isinstance(heard[-1], dict) or heard[-1]["type"] != last:
        message = connection.recv(timeout=60)
        heard.append(json.loads(message) if isinstance(message, str) else message)
    return heard


def test_the_stream_tells_all_of_a_prompt_to_its_client_alone(server: RunningServer, url: str) -> None:
    server.http.put("/preview/settings", json={"interval": 1}).raise_for_status()
    with socket(url, "mine") as mine, socket(url, "other") as other:
        (status,) = listen(mine, "status")
        assert status["data"]["sid"] == "mine"
        assert status["data"]["status"]["exec_info"]["queue_remaining"] == 0
        body = {"prompt": text_to_image(), "client_id": "mine", "prompt_id": "my own id"}
        sent = server.post("/comfyui/prompt", body)
        assert (sent["prompt_id"], sent["node_errors"]) == ("my own id", {})
        heard = listen(mine, "execution_success")
        last = listen(mine, "executing")[-1]
        kinds = [message["type"] for message in heard if isinstance(message, dict)]
        told = [kind for kind in kinds if kind not in ("progress", "status")]
        assert told[:2] == ["execution_start", "execution_cached"]
        assert told[-2:] == ["executed", "execution_success"]
        assert last["data"]["node"] is None
        assert all(
            m["data"]["prompt_id"] == "my own id" for m in heard if m is dict and m["type"] != "status"
        )
        executed = next(m for m in heard if isinstance(m, dict) and m["type"] == "executed")
        (image,) = executed["data"]["output"]["images"]
        assert server.http.get("/comfyui/view", params=image).status_code == 200
        previews = [message for message in heard if isinstance(message, bytes)]
        for preview in previews:
            assert struct.unpack(">II", preview[:8]) == (1, 1)
            assert opened(preview[8:]).format == "JPEG"
        assert previews
        server.post("/comfyui/prompt", {"prompt": text_to_image(steps=1), "client_id": "other"})
        strange = listen(other, "execution_success")
        assert "my own id" not in json.dumps([m for m in strange if isinstance(m, dict)])


def test_a_running_prompt_is_interrupted(server: RunningServer, url: str, toolkit: ToolkitClient) -> None:
    with socket(url, toolkit.client_id) as mine:
        prompt_id = toolkit.submit(text_to_image(steps=900))
        waiting = toolkit.submit(text_to_image(steps=1))
        listen(mine, "progress")
        queue = server.get("/comfyui/queue")
        assert [one[1] for one in queue["queue_running"]] == [prompt_id]
        assert [one[1] for one in queue["queue_pending"]] == [waiting]
        assert queue["queue_pending"][0][2]["3"]["class_type"] == "KSampler"
        assert toolkit.queue_status() == {"running": 1, "pending": 1}
        server.http.post("/comfyui/queue", json={"delete": [waiting, prompt_id, "nothing"]})
        assert job_of(server, waiting)["status"] == "cancelled"
        assert job_of(server, prompt_id)["status"] == "processing"
        toolkit.interrupt()
        heard = listen(mine, "execution_interrupted")
        assert heard[-1]["data"]["node_id"] == "3"
    assert job_of(server, prompt_id)["status"] == "cancelled"
    entry = toolkit.history(prompt_id)
    assert entry is not None
    assert entry["status"]["status_str"] == "error"
    with pytest.raises(ComfyExecutionError):
        toolkit.wait(prompt_id)


def test_the_queue_is_cleared_of_what_came_this_way(
    server: RunningServer, headless: "HeadlessClient"
) -> None:
    running = server.submit(prompt="x", width=64, height=64, steps=900)
    own = headless.queue_prompt(text_to_image(steps=1))
    foreign = server.submit(prompt="x", width=64, height=64, steps=1)
    assert own
    assert headless.clear_queue()
    assert headless.cancel_current()
    assert job_of(server, own)["status"] == "cancelled"
    assert job_of(server, running)["status"] in ("pending", "processing")
    server.http.delete(f"/queue/{running}")
    assert server.wait_for_job(foreign)["status"] == "completed"


def test_the_history_is_that_of_this_interface(server: RunningServer, toolkit: ToolkitClient) -> None:
    first, second = (toolkit.submit(text_to_image(steps=1, seed=seed)) for seed in (1, 2))
    for prompt_id in (first, second):
        toolkit.wait(prompt_id, poll_interval=0.1)
    assert list(server.get("/comfyui/history", max_items=1)) == [second]
    entry = server.get(f"/comfyui/history/{first}")[first]
    assert entry["prompt"][1:3] == [first, text_to_image(steps=1, seed=1)]
    assert entry["status"] == {"status_str": "success", "completed": True, "messages": []}
    server.http.post("/comfyui/history", json={"delete": [first]})
    assert server.get(f"/comfyui/history/{first}") == {}
    assert job_of(server, first)["status"] == "completed"


def test_a_graph_that_is_refused_names_its_node(server: RunningServer, toolkit: ToolkitClient) -> None:
    with pytest.raises(ComfySubmitError, match="HTTP 400"):
        toolkit.submit(text_to_image("nothing.gguf"))
    body = {"prompt": {**text_to_image(), "30": node("ControlNetApply")}}
    answer = server.post("/comfyui/prompt", body, expect=400)
    assert answer["error"]["type"] == "missing_node_type"
    assert answer["node_errors"]["30"]["class_type"] == "ControlNetApply"


@pytest.mark.parametrize(
    ("method", "path", "body", "text"),
    [
        ("POST", "prompt", {}, "No prompt"),
        ("POST", "prompt", b"{", "not valid JSON"),
        ("POST", "prompt", b'{"prompt": {"\\ud800": {}}}', ""),
        ("POST", "prompt", b'{"prompt": {"1": {"class_type": "KSampler", "inputs": {"a": NaN}}}}', "prompt"),
        ("POST", "prompt", {"prompt": text_to_image(steps=5000)}, "steps"),
        ("POST", "prompt", {"prompt": image_to_image("nothing.png")}, "nothing.png"),
        ("POST", "prompt", {"prompt": image_to_image("../cat.png")}, "image"),
        ("POST", "prompt", {"prompt": image_to_image("x [output]")}, "Not found"),
        ("POST", "queue", {"delete": 3}, "delete"),
        ("GET", "history?max_items=x", None, "max_items"),
        ("GET", "models/nothing", None, "nothing"),
        ("GET", "view?filename=nothing.png", None, "Not found"),
        ("GET", "view?filename=.", None, "Not found"),
        ("GET", "view?filename=../../etc/passwd", None, "path"),
        ("GET", "view?filename=..%2F..%2Fx.png&type=input", None, "path"),
        ("GET", "view?filename=x.png&type=other", None, "type"),
        ("GET", "nothing", None, "Not found"),
        ("PUT", "prompt", None, "Method not allowed"),
    ],
)
def test_errors_have_its_shape(server: RunningServer, method: str, path: str, body: Any, text: str) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
    answer = server.http.request(method, f"/comfyui/{path}", content=content)
    assert 400 <= answer.status_code < 500, answer.text
    told = answer.json()
    assert set(told) == {"error", "node_errors"}
    assert set(told["error"]) == {"type", "message", "details", "extra_info"}
    assert text in told["error"]["message"] + told["error"]["details"]


@pytest.mark.parametrize(
    ("name", "content", "fields"),
    [
        ("x.png", b"no picture", {}),
        ("x.html", encoded(), {}),
        (".png", encoded(), {}),
        ("x.png", encoded(), {"type": "output"}),
        ("x.png", encoded(), {"subfolder": "../up"}),
        ("x.png", encoded(), {"subfolder": "/etc"}),
    ],
)
def test_an_upload_is_a_picture_with_a_plain_name(
    server: RunningServer, name: str, content: bytes, fields: dict[str, str]
) -> None:
    answer = server.http.post("/comfyui/upload/image", files={"image": (name, content)}, data=fields)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_pictures_are_shown_smaller_and_in_other_formats(server: RunningServer, uploaded: str) -> None:
    place = {"filename": uploaded, "type": "input"}
    small = server.http.get("/comfyui/view", params={**place, "preview": "webp;50"})
    assert opened(small.content).format == "WEBP"
    assert small.headers["content-type"] == "image/webp"
    opaque = server.http.get("/comfyui/view", params={**place, "channel": "rgb"})
    assert opened(opaque.content).mode == "RGB"


def test_what_there_is_is_listed(server: RunningServer, toolkit: ToolkitClient, uploaded: str) -> None:
    assert toolkit.is_online()
    assert toolkit.vram_stats()["name"]
    assert "checkpoints" in server.get("/comfyui/models")
    assert set(server.get("/comfyui/models/upscale_models")) == {ESRGAN, OTHER_ESRGAN}
    assert server.get("/comfyui/embeddings") == []
    info = server.get("/comfyui/object_info")
    assert info["KSampler"]["input"]["required"]["steps"][0] == "INT"
    assert uploaded in info["LoadImage"]["input"]["required"]["image"][0]
    assert server.get("/comfyui/object_info/Nothing") == {}
    assert server.get("/comfyui/api/prompt") == {"exec_info": {"queue_remaining": 0}}


def test_models_are_unloaded(server: RunningServer) -> None:
    with server.events() as events:
        assert server.http.post("/comfyui/free", json={"unload_models": True}).status_code == 200
        events.wait_for("model_unloaded")
        events.wait_for("upscaler_unloaded")
