"""`sdcpp service`: its sub-commands; what each does is in service/, imported when one is called."""

from typing import Annotated

import typer

from . import options as o
from .examples import ENDS, examples

app = typer.Typer(
    help="Have the system start the server or a worker at each boot, and again when it fails.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

System = Annotated[
    bool,
    typer.Option("--system", help="A service of the system, not of this user; as root.", show_default=False),
]


@app.command(
    epilog=examples(
        "sdcpp service install --models-dir ~/models",
        "sdcpp service install --worker --nats nats://192.168.1.10:4222",
        "sudo /opt/sdcpp/bin/sdcpp service install --system --user sdcpp",
        "[dim]Flags become those of the service. Keys go into the file of variables that it names.[/dim]",
        ENDS,
    )
)
def install(
    worker: Annotated[
        bool, typer.Option("--worker", help="A worker, not a server.", show_default=False)
    ] = False,
    system: System = False,
    user: Annotated[
        str | None,
        typer.Option(help="Who a service of the system runs as (sdcpp).", show_default=False),
    ] = None,
    start: Annotated[bool, typer.Option(help="Start it now and at each boot.")] = True,
    host: o.Host = None,
    port: o.Port = None,
    ws_port: o.WsPort = None,
    models_dir: o.ModelsDir = None,
    output_dir: o.OutputDir = None,
    data_dir: o.DataDir = None,
    config: o.Config = None,
    nats: o.Nats = None,
    name: Annotated[str | None, typer.Option(help="What the worker is called.", show_default=False)] = None,
) -> None:
    """Write the unit of a server or a worker, and start it: systemd, or launchd on macOS."""
    from .exit_codes import exit_refused
    from .flags import group_by_section
    from .service.service import install_service
    from .service.units import Role

    listens = group_by_section(host=host, port=port, ws_port=ws_port)
    cluster = group_by_section(nats=nats, name=name)
    folders = group_by_section(models_dir=models_dir, output_dir=output_dir, data_dir=data_dir)
    if user is not None and not system:
        raise exit_refused("--user: a service of the user runs as that user; others need --system")
    runs_as = (user or "sdcpp") if system else None
    role: Role = "worker" if worker else "serve"
    install_service(role, runs_as, start, config, listens | cluster | folders)


@app.command(epilog=examples("sdcpp service uninstall"))
def uninstall(system: System = False) -> None:
    """Stop and remove what `install` wrote. Models, pictures and data stay."""
    from .service.service import uninstall_services

    uninstall_services(system)


@app.command(epilog=examples("sdcpp service status"))
def status() -> None:
    """What is installed, and whether it runs."""
    from .service.service import show_services

    show_services()
