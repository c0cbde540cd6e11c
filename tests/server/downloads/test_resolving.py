"""POST /models/resolve: what a pasted link leads to, by headers that are read and not downloaded."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.server.downloads.conftest import CIVITAI_TOKEN, Environment, fetched, stored
from tests.support import stub_models
from tests.support.http_upstream import Request, Upstream, sha256
from tests.support.model_sites import JPEG, model, repository, version
from tests.support.running_server import RunningServer, StartServer
from tests.support.server_setup import ServerSetup


def content(folder: Path, shapes: stub_models.Shapes, **metadata: str) -> bytes:
    return stub_models.write(folder / "made.safetensors", shapes, metadata=metadata or None).read_bytes()


@pytest.fixture(scope="module")
def server_setup(environment: Environment, root: Path) -> ServerSetup:
    """A Flux is there with its T5, and without a VAE."""
    models = root / "models"
    stub_models.write(models / "diffusion_models/my_flux.safetensors", stub_models.flux())
    stub_models.write(models / "t5/t5.safetensors", stub_models.t5())
    return ServerSetup(env=environment())


def resolve(server: RunningServer, link: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = server.post("/models/resolve", {"link": link})
    return found


def refused(server: RunningServer, link: str) -> tuple[int, str]:
    answer = server.http.post("/models/resolve", json={"link": link})
    return answer.status_code, answer.json()["error"]


@pytest.mark.proves("resolve.link")
def test_a_model_of_civitai_tells_type_needs_words_and_licence(
    server: RunningServer, civitai_site: Upstream, tmp_path: Path
) -> None:
    data = content(tmp_path, stub_models.flux())
    one = version(civitai_site, 128078, {"flux.safetensors": data, "config.yaml": b"x"}, baseModel="Flux.1 D")
    model(
        civitai_site, 101055, one, version(civitai_site, 128077, {"old.safetensors": data}), type="Checkpoint"
    )
    found = resolve(server, "urn:air:flux1:model:civitai:101055@128078")
    assert {key: found[key] for key in ("source", "title", "model_id", "version_id", "base_model")} == {
        "source": "civitai",
        "title": "Model 101055",
        "model_id": "101055",
        "version_id": "128078",
        "base_model": "Flux.1 D",
    }
    assert found["trigger_words"] == ["ohwx cat"]
    assert found["license"] == "commercial use: Image; credit required"
    assert [one["id"] for one in found["versions"]] == ["128078", "128077"]
    assert found["warnings"] == ["not listed, since they are no models: config.yaml"]
    (file,) = found["files"]
    assert (file["type"], file["architecture"], file["format"]) == ("diffusion", "Flux", "safetensors")
    assert (file["size_bytes"], file["sha256"], file["header_read"]) == (len(data), sha256(data), True)
    needs = {need["component"]: (need["required"], need["picked"]) for need in file["needs"]}
    assert needs["vae"] == (True, None)
    assert needs["t5xxl"][1] == "t5.safetensors"
    assert file["download"] == {
        "model_type": "diffusion",
        "source": "civitai",
        "model_id": "101055:128078",
        "filename": "flux.safetensors",
    }
    path = "/api/download/models/128078"
    assert civitai_site.asked(path)[-1].headers["authorization"] == f"Bearer {CIVITAI_TOKEN}"
    assert civitai_site.asked(path)[-1].headers["range"].startswith("bytes=0-")


def test_a_link_to_a_version_alone_finds_its_model(
    server: RunningServer, civitai_site: Upstream, tmp_path: Path
) -> None:
    data = content(tmp_path, stub_models.lora("double_blocks_0_img_attn_qkv", 3072))
    model(civitai_site, 200, version(civitai_site, 201, {"cat.safetensors": data}))
    found = resolve(server, f"{civitai_site.url}/api/download/models/201?token=abc")
    assert (found["model_id"], found["version_id"]) == ("200", "201")
    assert "abc" not in str(found)


def test_a_lora_tells_which_models_here_it_goes_with(
    server: RunningServer, civitai_site: Upstream, tmp_path: Path
) -> None:
    layer = "lora_unet_double_blocks_0_img_attn_qkv"
    data = content(tmp_path, stub_models.lora(layer), ss_tag_frequency='{"a": {"whiskers": 3}}')
    model(civitai_site, 300, version(civitai_site, 301, {"l.safetensors": data}, trainedWords=[]))
    found = resolve(server, "civitai:300")
    (file,) = found["files"]
    assert (file["type"], file["architecture"]) == ("lora", "Flux")
    assert file["goes_with"] == [{"type": "diffusion", "name": "my_flux.safetensors"}]
    assert found["trigger_words"] == ["whiskers"]  # those of the header, where the site tells none


def test_a_repository_lists_its_models_by_their_headers(
    server: RunningServer, hub_site: Upstream, cdn: Upstream, tmp_path: Path
) -> None:
    files = {
        "vae/ae.safetensors": content(tmp_path, stub_models.vae()),
        "flux.safetensors": content(tmp_path, stub_models.flux()),
        "old.ckpt": b"PK\x03\x04" + b"\0" * 500,
    }
    repository(
        hub_site, cdn, "org/flux", files,
        gated="manual", tags=["license:other", "base_model:adapter:up/stream", "not-for-all-audiences"],
        cardData={"instance_prompt": "a sks cat"},
    )  # fmt: skip
    found = resolve(server, f"{hub_site.url}/org/flux")
    assert [(file["name"], file["type"], file["format"]) for file in found["files"]] == [
        ("flux.safetensors", "diffusion", "safetensors"),
        ("old.ckpt", None, "pickle"),
        ("vae/ae.safetensors", "vae", "safetensors"),
    ]
    assert found["files"][2]["goes_with"] == [{"type": "diffusion", "name": "my_flux.safetensors"}]
    assert found["files"][0]["sha256"] == sha256(files["flux.safetensors"])
    assert (found["gated"], found["nsfw"], found["license"]) == (True, True, "other")
    assert (found["base_model"], found["trigger_words"]) == ("up/stream", ["a sks cat"])
    assert any("old.ckpt is a pickle" in warning for warning in found["warnings"])
    only = resolve(server, f"{hub_site.url}/org/flux/tree/main/vae")
    assert [file["name"] for file in only["files"]] == ["vae/ae.safetensors"]
    (single,) = resolve(server, "hf:org/flux/vae/ae.safetensors")["files"]
    assert single["download"] == {
        "model_type": "vae",
        "source": "huggingface",
        "repo_id": "org/flux",
        "filename": "vae/ae.safetensors",
    }


def test_of_a_large_repository_some_headers_are_read_and_that_is_told(
    server: RunningServer, hub_site: Upstream, cdn: Upstream, tmp_path: Path
) -> None:
    data = content(tmp_path, stub_models.vae())
    repository(hub_site, cdn, "org/many", {f"m{number:02}.safetensors": data for number in range(12)})
    found = resolve(server, "hf:org/many")
    assert [file["header_read"] for file in found["files"]] == [True] * 8 + [False] * 4
    assert "the headers of the first 8 files were read" in str(found["warnings"])


def test_another_revision_is_asked_for_and_stays_in_the_download(
    server: RunningServer, hub_site: Upstream, cdn: Upstream, tmp_path: Path
) -> None:
    data = content(tmp_path, stub_models.vae())
    repository(hub_site, cdn, "org/rev", {"m.safetensors": data}, revision="v2")
    found = resolve(server, "hf:org/rev@v2")
    assert found["revision"] == "v2"
    assert found["files"][0]["download"]["revision"] == "v2"


def test_a_plain_address_is_a_file(server: RunningServer, cdn: Upstream, tmp_path: Path) -> None:
    data = content(tmp_path, stub_models.sd1())
    cdn.file("/files/sd1.safetensors", data)
    url = f"{cdn.url}/files/sd1.safetensors"
    found = resolve(server, url)
    (file,) = found["files"]
    assert (found["source"], file["name"], file["size_bytes"]) == ("url", "sd1.safetensors", len(data))
    assert file["architecture"] == "SD1.5"
    assert file["download"] == {"model_type": file["type"], "source": "url", "url": url}
    secret = resolve(server, f"{url}?token=very-secret")
    assert secret["files"][0]["download"] is None
    assert "very-secret" not in str(secret)
    assert server.get("/models/resolve", link=url)["files"] == found["files"]


def test_a_server_without_range_is_not_read_to_its_end(
    server: RunningServer, cdn: Upstream, tmp_path: Path
) -> None:
    sent: list[int] = []
    header = content(tmp_path, stub_models.vae())

    def endless(request: Request) -> None:
        request.start(200, Content_Length=str(10**12))
        request.wfile.write(header)
        while True:
            request.wfile.write(b"\0" * 2**20)
            sent.append(2**20)

    cdn.routes["/endless.safetensors"] = endless
    (file,) = resolve(server, f"{cdn.url}/endless.safetensors")["files"]
    assert (file["type"], file["size_bytes"]) == ("vae", 10**12)
    assert sum(sent) < 64 * 2**20


def test_a_header_beyond_the_first_bytes_is_asked_for_by_its_length(
    server: RunningServer, cdn: Upstream, tmp_path: Path
) -> None:
    data = content(tmp_path, stub_models.vae(), notes="x" * 300_000)
    cdn.file("/long.safetensors", data)
    assert resolve(server, f"{cdn.url}/long.safetensors")["files"][0]["type"] == "vae"
    (length,) = struct.unpack("<Q", data[:8])
    ranges = [one.headers["range"] for one in cdn.asked("/long.safetensors")]
    assert ranges == ["bytes=0-131071", f"bytes=0-{length + 7}"]


@pytest.mark.parametrize(
    ("start", "problem"),
    [
        (struct.pack("<Q", 2**40) + b"{", "a header of 1099511627776 bytes"),
        (struct.pack("<Q", 100) + b"{" * 200, "it is not JSON"),
        (b"GGUF" + b"\xff" * 200, "GGUF version"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1, 1) + struct.pack("<Q", 2**19) + b"x" * 300, "cut off"),
        (b"something else", "this is no .safetensors file"),
    ],
)
def test_a_header_that_is_none_is_a_problem_and_no_error(
    server: RunningServer, cdn: Upstream, start: bytes, problem: str
) -> None:
    def answer(request: Request) -> None:
        request.reply(200, start)

    cdn.routes["/broken.safetensors"] = answer
    (file,) = resolve(server, f"{cdn.url}/broken.safetensors")["files"]
    assert problem in file["problem"] or "longer than the file" in file["problem"]
    assert file["type"] is None


def test_a_length_that_lies_is_told(server: RunningServer, cdn: Upstream, tmp_path: Path) -> None:
    data = content(tmp_path, stub_models.vae())

    def cut_off(request: Request) -> None:
        request.start(206, Content_Length="131072", Content_Range="bytes 0-131071/500000")
        request.wfile.write(data[:100])

    cdn.routes["/short.safetensors"] = cut_off
    status, error = refused(server, f"{cdn.url}/short.safetensors")
    assert status == 400
    assert "broke" in error


def test_a_page_in_place_of_a_file_is_told(server: RunningServer, cdn: Upstream) -> None:
    cdn.page("/login.safetensors", b"<!doctype html><p>log in")
    cdn.page("/raw.safetensors", b"<!doctype html><p>log in" + b" " * 100, "application/octet-stream")
    for name in ("login", "raw"):
        status, error = refused(server, f"{cdn.url}/{name}.safetensors")
        assert status == 400
        assert "sent a page" in error


def test_a_file_that_needs_a_token_is_listed_with_its_problem(
    server: RunningServer, civitai_site: Upstream, tmp_path: Path
) -> None:
    data = content(tmp_path, stub_models.vae())
    model(civitai_site, 400, version(civitai_site, 401, {"v.safetensors": data}, availability="EarlyAccess"))
    civitai_site.status("/api/download/models/401", 401)
    found = resolve(server, "civitai:400")
    (file,) = found["files"]
    assert found["gated"] is True
    assert "the setting downloads.civitai_token" in file["problem"]
    assert (file["type"], file["header_read"]) == ("lora", False)  # as the site says


def test_a_site_that_is_asked_too_often_tells_when_to_ask_again(
    server: RunningServer, civitai_site: Upstream
) -> None:
    civitai_site.status("/api/v1/models/429", 429, Retry_After="17")
    answer = server.http.post("/models/resolve", json={"link": "civitai:429"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "17")
    assert answer.json()["code"] == "upstream_busy"


@pytest.mark.parametrize(
    ("link", "status", "sentence"),
    [
        ("a lovely cat", 400, "no spaces"),
        ("cat", 400, "give the address of a model or a file, civitai:ID[:VERSION]"),
        ("urn:air:dalle:model:openai:dalle@2", 400, "give the address of a model"),
        ("https://huggingface.co/datasets/a/b", 400, "one of the datasets"),
        ("ftp://example.com/m.gguf", 400, "give the address of a model"),
        ("http://user:secret@example.com/m.gguf", 400, "an address with a password"),
        ("civitai:404404", 404, "does not have this"),
        ("hf:org/nothing", 404, "does not have this"),
    ],
)
def test_a_link_that_leads_to_no_model_is_refused(
    server: RunningServer, link: str, status: int, sentence: str
) -> None:
    found, error = refused(server, link)
    assert (found, sentence in error) == (status, True), error


def test_a_download_leaves_what_the_site_tells_beside_the_file(
    server: RunningServer, civitai_site: Upstream, cdn: Upstream, tmp_path: Path
) -> None:
    cdn.page("/pictures/safe", JPEG, "image/jpeg")
    pictures = [
        {"url": f"{cdn.url}/pictures/nsfw", "nsfwLevel": 16, "type": "image"},
        {"url": f"{cdn.url}/pictures/film", "nsfwLevel": 1, "type": "video"},
        {"url": f"{cdn.url}/pictures/safe", "nsfwLevel": 1, "type": "image"},
    ]
    data = content(tmp_path, stub_models.vae())
    model(civitai_site, 500, version(civitai_site, 501, {"cat.safetensors": data}, images=pictures))
    fetched(server, model_id="500")
    assert stored(server, "cat.preview.jpg").read_bytes() == JPEG
    entry = next(
        one
        for one in server.get("/models", type="lora", details=True)["loras"]
        if one["name"] == "cat.safetensors"
    )
    assert (entry["title"], entry["trigger_words"]) == ("Model 500", ["ohwx cat"])
    assert (entry["base_model"], entry["thumbnail"]) == ("SDXL 1.0", "/models/thumb/lora/cat.safetensors")
    assert '"activation text": "ohwx cat"' in stored(server, "cat.json").read_text()
    assert '"sd version": "SDXL"' in stored(server, "cat.json").read_text()
    assert not cdn.asked("/pictures/nsfw")
    (file,) = resolve(server, "civitai:500")["files"]
    assert file["on_disk"] == {"type": "lora", "name": "cat.safetensors"}


def test_links_to_private_networks_are_refused(
    start_server: StartServer, environment: Environment, cdn: Upstream
) -> None:
    careful = start_server(env=environment(allow_private="0"))
    for link in (f"{cdn.url}/m.safetensors", "http://169.254.169.254/latest/m.gguf", "http://[::1]/m.gguf"):
        before = len(cdn.requests)
        answer = careful.http.post("/models/resolve", json={"link": link})
        assert (answer.status_code, answer.json()["code"]) == (400, "address_refused")
        assert len(cdn.requests) == before
