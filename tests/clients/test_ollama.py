"""The published client of Ollama, against the real engine."""

import base64
import io
import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import ollama
import pytest
from PIL import Image

from tests.support.images import encoded
from tests.support.running_server import RunningServer, of_job
from tests.support.server_setup import ServerSetup

SERVER = ServerSetup(models=["sd1_edit"], loads=["sd1"])
MODEL = "sd1.gguf"
PROMPT = "a cat in a garden"


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Iterator[ollama.Client]:
    with ollama.Client(server.url) as client:
        yield client


def opened(answer: ollama.GenerateResponse) -> Image.Image:
    """The picture of an answer."""
    assert answer.image
    return Image.open(io.BytesIO(base64.b64decode(answer.image)))


def newest_job(server: RunningServer) -> Any:
    """The job that was submitted last."""
    return server.get("/queue", limit=1)["items"][0]


def test_a_picture_comes_in_one_answer(server: RunningServer, client: ollama.Client) -> None:
    answer = client.generate(MODEL, PROMPT, width=64, height=64, steps=2, options={"seed": 7})
    assert opened(answer).size == (64, 64)
    assert (answer.done, answer.done_reason, answer.model, answer.response) == (True, "stop", MODEL, "")
    assert answer.total_duration
    assert answer.eval_duration
    assert answer.total_duration > answer.eval_duration > 0
    same = server.make(prompt=PROMPT, width=64, height=64, steps=2, seed=7, use_architecture_defaults=True)
    assert server.http.get(f"/output/{same['outputs'][0]}").content == base64.b64decode(answer.image or "")


def test_progress_comes_in_lines_before_the_picture(client: ollama.Client) -> None:
    *progress, last = client.generate(MODEL, PROMPT, width=64, height=64, steps=3, stream=True)
    assert opened(last).size == (64, 64)
    assert last.done
    assert all(part.total == 3 and part.image is None and not part.done for part in progress)
    counts = [part.completed or 0 for part in progress]
    assert counts == sorted(counts)


async def test_the_asynchronous_client_gets_the_same(server: RunningServer) -> None:
    async with ollama.AsyncClient(server.url) as client:
        whole = await client.generate(MODEL, PROMPT, width=64, height=64, steps=1, options={"seed": 3})
        parts = [
            part
            async for part in await client.generate(
                MODEL, PROMPT, width=64, height=64, steps=1, options={"seed": 3}, stream=True
            )
        ]
    assert whole.image
    assert parts[-1].image == whole.image


def test_what_only_language_models_know_is_told(server: RunningServer, client: ollama.Client) -> None:
    client.generate(
        MODEL,
        PROMPT,
        width=64,
        height=64,
        steps=1,
        system="You draw.",
        options={"temperature": 0.5, "cfg_scale": 2.5},
    )
    job = newest_job(server)
    assert job["params"]["cfg_scale"] == 2.5
    assert job["warnings"] == [
        "options.temperature was ignored: image models do not have it",
        "system was ignored: only language models have it",
    ]


def test_a_picture_is_where_a_model_that_does_not_edit_begins(
    server: RunningServer, client: ollama.Client
) -> None:
    answer = client.generate(MODEL, PROMPT, images=[encoded()], steps=2)
    assert opened(answer).size == (64, 64)
    assert newest_job(server)["type"] == "img2img"


def test_a_model_that_edits_takes_pictures_beside_the_prompt(
    server: RunningServer, client: ollama.Client
) -> None:
    answer = client.generate("sd1_edit", PROMPT, images=[encoded()], steps=1)
    assert opened(answer).size == (64, 64)
    job = newest_job(server)
    assert job["type"] == "txt2img"
    assert len(job["params"]["ref_images"]) == 1


def test_models_are_listed_and_shown(server: RunningServer, client: ollama.Client) -> None:
    listed = {model.model: model for model in client.list().models}
    assert set(listed) == {f"{MODEL}:latest", "sd1_edit.gguf:latest"}
    assert listed[f"{MODEL}:latest"].size == (server.models_dir / "checkpoints" / MODEL).stat().st_size
    shown = client.show(f"{MODEL}:latest")
    assert shown.capabilities == ["image"]
    assert shown.details
    assert shown.details.family == "SD1.5"
    assert (shown.modelinfo or {})["general.architecture"] == "SD1.5"


