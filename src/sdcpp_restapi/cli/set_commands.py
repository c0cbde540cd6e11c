"""`sdcpp sets` and `sdcpp pull`; what each does is in sets.py, imported when one is called."""

from pathlib import Path
from typing import Annotated

import typer

from . import options as o
from .examples import ENDS, examples

app = typer.Typer(
    help="Sets of models: files that belong together.", no_args_is_help=True, rich_markup_mode="rich"
)

Name = Annotated[str, typer.Argument(help="As 'sdcpp sets list' shows it.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="For programs.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)]


@app.command("list", epilog=examples("sdcpp sets list", "sdcpp sets list --json | jq '.sets[].name'"))
def list_sets(as_json: Json = False, server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """All sets that the server knows: * was pulled."""
    from .sets import show_sets

    show_sets(as_json, server, api_key)


@app.command(epilog=examples("sdcpp sets show z-image-turbo"))
def show(name: Name, as_json: Json = False, server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """A set: what it makes, its licence, its variants, and which of them fit the server's machine."""
    from .sets import show_set

    show_set(name, as_json, server, api_key)


@app.command(epilog=examples("sdcpp sets update"))
def update(server: o.Url = o.HERE, api_key: o.ApiKey = None) -> None:
    """Fetch the sets of the addresses in the server's setting downloads.sets_urls."""
    from .sets import update_sets

    update_sets(server, api_key)


@app.command(
    epilog=examples(
        "sdcpp sets check my-sets/ --write",
        "[dim]Needs no server. Tokens come from the settings, as for 'sdcpp serve'.[/dim]",
        ENDS,
    )
)
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="With files of sets (those of the package).", show_default=False)
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Put sizes and SHA-256 into the files.", show_default=False)
    ] = False,
    config: o.Config = None,
) -> None:
    """Ask the sites of all files whether they are there, and compare sizes and SHA-256."""
    from .check_sets import check_folder

    check_folder(folder, write, config)


def add_pull(commands: typer.Typer) -> None:
    """`pull`, which is no sub-command of `sets`."""
    commands.command(
        epilog=examples(
            "sdcpp pull z-image-turbo",
            "sdcpp pull flux1-schnell --variant q4 --yes",
            "sdcpp pull sd15 --draw  [dim]and draw its example[/dim]",
            "[dim]Ctrl-C cancels it; what was fetched stays, and the next pull goes on with it.[/dim]",
            ENDS,
        )
    )(pull)


def pull(
    name: Name,
    variant: Annotated[
        str | None, typer.Option(help="E.g. q4 (the best that fits).", show_default=False)
    ] = None,
    yes: Yes = False,
    load: Annotated[bool, typer.Option(help="Load it when all is there.")] = True,
    draw: Annotated[
        bool, typer.Option("--draw", help="Draw its example at the end.", show_default=False)
    ] = False,
    server: o.Url = o.HERE,
    api_key: o.ApiKey = None,
) -> None:
    """Have the server fetch a set of models: shows what, how much and on what terms, and asks."""
    from .sets import pull_set

    request = {"set": name, "load": load, "draw": draw, **o.drop_unset(variant=variant)}
    pull_set(request, yes, server, api_key)
