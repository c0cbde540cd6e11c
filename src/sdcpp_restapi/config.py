"""Settings: from flags, then the environment (SDCPP_SECTION_NAME), then a TOML file, then these defaults.

Frozen once read. What a user may change while the server runs lives in preferences.py instead.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from .schemas.models import ModelType

FOLDER_OF: dict[ModelType, str] = {
    "checkpoint": "checkpoints",
    "diffusion": "diffusion_models",
    "vae": "vae",
    "lora": "loras",
    "clip": "clip",
    "t5": "t5",
    "embedding": "embeddings",
    "controlnet": "controlnet",
    "llm": "llm",
    "esrgan": "esrgan",
    "taesd": "taesd",
    "photomaker": "photomaker",
}


class Section(BaseModel):
    """One table of the configuration file; a name that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    """Where the server listens and whom it answers."""

    host: str = Field("127.0.0.1", description="Address to bind; 0.0.0.0 opens it to the network")
    port: int = Field(8080, ge=0, le=65535, description="HTTP port; 0 takes a free one")
    ws_port: int = Field(8081, ge=0, le=65535, description="WebSocket port; 0 takes a free one")
    api_keys: list[SecretStr] = Field([], description="When given, every request must carry one of them")
    allowed_hosts: list[str] = Field([], description="Host names accepted besides loopback and IP literals")
    allowed_origins: list[str] = Field([], description="Origins of web pages on other hosts that may call")
    max_body_mb: int = Field(64, ge=1, description="Largest request body")
    shutdown_grace: float = Field(5.0, gt=0, description="Seconds that open requests get at the end")


class Paths(Section):
    """Where files are. Folders of single model types follow models_dir unless named."""

    models_dir: Path = Field(Path("models"), description="Folder with checkpoints/, loras/, ...")
    output_dir: Path = Field(Path("output"), description="Where results go; nothing else is kept there")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("sdcpp-restapi")),
        description="Database, input images, logs and lock",
    )
    folders: dict[ModelType, Path] = Field(
        {}, description="Folder of one model type, e.g. lora = '/mnt/loras'"
    )

    @field_validator("models_dir", "output_dir", "data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    def folder(self, model_type: ModelType) -> Path:
        """The folder of one model type."""
        chosen = self.folders.get(model_type)
        return chosen.expanduser().absolute() if chosen else self.models_dir / FOLDER_OF[model_type]

    def model_folders(self) -> Mapping[ModelType, Path]:
        """The folder of every model type."""
        return {model_type: self.folder(model_type) for model_type in get_args(ModelType)}


class Engine(Section):
    """The engine's child process."""

    library: Path | None = Field(None, description="Another build of the engine's library (self-checked)")
    command: list[str] = Field(
        [], description="Wrapper put before the child's command line, e.g. ['nice', '-n', '5']"
    )
    load_on_start: bool = Field(True, description="Load the model of the last run again")
    start_timeout: float = Field(60.0, gt=0, description="Seconds until a child must have reported")
    hang_after: float = Field(300.0, gt=0, description="Seconds without a message and without CPU time")
    cancel_grace: float = Field(30.0, gt=0, description="Seconds that a cancelled job gets to stop")
    restart_delay: float = Field(
        1.0, ge=0, description="Seconds before a child that died at once is replaced"
    )


class Limits(Section):
    """What one request may ask for; past them it is refused with a clear 400."""

    max_pixels: int = Field(4096 * 4096, gt=0, description="Width times height")
    max_steps: int = Field(1000, gt=0)
    max_batch: int = Field(64, gt=0)
    max_prompt_chars: int = Field(20_000, gt=0, description="The engine dies on prompts of 200 KB")
    max_image_pixels: int = Field(64_000_000, gt=0, description="Pixels of one input image")
    queue_page: int = Field(1000, gt=0, description="Most jobs in one answer of GET /queue")


class Generation(Section):
    """How requests are completed."""

    use_architecture_defaults: bool = Field(
        False, description="Fields that are not given come from the loaded architecture's preset"
    )


class Logging(Section):
    """The server's log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = Field("text", description="json: one object per line")


class Settings(BaseSettings):
    """All settings of a server."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="SDCPP_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
    )

    server: Server = Server()
    paths: Paths = Paths()
    engine: Engine = Engine()
    limits: Limits = Limits()
    generation: Generation = Generation()
    logging: Logging = Logging()


def read_settings(file: Path | None = None, flags: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
    """Settings from `flags` ({section: {name: value}}), the environment and the TOML `file`.

    Raises FileNotFoundError for a file that does not exist, pydantic.ValidationError for a bad value.
    """
    if file is not None and not file.is_file():
        raise FileNotFoundError(file)

    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            *_others: PydanticBaseSettingsSource,
            **_more: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    return FromFile(**(flags or {}))  # type: ignore[arg-type]