def test_a_model_is_loaded_and_unloaded_without_a_prompt(client: ollama.Client) -> None:
    assert client.generate("sd1").done_reason == "load"
    assert [model.name for model in client.ps().models] == [f"{MODEL}:latest"]
    assert client.generate(MODEL, keep_alive=0).done_reason == "unload"
    assert client.ps().models == []
    assert client.generate(MODEL).done_reason == "load"


def test_keep_alive_0_unloads_the_model_after_its_job(server: RunningServer, client: ollama.Client) -> None:
    with server.events() as events:
        client.generate(MODEL, PROMPT, width=64, height=64, steps=1, keep_alive="0")
        events.wait_for("model_unloaded")
    assert client.ps().models == []
    client.generate(MODEL)


def test_keep_alive_is_when_a_model_leaves_memory(client: ollama.Client) -> None:
    client.generate(MODEL, keep_alive="10m")
    (held,) = client.ps().models
    assert held.expires_at is not None
    assert 500 < (held.expires_at - datetime.now(UTC)).total_seconds() <= 600
    client.generate(MODEL, PROMPT, width=64, height=64, steps=1, keep_alive=-1)
    (held,) = client.ps().models
    assert held.expires_at is not None
    assert held.expires_at.year == 9999


def test_keep_alive_0_leaves_another_model_that_somebody_made_the_current_one(
    server: RunningServer, client: ollama.Client
) -> None:
    client.generate(MODEL)
    client.generate("sd1_edit", PROMPT, width=64, height=64, steps=1)
    assert client.generate("sd1_edit", keep_alive=0).done_reason == "unload"
    assert server.get("/health")["model_name"] == MODEL


def test_a_key_that_does_nothing_is_told(server: RunningServer) -> None:
    body = {"model": MODEL, "prompt": PROMPT, "width": 64, "height": 64, "steps": 1, "stream": False}
    answer = server.http.post("/api/generate", json=body, headers={"Idempotency-Key": "one"}).json()
    told = "Idempotency-Key was ignored: this interface makes a job of every request"
    assert told in answer["warnings"]
    assert told in newest_job(server)["warnings"]
    assert newest_job(server)["source"] == "ollama"


def test_errors_are_those_of_the_client(server: RunningServer, client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nothing' not found") as missing:
        client.generate("nothing", PROMPT)
    assert missing.value.status_code == 404
    bad: dict[str, dict[str, Any]] = {
        "width": {"width": -8},
        "steps": {"steps": 100_000},
        "images": {"images": ["!"]},
        "keep_alive": {"keep_alive": "soon"},
        "seed": {"options": {"seed": "x"}},
    }
    for name, fields in bad.items():
        body = {"model": MODEL, "prompt": PROMPT, **fields}
        answer = server.http.post("/api/generate", json=body)
        assert answer.status_code == 400
        assert name in answer.json()["error"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_away_cancels_its_job(server: RunningServer, stream: bool) -> None:
    fields = {"model": MODEL, "prompt": PROMPT, "width": 64, "height": 64, "steps": 900, "stream": stream}
    body = json.dumps(fields).encode()
    head = f"POST /api/generate HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    with server.events() as events:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head.encode() + body)
            job_id = events.wait_for("job_progress")["job_id"]
        events.wait_for("job_cancelled", of_job(job_id))


@pytest.mark.parametrize("operation", ["chat", "pull", "delete", "create", "copy", "embed"])
def test_what_is_not_for_image_models_says_what_to_do(client: ollama.Client, operation: str) -> None:
    calls: dict[str, Callable[[], object]] = {
        "chat": lambda: client.chat(MODEL, [{"role": "user", "content": "hello"}]),
        "pull": lambda: client.pull(MODEL),
        "delete": lambda: client.delete(MODEL),
        "create": lambda: client.create(MODEL, from_="sd1"),
        "copy": lambda: client.copy(MODEL, "other"),
        "embed": lambda: client.embed(MODEL, "hello"),
    }
    with pytest.raises(
        ollama.ResponseError, match=rf"/api/{operation}: .*(folders|/assistant/chat)"
    ) as error:
        calls[operation]()
    assert error.value.status_code == 400


def test_the_version_is_told_and_unknown_addresses_are_not_found(server: RunningServer) -> None:
    assert server.get("/api/version")["version"]
    answer = server.http.get("/api/nothing")
    assert answer.status_code == 404
    assert answer.json()["error"]
