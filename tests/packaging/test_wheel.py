"""The package as others install it: built, put into a fresh environment, used without the clone."""

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from ctypes.util import find_library
from pathlib import Path

import httpx
import psutil
import pytest
from playwright.sync_api import Browser

from tests.packaging.source_copy import ROOT, clean_environment, copy_sources, run

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1200)]

# Not that of the environment in which this runs.
PYTHON = Path(sys._base_executable)  # type: ignore[attr-defined]
SERVING = re.compile(r"Serving on (http://\S+) ")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def sdist(place: Path) -> Path:
    """Made from a copy of the sources, with the page that is built here or is built now."""
    sources = copy_sources(place / "sources")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", place / "dist", folder=sources)
    (found,) = (place / "dist").glob("*.tar.gz")
    return found


@pytest.fixture(scope="module")
def wheel(place: Path, sdist: Path) -> Path:
    """Built from the sdist, in an environment that has what pip finds to be needed."""
    told = run(PYTHON, "-m", "pip", "wheel", "-v", "--no-deps", "-w", place / "wheel", sdist, folder=place)
    assert "nodejs" not in told
    (found,) = (place / "wheel").glob("*.whl")
    return found


@pytest.fixture(scope="module")
def command(place: Path, wheel: Path) -> Path:
    """The command of an environment that has nothing but the wheel and what it depends on."""
    run(PYTHON, "-m", "venv", place / "venv", folder=place)
    run(place / "venv/bin/pip", "install", "--quiet", wheel, folder=place)
    return place / "venv/bin/sdcpp"


def test_the_sdist_has_what_a_wheel_is_built_of_and_nothing_else(sdist: Path) -> None:
    with tarfile.open(sdist) as file:
        names = {name.partition("/")[2] for name in file.getnames()}
    assert {"src/sdcpp_restapi/ui/static/index.html", "ui/package-lock.json", "LICENSE", "README.md"} <= names
    assert not [name for name in names if name.startswith(("tests", "docs", "benchmarks", "tools"))]
    assert not [name for name in names if "node_modules" in name]


def test_the_wheel_has_the_page_the_manual_and_the_licenses(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "sdcpp_restapi/ui/static/index.html" in names
    assert "sdcpp_restapi/ui/static/licenses.md" in names
    assert "sdcpp_restapi/cli/engine/locks/vulkan.txt" in names
    for end in ("share/man/man1/sdcpp.1", "share/bash-completion/completions/sdcpp", "licenses/LICENSE"):
        assert any(name.endswith(end) for name in names), end


def test_an_index_takes_the_description(place: Path, sdist: Path, wheel: Path) -> None:
    run(PYTHON, "-m", "venv", place / "twine", folder=place)
    run(place / "twine/bin/pip", "install", "--quiet", "twine", folder=place)
    told = run(place / "twine/bin/twine", "check", "--strict", sdist, wheel, folder=place, NO_COLOR="1")
    assert told.count("PASSED") == 2


def test_what_is_installed_agrees_with_itself(command: Path, place: Path) -> None:
    assert "No broken requirements" in run(command.with_name("pip"), "check", folder=place)


def test_the_demo_draws_in_an_empty_folder(command: Path, tmp_path: Path) -> None:
    told = run(command, "demo", "--once", "--port", "0", "--ws-port", "0", folder=tmp_path)
    assert "cat" in told
    assert list((tmp_path / "output").glob("*/image_0.png"))


def test_a_server_uses_no_file_of_the_clone_and_shows_its_page(
    command: Path, tmp_path: Path, browser: Browser
) -> None:
    server = subprocess.Popen(
        [command, "serve", "--port", "0", "--ws-port", "0"],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = next(match[1] for line in server.stdout if (match := SERVING.search(line)))
        assert '<div id="app"' in httpx.get(f"{url}/ui/").text
        page = browser.new_page()
        page.goto(f"{url}/ui/")
        page.get_by_role("navigation").first.wait_for()
        page.close()
        used = list_used_files(server.pid)
        assert [path for path in used if path.startswith(f"{ROOT}/")] == []
        assert [path for path in used if path.startswith(str(command.parents[1]))] != []
    finally:
        server.terminate()
        server.communicate(timeout=30)


def list_used_files(pid: int) -> set[str]:
    """Files that a process and its children have open or mapped."""
    me = psutil.Process(pid)
    family = [me, *me.children(recursive=True)]
    opened = {file.path for process in family for file in process.open_files()}
    return opened | {found.path for process in family for found in process.memory_maps()}


def test_uvx_runs_it_without_installing_it(place: Path, wheel: Path, tmp_path: Path) -> None:
    tools = install_tools(place)
    uvx = (tools / "uvx", "--python", PYTHON, "--from", wheel, "sdcpp")
    cache = str(place / "uv-cache")
    ports = ("--port", "0", "--ws-port", "0")
    assert "cat" in run(*uvx, "demo", "--once", *ports, folder=tmp_path, UV_CACHE_DIR=cache)
    listed = run(*uvx, "doctor", "--json", folder=tmp_path, UV_CACHE_DIR=cache)
    assert json.loads(listed[listed.index("{") :])["ok"]


def test_pipx_installs_the_command_and_its_manual(place: Path, wheel: Path, tmp_path: Path) -> None:
    folders = {
        "PIPX_HOME": tmp_path / "pipx",
        "PIPX_BIN_DIR": tmp_path / "bin",
        "PIPX_MAN_DIR": tmp_path / "man",
    }
    variables = {name: str(folder) for name, folder in folders.items()}
    run(install_tools(place) / "pipx", "install", "--python", PYTHON, wheel, folder=tmp_path, **variables)
    assert run(tmp_path / "bin/sdcpp", "--version", folder=tmp_path).startswith("sdcpp ")
    assert (tmp_path / "man/man1/sdcpp.1").is_file()


def install_tools(place: Path) -> Path:
    """uv and pipx, each once."""
    tools = place / "tools"
    if not tools.is_dir():
        run(PYTHON, "-m", "venv", tools, folder=place)
        run(tools / "bin/pip", "install", "--quiet", "uv", "pipx", folder=place)
    return tools / "bin"


@pytest.mark.skipif(find_library("vulkan") is None, reason="Vulkan's loader is not installed")
def test_a_build_for_gpus_is_installed_and_survives_an_update(
    command: Path, wheel: Path, place: Path, tmp_path: Path
) -> None:
    # Devices of software are passed over unless they are named.
    first = {"GGML_VK_VISIBLE_DEVICES": "0"}
    run(command, "engine", "install", "vulkan", "--data-dir", "data", folder=tmp_path, **first)
    run(
        command.with_name("pip"),
        "install",
        "--quiet",
        "--force-reinstall",
        "--no-deps",
        wheel,
        folder=tmp_path,
    )
    listed = run(command, "doctor", "--json", "--data-dir", "data", folder=tmp_path, **first)
    found = {one["name"]: one for one in json.loads(listed)["findings"]}
    assert f"{tmp_path}/data/engines/vulkan-" in found["Engine"]["detail"]
    # Mesa's drivers, which have one of software.
    if Path("/usr/share/vulkan/icd.d/lvp_icd.x86_64.json").exists():
        assert "Vulkan0" in found["Devices"]["detail"]
