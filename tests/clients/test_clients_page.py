"""docs/clients.md: each of its examples draws, with the client that it is written for."""

import gc
import json
import os
import re
import shutil
import subprocess
import warnings
from importlib.metadata import version
from pathlib import Path

import pytest
from PIL import Image

from tests.docs.markdown import read_code, read_rows
from tests.docs.shell_blocks import read_blocks
from tests.docs.source_tree import ROOT
from tests.support.comfyui_graphs import text_to_image
from tests.support.running_server import RunningServer
from tests.support.server_setup import ServerSetup

PAGE = ROOT / "docs/clients.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
# By the module that a program imports: the source of its job.
SOURCES = {
    "openai": "openai",
    "webuiapi": "a1111",
    "ollama": "ollama",
    "comfy_toolkit": "comfyui",
    "mcp": "mcp",
    "sdcpp_restapi.client": None,
}
# What the page leaves open is as small as the tiny model is.
SERVER = ServerSetup(
    loads=["sd1"],
    env={
        "SDCPP_GENERATION_USE_ARCHITECTURE_DEFAULTS": "true",
        "SDCPP_GENERATION_PRESETS": json.dumps({"SD1.5": {"width": 64, "height": 64, "steps": 2}}),
    },
)


def imported(program: str) -> str:
    """The client's module."""
    (name,) = set(re.findall(r"^from (\S+) import", program, re.MULTILINE))
    return str(name)


def test_there_is_a_program_for_each_interface() -> None:
    assert [imported(program) for program in PROGRAMS] == list(SOURCES)


def run(program: str) -> None:
    """Run a program as its own interpreter would, which closes connections at its end without a word."""
    names: dict[str, object] = {"__name__": "__main__"}
    exec(compile(program, PAGE.name, "exec"), names)  # noqa: S102 - it is our own page
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        names.clear()
        gc.collect()


@pytest.mark.parametrize("program", PROGRAMS, ids=imported)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_of_the_page_draws(
    program: str, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workflow = text_to_image(steps=2)
    (tmp_path / "workflow_api.json").write_text(json.dumps(workflow))
    here = program.replace("8080", str(server.port)).replace("512", "64").replace("steps=20", "steps=2")
    run(here)
    (picture,) = tmp_path.glob("*.png")
    with Image.open(picture) as image:
        assert image.size == (64, 64)
    job = server.get("/queue", limit=1)["items"][0]
    assert job.get("source") == SOURCES[imported(program)]


def test_the_commands_of_the_page_print_what_is_written_around_them(
    server: RunningServer, tmp_path: Path
) -> None:
    for tool in ("bash", "curl", "jq"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    (tmp_path / ".curlrc").write_text("fail-with-body\n")
    script = "echo ---\n".join(block.text for block in read_blocks(PAGE)).replace("8080", str(server.port))
    printed = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{script}"],
        cwd=tmp_path,
        env={**os.environ, "CURL_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    with Image.open(tmp_path / "cat.png") as image:
        assert image.size == (64, 64)
    waited, heard, listed = printed.split("---\n")
    assert waited == ""
    assert heard.splitlines()[-1] == "event: job_status_changed"
    assert listed.splitlines()[:2] == ["our own a lovely cat"] * 2


def test_the_versions_of_the_page_are_those_that_the_tests_have() -> None:
    tested = [cell for row in read_rows(PAGE, "Interface") if (cell := row.get("Tested with"))]
    named = [pair for cell in tested for pair in re.findall(r"`([\w-]+)` ([\d.]+)", cell)]
    assert [name for cell in tested for name in read_code(cell)] == [name for name, _ in named]
    assert dict(named) == {name: version(name) for name, _ in named}
