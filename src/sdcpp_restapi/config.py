"""Settings: from flags, then the environment (SDCPP_SECTION_NAME), then a TOML file, then these defaults.

Frozen once read. What a user may change while the server runs lives in preferences.py instead.
"""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import BadSettings
from .schemas.model_types import MODEL_TYPES, TYPE_NAMES, ModelType
from .schemas.models import LoadRequest
from .schemas.options import GenerationDefaults
from .schemas.secrets import HeaderSecret, IssuedSecret
from .schemas.upscaling import UpscalerRequest
from .schemas.video import Txt2VidRequest
from .setting_sources import Flags, explain, from_all_sources

# An API key is guessed by trying: this many characters of chance are out of reach.
SHORTEST_KEY = 16
# As browsers write them: a scheme and a host, with a port where it is not the usual one.
ORIGIN = r"null/?|[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@*]+/?"
# What a device is called: as the engine names it, or the CPU with a number of threads.
DEVICE = r"(?i:cpu):[1-9][0-9]{0,3}|[^\s,=:]{1,64}"


class Section(BaseModel):
    """One table of the configuration file; a name that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Server(Section):
    """Where the server listens and whom it answers."""

    host: str = Field("127.0.0.1", description="Address to bind; 0.0.0.0 opens it to the network")
    port: int = Field(8080, ge=0, le=65535, description="HTTP port; 0 takes a free one")
    ws_port: int = Field(8081, ge=0, le=65535, description="WebSocket port; 0 takes a free one")
    api_keys: list[SecretStr] = Field([], description="When given, every request must carry one of them")
    allowed_hosts: list[str] = Field([], description="Host names accepted besides loopback and IP literals")
    allowed_origins: list[str] = Field([], description="Origins of web pages on other hosts that may call")
    trusted_proxies: list[str] = Field(
        ["127.0.0.1", "::1"],
        description="Addresses or networks whose X-Forwarded-Proto and -For are believed",
    )
    max_body_mb: int = Field(64, ge=1, description="Largest request body")
    max_connections: int = Field(1000, ge=1, description="Open connections on each port; more are told so")
    shutdown_grace: float = Field(5.0, gt=0, description="Seconds that open requests get at the end")

    @field_validator("api_keys")
    @classmethod
    def _hard_to_guess(cls, keys: list[SecretStr]) -> list[SecretStr]:
        for number, key in enumerate(keys, 1):
            text = key.get_secret_value()
            which = f"key {number} of {len(keys)}" if len(keys) > 1 else "the key"
            if not text.strip():
                raise ValueError(f"{which} is blank; leave the setting out to have no keys")
            if not re.fullmatch(r"[!-~]*", text):
                raise ValueError(f"{which} has other characters than visible ASCII ones")
            if len(text) < SHORTEST_KEY:
                raise ValueError(f"{which} has {len(text)} characters; at least {SHORTEST_KEY} are needed")
        return keys

    @field_validator("allowed_origins")
    @classmethod
    def _as_browsers_write_them(cls, origins: list[str]) -> list[str]:
        for origin in origins:
            if not re.fullmatch(ORIGIN, origin):
                raise ValueError(f"{origin!r} is no origin: https://host, https://host:port, or null")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, proxies: list[str]) -> list[str]:
        for proxy in proxies:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is no address and no network such as 10.0.0.0/8") from None
        return proxies

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


class Paths(Section):
    """Where files are. Folders of single model types follow models_dir unless named."""

    models_dir: Path = Field(Path("models"), description="Folder with checkpoints/, loras/, ...")
    output_dir: Path = Field(Path("output"), description="Where results go; in .trash those of deleted jobs")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("sdcpp-restapi")),
        description="Database, input images, logs and lock",
    )
    folders: dict[ModelType, Path] = Field(
        {}, description="Folder of one model type, e.g. lora = '/mnt/loras'"
    )

    convert_dirs: list[Path] = Field(
        [], description="Folders that paths in requests may lead to besides those of the models"
    )

    wildcards_dir: Path | None = Field(
        None, description="Lists for prompt templates; default: wildcards/ in models_dir"
    )

    @field_validator("models_dir", "output_dir", "data_dir", "wildcards_dir")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("convert_dirs")
    @classmethod
    def _all_absolute(cls, paths: list[Path]) -> list[Path]:
        return [path.expanduser().absolute() for path in paths]

    def folder(self, model_type: ModelType) -> Path:
        """The folder of one model type."""
        chosen = self.folders.get(model_type)
        return chosen.expanduser().absolute() if chosen else self.models_dir / MODEL_TYPES[model_type].folder

    def wildcards_folder(self) -> Path:
        """The folder of wildcard files."""
        return self.wildcards_dir or self.models_dir / "wildcards"

    def model_folders(self) -> Mapping[ModelType, Path]:
        """The folder of every model type."""
        return {model_type: self.folder(model_type) for model_type in TYPE_NAMES}


class Engine(Section):
    """The engine's child process."""

    devices: list[str] | None = Field(
        None,
        description="One engine process for each: names of the engine's devices (see sdcpp doctor), cpu,"
        " or cpu:2 for two threads; [] = none here. Default: one, and the engine chooses",
    )
    library: Path | None = Field(None, description="Another build of the engine's library (self-checked)")
    command: list[str] = Field(
        [], description="Wrapper put before the child's command line, e.g. ['nice', '-n', '5']"
    )
    load_on_start: bool = Field(True, description="Load the model of the last run again")
    default_model: LoadRequest | None = Field(
        None, description="Loaded at start when there was none in the last run: a body of POST /models/load"
    )
    default_upscaler: UpscalerRequest | None = Field(
        None,
        description="Loaded at start when there was none in the last run: a body of POST /upscaler/load",
    )
    start_timeout: float = Field(60.0, gt=0, description="Seconds until a child must have reported")
    hang_after: float = Field(300.0, gt=0, description="Seconds without a message and without CPU time")
    max_memory_mb: int | None = Field(
        None, ge=64, description="Memory that a child may take; default: 90 % of the machine's"
    )
    cancel_grace: float = Field(30.0, gt=0, description="Seconds that a cancelled job gets to stop")
    restart_delay: float = Field(
        1.0, ge=0, description="Seconds before a child that died at once is replaced"
    )

    @field_validator("devices")
    @classmethod
    def _well_formed(cls, devices: list[str] | None) -> list[str] | None:
        gpus: set[str] = set()
        for device in devices or ():
            name = device.partition(":")[0].lower()
            if not re.fullmatch(DEVICE, device):
                raise ValueError(f"{device!r} is not a device: a name such as CUDA0, cpu, or cpu:2")
            if name in gpus:
                raise ValueError(f"{device!r} is there twice, which only cpu may be")
            if name != "cpu":
                gpus.add(name)
        return devices

    @field_validator("default_model", "default_upscaler")
    @classmethod
    def _only_known_fields[R: LoadRequest | UpscalerRequest](cls, request: R | None) -> R | None:
        if request is not None and request.unknown_fields():
            raise ValueError(f"unknown field {', '.join(request.unknown_fields())}")
        return request


