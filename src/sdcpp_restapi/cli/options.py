"""Flags that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

LISTEN, FOLDERS, SETTINGS = "Where it listens", "Folders", "Settings"
PICTURE, MODEL, SERVER = "The picture", "The model to load first", "The server"

Host = Annotated[
    str | None,
    typer.Option(
        help="Address to bind (127.0.0.1); 0.0.0.0 opens it to the network.",
        rich_help_panel=LISTEN,
        show_default=False,
    ),
]
Port = Annotated[
    int | None, typer.Option(help="HTTP port (8080); 0 takes a free one.", rich_help_panel=LISTEN)
]
WsPort = Annotated[
    int | None, typer.Option(help="WebSocket port (8081); 0 takes a free one.", rich_help_panel=LISTEN)
]
ModelsDir = Annotated[
    Path | None,
    typer.Option(help="With checkpoints/, loras/, vae/, ... (./models).", rich_help_panel=FOLDERS),
]
OutputDir = Annotated[Path | None, typer.Option(help="Where results go (./output).", rich_help_panel=FOLDERS)]
DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Database, input images, logs (the user's data folder of the system).", rich_help_panel=FOLDERS
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(help="Settings in TOML.", envvar="SDCPP_CONFIG", rich_help_panel=SETTINGS),
]
LogLevel = Annotated[
    str | None,
    typer.Option(
        help="debug, info, warning or error (info).",
        rich_help_panel=SETTINGS,
        autocompletion=lambda: ["debug", "info", "warning", "error"],
    ),
]

Nats = Annotated[
    list[str] | None,
    typer.Option(
        help="Address of the broker, nats://host:4222; several for a cluster of brokers.",
        rich_help_panel=SETTINGS,
        show_default=False,
    ),
]

HERE = "http://127.0.0.1:8080"
Url = Annotated[
    str, typer.Option("--server", envvar="SDCPP_URL", help="Address of the server.", rich_help_panel=SERVER)
]
ApiKey = Annotated[
    str | None,
    typer.Option(envvar="SDCPP_API_KEY", help="When the server wants one.", rich_help_panel=SERVER),
]


def drop_unset(**values: object) -> dict[str, object]:
    """Those that were given; the server has the defaults."""
    return {name: value for name, value in values.items() if value is not None}


type Choices = Callable[[], list[str]]


def picture(words: str, choices: Choices | None = None) -> typer.models.OptionInfo:
    """A flag of the request; the server has the default. A shell completes one of the `choices`."""
    option: typer.models.OptionInfo = typer.Option(
        help=words, rich_help_panel=PICTURE, show_default=False, autocompletion=choices
    )
    return option


def switch(flag: str, words: str) -> typer.models.OptionInfo:
    """A flag of the request that is given or not."""
    option: typer.models.OptionInfo = typer.Option(
        flag, help=words, rich_help_panel=PICTURE, show_default=False
    )
    return option


def model(flag: str, words: str, choices: Choices | None = None) -> typer.models.OptionInfo:
    """A flag of the load request. A shell completes one of the `choices`."""
    option: typer.models.OptionInfo = typer.Option(
        flag, help=words, rich_help_panel=MODEL, show_default=False, autocompletion=choices
    )
    return option


def list_samplers() -> list[str]:
    """Of the engine that this package was made for; a server may have another one."""
    from ..engine.binding.names import SAMPLERS

    return list(SAMPLERS)


def list_schedulers() -> list[str]:
    """As list_samplers."""
    from ..engine.binding.names import SCHEDULERS

    return list(SCHEDULERS)


def list_main_types() -> list[str]:
    """Types of models that are loaded by their own name."""
    from ..schemas.model_types import MAIN_TYPES

    return list(MAIN_TYPES)


def list_model_types() -> list[str]:
    """All types of model files."""
    from ..schemas.model_types import TYPE_NAMES

    return list(TYPE_NAMES)
