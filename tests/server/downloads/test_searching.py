"""GET /models/search, its pictures, and GET /models/updates."""

from typing import Any

import httpx
import pytest

from tests.server.downloads.conftest import CIVITAI_TOKEN, HUGGINGFACE_TOKEN, fetched
from tests.support.http_upstream import Upstream, model_bytes, sha256
from tests.support.model_sites import (
    JPEG,
    PNG,
    model,
    query_of,
    repository,
    repository_pages,
    search_pages,
    version,
)
from tests.support.running_server import RunningServer

SEARCH = "/models/search"
MODELS = "/api/v1/models"
DATA = model_bytes(10_000)


def search(server: RunningServer, **query: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.get(SEARCH, **query)
    return found


def titles(page: dict[str, Any]) -> list[str]:
    return [one["title"] for one in page["models"]]


def shown(site: Upstream, number: int, picture: str | None = None, **fields: Any) -> dict[str, Any]:
    """A model with one version, and a picture."""
    images = [{"url": picture, "nsfwLevel": 1, "type": "image"}] if picture else []
    one = version(site, number * 10, {f"m{number}.safetensors": DATA}, images=images)
    return model(site, number, one, **fields)


def test_what_civitai_has_is_found_with_all_that_a_choice_needs(
    server: RunningServer, civitai_site: Upstream
) -> None:
    search_pages(civitai_site, MODELS, [[shown(civitai_site, 1)]])
    (found,) = search(server, q="cat", type="lora", base="SDXL 1.0", sort="newest", limit=5)["models"]
    assert {key: found[key] for key in ("source", "title", "creator", "type", "base_model", "version")} == {
        "source": "civitai",
        "title": "Model 1",
        "creator": "somebody",
        "type": "lora",
        "base_model": "SDXL 1.0",
        "version": "v10",
    }
    assert (found["file"], found["size_bytes"]) == ("m1.safetensors", len(DATA))
    assert (found["downloads"], found["likes"], found["tags"]) == (10, 5, ["cat"])
    assert found["link"] == "civitai:1:10"
    assert found["download"] == {"model_type": "lora", "source": "civitai", "model_id": "1:10"}
    asked = civitai_site.asked(MODELS)[-1]
    assert query_of(asked.path) == {
        "query": "cat", "types": "DoRA", "baseModels": "SDXL 1.0", "sort": "Newest", "limit": "5",
        "nsfw": "false",
    }  # fmt: skip
    assert "types=LORA&types=LoCon&types=DoRA" in asked.path
    assert asked.headers["authorization"] == f"Bearer {CIVITAI_TOKEN}"


def test_pages_of_civitai_follow_each_other_by_their_cursor(
    server: RunningServer, civitai_site: Upstream
) -> None:
    pages = [[shown(civitai_site, number)] for number in (1, 2)]
    search_pages(civitai_site, MODELS, pages)
    first = search(server)
    second = search(server, cursor=first["next_cursor"])
    assert (titles(first), titles(second)) == (["Model 1"], ["Model 2"])
    assert second["next_cursor"] is None


def test_pages_of_a_hub_follow_each_other_by_their_link(server: RunningServer, hub_site: Upstream) -> None:
    entries = [{"id": f"org/{name}", "tags": ["lora"], "likes": 3, "downloads": 9} for name in ("a", "b")]
    repository_pages(hub_site, [[one] for one in entries])
    first = search(server, source="huggingface", q="flux", type="lora", base="up/stream", sort="rating")
    assert titles(first) == ["org/a"]
    assert (first["models"][0]["link"], first["models"][0]["download"]) == ("hf:org/a", None)
    asked = hub_site.asked("/api/models")[-1]
    assert query_of(asked.path)["search"] == "flux"
    assert "filter=lora&filter=base_model%3Aup%2Fstream" in asked.path
    assert query_of(asked.path)["sort"] == "likes"
    assert asked.headers["authorization"] == f"Bearer {HUGGINGFACE_TOKEN}"
    second = search(server, source="huggingface", cursor=first["next_cursor"])
    assert (titles(second), second["next_cursor"]) == (["org/b"], None)


def test_what_is_not_for_everybody_is_left_out_unless_it_is_asked_for(
    server: RunningServer, civitai_site: Upstream, hub_site: Upstream
) -> None:
    search_pages(civitai_site, MODELS, [[shown(civitai_site, 1), shown(civitai_site, 2, nsfw=True)]])
    page = search(server)
    assert (titles(page), page["hidden"]) == (["Model 1"], 1)
    page = search(server, nsfw=True)
    assert (titles(page), page["hidden"]) == (["Model 1", "Model 2"], 0)
    assert query_of(civitai_site.asked(MODELS)[-1].path)["nsfw"] == "true"
    repository_pages(hub_site, [[{"id": "org/x", "tags": ["not-for-all-audiences"]}]])
    assert titles(search(server, source="huggingface")) == []
    assert titles(search(server, source="huggingface", nsfw=True)) == ["org/x"]


def test_an_odd_entry_does_not_spoil_the_others(server: RunningServer, civitai_site: Upstream) -> None:
    odd: list[Any] = [
        None,
        5,
        {"id": "x"},
        {"id": 7, "name": None, "creator": "text", "stats": [], "tags": {}},
    ]
    search_pages(civitai_site, MODELS, [[*odd, shown(civitai_site, 1)]])
    assert titles(search(server)) == ["", "Model 1"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"source": "ollama"}, "source: 'ollama' is not allowed"),
        ({"limit": 0}, "limit: '0' is not allowed"),
        ({"limit": 1000}, "limit: '1000' is not allowed"),
        ({"type": "cat"}, "type: 'cat' is not allowed"),
        ({"type": "t5"}, "type: CivitAI has no models of type t5"),
        ({"sort": "beauty"}, "sort: 'beauty' is not allowed"),
        ({"source": "huggingface", "base": "SDXL 1.0"}, "a base model is a repository"),
        ({"cursor": "x" * 3000}, "cursor: "),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(
    server: RunningServer, query: dict[str, Any], sentence: str
) -> None:
    answer = server.http.get(SEARCH, params=query)
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_a_type_that_a_hub_does_not_know_is_told(server: RunningServer, hub_site: Upstream) -> None:
    repository_pages(hub_site, [[]])
    page = search(server, source="huggingface", type="vae")
    assert page["warnings"] == ["type vae has no effect: Hugging Face has no tag for it"]


