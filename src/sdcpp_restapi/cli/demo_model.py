"""Settings with the demo model, for `sdcpp demo` and `sdcpp serve --demo`."""

from pathlib import Path

import typer

from ..config import Settings
from ..demo.model import DemoModel, copy_demo_model
from .exit_codes import exit_failed
from .flags import Flags, read_settings_of


def with_demo_model(config: Path | None, flags: Flags) -> Settings:
    """The settings with the demo model in its folders, and requests completed as suits it."""
    paths = read_settings_of(config, flags).paths
    try:
        demo = copy_demo_model(paths.model_folders())
    except OSError as error:
        raise exit_failed(f"Cannot copy the demo model: {error.filename}: {error.strerror}") from None
    engine = {
        "default_model": demo.load_request().model_dump(),
        "default_upscaler": demo.upscaler_request().model_dump(),
        **flags.get("engine", {}),
    }
    presets = {demo.architecture: demo.defaults.model_dump(exclude_none=True)}
    generation = {"use_architecture_defaults": True, "presets": presets}
    return read_settings_of(config, {**flags, "engine": engine, "generation": generation})


def print_demo(settings: Settings) -> None:
    """Where the demo model is and what it changes."""
    demo = DemoModel()
    best = demo.defaults
    typer.echo(f"Demo model: {settings.paths.folder('checkpoint') / demo.model_name}")
    typer.echo(
        f"What a request leaves out is filled in as suits the loaded model (the demo model: {best.width}x"
        f"{best.height}, {best.steps} steps, cfg_scale {best.cfg_scale:g}, then upscaled):"
        " generation.use_architecture_defaults is on."
    )
