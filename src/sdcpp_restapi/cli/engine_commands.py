"""`sdcpp engine`: its sub-commands; what each does is in engine/, imported when one is called."""

from typing import Annotated

import typer

from . import options as o
from .examples import ENDS, examples


def _list_builds() -> list[str]:
    from .engine.builds import NAMES

    return list(NAMES)


app = typer.Typer(
    help="Builds of the engine for GPUs: look, install, choose.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Name = Annotated[
    str,
    typer.Argument(
        metavar="BUILD",
        help="As 'sdcpp engine list' shows it.",
        show_default=False,
        autocompletion=_list_builds,
    ),
]


@app.command("list", epilog=examples("sdcpp engine list"))
def list_builds(data_dir: o.DataDir = None, config: o.Config = None) -> None:
    """The builds that there are. * is used."""
    from .engine.choice import show_builds
    from .flags import group_by_section

    show_builds(config, group_by_section(data_dir=data_dir))


@app.command(
    epilog=examples(
        "sdcpp engine install vulkan",
        "sdcpp engine install cuda12 --cuda-runtime",
        "[dim]The package, pinned and checked by its hash, goes into the data folder of the server or worker"
        " that is to use it, where no update removes it.[/dim]",
        ENDS,
    )
)
def install(
    name: Name,
    cuda_runtime: Annotated[
        bool,
        typer.Option("--cuda-runtime", help="Also CUDA's runtime, 600 MB, for cuda12.", show_default=False),
    ] = False,
    data_dir: o.DataDir = None,
    config: o.Config = None,
) -> None:
    """Install a build and use it, if it starts on this machine."""
    from .engine.choice import install as install_and_choose
    from .flags import group_by_section

    install_and_choose(name, cuda_runtime, config, group_by_section(data_dir=data_dir))


@app.command(epilog=examples("sdcpp engine use default", "sdcpp engine use vulkan"))
def use(name: Name, data_dir: o.DataDir = None, config: o.Config = None) -> None:
    """Use a build that is installed, or the default one again."""
    from .engine.choice import use as choose
    from .flags import group_by_section

    choose(name, config, group_by_section(data_dir=data_dir))


@app.command(epilog=examples("sdcpp engine uninstall vulkan"))
def uninstall(name: Name, data_dir: o.DataDir = None, config: o.Config = None) -> None:
    """Remove a build; if it was used, the default one is again."""
    from .engine.choice import uninstall as remove
    from .flags import group_by_section

    remove(name, config, group_by_section(data_dir=data_dir))
