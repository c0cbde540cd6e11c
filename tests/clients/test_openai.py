"""OpenAI's own client library, unmodified, draws with a real engine and talks to a language model."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from PIL import Image, ImageChops

from tests.support.images import encoded, picture
from tests.support.llm_upstream import CANNED, Upstream, upstream
from tests.support.running_server import RunningServer
from tests.support.server_setup import OPTIONS, ServerSetup
from tests.support.videos import LINGBOT, frames

# The fastest of the tiny models, in a size of its own.
SERVER = ServerSetup(
    models=["minit2i", "flux_schnell", "lingbot"],
    env={"SDCPP_GENERATION_PRESETS": '{"MiniT2I": {"width": 64, "height": 64, "steps": 3}}'},
    loads=["minit2i"],
)
LOADED, FLUX = "minit2i.safetensors", "flux_schnell.safetensors"
QUICK: dict[str, Any] = {"steps": 2, "seed": 7}
FLUX_BODY: dict[str, Any] = {
    "model_name": FLUX, "model_type": "diffusion", "t5xxl": "t5xxl.safetensors",
    "taesd": "taef1.safetensors", "options": OPTIONS,
}  # fmt: skip
WITH_HOLE = picture().convert("RGBA")
WITH_HOLE.paste((0, 0, 0, 0), (0, 0, 32, 64))

# The client says so of whole parts of OpenAI's API.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="not needed", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def site(server: RunningServer) -> Iterator[Upstream]:
    """A language model is configured for the assistant."""
    with upstream() as running:
        settings = {"provider": "openai", "base_url": f"{running.url}/v1", "model": "canned"}
        assert server.http.put("/assistant/settings", json=settings).status_code == 200
        yield running


def opened(image: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(image.b64_json)))


def refused(error: openai.APIStatusError) -> tuple[int, str | None, str | None]:
    return error.status_code, error.code, error.param


# ---------------------------------------------------------------- models


def test_models_are_those_on_disk_and_the_loaded_one_is_first(client: OpenAI) -> None:
    listed = client.models.list().data
    assert listed[0].id == LOADED
    assert {LOADED, FLUX, "lingbot.gguf"} <= {model.id for model in listed}
    assert client.models.retrieve(FLUX).id == FLUX
    with pytest.raises(openai.NotFoundError) as missing:
        client.models.retrieve("nothing.gguf")
    assert refused(missing.value) == (404, "model_not_found", "model")


def test_a_model_of_this_server_draws_and_an_unknown_one_is_refused(
    client: OpenAI, server: RunningServer
) -> None:
    drawn = client.images.with_raw_response.generate(
        prompt="a cat", model=FLUX, size="64x64", extra_body={"steps": 1, "model": FLUX_BODY}
    )
    assert drawn.headers["openai-model"] == FLUX
    job = server.get(f"/queue/{drawn.headers['x-request-id']}")
    assert (job["model"], job["status"]) == (FLUX, "completed")
    with pytest.raises(openai.NotFoundError) as missing:
        client.images.generate(prompt="a cat", model="nothing.gguf")
    assert refused(missing.value) == (404, "model_not_found", "model")


# ---------------------------------------------------------------- generations


def test_the_fields_of_openai_act_on_the_job(client: OpenAI, server: RunningServer) -> None:
    answer = client.images.with_raw_response.generate(
        prompt="a cat", n=2, size="32x32", output_format="webp", user="me", extra_body=QUICK
    )
    images = answer.parse()
    assert images.data is not None
    assert [(opened(one).format, opened(one).size) for one in images.data] == [("WEBP", (32, 32))] * 2
    assert (images.size, images.output_format, images.background) == ("32x32", "webp", "opaque")
    assert images.usage is not None
    assert images.usage.total_tokens == 0
    params = server.get(f"/queue/{answer.headers['x-request-id']}")["params"]
    acted = {"batch_count": 2, "client_id": "me", "steps": 2, "seed": 7, "output_format": "webp"}
    assert {name: params[name] for name in acted} == acted


def test_fields_of_our_own_act_and_what_nobody_knows_is_told(client: OpenAI) -> None:
    def draw(**fields: Any) -> tuple[bytes, list[str]]:
        answer = client.images.generate(prompt="a cat", size="64x64", extra_body=QUICK | fields)
        assert answer.data is not None
        return opened(answer.data[0]).tobytes(), (answer.model_extra or {}).get("warnings", [])

    plain, warnings = draw()
    assert warnings == []
    assert draw(negative_prompt="a dog", sampler="euler", scheduler="karras", cfg_scale=3.0)[0] != plain
    assert draw(moon="full") == (plain, ["unknown field 'moon' was ignored"])


def test_a_request_that_is_sent_again_with_its_key_makes_one_job(
    client: OpenAI, server: RunningServer
) -> None:
    key = {"Idempotency-Key": "generation"}

    def draw(prompt: str) -> Any:
        return client.images.with_raw_response.generate(
            prompt=prompt, size="64x64", extra_headers=key, extra_body={"steps": 1}
        )

    first, again = draw("a cat"), draw("a cat")
    assert again.headers["x-request-id"] == first.headers["x-request-id"]
    assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (None, "true")
    assert again.parse().data == first.parse().data
    assert server.get("/queue", limit=1)["items"][0]["job_id"] == first.headers["x-request-id"]
    with pytest.raises(openai.ConflictError, match="with another request"):
        draw("a dog")


def test_a_form_is_written_anew_each_time_and_is_the_same_request_all_the_same(client: OpenAI) -> None:
    edits = [
        client.images.with_raw_response.edit(
            image=("a.png", encoded()),
            prompt="a cat",
            extra_headers={"Idempotency-Key": "edit"},
            extra_body=QUICK,
        )
        for _ in range(2)
    ]
    assert edits[0].headers["x-request-id"] == edits[1].headers["x-request-id"]


def test_a_name_of_openais_stands_for_the_loaded_model_and_gets_a_link(
    client: OpenAI, server: RunningServer
) -> None:
    answer = client.images.generate(
        prompt="a cat", model="dall-e-3", size="64x64", quality="hd", style="vivid", extra_body=QUICK
    )
    assert answer.data is not None
    url = answer.data[0].url
    assert url is not None
    assert url.startswith(f"{server.url}/output/")
    assert Image.open(io.BytesIO(httpx.get(url).content)).size == (64, 64)
    assert (answer.model_extra or {})["warnings"] == [
        f"model: 'dall-e-3' is not here; the loaded model '{LOADED}' answered",
        "quality has no effect: send steps",
        "style has no effect: describe it in the prompt",
    ]


def test_auto_is_the_size_of_the_architecture(client: OpenAI, server: RunningServer) -> None:
    drawn = client.images.with_raw_response.generate(prompt="a cat", size="auto")
    params = server.get(f"/queue/{drawn.headers['x-request-id']}")["params"]
    assert (params["width"], params["height"], params["steps"]) == (64, 64, 3)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "huge"}, "size"),
        ({"size": "99999x99999"}, "size"),
        ({"n": 0}, "n"),
        ({"n": 100_000}, "n"),
        ({"background": "transparent"}, "background"),
        ({"output_format": "svg"}, "output_format"),
        ({"partial_images": 4}, "partial_images"),
        ({"response_format": "path"}, "response_format"),
        ({"extra_body": {"steps": "many"}}, "steps"),
        ({"extra_body": {"user": "x" * 201}}, "user"),
    ],
)
def test_a_bad_value_is_refused_with_the_name_of_its_field(
    client: OpenAI, fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.images.generate(**{"prompt": "a cat", **fields})
    assert bad.value.param == param
    assert param in bad.value.message


def test_what_is_not_offered_is_a_404_that_tells_what_is(client: OpenAI) -> None:
    for ask in (
        lambda: client.embeddings.create(input="a cat", model="x"),
        lambda: client.responses.create(input="a cat", model="x"),
    ):
        with pytest.raises(openai.NotFoundError, match="is not offered"):
            ask()


# ---------------------------------------------------------------- streams


async def test_a_stream_has_previews_and_then_the_image(server: RunningServer) -> None:
    server.http.put("/preview/settings", json={"mode": "proj", "interval": 1})
    async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        server.post("/queue/pause")
        stream = await client.images.generate(
            prompt="a cat", size="64x64", stream=True, partial_images=2, extra_body={"steps": 150}
        )
        server.post("/queue/resume")  # once there is somebody who sees the previews
        events: list[Any] = [event async for event in stream]
    *partial, last = events
    assert last.type == "image_generation.completed"
    assert Image.open(io.BytesIO(base64.b64decode(last.b64_json))).size == (64, 64)
    assert [event.type for event in partial] == ["image_generation.partial_image"] * len(partial)
    indices = [event.partial_image_index for event in partial]
    assert 1 <= len(indices) <= 2
    assert indices == sorted(set(indices))


def test_a_job_that_is_cancelled_ends_its_stream_with_an_error(client: OpenAI, server: RunningServer) -> None:
    stream = client.images.generate(prompt="a cat", stream=True, extra_body={"steps": 500})
    assert server.http.delete(f"/queue/{stream.response.headers['x-request-id']}").status_code == 200
    with pytest.raises(openai.APIError, match="cancelled"):
        list(stream)


def test_a_client_that_goes_away_does_not_end_its_job(client: OpenAI, server: RunningServer) -> None:
    stream = client.images.generate(prompt="a cat", stream=True, extra_body={"steps": 20})
    stream.close()
    assert server.wait_for_job(stream.response.headers["x-request-id"])["status"] == "completed"


def test_a_stream_of_an_edit_has_events_of_its_own_name(client: OpenAI) -> None:
    stream = client.images.edit(
        image=("a.png", encoded()), prompt="a dog", stream=True, extra_body={"steps": 2}
    )
    assert [event.type for event in stream] == ["image_edit.completed"]


# ---------------------------------------------------------------- edits, variations


def test_an_edit_starts_from_the_image_and_keeps_what_is_opaque(client: OpenAI) -> None:
    """The mask means the opposite of ours: what is transparent is repainted."""
    answer = client.images.edit(
        image=("a.png", encoded()), mask=("m.png", encoded(WITH_HOLE)), prompt="a dog", extra_body=QUICK
    )
    assert answer.data is not None
    edited = opened(answer.data[0]).convert("RGB")
    assert edited.size == (64, 64)
    changed = ImageChops.difference(edited, picture())
    assert changed.crop((32, 0, 64, 64)).getbbox() is None
    assert changed.crop((0, 0, 32, 64)).getbbox() is not None


def test_an_image_with_holes_is_its_own_mask(client: OpenAI, server: RunningServer) -> None:
    answer = client.images.with_raw_response.edit(
        image=("a.png", encoded(WITH_HOLE)), prompt="a dog", extra_body=QUICK
    )
    job = server.get(f"/queue/{answer.headers['x-request-id']}")
    assert job["type"] == "img2img"
    assert {one["field"] for one in job["inputs"]} == {"init_image_base64", "mask_image_base64"}


def test_several_images_are_references_where_that_is_asked_for(client: OpenAI, server: RunningServer) -> None:
    images = [("a.png", encoded()), ("b.png", encoded(picture(32, 32)))]
    one = client.images.with_raw_response.edit(image=images, prompt="a dog", extra_body=QUICK)
    job = server.get(f"/queue/{one.headers['x-request-id']}")
    assert [entry["field"] for entry in job["inputs"]] == ["init_image_base64"]
    assert "only the first of 2 was used" in job["warnings"][0]
    both = client.images.with_raw_response.edit(
        image=images,
        prompt="a dog",
        extra_body=QUICK | {"model": FLUX_BODY, "as_references": True, "cfg_scale": 1},
    )
    job = server.get(f"/queue/{both.headers['x-request-id']}")
    assert (job["type"], [entry["field"] for entry in job["inputs"]]) == ("txt2img", ["ref_images"] * 2)


def test_lists_and_objects_of_a_form_reach_the_job(client: OpenAI, server: RunningServer) -> None:
    with pytest.raises(openai.BadRequestError, match="nothing"):
        client.images.edit(
            image=("a.png", encoded()),
            prompt="a dog",
            extra_body={"loras": [{"name": "nothing", "weight": 0.5}, {"name": "neither", "weight": 1}]},
        )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"image": ("a.png", b"no image")}, "image"),
        ({"mask": ("m.png", encoded())}, "mask"),
        ({"mask": ("m.png", encoded(WITH_HOLE.resize((32, 32))))}, "mask"),
        ({"extra_body": {"markup": "x"}}, "markup"),
    ],
)
def test_pictures_that_cannot_be_used_are_refused(client: OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        client.images.edit(**{"image": ("a.png", encoded()), "prompt": "a dog", **fields})
    assert bad.value.param == param


def test_an_edit_in_json_has_its_pictures_in_addresses(server: RunningServer) -> None:
    address = f"data:image/png;base64,{base64.b64encode(encoded()).decode()}"
    body = {"prompt": "a dog", "images": [{"image_url": address}], **QUICK}
    assert server.post("/v1/images/edits", body)["size"] == "64x64"
    for given, told in (("https://example.org/a.png", "only data:"), ("", "an image is needed")):
        error = server.post("/v1/images/edits", body | {"images": [{"image_url": given}]}, expect=400)
        assert told in error["error"]["message"]
    error = server.post("/v1/images/edits", {"prompt": "a dog"}, expect=400)["error"]
    assert (error["param"], error["message"]) == ("image", "image is required")


def test_a_variation_needs_no_prompt(client: OpenAI) -> None:
    answer = client.images.create_variation(image=("a.png", encoded()), n=2, extra_body=QUICK)
    assert answer.data is not None
    assert [one.url is not None for one in answer.data] == [True, True]


# ---------------------------------------------------------------- videos


def test_a_video_is_made_listed_fetched_and_deleted(client: OpenAI, server: RunningServer) -> None:
    extra = {"model": LINGBOT, "steps": 2, "cfg_scale": 1, "fps": 4}
    # The client's types know OpenAI's lengths and sizes only.
    create: Any = client.videos.create
    made = create(
        prompt="a cat in a garden",
        seconds="1",
        size="16x16",
        input_reference=("a.png", encoded(picture(16, 16))),
        extra_body=extra,
    )
    video = client.videos.poll(made.id, poll_interval_ms=50)
    assert (video.status, video.progress, video.size, video.seconds) == ("completed", 100, "16x16", "1")
    assert video.model == "lingbot.gguf"
    assert len(frames(client.videos.download_content(made.id).content)) == 5
    assert client.videos.download_content(made.id, variant="thumbnail").content[:2] == b"\xff\xd8"
    other = create(prompt="a dog", size="16x16", extra_body=extra | {"video_frames": 1})
    assert client.videos.poll(other.id, poll_interval_ms=50).status == "completed"
    assert [one.id for one in client.videos.list(limit=1)] == [other.id, made.id]
    assert [one.id for one in client.videos.list(limit=1, order="asc")] == [made.id, other.id]
    assert client.videos.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.videos.retrieve(made.id)
    with pytest.raises(openai.BadRequestError):
        client.videos.remix(other.id, prompt="a dog")


def test_a_model_of_images_makes_no_video(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="not videos"):
        client.videos.create(prompt="a cat")
    with pytest.raises(openai.BadRequestError) as bad:
        client.videos.create(prompt="a cat", extra_body={"seconds": "none"})
    assert bad.value.param == "seconds"


# ---------------------------------------------------------------- language models


def test_the_configured_language_model_answers(client: OpenAI, site: Upstream) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "developer", "content": "Be brief"}, {"role": "user", "content": "A prompt"}],
        temperature=0.5,
        max_completion_tokens=50,
        top_p=0.5,
    )
    assert answer.choices[0].message.content == CANNED
    assert (answer.choices[0].finish_reason, answer.model) == ("stop", "canned")
    assert (answer.model_extra or {})["warnings"] == [
        "top_p has no effect: language models are not given it",
        "model: 'gpt-4o' is not here; the configured language model answered",
    ]
    asked = site.last("/v1/chat/completions").body
    assert (asked["temperature"], asked["max_tokens"], asked["messages"][0]["role"]) == (0.5, 50, "system")
    assert "canned" in {model.id for model in client.models.list()}


def test_its_answer_comes_in_pieces(client: OpenAI, site: Upstream) -> None:
    stream = client.chat.completions.create(
        model="canned",
        messages=[{"role": "user", "content": "A prompt"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    *pieces, last = list(stream)
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == CANNED
    assert pieces[-1].choices[0].finish_reason == "stop"
    assert last.usage is not None
    text = client.completions.create(model="canned", prompt="A prompt", stream=True)
    assert "".join(piece.choices[0].text for piece in text) == CANNED
    assert client.completions.create(model="canned", prompt="A prompt").choices[0].text == CANNED


def test_tools_are_passed_on_and_their_calls_come_back(
    client: OpenAI, site: Upstream, server: RunningServer
) -> None:
    server.http.put("/assistant/settings", json={"model": "calling"})
    tool: Any = {"type": "function", "function": {"name": "load_model", "parameters": {"type": "object"}}}
    answer = client.chat.completions.create(
        model="calling", messages=[{"role": "user", "content": "Load"}], tools=[tool]
    )
    calls: Any = answer.choices[0].message.tool_calls
    (call,) = calls
    assert (call.id, call.function.name, call.function.arguments) == (
        "call_1", "load_model", '{"model_name": "x.gguf"}'
    )  # fmt: skip
    assert answer.choices[0].finish_reason == "tool_calls"
    stream = client.chat.completions.create(
        model="calling", messages=[{"role": "user", "content": "Load"}], tools=[tool], stream=True
    )
    deltas = [piece.choices[0].delta.tool_calls for piece in stream]
    assert [len(calls) for calls in deltas if calls] == [1]
    server.http.put("/assistant/settings", json={"model": "canned"})


def test_failures_of_a_language_model_are_told(client: OpenAI, site: Upstream, server: RunningServer) -> None:
    def ask(model: str, stream: bool = False) -> Any:
        messages: Any = [{"role": "user", "content": "A prompt"}]
        answer: Any = client.chat.completions.create(model=model, messages=messages, stream=stream)
        return list(answer)

    with pytest.raises(openai.NotFoundError) as missing:
        ask("nothing")
    assert refused(missing.value) == (404, "model_not_found", "model")
    for name, code in (("broken", "llm_refused"), ("empty", "llm_silent")):
        server.http.put("/assistant/settings", json={"model": name})
        for stream in (False, True):
            with pytest.raises(openai.InternalServerError) as failed:
                ask(name, stream)
            assert failed.value.code == code
    server.http.put("/assistant/settings", json={"model": "failing"})
    with pytest.raises(openai.APIError, match="out of memory"):
        ask("failing", stream=True)
    server.http.put("/assistant/settings", json={"model": "canned"})
