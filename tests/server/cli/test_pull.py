"""`sdcpp pull`, `sdcpp rm`, `sdcpp sets` and `sdcpp models du` on a running server."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import ANY_PORTS, running, sdcpp
from tests.support.http_upstream import model_bytes, sha256, upstreams
from tests.support.hub_site import HubSite, of_hub, write_set
from tests.support.tiny_models.models import build

DATA = model_bytes(300_000, seed=30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pulling")


@pytest.fixture(scope="module")
def hub() -> Iterator[HubSite]:
    with upstreams(2) as (site, cdn):
        yield HubSite(site, cdn)


@pytest.fixture(scope="module")
def url(folder: Path, hub: HubSite) -> Iterator[str]:
    """Address of a server with two sets of its own: one draws, one is a LoRA."""
    tiny = build("zimage").files
    model, llm = tiny["model"].read_bytes(), tiny["llm"].read_bytes()
    taesd = tiny["taesd"].read_bytes()
    for path, data in (("model.safetensors", model), ("llm.safetensors", llm), ("tae.safetensors", taesd)):
        hub.put("org/draws", path, data)
    hub.put("org/lora", "lora.gguf", DATA)
    sets = folder / "models/sets"
    write_set(
        sets,
        "draws",
        of_hub("org/draws", "model.safetensors", model, part="model", type="diffusion"),
        of_hub("org/draws", "llm.safetensors", llm, part="llm", type="llm"),
        of_hub("org/draws", "tae.safetensors", taesd, part="taesd", type="taesd"),
        architecture="Z-Image",
        defaults={"width": 64, "height": 64, "steps": 1},
        load_options={"n_threads": 1},
        example="a lovely cat",
    )
    write_set(sets, "lora", of_hub("org/lora", "lora.gguf", DATA))
    variables = {
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_HUGGINGFACE_URL": hub.site.url,
        "HF_HOME": str(folder / "hugging"),
    }
    with running("serve", *ANY_PORTS, folder=folder, **variables) as server:
        yield f"http://127.0.0.1:{server.port()}"


def ran(folder: Path, url: str, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    ended = sdcpp(*arguments, "--server", url, folder=folder)
    assert ended.returncode == code, ended.stderr
    return ended


def test_a_set_is_shown_pulled_loaded_and_drawn_in_one_command(url: str, folder: Path) -> None:
    ended = ran(folder, url, "pull", "draws", "--yes", "--draw")
    assert "draws, variant only: only needs" in ended.stderr
    assert "licence: MIT, https://example.com/licence" in ended.stderr
    assert "to fetch: " in ended.stderr
    *files, picture = ended.stdout.splitlines()
    assert files == ["diffusion model.safetensors", "llm llm.safetensors", "taesd tae.safetensors"]
    assert picture.startswith("/output/")
    assert "* diffusion" in ran(folder, url, "models", "list").stdout
    assert "* draws" in ran(folder, url, "sets", "list").stdout


def test_where_nobody_can_be_asked_nothing_is_fetched(url: str, folder: Path, hub: HubSite) -> None:
    ended = ran(folder, url, "pull", "lora", code=2)
    assert "give --yes" in ended.stderr
    assert hub.fetches_of(DATA) == 0


def test_a_set_is_explained_before_it_is_pulled(url: str, folder: Path) -> None:
    told = ran(folder, url, "sets", "show", "z-image-turbo").stdout
    assert "licence    Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0" in told
    assert [row.split()[1] for row in told.splitlines() if row.startswith("variant")] == [
        "q8:",
        "q6:",
        "q5:",
        "q4:",
    ]
    listed = json.loads(ran(folder, url, "sets", "list", "--json").stdout)
    assert {"draws", "lora", "sd15"} <= {one["name"] for one in listed["sets"]}


def test_a_removal_tells_what_it_keeps_and_du_what_models_take(url: str, folder: Path) -> None:
    ran(folder, url, "pull", "lora", "--yes", "--no-load")
    by_set = json.loads(ran(folder, url, "models", "du", "--by", "set", "--json").stdout)["bytes"]
    assert by_set["lora"] == 300_000
    assert "lora" in ran(folder, url, "models", "du").stdout
    assert "type, model, set" in ran(folder, url, "models", "du", "--by", "colour", code=2).stderr
    ended = ran(folder, url, "rm", "lora", "--yes")
    assert "deleted  lora" in ended.stderr
    assert "300.0 kB are free again" in ended.stderr
    kept = ran(folder, url, "rm", "draws", code=0).stderr
    assert kept.count("is loaded") == 3
    assert "was not pulled" in ran(folder, url, "rm", "lora", code=1).stderr


def test_sizes_and_hashes_are_written_into_sets_without_a_server(folder: Path, hub: HubSite) -> None:
    data = model_bytes(1_000, seed=31)
    hub.put("org/checked", "checked.gguf", data)
    file = of_hub("org/checked", "checked.gguf", data, about=999)
    del file["size"], file["sha256"]
    sets = folder / "to-check"
    write_set(sets, "checked", file)
    variables = {"SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1", "HF_ENDPOINT": hub.site.url}
    ended = sdcpp("sets", "check", str(sets), "--write", folder=folder, **variables)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == "checked.toml: checked.gguf: size is 1000, not stated"
    written = (sets / "checked.toml").read_text("utf-8")
    assert "size = 1000" in written
    assert f'sha256 = "{sha256(data)}"' in written
    again = sdcpp("sets", "check", str(sets), folder=folder, **variables)
    assert (again.returncode, again.stdout) == (0, "")
    hub.site.status("/org/checked/resolve/main/checked.gguf", 404)
    assert sdcpp("sets", "check", str(sets), folder=folder, **variables).returncode == 1