class Limits(Section):
    """What one request may ask for; past them it is refused with a clear 400."""

    max_pixels: int = Field(4096 * 4096, gt=0, description="Width times height")
    max_steps: int = Field(1000, gt=0)
    max_batch: int = Field(64, gt=0)
    max_video_frames: int = Field(1025, gt=0)
    # Full HD for ten seconds; the engine needs 12 bytes for each while it decodes, and 3 afterwards.
    max_video_pixels: int = Field(2**29, gt=0, description="Width times height times frames")
    max_prompt_chars: int = Field(20_000, gt=0, description="The engine dies on prompts of 200 KB")
    max_image_pixels: int = Field(64_000_000, gt=0, description="Pixels of one input image")
    max_pixels_at_once: int = Field(
        64_000_000, gt=0, description="Pixels decoded at once over all requests, 4 bytes each; others wait"
    )
    min_free_disk_mb: int = Field(
        0,
        ge=0,
        description="Jobs are refused (507) while a disk that they need has less room; 0: only when full",
    )
    queue_page: int = Field(1000, gt=0, description="Most jobs in one answer of GET /queue")


class Queue(Section):
    """Whose turn it is among jobs of the same priority."""

    fairness: Literal["fifo", "client"] = Field(
        "fifo", description="client: one job of each client_id in turn, instead of the order of submission"
    )
    affinity_wait: float | None = Field(
        None,
        ge=0,
        description="Seconds that a job may be passed over by later ones whose model a slot already holds;"
        " default: 30 with several slots, 0 with one",
    )

    def patience(self, slots: int) -> float:
        """`affinity_wait` with so many slots."""
        if self.affinity_wait is not None:
            return self.affinity_wait
        return 30.0 if slots > 1 else 0.0


class PresetValues(GenerationDefaults):
    """Values to put in place of those of an architecture's preset."""

    model_config = ConfigDict(extra="forbid")


class Generation(Section):
    """How requests are completed."""

    use_architecture_defaults: bool = Field(
        False, description="Fields that are not given come from the loaded architecture's preset"
    )
    presets: dict[str, PresetValues] = Field(
        {}, description="Other values for the preset of an architecture, e.g. 'SD1.5' = { steps = 30 }"
    )

    @field_validator("presets")
    @classmethod
    def _as_a_request(cls, presets: dict[str, PresetValues]) -> dict[str, PresetValues]:
        for name, values in presets.items():
            try:
                # It has all the fields of a preset, with the bounds that they have for images too.
                Txt2VidRequest.model_validate({"prompt": "", **values.model_dump()})
            except ValidationError as error:
                first = error.errors()[0]
                message = first["msg"].removeprefix("Value error, ")
                raise ValueError(f"{name}.{first['loc'][0]}: {message}") from None
        return presets


