"""`sdcpp models`: the models of a running server."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from sdcpp_restapi.cli.commands import app
from tests.support.command import ANY_PORTS, running, sdcpp
from tests.support.http_upstream import Upstream, civitai, hub, model_bytes, sha256, upstreams
from tests.support.tiny_models import build

MODEL, LORA = "minit2i.safetensors", "lora_minit2i.safetensors"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with upstreams(1) as (server,):
        yield server


@pytest.fixture(scope="module")
def url(folder: Path, upstream: Upstream) -> Iterator[str]:
    """Address of a server that may fetch from this machine, with a tiny model in memory."""
    build("lora_minit2i").install(folder / "models")
    variables = {
        "SDCPP_ENGINE_DEFAULT_MODEL": json.dumps(build("minit2i").install(folder / "models")),
        "SDCPP_DOWNLOADS_ALLOW_PRIVATE": "1",
        "SDCPP_DOWNLOADS_CIVITAI_URL": upstream.url,
        "SDCPP_DOWNLOADS_HUGGINGFACE_URL": upstream.url,
    }
    with running("serve", *ANY_PORTS, folder=folder, **variables) as server:
        yield server.loaded_url("minit2i")


def listed(url: str, folder: Path, *arguments: str) -> list[list[str]]:
    ended = sdcpp("models", "list", "--server", url, *arguments, folder=folder)
    assert (ended.returncode, ended.stderr) == (0, "")
    return [line.split() for line in ended.stdout.splitlines()]


def test_the_list_tells_what_is_on_disk_and_what_is_loaded(url: str, folder: Path) -> None:
    rows = listed(url, folder, "--type", "diffusion")
    assert [(row[0], row[1], row[-1]) for row in rows] == [("*", "diffusion", MODEL)]
    assert {row[-1] for row in listed(url, folder)} >= {MODEL, "t5xxl.safetensors", LORA}
    assert [row[-1] for row in listed(url, folder, "-s", "LORA_", "--extension", "safetensors")] == [LORA]


def test_the_list_for_programs_is_the_servers_answer(url: str, folder: Path) -> None:
    ended = sdcpp("models", "list", "--json", "--server", url, folder=folder)
    assert json.loads(ended.stdout) == httpx.get(f"{url}/models").json()


def test_a_hash_is_written_as_sha256sum_does_and_then_listed(url: str, folder: Path) -> None:
    digest = sha256((folder / "models/loras" / LORA).read_bytes())
    ended = sdcpp("models", "hash", LORA, "--server", url, folder=folder)
    assert ended.stdout == f"{digest}  {LORA}\n"
    assert listed(url, folder, "-s", LORA)[0][-2] == digest[:10]


def test_an_inspection_tells_what_a_model_is_and_needs(url: str, folder: Path) -> None:
    ended = sdcpp("models", "inspect", MODEL, "--server", url, folder=folder)
    told = dict(line.split(maxsplit=1) for line in ended.stdout.splitlines())
    assert told["architecture"] == "MiniT2I"
    assert told["needs"] == "t5xxl: t5xxl.safetensors"
    as_json = sdcpp("models", "inspect", MODEL, "--json", "--server", url, folder=folder)
    assert json.loads(as_json.stdout) == httpx.get(f"{url}/models/inspect/diffusion/{MODEL}").json()


def test_a_name_that_is_missing_or_in_two_folders_is_told(url: str, folder: Path) -> None:
    for kind in ("vae", "taesd"):
        (folder / "models" / kind).mkdir(exist_ok=True)
        (folder / "models" / kind / "twin.safetensors").write_bytes(b"twin")
    httpx.post(f"{url}/models/refresh")
    missing, twin, chosen = (
        sdcpp("models", "hash", *name, "--server", url, folder=folder)
        for name in (["nothing"], ["twin.safetensors"], ["twin.safetensors", "-t", "vae"])
    )
    assert (missing.returncode, twin.returncode, chosen.returncode) == (2, 2, 0)
    assert "there is no model nothing; 'sdcpp models list' shows all names" in missing.stderr
    assert "twin.safetensors is in vae and taesd; say which with --type" in twin.stderr
    assert chosen.stdout.startswith(sha256(b"twin"))


def test_a_download_ends_with_the_name_and_shows_how_far_it_is(
    url: str, folder: Path, upstream: Upstream
) -> None:
    data = model_bytes(2_000_000)
    upstream.file("/plain.safetensors", data)
    arguments = ("--type", "lora", "--subfolder", "new", "--server", url)
    ended = sdcpp("models", "download", f"{upstream.url}/plain.safetensors", *arguments, folder=folder)
    assert (ended.returncode, ended.stdout) == (0, "lora new/plain.safetensors\n"), ended.stderr
    assert (folder / "models/loras/new/plain.safetensors").read_bytes() == data
    assert "downloading: " in ended.stderr
    assert "hashing: 100 %" in ended.stderr


@pytest.mark.heavy
def test_civitai_and_hugging_face_have_short_names(url: str, folder: Path, upstream: Upstream) -> None:
    data = model_bytes(1000)
    civitai(upstream, upstream, data)
    hub(upstream, upstream, data, "org/name", "sub/hub.gguf")
    sources = ("civitai:123456", "civitai:123456:789012", "hf:org/name/sub/hub.gguf")
    names = [("--filename", "c1.safetensors"), ("--filename", "c2.safetensors"), ()]
    ended = [
        sdcpp("models", "download", source, "-t", "lora", *name, "--server", url, folder=folder)
        for source, name in zip(sources, names, strict=True)
    ]
    told = [one.stdout.strip() for one in ended]
    assert told == ["lora c1.safetensors", "lora c2.safetensors", "lora sub/hub.gguf"], ended


def test_a_download_that_fails_says_why(url: str, folder: Path, upstream: Upstream) -> None:
    arguments = ("-t", "lora", "--server", url)
    ended = sdcpp("models", "download", f"{upstream.url}/gone.gguf", *arguments, folder=folder)
    assert ended.returncode == 1
    assert "404" in ended.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("download", "model.gguf", "-t", "lora"), "model.gguf: give an address, civitai:ID"),
        (("download", "civitai:", "-t", "lora"), "civitai:: give an address, civitai:ID"),
        (("download", "hf:name/file.gguf", "-t", "lora"), "hf:name/file.gguf: give an address"),
        (("download", "ftp://host/a.gguf", "-t", "lora"), "ftp://host/a.gguf: give an address"),
        (("load", "a.gguf", "--with", "vae"), "--with vae: write NAME=VALUE"),
        (("load", "a.gguf", "--option", "=5"), "--option =5: write NAME=VALUE"),
    ],
)
def test_what_is_written_wrongly_is_refused_before_the_server_is_asked(
    arguments: tuple[str, ...], told: str
) -> None:
    ended = CliRunner().invoke(app, ["models", *arguments, "--server", "http://127.0.0.1:9"])
    assert ended.exit_code == 2
    assert ended.stderr.startswith(f"sdcpp: {told}")


@pytest.mark.heavy
def test_ctrl_c_cancels_the_download(url: str, folder: Path, upstream: Upstream) -> None:
    held = upstream.file("/held.safetensors", model_bytes(1_000_000), hold_at=500_000)
    arguments = ("download", f"{upstream.url}/held.safetensors", "-t", "lora", "--server", url)
    with running("models", *arguments, folder=folder) as command:
        command.wait_for("downloading: ")
        code, said = command.end(signal.SIGINT)
    held.go_on.set()
    cancelled = re.search(r"the job (\S+) was cancelled", said)
    assert cancelled, said
    assert code == 130
    assert httpx.get(f"{url}/queue/{cancelled[1]}").json()["status"] == "cancelled"


def test_a_conversion_ends_with_the_path_of_the_new_model(url: str, folder: Path) -> None:
    arguments = (MODEL, "f16", "-o", "small.gguf", "--rules", "norm=f32", "--server", url)
    first, second, third = (
        sdcpp("models", "convert", *arguments, *more, folder=folder) for more in ((), (), ("--overwrite",))
    )
    assert first.stdout == "diffusion small.gguf\n", first.stderr
    assert "converting: " in first.stderr
    assert (second.returncode, "exists already" in second.stderr) == (1, True)
    assert third.returncode == 0, third.stderr


def test_a_model_is_loaded_with_its_parts_and_options_and_unloaded(url: str, folder: Path) -> None:
    parts = ("--with", "t5xxl=t5xxl.safetensors", "--option", "flash_attn=false")
    try:
        unloaded = sdcpp("models", "unload", "--server", url, folder=folder)
        assert unloaded.stdout == "Model unloaded\n"
        assert not httpx.get(f"{url}/health").json()["model_loaded"]
    finally:
        loaded = sdcpp("models", "load", MODEL, "-t", "diffusion", *parts, "--server", url, folder=folder)
    assert loaded.stdout == f"{MODEL} (MiniT2I)\n", loaded.stderr
    assert httpx.get(f"{url}/health").json()["loaded_components"]["t5xxl"] == "t5xxl.safetensors"
    plan = httpx.post(f"{url}/plan", json={"prompt": "a cat"}).json()
    assert plan["model"]["options"]["flash_attn"] is False


def test_what_the_server_refuses_is_one_sentence(url: str, folder: Path) -> None:
    ended = sdcpp("models", "load", "nothing.gguf", "--server", url, folder=folder)
    assert ended.returncode == 1
    assert ended.stderr == "sdcpp: Model not found: nothing.gguf\n"


@pytest.mark.parametrize("command", [("list",), ("unload",), ("convert", "a.gguf", "f16")])
def test_without_a_server_it_says_so(command: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(app, ["models", *command, "--server", "http://127.0.0.1:9"])
    assert ended.exit_code == 1
    assert ended.stderr.startswith("sdcpp: No server answers at http://127.0.0.1:9")
