"""`sdcpp engine`: which build a data folder remembers, and what is in the way of one."""

import importlib.util
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from sdcpp_restapi.cli.commands import app
from sdcpp_restapi.cli.engine import choice, installer
from sdcpp_restapi.cli.engine.builds import BUILDS, CUDA_RUNTIME
from sdcpp_restapi.config import read_settings
from sdcpp_restapi.config.chosen_engine import choose_library, engines_folder, find_chosen_library
from sdcpp_restapi.errors import EngineUnusable
from sdcpp_restapi.schemas.engine import Hello

LIBRARY = "cyllama/sd/stable_diffusion.abi3.so"
PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def sdcpp(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["engine", *arguments, "--data-dir", str(data)])


def library_in_use(data: Path) -> Path | None:
    return read_settings(None, {"paths": {"data_dir": data}}).engine.library


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A data folder with the build for Vulkan, which nobody has chosen."""
    library = engines_folder(tmp_path) / BUILDS[0].folder_name / LIBRARY
    library.parent.mkdir(parents=True)
    library.touch()
    return tmp_path


def test_every_build_has_the_version_of_the_installed_package_and_hashes() -> None:
    dependencies = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]
    version = next(one for one in dependencies if one.startswith("cyllama==")).partition("==")[2]
    assert {(build.package, build.version) for build in BUILDS} == {
        (f"cyllama-{build.name}", version) for build in BUILDS
    }
    for lock in (*(build.lock for build in BUILDS), CUDA_RUNTIME):
        assert "--hash=sha256:" in lock.read_text("utf-8")


def test_without_a_choice_the_installed_package_is_used(installed: Path) -> None:
    assert library_in_use(installed) is None


def test_a_chosen_build_is_used_until_the_default_is_chosen(installed: Path) -> None:
    assert sdcpp(installed, "use", "vulkan").exit_code == 0
    assert library_in_use(installed) == engines_folder(installed) / BUILDS[0].folder_name / LIBRARY
    assert "* vulkan  installed" in sdcpp(installed, "list").output
    assert sdcpp(installed, "use", "default").exit_code == 0
    assert library_in_use(installed) is None
    assert "* default" in sdcpp(installed, "list").output


def test_settings_go_before_the_choice(installed: Path) -> None:
    sdcpp(installed, "use", "vulkan")
    for setting, value in (("library", "/opt/engine.so"), ("supplier", "inferna")):
        flags: dict[str, dict[str, object]] = {
            "paths": {"data_dir": installed},
            "engine": {setting: value},
        }
        assert read_settings(None, flags).engine.library == (
            Path("/opt/engine.so") if setting == "library" else None
        )


def test_a_data_folder_can_be_moved(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    sdcpp(installed, "use", "vulkan")
    moved = installed.rename(tmp_path_factory.mktemp("other") / "data")
    library = library_in_use(moved)
    assert library is not None
    assert library.is_file()


def test_a_build_that_is_removed_is_not_used_any_more(installed: Path) -> None:
    sdcpp(installed, "use", "vulkan")
    assert sdcpp(installed, "uninstall", "vulkan").exit_code == 0
    assert library_in_use(installed) is None
    assert sdcpp(installed, "uninstall", "vulkan").exit_code == 1


def test_a_chosen_library_that_is_gone_is_named_still(installed: Path) -> None:
    library = engines_folder(installed) / "vulkan-0.1" / LIBRARY
    choose_library(installed, library)
    assert find_chosen_library(installed) == library


@pytest.mark.parametrize("command", ["install", "use", "uninstall"])
def test_an_unknown_build_is_refused_with_those_that_there_are(tmp_path: Path, command: str) -> None:
    ended = sdcpp(tmp_path, command, "metal")
    assert ended.exit_code == 2
    assert "'metal'; there are vulkan, cuda12, rocm, sycl" in ended.output


def test_a_build_that_is_not_installed_cannot_be_used(tmp_path: Path) -> None:
    ended = sdcpp(tmp_path, "use", "rocm")
    assert ended.exit_code == 1
    assert "sdcpp engine install rocm" in ended.output


def test_cuda_s_runtime_is_for_cuda(tmp_path: Path) -> None:
    ended = sdcpp(tmp_path, "install", "vulkan", "--cuda-runtime")
    assert ended.exit_code == 2
    assert "only cuda12 does" in ended.output


# ---------------------------------------------------------------- installing, with a stand-in for pip

PIP = """
import pathlib, sys
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
for path in {paths!r}:
    (target / path).parent.mkdir(parents=True)
    (target / path).touch()
assert "--require-hashes" in sys.argv
sys.exit({error!r})
"""


def install_with(
    monkeypatch: pytest.MonkeyPatch,
    data: Path,
    *,
    paths: tuple[str, ...] = (LIBRARY,),
    error: str | None = None,
) -> Result:
    code = PIP.format(paths=paths, error=error)
    monkeypatch.setattr(installer, "_find_installer", lambda: [sys.executable, "-c", code])
    return sdcpp(data, "install", "vulkan")


def answer(monkeypatch: pytest.MonkeyPatch, devices: list[str] | None) -> None:
    """What the engine's process says of a library; None: it is unusable."""

    async def ask(_settings: object, library: Path) -> Hello:
        if devices is None:
            raise EngineUnusable("libvulkan.so.1 is missing")
        return Hello(
            commit="2bb7294",
            revision="2bb7294",
            version="",
            system_info="",
            devices=devices,
            physical_cores=1,
            library=str(library),
        )

    monkeypatch.setattr(choice, "_ask", ask)


def test_an_installed_build_is_used_and_its_devices_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, ["Vulkan0\tA card", "CPU\tA processor"])
    ended = install_with(monkeypatch, tmp_path)
    assert ended.exit_code == 0, ended.output
    assert "  Vulkan0 A card\n" in ended.output
    assert "no GPU" not in ended.output
    assert library_in_use(tmp_path) == engines_folder(tmp_path) / BUILDS[0].folder_name / LIBRARY


def test_that_there_is_no_gpu_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, ["CPU\tA processor"])
    assert "no GPU among them. It needs: Vulkan's loader" in install_with(monkeypatch, tmp_path).output


def test_a_build_that_does_not_start_is_not_used_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, None)
    ended = install_with(monkeypatch, tmp_path)
    assert ended.exit_code == 1
    assert "libvulkan.so.1 is missing" in ended.output
    assert library_in_use(tmp_path) is None
    assert list(engines_folder(tmp_path).iterdir()) == []


def test_a_build_that_works_is_not_replaced_by_one_that_does_not(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdcpp(installed, "use", "vulkan")
    answer(monkeypatch, None)
    assert install_with(monkeypatch, installed).exit_code == 1
    library = library_in_use(installed)
    assert library is not None
    assert library.is_file()


@pytest.mark.parametrize(
    ("paths", "error", "told"),
    [
        ((), "ERROR: No matching distribution found", "No matching distribution found"),
        (("cyllama/readme",), None, "has no library of the engine"),
    ],
)
def test_what_cannot_be_installed_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: tuple[str, ...], error: str | None, told: str
) -> None:
    ended = install_with(monkeypatch, tmp_path, paths=paths, error=error)
    assert ended.exit_code == 1
    assert told in ended.output
    assert list(engines_folder(tmp_path).iterdir()) == []


def test_without_pip_uv_installs_and_without_both_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("UV", "/opt/uv")
    assert installer._find_installer()[:3] == ["/opt/uv", "pip", "install"]
    monkeypatch.delenv("UV")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(typer.Exit):
        installer._find_installer()