@pytest.mark.parametrize(
    ("status", "headers", "expected", "sentence"),
    [
        (401, {}, 400, "the setting downloads.civitai_token"),
        (403, {}, 400, "refuses (403)"),
        (429, {"Retry_After": "9"}, 429, "asked too often (429); it asks to try again in 9 s"),
        (429, {}, 429, "asked too often"),
        (500, {}, 400, "not able to answer (500)"),
        (503, {"Retry_After": "60"}, 400, "not able to answer (503)"),
    ],
)
def test_a_site_that_fails_is_told(
    server: RunningServer,
    civitai_site: Upstream,
    status: int,
    headers: dict[str, str],
    expected: int,
    sentence: str,
) -> None:
    civitai_site.status(MODELS, status, **headers)
    answer = server.http.get(SEARCH)
    assert answer.status_code == expected
    assert sentence in answer.json()["error"]
    if expected == 429:
        assert answer.headers.get("retry-after") == headers.get("Retry_After")


@pytest.mark.parametrize("body", [b"<!doctype html><p>sorry", b"[]", b'{"items": 3}', b""])
def test_a_site_that_answers_something_else_is_told(
    server: RunningServer, civitai_site: Upstream, body: bytes
) -> None:
    civitai_site.page(MODELS, body)
    answer = server.http.get(SEARCH)
    assert answer.status_code == 400
    assert "sent something else" in answer.json()["error"]


# ---------------------------------------------------------------- pictures


def preview_of(server: RunningServer, civitai_site: Upstream, picture: str) -> str:
    search_pages(civitai_site, MODELS, [[shown(civitai_site, 1, picture)]])
    return str(search(server)["models"][0]["preview"])


