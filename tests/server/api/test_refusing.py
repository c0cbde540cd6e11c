"""What /txt2img refuses: always 400, one sentence naming the field, its value and what is allowed."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.images import as_base64
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(scripted=True, files=["loras/known.safetensors"], loads=[SCRIPTED])


@pytest.fixture(scope="module")
def server(server: RunningServer) -> Iterator[RunningServer]:
    """Nothing of this module ever becomes a job."""
    yield server
    assert server.get("/queue")["total_count"] == 0


def refuse(server: RunningServer, body: object, path: str = "/txt2img") -> str:
    """The error of a request that is refused."""
    answer = server.post(path, body, expect=400)
    assert list(answer)[:2] == ["error", "code"]
    return str(answer["error"])


def refuse_raw(server: RunningServer, content: bytes) -> str:
    answer = server.http.post("/txt2img", content=content)
    assert answer.status_code == 400, answer.text
    assert list(answer.json())[:2] == ["error", "code"]
    return str(answer.json()["error"])


POSITIVE = "greater than 0"
WHOLE = "integer"
REFUSED: list[tuple[str, Any, tuple[str, ...]]] = [
    ("width", 0, ("0", POSITIVE)),
    ("width", -1, ("-1", POSITIVE)),
    ("width", 100_000, ("width x height", "limits.max_pixels")),
    ("width", 2**70, ("limits.max_pixels",)),
    ("width", "abc", ("'abc'", WHOLE)),
    ("width", True, ("True", "not a boolean")),
    ("width", 64.5, ("64.5", WHOLE)),
    ("width", [64], ("[64]", WHOLE)),
    ("width", {}, ("{}", WHOLE)),
    ("height", 0, ("0", POSITIVE)),
    ("height", 100_000, ("width x height", "limits.max_pixels")),
    ("steps", 0, ("0", POSITIVE)),
    ("steps", -5, ("-5", POSITIVE)),
    ("steps", 1_000_001, ("1000001", "at most 1000000", "limits.max_steps")),
    ("steps", 1e30, ("1e+30", WHOLE)),
    ("cfg_scale", -1, ("-1", "greater than or equal to 0")),
    ("cfg_scale", "high", ("'high'", "number")),
    ("cfg_scale", False, ("False", "not a boolean")),
    ("cfg_scale", "nan", ("'nan'", "finite number")),
    ("cfg_scale", "inf", ("'inf'", "finite number")),
    ("distilled_guidance", -0.1, ("-0.1", "greater than or equal to 0")),
    ("eta", -1, ("-1", "greater than or equal to 0")),
    ("shifted_timestep", 1001, ("1001", "less than or equal to 1000")),
    ("seed", -2, ("-2", "greater than or equal to -1")),
    ("seed", 2**63, (str(2**63), "less than or equal to")),
    ("seed", 1.5, ("1.5", WHOLE)),
    ("sampler", "eular", ("'eular'", "must be one of euler, euler_a, heun")),
    ("sampler", "", ("''", "must be one of euler")),
    ("sampler", 3, ("3", "string")),
    ("scheduler", "linear", ("'linear'", "must be one of discrete, karras")),
    ("batch_count", 0, ("0", POSITIVE)),
    ("batch_count", 65, ("65", "at most 64", "limits.max_batch")),
    ("clip_skip", -2, ("-2", "greater than or equal to -1")),
    ("skip_layers", "7", ("'7'", "list")),
    ("skip_layers", [-1], ("skip_layers.0", "-1", "greater than or equal to 0")),
    ("slg_start", 1.5, ("1.5", "less than or equal to 1")),
    ("slg_end", -1, ("-1", "greater than or equal to 0")),
    ("custom_sigmas", [1.0, 0.5], ("custom_sigmas has 2 values", "20 steps need 21")),
    ("custom_sigmas", ["x"], ("custom_sigmas.0", "'x'", "number")),
    ("control_strength", 1.1, ("1.1", "less than or equal to 1")),
    ("control_strength", -0.1, ("-0.1", "greater than or equal to 0")),
    ("vae_tiling", "perhaps", ("'perhaps'", "boolean")),
    ("vae_tile_size_x", -1, ("-1", "greater than or equal to 0")),
    ("vae_tile_overlap", 2, ("2", "less than or equal to 1")),
    ("easycache_threshold", -1, ("-1", "greater than or equal to 0")),
    ("easycache_end", 7, ("7", "less than or equal to 1")),
    ("prompt", 7, ("7", "string")),
    ("prompt", ["a"], ("['a']", "string")),
    ("prompt", "x" * 200_000, ("prompt length", "200000", "limits.max_prompt_chars")),
    ("negative_prompt", "x" * 200_000, ("negative_prompt length", "limits.max_prompt_chars")),
    ("prompt", "<lora:unknown:1>", ("LoRA not found", "unknown")),
    ("prompt", "<lora:../known:1>", ("LoRA not found", "../known")),
    ("prompt", "<lora:/etc/passwd:1>", ("LoRA not found", "/etc/passwd")),
    ("loras", [{"name": "unknown"}], ("LoRA not found", "unknown")),
    ("loras", [{"weight": 1}], ("loras.0.name is required",)),
    ("loras", [{"name": "known", "weight": "much"}], ("loras.0.weight", "'much'", "number")),
    ("loras", "known", ("'known'", "list")),
    ("control_image_base64", "not base64!", ("not valid base64",)),
    ("control_image_base64", "aGVsbG8=", ("not a readable image", "PNG, JPEG, WEBP, BMP, GIF")),
    ("ref_images", ["aGVsbG8="], ("not a readable image",)),
    ("ref_images", as_base64(), ("list",)),
    ("upscale", True, ("pscale",)),
    ("pm_id_images", ["aGVsbG8="], ("not a readable image",)),
    ("pm_id_embed_path", "/etc/passwd", ("'/etc/passwd'", "outside of the model folders")),
    ("pm_id_embed_path", "../id.bin", ("'../id.bin'", "without '..'")),
    ("pm_id_embed_path", "nowhere.bin", ("'nowhere.bin'", "not found in the model folders")),
    ("pm_style_strength", 101, ("101", "less than or equal to 100")),
    ("output_format", "gif", ("'gif'", "must be one of png, jpeg, webp")),
    ("cache_mode", "all", ("'all'", "must be one of easycache, ucache")),
    ("cache_spectrum_window_size", 0, ("0", "greater than or equal to 1")),
    ("hires_upscaler", "none", ("'none'", "must be one of latent,")),
    ("hires_scale", 0, ("0", POSITIVE)),
    ("hires_strength", 0, ("0", "greater than or equal to 0.01")),
    ("hires_custom_sigmas", [1.0], ("has 1 value", "at least 2")),
    ("hires_steps", 1_000_001, ("1000001", "limits.max_steps")),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value", "words"), REFUSED, ids=lambda value: repr(value)[:30])
def test_a_bad_value_is_refused_with_the_field_and_what_is_allowed(
    server: RunningServer, field: str, value: Any, words: tuple[str, ...]
) -> None:
    error = refuse(server, {"prompt": "a cat", field: value})
    for word in words:
        assert word in error
    # A limit on two fields together and LoRAs in prompts go by a name of their own.
    assert field in error or field in ("width", "height", "prompt", "loras")
    assert len(error) < 1000


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"hires": True, "hires_scale": 16.0}, ("hires_scale", "8192x8192", "limits.max_pixels")),
        ({"hires": True, "hires_width": 99_999}, ("hires_width", "limits.max_pixels")),
        ({"hires": True, "hires_upscaler": "model"}, ("hires_model: required",)),
        ({"hires": True, "hires_model": "../x.pth"}, ("hires_model: '../x.pth'",)),
        ({"easycache": True, "cache_mode": "spectrum"}, ("cache_mode: 'spectrum'", "easycache")),
        ({"easycache": True, "easycache_start": 0.95}, ("easycache_start: 0.95", "below easycache_end")),
        ({"cache_mode": "ucache", "cache_end": 0.1}, ("cache_start: 0.15", "below cache_end")),
        (
            {"output_format": "webp", "width": 16448, "height": 64},
            ("output_format: 'webp'", "16448x64", "16383"),
        ),
    ],
    ids=str,
)  # fmt: skip
def test_fields_that_do_not_go_together_are_refused(
    server: RunningServer, fields: dict[str, Any], words: tuple[str, ...]
) -> None:
    error = refuse(server, {"prompt": "a cat", **fields})
    for word in words:
        assert word in error


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_json_that_names_no_number_is_refused(server: RunningServer, literal: str) -> None:
    error = refuse_raw(server, b'{"prompt": "a cat", "cfg_scale": %s}' % literal.encode())
    assert "cfg_scale" in error
    assert "finite number" in error


@pytest.mark.parametrize("body", [{}, {"prompt": None}, {"width": 64}])
def test_a_request_without_a_prompt_is_refused(server: RunningServer, body: dict[str, Any]) -> None:
    assert refuse(server, body) == "prompt is required"


def test_every_problem_is_named_in_one_answer(server: RunningServer) -> None:
    error = refuse(server, {"width": 0, "steps": "many"})
    for field in ("prompt is required", "width: 0", "steps: 'many'"):
        assert field in error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"prompt": "a cat"', "not valid JSON"),
        (b"{prompt: 1}", "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"prompt": "\xff"}', "not valid JSON"),
        (b"", "A JSON body is required"),
        (b"[1, 2]", "The body must be a JSON object"),
        (b'"a cat"', "The body must be a JSON object"),
        (b"7", "The body must be a JSON object"),
        (b"null", "The body must be a JSON object"),
        (b"[" * 100_000, "not valid JSON"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_body_that_is_not_a_json_object_is_refused(
    server: RunningServer, content: bytes, words: str
) -> None:
    assert words in refuse_raw(server, content)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("strength", 1.01, ("1.01", "less than or equal to 1")),
        ("strength", -0.1, ("-0.1", "greater than or equal to 0")),
        ("img_cfg_scale", -2, ("-2", "greater than or equal to -1")),
        ("init_image_base64", "", ("init_image_base64", "''")),
        ("init_image_base64", "x", ("not valid base64",)),
        ("init_image_base64", "input:00000000-0000-4000-8000-000000000000/init_image_base64",
         ("not a stored input",)),
        ("mask_image_base64", "%%%", ("mask_image_base64", "not valid base64")),
    ],
)  # fmt: skip
def test_img2img_refuses_bad_values_of_its_own_fields(
    server: RunningServer, field: str, value: Any, words: tuple[str, ...]
) -> None:
    body = {"prompt": "a cat", "init_image_base64": as_base64(), field: value}
    error = refuse(server, body, "/img2img")
    for word in (field, *words):
        assert word in error


def test_img2img_without_an_image_is_refused(server: RunningServer) -> None:
    assert refuse(server, {"prompt": "a cat"}, "/img2img") == "init_image_base64 is required"


def test_nothing_can_be_made_without_a_model(server: RunningServer) -> None:
    server.post("/models/unload")
    assert refuse(server, {"prompt": "a cat"}) == "No model loaded"
    server.post("/models/load", {"model_name": "scripted.safetensors"})


@pytest.mark.parametrize("path", ["/nothing", "/queue/a/b", "/../etc/passwd", "/models/load/x"])
def test_an_unknown_route_is_not_found_in_the_documented_shape(server: RunningServer, path: str) -> None:
    answer = server.http.post(path, json={})
    assert answer.status_code in (404, 405)
    assert answer.json()["error"] in ("Not found", "Method not allowed")


def test_an_unknown_path_is_404_not_found(server: RunningServer) -> None:
    answer = server.http.get("/nothing")
    assert (answer.status_code, answer.json()["error"]) == (404, "Not found")
