"""`sdcpp search`, `download`, `rm`, and those of `sdcpp models` that describe and rename."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sdcpp_restapi.cli.commands import app
from tests.support import stub_models
from tests.support.http_upstream import Upstream, upstreams
from tests.support.model_sites import model, repository, search_pages, version
from tests.support.running_server import RunningServer


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    """Both sites at one address."""
    with upstreams(1) as (server,):
        yield server


@pytest.fixture(scope="module")
def server(root: Path, site: Upstream) -> Iterator[RunningServer]:
    env = {
        "SDCPP_ENGINE_DEVICES": "[]",
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_CIVITAI_URL": site.url,
        "SDCPP_DOWNLOADS_HUGGINGFACE_URL": site.url,
    }
    stub_models.write(root / "models/loras/here.safetensors", stub_models.vae())
    with RunningServer(root, env=env) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    return stub_models.write(tmp_path / "m.safetensors", stub_models.vae()).read_bytes()


def run(server: RunningServer, *arguments: str, code: int = 0) -> tuple[str, str]:
    ended = CliRunner().invoke(app, [*arguments, "--server", server.url])
    assert ended.exit_code == code, (ended.stdout, ended.stderr)
    return ended.stdout, ended.stderr


def test_a_search_shows_what_to_download_next(server: RunningServer, site: Upstream, data: bytes) -> None:
    found = model(site, 1, version(site, 10, {"found.safetensors": data}))
    search_pages(site, "/api/v1/models", [[found, {**found, "nsfw": True}], []])
    shown, notes = run(server, "search", "pixel art", "--type", "lora")
    (row,) = shown.splitlines()
    assert row.split()[0] == "lora"
    assert row.endswith("civitai:1:10")
    assert "download civitai:1:10' fetches the first one" in notes
    assert "1 left out that are not for everybody" in notes
    assert "--cursor 'page-1'" in notes
    shown, _ = run(server, "search", "pixel art", "--json")
    assert json.loads(shown)["models"][0]["link"] == "civitai:1:10"


def test_a_link_is_downloaded_into_the_folder_that_its_header_tells(
    server: RunningServer, site: Upstream, data: bytes
) -> None:
    model(site, 2, version(site, 20, {"ae.safetensors": data}), type="Checkpoint")
    shown, _ = run(server, "models", "resolve", "civitai:2")
    assert "vae            ae.safetensors (" in shown
    shown, _ = run(server, "download", "civitai:2")
    assert shown.strip() == "vae ae.safetensors"
    assert (server.models_dir / "vae/ae.safetensors").exists()


def test_of_several_files_one_is_chosen_by_name(server: RunningServer, site: Upstream, data: bytes) -> None:
    repository(site, site, "org/two", {"a.safetensors": data, "b.safetensors": data})
    _, told = run(server, "download", "hf:org/two", code=2)
    assert "say which with --file: a.safetensors, b.safetensors" in told
    shown, _ = run(server, "download", "hf:org/two", "--file", "b.safetensors", "--type", "vae")
    assert shown.strip() == "vae b.safetensors"


def test_a_model_is_described_renamed_deleted_and_restored(server: RunningServer) -> None:
    run(server, "models", "note", "here.safetensors", "for cats")
    shown, _ = run(server, "models", "tag", "here.safetensors", "cat", "animal")
    assert shown == "lora here.safetensors  [cat, animal]\n"
    run(server, "models", "rename", "here.safetensors", "sub/there.safetensors")
    shown, _ = run(server, "rm", "sub/there.safetensors")
    trash_id = shown.split()[-1]
    assert run(server, "models", "trash")[0].split()[0] == trash_id
    assert run(server, "models", "restore", trash_id)[0] == "lora sub/there.safetensors\n"
    _, told = run(server, "models", "restore", trash_id, code=1)
    assert "not in the trash" in told
    run(server, "models", "rename", "sub/there.safetensors", "here.safetensors")
    entry = server.get("/models", type="lora", details=True)["loras"][0]
    assert (entry["name"], entry["notes"], entry["tags"]) == (
        "here.safetensors",
        "for cats",
        ["cat", "animal"],
    )


def test_doubles_and_newer_versions_are_listed(server: RunningServer, site: Upstream, data: bytes) -> None:
    for name in ("one", "two"):
        path = stub_models.write(server.models_dir / f"taesd/{name}.safetensors", stub_models.taesd())
        server.post("/models/refresh")
        server.get(f"/models/hash/taesd/{path.name}")
    shown, _ = run(server, "models", "duplicates")
    assert "taesd      one.safetensors" in shown
    old, newer = version(site, 30, {"ae3.safetensors": data + b"\0"}), version(site, 31, {"x.gguf": b"GGUF"})
    model(site, 3, old)
    run(server, "models", "download", "civitai:3", "--type", "vae")
    model(site, 3, newer, old)
    shown, _ = run(server, "models", "updates", "--refresh")
    assert "ae3.safetensors: v30 -> v31  civitai:3:31" in shown
