"""All sections together, and the way in which they are read."""

import os
import tomllib
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ..errors import BadSettings
from ..setting_sources import Flags, explain, from_all_sources
from . import renamed
from .chosen_engine import find_chosen_library
from .engine import Engine, Llm, Preview
from .jobs import Generation, Limits, Queue, Retention
from .network import Cluster, Compat, Downloads, Webhooks
from .paths import Paths
from .server import Logging, Server
from .users import Users


class Settings(BaseSettings):
    """All settings of a server."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        defer_build=True,
        env_prefix="SDCPP_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
    )

    server: Server = Server()
    paths: Paths = Field(default_factory=Paths)  # relative to the working directory of that moment
    engine: Engine = Engine()
    limits: Limits = Limits()
    queue: Queue = Queue()
    users: Users = Users()
    generation: Generation = Generation()
    preview: Preview = Preview()
    cluster: Cluster = Cluster()
    downloads: Downloads = Field(default_factory=Downloads)  # by the environment of that moment
    webhooks: Webhooks = Webhooks()
    llm: Llm = Llm()
    compat: Compat = Compat()
    retention: Retention = Retention()
    logging: Logging = Logging()


def read_settings(file: Path | None = None, flags: Flags | None = None) -> Settings:
    """Settings from `flags` ({section: {name: value}}), the environment and the TOML `file`.

    Raises BadSettings for a file that cannot be read and for a bad value.
    """
    if file is not None and not file.is_file():
        raise BadSettings(f"There is no configuration file {file}")
    _refuse_old_names(file)
    try:
        settings = from_all_sources(Settings, file, flags or {})
    except ValidationError as error:
        raise BadSettings(explain(error, Settings, flags or {}, file)) from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{file} cannot be read as TOML: {error}") from error
    return _with_chosen_engine(settings)


def _with_chosen_engine(settings: Settings) -> Settings:
    """What settings say goes before what `sdcpp engine` has chosen."""
    if settings.engine.library is not None or settings.engine.supplier is not None:
        return settings
    chosen = find_chosen_library(settings.paths.data_dir)
    if chosen is None:
        return settings
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"library": chosen})})


def _refuse_old_names(file: Path | None) -> None:
    """Raises BadSettings for names that settings had in an earlier release."""
    if not renamed.RENAMED:
        return
    try:
        content = tomllib.loads(file.read_text("utf-8")) if file else {}
    except (OSError, ValueError):
        return  # told where the file is read
    if old := renamed.find_old_names(content, os.environ):
        told = "; ".join(map(str, old))
        raise BadSettings(f"{told}; `sdcpp upgrade` tells all of it and can rewrite a file")
