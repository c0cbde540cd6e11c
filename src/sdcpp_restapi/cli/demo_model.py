"""Settings with the demo model, for `sdcpp demo` and `sdcpp serve --demo`."""

from pathlib import Path

import typer

from ..config import Settings
from ..demo.model import DemoModel, write_demo_model
from .exits import failed
from .flags import Flags, settings_of


def with_demo_model(config: Path | None, flags: Flags) -> Settings:
    """The settings with the demo model written, and requests completed as suits it."""
    paths = settings_of(config, flags).paths
    try:
        demo = write_demo_model(paths.model_folders())
    except OSError as error:
        raise failed(f"Cannot write the demo model: {error.filename}: {error.strerror}") from None
    engine = {"default_model": demo.load_request().model_dump(), **flags.get("engine", {})}
    presets = {demo.architecture: demo.defaults().model_dump()}
    generation = {"use_architecture_defaults": True, "presets": presets}
    return settings_of(config, {**flags, "engine": engine, "generation": generation})


def say_demo(settings: Settings) -> None:
    """Where the demo model is and what it changes."""
    demo = DemoModel()
    typer.echo(f"Demo model: {settings.paths.folder('diffusion') / demo.model_name}")
    typer.echo(
        f"What a request leaves out is filled in as suits the loaded model (the demo model: {demo.width}x"
        f"{demo.height}, {demo.steps} steps, cfg_scale {demo.cfg_scale:g}):"
        " generation.use_architecture_defaults is on."
    )
