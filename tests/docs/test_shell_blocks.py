"""The commands of the README and of the quick start do what is written around them, on a real server."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from sdcpp_restapi.config import Paths
from sdcpp_restapi.demo.model import copy_demo_model
from tests.docs.shell_blocks import ShellBlock, build_script, read_blocks
from tests.support.tiny_models import build

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs/quickstart.md"]
SD15 = "v1-5-pruned-emaonly.safetensors"
FLUX = {
    "model": "flux1-schnell-Q4_K_S.gguf",
    "clip_l": "clip_l.safetensors",
    "t5xxl": "t5xxl_fp16.safetensors",
}
# What the pages leave open: as small as the tiny models are.
SMALL = {"width": 64, "height": 64, "steps": 2}
# For all blocks of a page: beside other tests, three servers and four loads take a minute.
SECONDS = 300


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder that looks like a checkout: the command, its `.venv`, and models by the pages' names."""
    for tool in ("bash", "curl", "jq"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    _write_script(tmp_path / "sdcpp", f'exec "{sys.executable}" -m sdcpp_restapi "$@"')
    (tmp_path / ".venv/bin").mkdir(parents=True)
    _write_script(tmp_path / ".venv/bin/python", f'exec "{sys.executable}" "$@"')
    # Without it curl ends with 0 whatever the server answers.
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    models = tmp_path / "models"
    copy_demo_model(Paths(models_dir=models).model_folders())
    build("sd1_whole").install(models, names={"model": SD15})
    build("flux_dev").install(models, names=FLUX)
    build("vae_flux").install(models, names={"vae": "ae.safetensors"})
    return tmp_path


def _write_script(path: Path, line: str) -> None:
    path.write_text(f"#!/usr/bin/env bash\n{line}\n")
    path.chmod(0o755)


def run(blocks: list[ShellBlock], folder: Path) -> tuple[int, str]:
    """Run the blocks in this folder; the status, and what was printed."""
    ports = dict(zip((8080, 8081), _free_ports(), strict=True))
    environment = {
        **os.environ,
        "HOME": str(folder),
        "CURL_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "SDCPP_SERVER_PORT": str(ports[8080]),
        "SDCPP_URL": f"http://127.0.0.1:{ports[8080]}",
        "SDCPP_SERVER_WS_PORT": str(ports[8081]),
        "SDCPP_PATHS_DATA_DIR": str(folder / "data"),
        "SDCPP_GENERATION_USE_ARCHITECTURE_DEFAULTS": "true",
        "SDCPP_GENERATION_PRESETS": json.dumps(dict.fromkeys(("SD1.5", "Flux"), SMALL)),
    }
    with (folder / "printed.txt").open("w+b") as printed:
        process = subprocess.Popen(
            ["bash", "-c", build_script(blocks, ports)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            # With the server that the script started.
            os.killpg(process.pid, signal.SIGKILL)
            status = process.wait()
        printed.seek(0)
        return status, printed.read().decode(errors="replace")


def _free_ports() -> list[int]:
    opened = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in opened]
    for one in opened:
        one.close()
    return ports


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS + 30)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_block_of_a_page_ends_with_status_0(page: Path, workplace: Path) -> None:
    status, printed = run(read_blocks(page), workplace)
    assert status == 0, printed
    with Image.open(workplace / "cat.png") as picture:
        assert picture.size == (64, 64)


def test_the_pages_are_found_with_all_their_blocks() -> None:
    blocks = [block for page in PAGES for block in read_blocks(page)]
    assert len(blocks) == sum(page.read_text("utf-8").count("\n```sh\n") for page in PAGES)
    assert [block.text.split()[1] for block in blocks if block.is_skipped] == ["install", "engine"]


@pytest.mark.heavy
def test_a_block_that_fails_is_noticed_and_named(workplace: Path) -> None:
    status, printed = run([ShellBlock(1, "true\n", None), ShellBlock(7, "false\ntrue\n", None)], workplace)
    assert status != 0
    assert "the block in line 7 failed" in printed


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS + 30)
def test_an_error_of_the_server_is_a_failure(workplace: Path) -> None:
    serve = ShellBlock(3, "./sdcpp serve\n", "background")
    ask = ShellBlock(8, "curl -s localhost:8080/queue/nothing | jq\n", None)
    status, printed = run([serve, ask], workplace)
    assert status != 0
    assert "job_not_found" in printed
