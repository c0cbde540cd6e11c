"""Models arrive whole, under the right name, and are listed at once."""

from typing import Any

import pytest

from tests.server.downloads.conftest import (
    CIVITAI_TOKEN,
    HUGGINGFACE_TOKEN,
    download,
    fetched,
    files,
    finished,
    stored,
)
from tests.support.http_upstream import Upstream, civitai, hub, model_bytes, sha256
from tests.support.running_server import RunningServer

DATA = model_bytes(3_000_000)


def entry(server: RunningServer, name: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = server.get("/models", type="lora")["loras"]
    return next(model for model in found if model["name"] == name)


@pytest.mark.proves("download.url", "download.model_type")
def test_a_model_from_an_address_arrives_and_is_listed_with_its_hash(
    server: RunningServer, cdn: Upstream
) -> None:
    cdn.file("/plain.safetensors", DATA)
    answer = download(server, url=f"{cdn.url}/plain.safetensors?download=true")
    assert answer | {"download_job_id": "", "hash_job_id": ""} == {
        "success": True,
        "download_job_id": "",
        "hash_job_id": "",
        "source": "url",
        "model_type": "lora",
        "position": 1,
    }
    job = server.wait_for_job(answer["download_job_id"])
    assert job["status"] == "completed", job
    assert stored(server, "plain.safetensors").read_bytes() == DATA
    assert job["outputs"] == []
    assert job["result"] == {
        "path": str(stored(server, "plain.safetensors")),
        "model_type": "lora",
        "name": "plain.safetensors",
        "sha256": sha256(DATA),
    }
    assert entry(server, "plain.safetensors")["hash"] == sha256(DATA)


def test_the_hash_job_runs_after_the_download_and_names_the_same_file(
    server: RunningServer, cdn: Upstream
) -> None:
    cdn.file("/hashed.gguf", DATA)
    answer = download(server, url=f"{cdn.url}/hashed.gguf")
    job = server.wait_for_job(answer["hash_job_id"])
    assert job["status"] == "completed", job
    assert job["type"] == "model_hash"
    assert job["after"] == answer["download_job_id"]
    assert job["result"] == server.get(f"/queue/{answer['download_job_id']}")["result"]


def test_the_name_comes_from_content_disposition_if_the_address_has_none(
    server: RunningServer, cdn: Upstream
) -> None:
    disposition = "attachment; filename*=UTF-8''n%C3%A4me%3A%20one.safetensors"
    cdn.file("/get", DATA, headers={"Content-Disposition": disposition})
    assert fetched(server, url=f"{cdn.url}/get?id=5")["result"]["name"] == "näme_ one.safetensors"


@pytest.mark.proves("download.filename", "download.subfolder")
def test_a_filename_and_a_subfolder_that_are_asked_for_are_used(server: RunningServer, cdn: Upstream) -> None:
    cdn.file("/x", DATA)
    job = fetched(server, url=f"{cdn.url}/x", filename="mine.ckpt", subfolder="anime/new")
    assert job["result"]["name"] == "anime/new/mine.ckpt"
    assert stored(server, "anime/new/mine.ckpt").read_bytes() == DATA


@pytest.mark.proves("download.model_id")
@pytest.mark.parametrize("model_id", ["123456", "123456:789012", 123456])
def test_a_model_from_civitai_arrives_checked(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream, model_id: str | int
) -> None:
    civitai(civitai_site, cdn, DATA)
    folder = f"from-{str(model_id).replace(':', '-')}-{type(model_id).__name__}"
    answer = download(server, model_id=model_id, subfolder=folder)
    assert answer["source"] == "civitai"
    job = server.wait_for_job(answer["download_job_id"])
    assert job["result"]["name"] == f"{folder}/civit.safetensors", job
    assert stored(server, f"{folder}/civit.safetensors").read_bytes() == DATA


@pytest.mark.proves("download.repo_id")
def test_a_nested_file_from_hugging_face_keeps_its_folders(
    server: RunningServer, hub_site: Upstream, cdn: Upstream
) -> None:
    hub(hub_site, cdn, DATA, "org/repo", "unet/diffusion.safetensors", HUGGINGFACE_TOKEN)
    answer = download(server, repo_id="org/repo", filename="unet/diffusion.safetensors", subfolder="repo")
    assert answer["source"] == "huggingface"
    job = server.wait_for_job(answer["download_job_id"])
    assert job["result"]["name"] == "repo/unet/diffusion.safetensors", job
    assert stored(server, "repo/unet/diffusion.safetensors").read_bytes() == DATA


@pytest.mark.proves("download.revision")
def test_a_file_of_another_revision_arrives(server: RunningServer, hub_site: Upstream) -> None:
    path = "/org/revised/resolve/refs%2Fpr%2F2/model.safetensors"
    hub_site.routes[path] = lambda request: request.reply(200, DATA, ETag='"4567"')
    fetched(server, repo_id="org/revised", filename="model.safetensors", revision="refs/pr/2", subfolder="r")
    assert stored(server, "r/model.safetensors").read_bytes() == DATA


def test_tokens_go_to_their_own_host_and_never_to_a_cdn(
    server: RunningServer, civitai_site: Upstream, hub_site: Upstream, cdn: Upstream
) -> None:
    blobs = [
        civitai(civitai_site, cdn, DATA),
        hub(hub_site, cdn, DATA, "org/gated", "secret.safetensors", HUGGINGFACE_TOKEN),
    ]
    fetched(server, model_id="123456", filename="with-token.safetensors")
    fetched(server, repo_id="org/gated", filename="secret.safetensors")
    asked = civitai_site.asked("/api/download/models/789012")[-1]
    assert asked.headers["authorization"] == f"Bearer {CIVITAI_TOKEN}"
    asked = hub_site.asked("/org/gated/resolve/main/secret.safetensors")[-1]
    assert asked.headers["authorization"] == f"Bearer {HUGGINGFACE_TOKEN}"
    for blob in blobs:
        assert "authorization" not in cdn.asked(blob)[-1].headers


def test_a_token_is_not_sent_to_another_address_even_after_a_redirect_from_its_own(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    civitai_site.redirect("/there", f"{cdn.url}/back")
    cdn.redirect("/back", f"{civitai_site.url}/round.safetensors")
    civitai_site.file("/round.safetensors", DATA)
    fetched(server, url=f"{civitai_site.url}/there", filename="round.safetensors")
    assert "authorization" not in cdn.asked("/back")[-1].headers
    assert "authorization" in civitai_site.asked("/round.safetensors")[-1].headers


def test_no_token_and_no_signature_shows_in_an_answer_an_event_or_the_log(
    server: RunningServer, civitai_site: Upstream, hub_site: Upstream, cdn: Upstream
) -> None:
    blob = civitai(civitai_site, cdn, DATA)
    with server.events() as events:
        fetched(server, model_id="123456", filename="quiet.safetensors")
        cdn.status(blob, 403)
        refused = finished(server, model_id="123456", filename="refused.safetensors")
        assert refused["status"] == "failed"
        while events.next()["data"].get("job_id") != refused["job_id"]:
            pass
        told = [str(events.heard), "\n".join(server.log), server.http.get("/queue").text]
    told += [(server.data_dir / "logs" / "server.log").read_text(), server.http.get("/options").text]
    for text in told:
        assert "nobody-may-see" not in text
        assert "very-secret-signature" not in text


@pytest.mark.parametrize(
    "query",
    [
        "token=abc-secret&type=Model",
        "api_key=abc-secret",
        "X-Amz-Signature=abc-secret",
        "t=1#token=abc-secret",
    ],
)
def test_a_secret_in_an_address_is_used_and_shown_nowhere(
    server: RunningServer, cdn: Upstream, query: str
) -> None:
    name = f"asked{len(query)}.safetensors"
    cdn.file(f"/{name}", DATA)
    cdn.status("/broken.safetensors", 500)
    with server.events() as events:
        job = fetched(server, url=f"{cdn.url}/{name}?{query}")
        failed = finished(server, url=f"{cdn.url}/broken.safetensors?{query}")
        while events.next()["data"].get("job_id") != failed["job_id"]:
            pass
    assert cdn.asked(f"/{name}")[0].path == f"/{name}?{query.partition('#')[0]}"
    assert job["params"]["url"] == f"{cdn.url}/{name}?{query}".replace("abc-secret", "***")
    again = server.http.post("/models/download", json={"model_type": "lora", "url": job["params"]["url"]})
    assert again.status_code == 400
    assert "give the whole address" in again.json()["error"]
    odd = server.http.post("/models/download", json={"model_type": f"https://h/?{query}", "model_id": "5"})
    told = [str(events.heard), "\n".join(server.log), server.http.get("/queue").text, again.text, odd.text]
    told += [(server.data_dir / "logs" / "server.log").read_text(), server.http.get("/log").text]
    for text in told:
        assert "abc-secret" not in text


def test_bytes_speed_and_time_left_are_told_over_websocket_and_in_the_queue(
    server: RunningServer, cdn: Upstream
) -> None:
    file = cdn.file("/watched.safetensors", DATA, hold_at=2_500_000)
    with server.events() as events:
        job_id = download(server, url=f"{cdn.url}/watched.safetensors")["download_job_id"]

        def half(data: dict[str, Any]) -> bool:
            return bool(data["job_id"] == job_id and data["bytes_done"] > 1_000_000)

        told = events.wait_for("download_progress", half)
        assert told.keys() == {"job_id", "bytes_done", "bytes_total", "bytes_per_second", "seconds_left"}
        assert told["bytes_total"] == len(DATA)
        job = server.get(f"/queue/{job_id}")
        assert 30 <= job["progress"]["percentage"] < 100
        assert job["progress"]["total_steps"] == 100
        assert job["download"].keys() == told.keys() - {"job_id"}
        assert job["download"]["bytes_done"] > 1_000_000
        (item,) = server.get("/queue", search=job_id)["items"]
        assert item["download"]["bytes_total"] == len(DATA)
        file.go_on.set()
        events.wait_for("download_progress", lambda data: data["bytes_done"] == len(DATA))
    job = server.wait_for_job(job_id)
    assert job["progress"]["percentage"] == 100.0
    assert "download" not in job


def test_two_downloads_run_at_once_and_a_third_waits(server: RunningServer, cdn: Upstream) -> None:
    held = [cdn.file(f"/many{n}.safetensors", DATA, hold_at=1000) for n in range(3)]
    jobs = [download(server, url=f"{cdn.url}/many{n}.safetensors")["download_job_id"] for n in range(3)]
    cdn.wait_for("/many0.safetensors")
    cdn.wait_for("/many1.safetensors")
    assert [server.get(f"/queue/{job}")["status"] for job in jobs] == ["processing", "processing", "pending"]
    assert not cdn.asked("/many2.safetensors")
    for file in held:
        file.go_on.set()
    assert [server.wait_for_job(job)["status"] for job in jobs] == ["completed"] * 3


def test_cancelling_a_download_removes_its_part_and_cancels_its_hash_job(
    server: RunningServer, cdn: Upstream
) -> None:
    file = cdn.file("/cancelled.safetensors", DATA, hold_at=2_500_000)
    before = files(server)
    with server.events() as events:
        answer = download(server, url=f"{cdn.url}/cancelled.safetensors", subfolder="deep/er")
        job_id = answer["download_job_id"]
        events.wait_for("download_progress", lambda data: data["bytes_done"] > 0)
        assert stored(server, "deep/er/cancelled.safetensors.part").exists()
        assert server.http.delete(f"/queue/{job_id}").status_code == 200
        assert server.wait_for_job(answer["hash_job_id"])["status"] == "cancelled"
    file.go_on.set()
    # The next job of both runners begins only after the cancelled one has left.
    for n in range(2):
        cdn.file(f"/next{n}.safetensors", DATA)
        fetched(server, url=f"{cdn.url}/next{n}.safetensors")
    left = files(server) - before
    assert left == {"models/loras/next0.safetensors", "models/loras/next1.safetensors"}
    assert not stored(server, "deep").exists()


@pytest.mark.proves("download.source")
def test_the_document_s_example_request_means_civitai_and_tells_what_it_ignores(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    civitai(civitai_site, cdn, DATA)
    answer = download(
        server,
        model_type="checkpoint",
        source="civitai",
        model_id="123456",
        url="https://...",
        repo_id="org/repo",
        filename="model.safetensors",
        subfolder="anime",
        revision="main",
    )
    assert answer["warnings"] == [
        "repo_id has no effect with source civitai",
        "url has no effect with source civitai",
    ]
    job = server.wait_for_job(answer["download_job_id"])
    assert job["result"]["name"] == "anime/model.safetensors", job