class Downloads(Section):
    """Getting models from other servers."""

    parallel: int = Field(2, ge=1, le=16, description="Downloads at the same time")
    allow_private: bool = Field(False, description="Also from this machine and from private networks")
    civitai_token: HeaderSecret = Field(None, description="Sent to civitai_url only")
    huggingface_token: HeaderSecret = Field(None, description="Sent to huggingface_url only")
    civitai_url: str = Field("https://civitai.com", pattern="^https?://[^/@?#]+/?$")
    huggingface_url: str = Field("https://huggingface.co", pattern="^https?://[^/@?#]+/?$")
    timeout: float = Field(30.0, gt=0, description="Seconds to connect, and seconds without a byte")
    retries: int = Field(5, ge=0, description="Tries in a row without a new byte before it fails")
    retry_delay: float = Field(1.0, gt=0, description="Seconds before the first of them; each waits longer")


class Cluster(Section):
    """Other machines: a broker (NATS with JetStream), and the workers that it leads to."""

    urls: list[str] = Field([], description="The broker: nats://host:4222, or tls://; empty = no cluster")
    prefix: str = Field(
        "sdcpp", pattern="^[A-Za-z0-9_-]{1,32}$", description="Begins the names of all subjects and streams"
    )
    user: str | None = None
    password: IssuedSecret = None
    token: IssuedSecret = None
    credentials: Path | None = Field(None, description="A .creds file")
    tls_ca: Path | None = Field(None, description="Certificates to trust besides the system's")
    tls_cert: Path | None = Field(None, description="Our own certificate, where the broker asks for one")
    tls_key: Path | None = Field(None, description="Its key")
    replicas: int = Field(1, ge=1, le=5, description="Copies that a cluster of brokers keeps of everything")
    name: str | None = Field(
        None, pattern="^[A-Za-z0-9_-]{1,64}$", description="What a worker is called; default: its host's name"
    )
    announce_every: float = Field(2.0, gt=0, description="Seconds between two signs of life of a worker")
    lost_after: float = Field(15.0, gt=0, description="Seconds without one until its jobs go elsewhere")
    forget_after: float = Field(3600.0, gt=0, description="Seconds until a lost worker is listed no more")
    load_timeout: float = Field(3600.0, gt=0, description="Seconds that a worker gets to load a model")


class Llm(Section):
    """Chat models of the llm folder, run by this server (provider `local`)."""

    threads: int = Field(0, ge=0, description="0 = half of the physical cores; the engine has the others")
    context: int = Field(8192, ge=512, description="Most tokens of a conversation with its answer")
    gpu_layers: int = Field(0, ge=-1, description="Layers put on the GPU; -1 = all. Pictures need it more")
    unload_after: float = Field(300.0, ge=0, description="Seconds without a question")
    load_timeout: float = Field(300.0, gt=0, description="Seconds until a model must have been read")


class Retention(Section):
    """Which finished jobs are deleted without being asked for, and when."""

    trash_days: float = Field(30.0, gt=0, description="Days until a job in the trash is deleted for good")
    max_age_days: float | None = Field(None, gt=0, description="Days from its end until a job is thrown away")
    max_gigabytes: float | None = Field(
        None, gt=0, description="Outputs beyond this (10^9 bytes) are deleted for good, the oldest first"
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
        env_ignore_empty=True,
    )

    server: Server = Server()
    paths: Paths = Field(default_factory=Paths)  # relative to the working directory of that moment
    engine: Engine = Engine()
    limits: Limits = Limits()
    queue: Queue = Queue()
    generation: Generation = Generation()
    cluster: Cluster = Cluster()
    downloads: Downloads = Downloads()
    llm: Llm = Llm()
    retention: Retention = Retention()
    logging: Logging = Logging()


def read_settings(file: Path | None = None, flags: Flags | None = None) -> Settings:
    """Settings from `flags` ({section: {name: value}}), the environment and the TOML `file`.

    Raises BadSettings for a file that cannot be read and for a bad value.
    """
    if file is not None and not file.is_file():
        raise BadSettings(f"There is no configuration file {file}")
    try:
        return from_all_sources(Settings, file, flags or {})
    except ValidationError as error:
        raise BadSettings(explain(error, Settings, flags or {}, file)) from error
    except (OSError, ValueError) as error:
        raise BadSettings(f"{file} cannot be read as TOML: {error}") from error
