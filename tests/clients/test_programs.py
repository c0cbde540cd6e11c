"""Programs that draw, by the calls of their sources: Open WebUI, SillyTavern, LibreChat, Auto-Photoshop.

They are no packages for Python. Each test sends what the program's own code sends, in its order and with its
headers, and reads what that reads. The server has a key, which comes as the program sends one; those that
send none are given it here.
"""

import base64
import io
import json
import re
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.sync.client import connect

from tests.support.comfyui_graphs import Graph, image_to_image, node, text_to_image
from tests.support.images import encoded
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.tiny_models import build

KEY = "a-key-for-programs"
BEARER = {"Authorization": f"Bearer {KEY}"}
BASIC = {"Authorization": f"Basic {base64.b64encode(f'me:{KEY}'.encode()).decode()}"}
# What a request leaves open is as small as the tiny model is.
PRESETS = {"SD1.5": {"width": 64, "height": 64, "steps": 1}}
SERVER = ServerSetup(
    models=[("sd1", "other.gguf")],
    env={
        "SDCPP_SERVER_API_KEYS": json.dumps([KEY]),
        "SDCPP_GENERATION_PRESETS": json.dumps(PRESETS),
    },
)


@pytest.fixture(scope="module")
def server(server: RunningServer) -> RunningServer:
    """With SD1.5 and a VAE that can encode; requests carry no key unless a test gives them one."""
    body = {**build("sd1_vae").install(server.models_dir), "options": OPTIONS}
    server.http.post("/models/load", json=body, headers=BEARER).raise_for_status()
    return server


def opened(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text)))


def ask(server: RunningServer, method: str, path: str, **options: Any) -> Any:
    """What a request that must succeed is answered."""
    answer = server.http.request(method, path, **options)
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.headers["content-type"].startswith("application/json") else answer.content


# ---------------------------------------------------------------- Open WebUI


def test_open_webui_draws_through_openai(server: RunningServer) -> None:
    body = {
        "model": "dall-e-2",
        "prompt": "a cat",
        "n": 1,
        "size": "64x64",
        "response_format": "b64_json",
        "steps": 1,  # by "additional parameters" of its settings
    }
    path = "/v1/images/generations"
    (image,) = ask(server, "POST", path, json=body, headers=BEARER, params={"api-version": "x"})["data"]
    assert not image.get("url")
    assert opened(image["b64_json"]).size == (64, 64)


@pytest.mark.parametrize("model", ["gpt-image-1", ""])
def test_open_webui_edits_through_openai(server: RunningServer, model: str) -> None:
    form = {"model": model, "prompt": "a dog", "n": "1", "size": "64x64", "response_format": "b64_json"}
    name = "image[]" if model else "image"
    files = [(name, ("a.png", encoded(), "image/png"))]
    (image,) = ask(server, "POST", "/v1/images/edits", data=form, files=files, headers=BEARER)["data"]
    assert opened(image["b64_json"]).size == (64, 64)


def test_open_webui_draws_through_automatic1111(server: RunningServer) -> None:
    api = "/sdapi/v1"
    titles = [one["title"] for one in ask(server, "GET", f"{api}/sd-models", headers=BASIC)]
    other = next(title for title in titles if "other" in title)
    # It sends all options back, with another model in them.
    options = ask(server, "GET", f"{api}/options", headers=BASIC)
    before = options["sd_model_checkpoint"]
    for title in (other, before):
        changed = {**options, "sd_model_checkpoint": title}
        answer = ask(server, "POST", f"{api}/options", json=changed, headers=BASIC)
        assert answer is None or not answer.get("warnings"), answer
        assert ask(server, "GET", f"{api}/options", headers=BASIC)["sd_model_checkpoint"] == title
    body = {"prompt": "a cat", "batch_size": 2, "width": 64, "height": 64, "steps": 1, "negative_prompt": "x"}
    drawn = ask(server, "POST", f"{api}/txt2img", json=body, headers=BASIC)
    assert [opened(image).size for image in drawn["images"]] == [(64, 64)] * 2
    assert isinstance(drawn["info"], str)


def webui_workflow(server: RunningServer, graph: Graph) -> list[bytes]:
    """Pictures of a graph, by the calls of Open WebUI: it listens first and reads the history when told."""
    socket = f"{server.url.replace('http', 'ws', 1)}/comfyui/ws?clientId=webui"
    with connect(socket, additional_headers=BEARER, max_queue=None) as listening:
        body = {"prompt": graph, "client_id": "webui"}
        prompt_id = ask(server, "POST", "/comfyui/prompt", json=body, headers=BEARER)["prompt_id"]
        for message in listening:
            if isinstance(message, str):
                told = json.loads(message)
                ended = told["type"] == "executing" and told["data"]["node"] is None
                if ended and told["data"]["prompt_id"] == prompt_id:
                    break
    outputs = ask(server, "GET", f"/comfyui/history/{prompt_id}", headers=BEARER)[prompt_id]["outputs"]
    return [
        ask(server, "GET", "/comfyui/view", headers=BEARER, params=image)
        for key, output in outputs.items()
        if graph[key]["class_type"] in ("SaveImage", "PreviewImage")
        for image in output["images"]
    ]


def test_open_webui_draws_through_comfyui(server: RunningServer) -> None:
    info = ask(server, "GET", "/comfyui/object_info", headers=BEARER)
    required = info["CheckpointLoaderSimple"]["input"]["required"]
    key = next(name for name in required if "_name" in name)
    assert "sd1.gguf" in required[key][0]
    (drawn,) = webui_workflow(server, text_to_image(steps=1, seed=1125899906842624))
    assert Image.open(io.BytesIO(drawn)).size == (64, 64)


