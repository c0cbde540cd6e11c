"""`sdcpp backup` and `sdcpp restore`: what they say."""

from pathlib import Path

import typer
from rich.filesize import decimal

from ..maintenance.backup import BackupOptions, make_backup
from ..maintenance.restore import restore_backup, verify_backup
from .exit_codes import exit_on_errors
from .flags import Flags, read_settings_of
from .telling import telling

_MOST_NAMED = 5


def back_up(folder: Path, config: Path | None, flags: Flags, outputs: bool, keep: int | None) -> None:
    """Make a backup; its folder on standard output."""
    paths = read_settings_of(config, flags).paths
    with exit_on_errors(), telling() as tell:
        done = make_backup(paths, folder, BackupOptions(outputs=outputs, config=config, keep=keep), tell)
    typer.echo(str(done.folder))
    manifest = done.manifest
    size = sum(file.size for file in manifest.files.values())
    linked = size - done.new_bytes
    rest = f", of which {decimal(linked)} are those of the last backup" if linked else ""
    _say(f"{manifest.jobs} jobs, {len(manifest.files)} files, {decimal(size)}{rest}")
    if manifest.deleted_meanwhile:
        _say(f"not in it, since they were purged meanwhile: {_name(manifest.deleted_meanwhile)}")
    if manifest.missing:
        _say(f"not in it, since these outputs are gone: {_name(manifest.missing)}")
    if manifest.left_out:
        _say(f"not in it, since their names are not valid Unicode: {_name(manifest.left_out)}")
    if manifest.models:
        models = sum(model.size for model in manifest.models)
        _say(f"not in it: {len(manifest.models)} model files, {decimal(models)}; manifest.json names them")
    if done.removed:
        _say(f"deleted: {_name([backup.name for backup in done.removed])}")


def bring_back(folder: Path, config: Path | None, flags: Flags, force: bool) -> None:
    """Restore a backup, and say what is left to do."""
    settings = read_settings_of(config, flags)
    with exit_on_errors(), telling() as tell:
        done = restore_backup(folder, settings.paths, force, tell)
    manifest = done.manifest
    typer.echo(f"{done.backup} is restored: {manifest.jobs} jobs in {settings.paths.data_dir}")
    for place in done.kept_aside:
        _say(f"what was there before is in {place}")
    if not manifest.has_outputs:
        _say("the backup was made with --no-outputs: it has no pictures and videos")
    if done.config is not None:
        _say(f"the settings of that server are in {done.config}; name them with --config")
    if manifest.models:
        _say(f"not in it: {len(manifest.models)} model files, which {done.backup}/manifest.json names")


def verify_only(folder: Path) -> None:
    """Read a backup and say whether it is whole."""
    with exit_on_errors(), telling() as tell:
        backup, manifest = verify_backup(folder, tell)
    typer.echo(f"{backup} is whole: {manifest.jobs} jobs, {len(manifest.files)} files")


def _say(sentence: str) -> None:
    typer.echo(f"note: {sentence}", err=True)


def _name(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{', '.join(names[:_MOST_NAMED])}{more}"