def test_a_picture_comes_through_the_server_and_is_fetched_once(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    cdn.page("/p/1", JPEG, "text/plain")
    where = preview_of(server, civitai_site, f"{cdn.url}/p/1")
    assert where.startswith("/models/search/preview?")
    for _ in range(2):
        answer = server.http.get(where)
        assert (answer.status_code, answer.content) == (200, JPEG)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(cdn.asked("/p/1")) == 1
    assert "authorization" not in cdn.asked("/p/1")[0].headers


def test_only_addresses_that_a_search_made_are_fetched(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    cdn.page("/p/2", PNG, "image/png")
    where = httpx.URL(preview_of(server, civitai_site, f"{cdn.url}/p/2"))
    for changed in (
        where.copy_set_param("url", f"{cdn.url}/p/other"),
        where.copy_set_param("signature", "0" * 64),
        where.copy_set_param("signature", "\u00e9"),
    ):
        answer = server.http.get(changed)
        assert answer.status_code == 404
        assert "search again" in answer.json()["error"]
    assert not cdn.asked("/p/2")
    assert not cdn.asked("/p/other")
    assert server.http.get("/models/search/preview").status_code == 400


@pytest.mark.parametrize(
    ("body", "media_type", "sentence"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", "something else than a picture"),
        (b"<!doctype html>", "image/png", "something else than a picture"),
        (PNG + b"\0" * (9 * 2**20), "image/png", "more than 8 MiB"),
    ],
)
def test_what_is_no_small_picture_is_not_passed_on(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream, body: bytes, media_type: str, sentence: str
) -> None:
    cdn.page("/p/3", body, media_type)
    answer = server.http.get(preview_of(server, civitai_site, f"{cdn.url}/p/3"))
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]


def test_a_picture_that_is_not_for_everybody_is_shown_only_where_that_was_asked_for(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream
) -> None:
    image = {"url": f"{cdn.url}/p/4", "nsfwLevel": 8, "type": "image"}
    one = version(civitai_site, 10, {"m.safetensors": DATA}, images=[image])
    search_pages(civitai_site, MODELS, [[model(civitai_site, 1, one)]])
    assert search(server)["models"][0]["preview"] is None
    assert search(server, nsfw=True)["models"][0]["preview"] is not None


# ---------------------------------------------------------------- updates


def test_a_model_here_with_a_newer_version_is_told_and_found_on_disk(
    server: RunningServer, civitai_site: Upstream
) -> None:
    old = version(civitai_site, 7001, {"seven.safetensors": DATA})
    model(civitai_site, 700, old)
    job = fetched(server, model_id="700")
    newer = version(civitai_site, 7002, {"seven_v2.safetensors": DATA + b"2"})
    listed = model(civitai_site, 700, newer, old)
    answer = server.get("/models/updates")
    (update,) = [one for one in answer["updates"] if one["name"] == job["result"]["name"]]
    assert (update["version"], update["newest_version"]) == ("v7001", "v7002")
    assert update["download"] == {"model_type": "lora", "source": "civitai", "model_id": "700:7002"}
    before = len(civitai_site.asked(f"/api/v1/model-versions/by-hash/{sha256(DATA)}"))
    assert server.get("/models/updates") == answer
    assert len(civitai_site.asked(f"/api/v1/model-versions/by-hash/{sha256(DATA)}")) == before
    search_pages(civitai_site, MODELS, [[{**listed, "modelVersions": [old]}]])
    assert search(server)["models"][0]["on_disk"] == {"type": "lora", "name": "seven.safetensors"}


def test_a_repository_that_was_found_is_resolved_by_its_link(
    server: RunningServer, hub_site: Upstream, cdn: Upstream
) -> None:
    entry = repository(hub_site, cdn, "org/found", {"m.gguf": b"GGUF" + DATA})
    repository_pages(hub_site, [[entry]])
    link = search(server, source="huggingface")["models"][0]["link"]
    found = server.post("/models/resolve", {"link": link})
    assert [file["name"] for file in found["files"]] == ["m.gguf"]
