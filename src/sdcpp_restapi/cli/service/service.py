"""What the sub-commands of `sdcpp service` do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import typer

from ...config import Settings
from ...os_support import SERVICE_MANAGER
from ..command_name import command_name
from ..exit_codes import exit_failed, exit_refused
from ..flags import Flags, read_settings_of
from . import launchd, systemd
from .units import Role, Service

SYSTEM_FOLDER = Path("/var/lib/sdcpp")
NAMES = ("sdcpp-server", "sdcpp-worker")
ONLY_SERVE = (("server", "host"), ("server", "port"), ("server", "ws_port"), ("paths", "output_dir"))
ONLY_WORKER = (("cluster", "name"),)


def install_service(role: Role, user: str | None, start: bool, config: Path | None, flags: Flags) -> None:
    """Write and start it. `user` is who a service of the system runs as."""
    _require_manager(user is not None)
    if user is not None:
        _require_user(user)
    _refuse_flags_of_others(role, flags)
    if user is not None:
        flags = _with_system_folders(flags)
    settings = read_settings_of(config, flags)
    service = describe_service(role, user, config, flags, settings)
    if "\n" in "".join(service.command):
        raise exit_refused("A path with a line break cannot be written into a unit")
    try:
        for folder in service.writes:
            _make_folder(folder, user)
        said = launchd.install(service, start) if _is_launchd() else systemd.install(service, start)
    except OSError as error:
        raise exit_failed(f"{error.filename}: {error.strerror or error}") from None
    for line in said:
        typer.echo(line)
    typer.echo(f"Keys and other settings, one SDCPP_SECTION_NAME=value a line: {service.settings_file}")


def uninstall_services(of_system: bool) -> None:
    """Stop and remove the server and the worker, whichever there is."""
    _require_manager(of_system)
    try:
        said = [
            line
            for name in NAMES
            for line in (launchd.uninstall(name) if _is_launchd() else systemd.uninstall(name, of_system))
        ]
    except OSError as error:
        raise exit_failed(f"{error.filename}: {error.strerror or error}") from None
    if not said:
        raise exit_failed("No service is installed")
    for line in said:
        typer.echo(line)


def show_services() -> None:
    """A line for each that is installed, of the user and of the system."""
    _require_manager(False)
    if _is_launchd():
        found = [launchd.describe(name) for name in NAMES]
    else:
        found = [systemd.describe(name, of_system) for of_system in (False, True) for name in NAMES]
    lines = [line for line in found if line is not None]
    for line in lines or [f"No service is installed; to have one: {command_name()} service install"]:
        typer.echo(line)


def describe_service(
    role: Role, user: str | None, config: Path | None, flags: Flags, settings: Settings
) -> Service:
    """The service that these flags ask for; every path in it is absolute."""
    paths = settings.paths
    words = [*(["--config", str(config.absolute())] if config else [])]
    given = {"--models-dir": paths.models_dir, "--data-dir": paths.data_dir}
    if role == "serve":
        given["--output-dir"] = paths.output_dir
    words += [word for flag, folder in given.items() for word in (flag, str(folder))]
    for section, name, flag in (
        ("server", "host", "--host"), ("server", "port", "--port"), ("server", "ws_port", "--ws-port"),
        ("cluster", "name", "--name"),
    ):  # fmt: skip
        if (value := flags.get(section, {}).get(name)) is not None:
            words += [flag, str(value)]
    for address in settings.cluster.urls if "urls" in flags.get("cluster", {}) else []:
        words += ["--nats", address]
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Service(
        role=role,
        # -P: a module in the working folder must not stand in for one of ours.
        command=(sys.executable, "-P", "-m", "sdcpp_restapi", role, *words),
        writes=(paths.data_dir, paths.models_dir, *([paths.output_dir] if role == "serve" else [])),
        grace=settings.server.shutdown_grace,
        settings_file=(Path("/etc") if user else config_home) / "sdcpp" / f"{role}.env",
        user=user,
    )


def _refuse_flags_of_others(role: Role, flags: Flags) -> None:
    """The command itself would refuse them, each time that it is started."""
    for section, name in ONLY_SERVE if role == "worker" else ONLY_WORKER:
        if name in flags.get(section, {}):
            flag = f"--{name.replace('_', '-')}"
            raise exit_refused(f"{flag}: {'a worker' if role == 'worker' else 'the server'} has no such flag")


def _make_folder(folder: Path, owner: str | None) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True)
        if owner is not None:
            shutil.chown(folder, owner, owner)


def _with_system_folders(flags: Flags) -> Flags:
    folders = {
        "models_dir": SYSTEM_FOLDER / "models",
        "output_dir": SYSTEM_FOLDER / "output",
        "data_dir": SYSTEM_FOLDER,
    }
    return flags | {"paths": folders | flags.get("paths", {})}


def _is_launchd() -> bool:
    return SERVICE_MANAGER == "launchd"


def _require_manager(of_system: bool) -> None:
    if SERVICE_MANAGER is None:
        raise exit_failed(
            "There is neither systemd nor launchd here; on Windows the Task Scheduler can run"
            f" '{command_name()} serve' at logon"
        )
    if of_system and _is_launchd():
        raise exit_refused("--system: only for systemd; on macOS a service is one of a user")


def _require_user(name: str) -> None:
    if subprocess.run(["id", "-u", name], capture_output=True).returncode != 0:
        raise exit_refused(
            f"--user: there is no user {name!r}; to make it:"
            f" useradd --system --home-dir {SYSTEM_FOLDER} --create-home --groups video {name}"
        )
