"""`sdcpp upgrade`: what of settings and data is of an earlier release, and what to do about it."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from .. import __version__
from ..config import Paths, read_settings
from ..config.renamed import OldName, find_old_names
from ..config.toml_file import rename_settings
from ..errors import BadSettings, SdcppError
from ..maintenance import database_file
from ..migration import newest_version, read_version, refuse_newer
from .exit_codes import FAILED, exit_failed, exit_refused
from .flags import Flags


def tell_upgrade(config: Path | None, flags: Flags, write: bool) -> None:
    """Say what to change, or change it; exit code 1 while something is left to do."""
    typer.echo(f"This is sdcpp {__version__}.")
    old = find_old_names(_read(config), os.environ)
    in_file = [one for one in old if not one.is_variable]
    if config is not None and in_file and write:
        _rewrite(config, in_file)
        old = [one for one in old if one.is_variable]
    for one in old:
        typer.echo(f"✗ {one}")
    if config is not None and any(not one.is_variable for one in old):
        typer.echo(f"    → --write changes {config} and keeps the file as it was as {_kept(config).name}")
    left = bool(old) or not _is_valid(config, flags)
    if not left:
        typer.echo(f"✓ Settings: {config or 'environment and defaults'}")
    if not _tell_database(config, flags) or left:
        raise typer.Exit(FAILED)


def _read(config: Path | None) -> Mapping[str, Any]:
    if config is None:
        return {}
    try:
        return tomllib.loads(config.read_text("utf-8"))
    except FileNotFoundError:
        raise exit_refused(f"There is no configuration file {config}") from None
    except (OSError, ValueError) as error:
        raise exit_refused(f"{config} cannot be read as TOML: {error}") from None


def _rewrite(config: Path, old: list[OldName]) -> None:
    text = config.read_text("utf-8")
    beside = config.with_name(f"{config.name}.new")
    try:
        rewritten = rename_settings(text, (one.setting for one in old))
        _kept(config).write_text(text, "utf-8")
        beside.write_text(rewritten, "utf-8")
        for path in (_kept(config), beside):
            path.chmod(config.stat().st_mode)
        beside.replace(config)
    except BadSettings as error:
        raise exit_failed(f"{config}: {error}") from None
    except OSError as error:
        raise exit_failed(f"{config} cannot be rewritten: {error}") from None
    for one in old:
        typer.echo(f"✓ {one}: changed in {config}")


def _kept(config: Path) -> Path:
    return config.with_name(f"{config.name}.bak")


def _is_valid(config: Path | None, flags: Flags) -> bool:
    """Whether a server would start with these settings; says what it would refuse."""
    try:
        read_settings(config, flags)
    except BadSettings as error:
        if not find_old_names(_read(config), os.environ):
            typer.echo(f"✗ Settings: {error}")
        return False
    return True


def _tell_database(config: Path | None, flags: Flags) -> bool:
    path = _paths(config, flags).data_dir / database_file.NAME
    if not path.exists():
        typer.echo(f"✓ Database: there is none yet at {path}")
        return True
    try:
        with database_file.open_for_reading(path) as db:
            version = read_version(db)
        refuse_newer(version, path)
    except SdcppError as error:
        typer.echo(f"✗ Database: {error}")
        return False
    if version < newest_version():
        typer.echo(
            f"! Database: {path} is of version {version}; the next start brings it to {newest_version()},"
            f" and keeps it as it is now as {path.stem}.v{version}{path.suffix}"
        )
    else:
        typer.echo(f"✓ Database: {path} is of version {version}, that of this release")
    return True


def _paths(config: Path | None, flags: Flags) -> Paths:
    """Where the data are, also when another setting is wrong."""
    try:
        return read_settings(config, flags).paths
    except BadSettings:
        named = {**_read(config).get("paths", {}), **flags.get("paths", {})}
        return Paths.model_validate({name: named[name] for name in ("data_dir",) if name in named})
