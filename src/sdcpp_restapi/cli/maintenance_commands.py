"""`sdcpp backup`, `restore`, `check`, `upgrade`; what they do is imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

from . import options as o
from .examples import ENDS, examples

app = typer.Typer(rich_markup_mode="rich")

Json = Annotated[bool, typer.Option("--json", help="For programs.", show_default=False)]


@app.command(
    epilog=examples(
        "sdcpp backup /mnt/backups",
        "sdcpp backup /mnt/backups --keep 14  [dim]once a day: two weeks[/dim]",
        "sdcpp backup /mnt/backups --no-outputs  [dim]without pictures and videos[/dim]",
        ENDS,
    )
)
def backup(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that holds the backups.", show_default=False)
    ],
    outputs: Annotated[bool, typer.Option(help="With pictures and videos.")] = True,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Delete older backups in DIR beyond so many.", show_default=False),
    ] = None,
    models_dir: o.ModelsDir = None,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Copy database, keys, input images and outputs into a new folder below DIR, also while the server runs.

    What did not change since the last backup in DIR is linked to it and takes no room. Models are not copied:
    their names and hashes are in manifest.json.
    """
    from .backup import back_up
    from .flags import group_by_section

    folders = group_by_section(models_dir=models_dir, output_dir=output_dir, data_dir=data_dir)
    back_up(folder, config, folders, outputs, keep)


@app.command(
    epilog=examples(
        "sdcpp restore /mnt/backups  [dim]the newest in it[/dim]",
        "sdcpp restore /mnt/backups/sdcpp-20260131T020000.123Z --data-dir ./data --output-dir ./output",
        "sdcpp restore /mnt/backups --verify  [dim]only reads the backup[/dim]",
        ENDS,
    )
)
def restore(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="A backup, or a folder of backups.", show_default=False),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Keep aside what is there already.", show_default=False)
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only check that the backup is whole.", show_default=False)
    ] = False,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Make a backup the data of a server that does not run, here or on another machine.

    Every file is verified first. What is there already is never deleted: without --force it is a refusal.
    """
    from .backup import bring_back, verify_only
    from .flags import group_by_section

    if verify:
        verify_only(folder)
    else:
        bring_back(folder, config, group_by_section(output_dir=output_dir, data_dir=data_dir), force)


@app.command(
    epilog=examples(
        "sdcpp check  [dim]also beside a running server[/dim]",
        "sdcpp check --repair",
        "sdcpp check --json",
        "[dim]Exit codes: 0 all is well (again), 1 something is wrong, 2 wrong arguments or settings.[/dim]",
    )
)
def check(
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what can be.", show_default=False)
    ] = False,
    as_json: Json = False,
    models_dir: o.ModelsDir = None,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Compare the database with itself and with the files, both ways.

    A repair needs the server to be stopped. It deletes no picture: what belongs to no job is moved into
    .lost+found of the output folder.
    """
    from .check import check_and_tell
    from .flags import group_by_section

    folders = group_by_section(models_dir=models_dir, output_dir=output_dir, data_dir=data_dir)
    check_and_tell(config, folders, repair, as_json)


@app.command(
    epilog=examples(
        "sdcpp upgrade --config sdcpp.toml",
        "sdcpp upgrade --config sdcpp.toml --write  [dim]keeps the old one as sdcpp.toml.bak[/dim]",
        "[dim]Exit codes: 0 nothing is left to do, 1 something is, 2 wrong arguments.[/dim]",
    )
)
def upgrade(
    write: Annotated[
        bool,
        typer.Option("--write", help="Rewrite the file; its comments stay.", show_default=False),
    ] = False,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Say what to change after an update: settings with another name, in the file and in the environment.

    Says too what the next start does with the database. Run it with the new release, before it serves.
    """
    from .flags import group_by_section
    from .upgrade import tell_upgrade

    tell_upgrade(config, group_by_section(data_dir=data_dir), write)
