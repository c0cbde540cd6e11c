"""What the sub-commands of `sdcpp engine` do."""

import asyncio
import logging
import shutil
from pathlib import Path

import typer

from ...config import Settings
from ...config.chosen_engine import choose_library, engines_folder, find_chosen_library
from ...engine.client import EngineChild
from ...errors import SdcppError
from ...schemas.engine import Hello
from ..command_name import command_name
from ..exit_codes import exit_failed, exit_refused
from ..flags import Flags, read_settings_of
from .builds import BUILDS, CUDA_RUNTIME, NAMES, EngineBuild, find_build
from .installer import install_build


def show_builds(config: Path | None, flags: Flags) -> None:
    """A line for each build; * is the one in use."""
    data_dir = read_settings_of(config, flags).paths.data_dir
    chosen = find_chosen_library(data_dir)
    in_use = chosen.relative_to(engines_folder(data_dir)).parts[0] if chosen else ""
    typer.echo(f"{' ' if chosen else '*'} default        the package that came with this server")
    for build in BUILDS:
        there = (engines_folder(data_dir) / build.folder_name).is_dir()
        mark = "*" if in_use.rpartition("-")[0] == build.name else " "
        installed = "installed" if there else ""
        typer.echo(f"{mark} {build.name:7}{installed:>10}  {build.devices}; {build.systems}")


def install(name: str, cuda_runtime: bool, config: Path | None, flags: Flags) -> None:
    """Fetch a build, start it, and remember it if it starts."""
    build = _find(name)
    if cuda_runtime and build.name != "cuda12":
        raise exit_refused(f"--cuda-runtime: {build.name} does not use it; only cuda12 does")
    settings = read_settings_of(config, flags)
    data_dir = settings.paths.data_dir
    typer.echo(f"Fetching {build.package} {build.version} ...", err=True)
    devices: list[str] = []

    def try_out(library: Path) -> None:
        try:
            devices.extend(asyncio.run(_ask(settings, library)).devices)
        except (SdcppError, OSError) as error:
            raise exit_failed(f"{build.name} does not run here: {error}\nIt needs: {build.needs}") from None

    library = install_build(build, engines_folder(data_dir), try_out, [CUDA_RUNTIME] if cuda_runtime else [])
    choose_library(data_dir, library)
    typer.echo(f"{build.name} is used from the next start of the server on. Its devices:")
    for line in devices:
        typer.echo(f"  {' '.join(line.split('\t', 1))}")
    if all(line.upper().startswith("CPU") for line in devices):
        typer.echo(f"note: no GPU among them. It needs: {build.needs}", err=True)


def use(name: str, config: Path | None, flags: Flags) -> None:
    """Choose a build that is installed, or the default."""
    data_dir = read_settings_of(config, flags).paths.data_dir
    if name == "default":
        choose_library(data_dir, None)
    else:
        build = _find(name)
        libraries = sorted((engines_folder(data_dir) / build.folder_name).glob("*/sd/*stable_diffusion*"))
        if not libraries:
            raise exit_failed(f"{name} is not installed: {command_name()} engine install {name}")
        choose_library(data_dir, libraries[0])
    typer.echo(f"{name} is used from the next start of the server on.")


def uninstall(name: str, config: Path | None, flags: Flags) -> None:
    """Remove a build, of every version; the default is used where it was in use."""
    build = _find(name)
    data_dir = read_settings_of(config, flags).paths.data_dir
    engines = engines_folder(data_dir)
    folders = [folder for folder in engines.glob(f"{build.name}-*") if folder.is_dir()]
    if not folders:
        raise exit_failed(f"{name} is not installed")
    chosen = find_chosen_library(data_dir)
    if chosen is not None and any(chosen.is_relative_to(folder) for folder in folders):
        choose_library(data_dir, None)
    for folder in folders:
        shutil.rmtree(folder)
    typer.echo(f"Removed {', '.join(sorted(folder.name for folder in folders))}.")


def _find(name: str) -> EngineBuild:
    build = find_build(name)
    if build is None:
        raise exit_refused(f"There is no build {name!r}; there are {', '.join(NAMES)}")
    return build


async def _ask(settings: Settings, library: Path) -> Hello:
    # Its log lines would only repeat what the answer says.
    logging.getLogger("sdcpp_restapi").setLevel(logging.CRITICAL)
    child = await EngineChild.start(settings.engine.model_copy(update={"library": library}))
    await child.close()
    return child.hello