def test_open_webui_edits_through_comfyui(server: RunningServer) -> None:
    sent = ask(
        server, "POST", "/comfyui/api/upload/image", headers=BEARER, data={"type": "input"},
        files={"image": ("0b6c.png", encoded(), "image/png")},
    )  # fmt: skip
    (drawn,) = webui_workflow(server, image_to_image(sent["name"], steps=2))
    assert Image.open(io.BytesIO(drawn)).size == (64, 64)


def test_a_base_url_may_end_with_a_slash(server: RunningServer) -> None:
    """It and LibreChat append paths that begin with one."""
    assert ask(server, "GET", "/v1//models", headers=BEARER)["data"]
    assert "sd_model_checkpoint" in ask(server, "GET", f"{server.url}//sdapi/v1/options", headers=BASIC)
    assert "KSampler" in ask(server, "GET", "/comfyui//object_info", headers=BEARER)
    assert server.http.get("/v1//models").json()["error"]["code"] == "invalid_api_key"
    assert server.http.get(f"{server.url}//queue", headers=BEARER).status_code == 404


# ---------------------------------------------------------------- SillyTavern


def test_sillytavern_draws_through_comfyui(server: RunningServer) -> None:
    """The graph comes as plain text, the whole history is read. test_a1111 has its calls to the web UI."""
    graph = text_to_image(steps=1)
    graph["9"] = node("SaveImage", filename_prefix="Dechat", images=["8", 0])
    ask(server, "GET", "/comfyui/system_stats", headers=BEARER)
    info = ask(server, "GET", "/comfyui/object_info", headers=BEARER)
    sampler = info["KSampler"]["input"]["required"]
    assert {"sampler_name", "scheduler"} <= set(sampler)
    assert all(isinstance(sampler[name][0], list) for name in ("sampler_name", "scheduler"))
    assert isinstance(info["UNETLoader"]["input"]["required"]["unet_name"][0], list)
    assert isinstance(info["VAELoader"]["input"]["required"]["vae_name"][0], list)
    text = json.dumps({"client_id": "st", "prompt": graph})
    plain = BEARER | {"content-type": "text/plain;charset=UTF-8"}
    prompt_id = ask(server, "POST", "/comfyui/prompt", content=text, headers=plain)["prompt_id"]
    ask(server, "GET", f"/queue/{prompt_id}/wait", headers=BEARER)
    entry = ask(server, "GET", "/comfyui/history", headers=BEARER)[prompt_id]
    assert entry["status"]["status_str"] == "success"
    (image,) = [image for output in entry["outputs"].values() for image in output["images"]]
    query = f"?filename={image['filename']}&subfolder={image['subfolder']}&type={image['type']}"
    content = ask(server, "GET", f"/comfyui/view{query}", headers=BEARER)
    assert Image.open(io.BytesIO(content)).size == (64, 64)


# ---------------------------------------------------------------- LibreChat


def test_librechat_draws_through_automatic1111(server: RunningServer) -> None:
    body = {
        "prompt": "a cat",
        "negative_prompt": "x",
        "cfg_scale": 4.5,
        "steps": 1,
        "width": 64,
        "height": 64,
    }
    answer = ask(server, "POST", "/sdapi/v1/txt2img", json=body, headers=BASIC)
    info = json.loads(answer["info"])
    assert (info["width"], info["height"]) == (64, 64)
    assert isinstance(info["seed"], int)
    assert info["infotexts"][0].split("\n")[-1].startswith("Steps: 1")


def test_librechat_draws_and_edits_through_openai(server: RunningServer) -> None:
    tool = {"model": "gpt-image-1", "prompt": "a cat", "quality": "auto", "size": "auto"}
    body = tool | {"n": 1, "background": "auto", "output_format": "png"}
    (image,) = ask(server, "POST", "/v1/images/generations", json=body, headers=BEARER)["data"]
    assert opened(image["b64_json"]).size == (64, 64)
    files = [("image[]", ("a.png", encoded(), "image/png"))]
    (image,) = ask(server, "POST", "/v1/images/edits", data=tool, files=files, headers=BEARER)["data"]
    assert opened(image["b64_json"]).size == (64, 64)
    legacy = {
        "model": "dall-e-3",
        "prompt": "a cat",
        "quality": "standard",
        "style": "vivid",
        "size": "64x64",
    }
    (image,) = ask(server, "POST", "/v1/images/generations", json=legacy, headers=BEARER)["data"]
    assert re.search(r"[\w\d]+\.png", image["url"])
    assert httpx.get(image["url"]).status_code == 401
    assert httpx.get(image["url"], headers=BEARER).headers["content-type"] == "image/png"


# ---------------------------------------------------------------- Auto-Photoshop


def test_auto_photoshop_finds_what_it_asks_for(server: RunningServer) -> None:
    """It also asks the page of the web UI for its settings and goes on without them."""
    accept = BASIC | {"accept": "application/json"}
    for path in ("/sdapi/v1/sd-models", "/sdapi/v1/samplers", "/sdapi/v1/options"):
        ask(server, "GET", path, headers=accept)
    progress = ask(server, "GET", "/sdapi/v1/progress?skip_current_image=false", headers=accept)
    assert progress["progress"] == 0.0
    body = {"inpainting_mask_weight": 1.0}
    ask(server, "POST", "/sdapi/v1/options", json=body, headers=accept)
    ask(server, "POST", "/sdapi/v1/interrupt", headers=accept | {"content-type": "application/json"})
    assert server.http.get("/config", headers=accept).status_code == 404
