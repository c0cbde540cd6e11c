"""The sub-commands; what each does is in a module of its own, imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Image and video generation with stable-diffusion.cpp, over HTTP."
)


@app.callback()
def _root() -> None:
    pass


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; 0 takes a free one.")] = None,
    ws_port: Annotated[int | None, typer.Option(help="WebSocket port; 0 takes a free one.")] = None,
    models_dir: Annotated[Path | None, typer.Option(help="Folder with checkpoints/, loras/, ...")] = None,
    output_dir: Annotated[Path | None, typer.Option(help="Where results go.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Database, input images, logs.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings in TOML.")] = None,
) -> None:
    """Run the server."""
    from .serving import serve_until_stopped

    server = {"host": host, "port": port, "ws_port": ws_port}
    paths = {"models_dir": models_dir, "output_dir": output_dir, "data_dir": data_dir}
    serve_until_stopped(config, {"server": server, "paths": paths})


def main() -> None:
    """Entry point."""
    app()
