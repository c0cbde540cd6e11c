"""What CivitAI and Hugging Face tell of a model, and what is told when they do not."""

import pytest

from tests.server.downloads.conftest import HUGGINGFACE_TOKEN, Environment
from tests.support.http_upstream import Upstream, civitai, hub, model_bytes, sha256
from tests.support.running_server import RunningServer, StartServer

DATA = model_bytes(100_000)
HUB = "/models/huggingface"


@pytest.mark.parametrize("model_id", ["123456", "123456:789012"])
def test_a_civitai_model_is_described_as_documented(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream, model_id: str
) -> None:
    civitai(civitai_site, cdn, DATA)
    assert server.get(f"/models/civitai/{model_id}") == {
        "success": True,
        "model_id": "123456",
        "version_id": "789012",
        "name": "Model Name",
        "version_name": "v1.0",
        "type": "checkpoint",
        "base_model": "SDXL 1.0",
        "filename": "civit.safetensors",
        "file_size": len(DATA),
        "sha256": sha256(DATA),
        "download_url": f"{civitai_site.url}/api/download/models/789012",
    }


@pytest.mark.parametrize(
    ("model_id", "status", "sentence"),
    [
        ("five", 400, "model_id: 'five' is not allowed"),
        ("1:2:3", 400, "model_id: '1:2:3' is not allowed"),
        ("404404", 404, "does not have this file (404)"),
        ("55:789012", 404, "version 789012 does not belong to model 55"),
    ],
)
def test_a_civitai_model_that_does_not_exist_is_told(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream, model_id: str, status: int, sentence: str
) -> None:
    civitai(civitai_site, cdn, DATA)
    answer = server.http.get(f"/models/civitai/{model_id}")
    assert answer.status_code == status
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(401, "setting downloads.civitai_token"), (429, "asked too often (429)"), (503, "not able to answer")],
)
def test_a_civitai_that_fails_is_told_as_400(
    server: RunningServer, civitai_site: Upstream, status: int, sentence: str
) -> None:
    civitai_site.status("/api/v1/models/7", status)
    answer = server.http.get("/models/civitai/7")
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize(
    "document", ["[]", "{", '{"id": 7, "name": "x", "type": "LORA", "modelVersions": 1}']
)
def test_a_civitai_that_answers_nonsense_is_told_as_400(
    server: RunningServer, civitai_site: Upstream, document: str
) -> None:
    civitai_site.page("/api/v1/models/7", document.encode(), "application/json")
    answer = server.http.get("/models/civitai/7")
    assert answer.status_code == 400
    assert "something else than the description of a model" in answer.json()["error"]


def test_a_civitai_model_without_files_is_told(server: RunningServer, civitai_site: Upstream) -> None:
    civitai_site.json("/api/v1/models/7", {"id": 7, "name": "x", "type": "LORA", "modelVersions": []})
    answer = server.http.get("/models/civitai/7")
    assert (answer.status_code, answer.json()["error"]) == (404, "CivitAI has no version of model 7")


def test_a_hugging_face_file_is_described_as_documented(
    server: RunningServer, hub_site: Upstream, cdn: Upstream
) -> None:
    hub(hub_site, cdn, DATA, "org/shown", "unet/model.safetensors")
    assert server.get(HUB, repo_id="org/shown", filename="unet/model.safetensors") == {
        "success": True,
        "repo_id": "org/shown",
        "filename": "unet/model.safetensors",
        "revision": "main",
        "file_size": len(DATA),
        "sha256": sha256(DATA),
        "download_url": f"{hub_site.url}/org/shown/resolve/main/unet/model.safetensors",
    }
    # The real client library asks, with the method that it uses for this.
    assert hub_site.asked("/org/shown/resolve/main/unet/model.safetensors", "HEAD")


def test_another_revision_is_asked_for_by_name(server: RunningServer, hub_site: Upstream) -> None:
    path = "/org/revised/resolve/refs%2Fpr%2F1/model.safetensors"
    hub_site.routes[path] = lambda request: request.reply(200, DATA, ETag='"0123"')
    found = server.get(HUB, repo_id="org/revised", filename="model.safetensors", revision="refs/pr/1")
    assert found["revision"] == "refs/pr/1"
    assert found["file_size"] == len(DATA)
    assert "sha256" not in found


@pytest.mark.parametrize(
    ("status", "headers", "expected", "sentence"),
    [
        (404, {"X_Error_Code": "EntryNotFound"}, 404, "org/r has no file m.gguf in revision main"),
        (404, {"X_Error_Code": "RevisionNotFound"}, 404, "org/r has no revision main"),
        (404, {"X_Error_Code": "RepoNotFound"}, 404, "has no repository org/r"),
        (401, {"X_Error_Code": "GatedRepo"}, 400, "org/r is gated: accept its terms"),
        (403, {}, 400, "refuses (403)"),
        (429, {"Retry_After": "30"}, 400, "asked too often (429); it asks to try again in 30 s"),
        (500, {}, 400, "is not able to answer (500)"),
    ],
)
def test_a_hugging_face_that_fails_is_told(
    server: RunningServer,
    hub_site: Upstream,
    status: int,
    headers: dict[str, str],
    expected: int,
    sentence: str,
) -> None:
    hub_site.status("/org/r/resolve/main/m.gguf", status, **headers)
    answer = server.http.get(HUB, params={"repo_id": "org/r", "filename": "m.gguf"})
    assert answer.status_code == expected
    assert sentence in answer.json()["error"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({}, "repo_id is required; filename is required"),
        ({"repo_id": "org/r"}, "filename is required"),
        ({"repo_id": "a/b/c/d", "filename": "m.gguf"}, "repo_id: 'a/b/c/d' is not allowed"),
        ({"repo_id": "../..", "filename": "m.gguf"}, "repo_id: '../..' is not allowed"),
        ({"repo_id": "org/r", "filename": "../../m.gguf"}, "filename: '../../m.gguf' is not allowed"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    server: RunningServer, query: dict[str, str], sentence: str
) -> None:
    answer = server.http.get(HUB, params=query)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_the_token_is_sent_to_the_hub_with_the_question(server: RunningServer, hub_site: Upstream) -> None:
    path = "/org/asked/resolve/main/m.gguf"
    hub_site.routes[path] = lambda request: request.reply(200, DATA, ETag='"0123"')
    server.get(HUB, repo_id="org/asked", filename="m.gguf")
    assert hub_site.asked(path, "HEAD")[-1].headers["authorization"] == f"Bearer {HUGGINGFACE_TOKEN}"


def test_a_repository_that_moved_is_followed_on_its_hub(server: RunningServer, hub_site: Upstream) -> None:
    path = "/org/new-name/resolve/main/m.gguf"
    hub_site.redirect("/org/old-name/resolve/main/m.gguf", path)
    hub_site.routes[path] = lambda request: request.reply(200, DATA, ETag='"0123"')
    assert server.get(HUB, repo_id="org/old-name", filename="m.gguf")["file_size"] == len(DATA)


def test_a_hub_that_cannot_be_reached_is_told(environment: Environment, start_server: StartServer) -> None:
    nobody = start_server(env=environment(huggingface_url="http://127.0.0.1:9"))
    answer = nobody.http.get(HUB, params={"repo_id": "org/r", "filename": "m.gguf"})
    assert answer.status_code == 400
    assert "The connection to 127.0.0.1:9 broke" in answer.json()["error"]
