"""Models: what is on disk, what is asked for, what is loaded."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from .base import FlowShift, Fraction, Frozen, Integer, LeftOut, Request, is_none
from .engine_names import LoraApplyMode, Prediction, RngType, RngTypeOrEmpty, WeightType
from .keep_alive import KeepAlive
from .model_types import COMPONENT_NAMES, Component, MainType, ModelType
from .placement import Backend, MaxVram, ParamsBackend, SplitMode, VaeFormat
from .queue_state import QueueState
from .timestamps import Moment
from .trash import Storage
from .type_rules import TypeRules


class ModelEntry(Frozen):
    """One model file of the catalog."""

    name: str = Field(description="Path relative to its type's folder")
    type: ModelType
    file_extension: str
    size_bytes: int
    hash: str | None = Field(None, description="SHA-256, null until computed")
    is_loaded: bool | None = LeftOut  # only for checkpoint and diffusion
    on: list[str] | None = LeftOut  # the machines that have it, where there are several


class DetailedEntry(ModelEntry):
    """A model with what its header and the files beside it tell; null where they do not."""

    architecture: str | None = Field(None, description="What it is, or what it is made for")
    quantization: str | None = None
    parameters: int | None = None
    title: str | None = None
    trigger_words: list[str] = []
    base_model: str | None = Field(None, description="As the files beside it name it")
    notes: str = ""
    tags: list[str] = []
    thumbnail: str | None = Field(None, description="Where the picture beside the file is served")


class _Listing[Entry: ModelEntry](Frozen):
    checkpoints: list[Entry] = []
    diffusion_models: list[Entry] = []
    vae: list[Entry] = []
    loras: list[Entry] = []
    clip: list[Entry] = []
    t5: list[Entry] = []
    controlnets: list[Entry] = []
    llm: list[Entry] = []
    esrgan: list[Entry] = []
    taesd: list[Entry] = []
    embeddings: list[Entry] = []
    photomaker: list[Entry] = []
    adapters: list[Entry] = []
    detectors: list[Entry] = []
    loaded_model: str | None = None
    loaded_model_type: str | None = None
    applied_filters: dict[str, str] | None = LeftOut
    problems: list[str] | None = LeftOut  # folders that could not be read, and why


class ModelList(_Listing[ModelEntry]):
    """GET /models."""


class DetailedModelList(_Listing[DetailedEntry]):
    """GET /models?details=true."""


class ModelPaths(Frozen):
    """GET /models/paths: the folder of each type."""

    checkpoints: str
    diffusion_models: str
    vae: str
    lora: str
    clip: str
    t5: str
    embeddings: str
    controlnet: str
    llm: str
    esrgan: str
    taesd: str
    photomaker: str
    adapters: str
    detectors: str


class LoadOptions(Request):
    """How a model is loaded. Defaults are the API document's."""

    n_threads: Integer = Field(-1, ge=-1, le=1024, description="CPU threads, -1 = physical cores")
    keep_clip_on_cpu: bool = Field(True, description="Text encoders on the CPU, to save VRAM")
    keep_vae_on_cpu: bool = False
    keep_controlnet_on_cpu: bool = False
    vae_conv_direct: bool = False
    diffusion_conv_direct: bool = False
    flash_attn: bool = True
    offload_to_cpu: bool = Field(False, description="Keep parameters in RAM, copy to the device when used")
    backend: Backend = Field(
        "",
        description="Where parts of the model are computed: MODULE=DEVICE,... with the modules diffusion, te,"
        " vae, controlnet; CUDA0&CUDA1 splits one. Goes before keep_..._on_cpu and the slot's device",
    )
    params_backend: ParamsBackend = Field(
        "",
        description="Where their weights wait: MODULE=TARGET,... or TARGET: cpu, disk or a device. In place"
        " of offload_to_cpu and free_params_immediately; with disk, a load reads no weights",
    )
    max_vram: MaxVram = Field(
        "",
        description="GiB of a device for weights and work, -N leaves N free, DEVICE=GiB,... for several:"
        " what does not fit is computed in segments. Empty = no budget. Does nothing on a CPU",
    )
    split_mode: SplitMode = Field(
        "",
        description="How a module is split over several devices: layer (default) or row, or MODULE=...,...",
    )
    auto_fit: bool = Field(
        False,
        description="Let the engine place modules and weights by the memory of the devices; keep_..._on_cpu"
        " do nothing then",
    )
    vae_format: VaeFormat = Field("", description="What kind of VAE it is; empty = as the engine finds it")
    enable_mmap: bool = True
    vae_decode_only: bool = Field(
        True, description="Accepted; the engine loads the encoder only when a job needs it"
    )
    tae_preview_only: bool = False
    free_params_immediately: bool = Field(
        False,
        description="Every job reads the parameters from disk and releases them after use; a load reads none"
        " and checks names and shapes only",
    )
    flow_shift: FlowShift | None = Field(None, description="null or 0 = automatic")
    weight_type: WeightType = ""
    tensor_type_rules: TypeRules = Field(
        "", description="Other types for some matrices: pattern=type,...; convolutions stay f16"
    )
    rng_type: RngType = "cuda"
    sampler_rng_type: RngTypeOrEmpty = ""
    prediction: Prediction = Field(
        "", description="Empty = the model's own; flow_shift follows it where none is given"
    )
    lora_apply_mode: LoraApplyMode = Field(
        "auto",
        description="auto = at_runtime, which leaves the weights alone; immediately merges LoRAs into them,"
        " is faster per step, and loads the model again before a job with other LoRAs",
    )
    vae_tiling: bool = False
    vae_tile_size_x: Integer = Field(0, ge=0, le=16384)
    vae_tile_size_y: Integer = Field(0, ge=0, le=16384)
    vae_tile_overlap: Fraction = 0.5
    chroma_use_dit_mask: bool = True
    chroma_use_t5_mask: bool = False
    chroma_t5_mask_pad: Integer = Field(1, ge=0, le=512)

    @model_validator(mode="after")
    def _weights_are_placed_once(self) -> Self:
        others = ["offload_to_cpu", "free_params_immediately"]
        given = [name for name in others if getattr(self, name)]
        if self.params_backend and given:
            raise ValueError(f"params_backend: not allowed together with {given[0]}")
        placed = [name for name in ("backend", "params_backend", *others) if getattr(self, name)]
        if self.auto_fit and placed:
            raise ValueError(f"auto_fit: not allowed together with {placed[0]}")
        return self


class LoadRequest(Request):
    """POST /models/load, and the model specification that every job carries.

    A component that is left out is picked from disk if the model needs it and holds none; null or "" means
    none. A request that was stored names all of them, so that it means the same for ever.
    """

    model_name: str = Field(description="Model name from GET /models", min_length=1)
    model_type: MainType = Field(
        "checkpoint", description="When it is left out, that of the folder where the model is"
    )
    vae: str | None = None
    clip_l: str | None = None
    clip_g: str | None = None
    clip_vision: str | None = None
    t5xxl: str | None = None
    controlnet: str | None = None
    llm: str | None = None
    llm_vision: str | None = None
    taesd: str | None = None
    high_noise_diffusion_model: str | None = None
    photo_maker: str | None = None
    ip_adapter: str | None = Field(None, description="Beside clip_vision, for SD1.5 and SDXL")
    pulid_weights: str | None = Field(None, description="PuLID, for Flux")
    motion_module: str | None = Field(None, description="AnimateDiff: SD1.5 makes videos with it")
    uncond_diffusion_model: str | None = Field(
        None, description="What the negative prompt is drawn with; Ideogram 4 has one"
    )
    audio_vae: str | None = Field(None, description="Decodes the sound of LTX-2's videos")
    audio_encoder: str | None = Field(None, description="Reads the sound that Wan2.2 S2V is given")
    embeddings_connectors: str | None = Field(None, description="Of LTX-2, between its LLM and the rest")
    options: LoadOptions = LoadOptions()
    keep_alive: KeepAlive | None = Field(
        None,
        exclude_if=is_none,
        description="How long it stays in memory without work: seconds, or a text such as 10m; 0 = until the"
        " first job has ended, -1 = for ever. Not given: the setting engine.unload_after",
    )

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        """But for components, of which null says that there is to be none."""
        if not isinstance(data, dict):
            return data
        return {k: v for k, v in data.items() if v is not None or k in COMPONENT_NAMES}

    @field_validator(*COMPONENT_NAMES, check_fields=False)  # tests compare the table with the fields
    @classmethod
    def _empty_means_none(cls, name: str | None) -> str | None:
        return name or None

    def leaves_open(self, component: Component) -> bool:
        """Whether a component was left out, so that one may be picked."""
        return component not in self.model_fields_set

    def components(self) -> dict[Component, str]:
        """The named components, without the main model."""
        names: dict[Component, str | None] = {field: getattr(self, field) for field in COMPONENT_NAMES}
        return {field: name for field, name in names.items() if name}

    def same_model(self, other: "LoadRequest | None") -> bool:
        """Whether a slot that holds `other` can run a job stamped with this one."""
        return other is not None and self.identity() == other.identity()

    def identity(self) -> str:
        """What distinguishes the model in memory from others, as JSON: all but how long it stays there."""
        return self.model_dump_json(exclude={"keep_alive"})


class LoadedComponents(Frozen):
    """The seven documented components and the further ones; null when absent."""

    vae: str | None = None
    clip_l: str | None = None
    clip_g: str | None = None
    t5xxl: str | None = None
    controlnet: str | None = None
    llm: str | None = None
    llm_vision: str | None = None
    taesd: str | None = None
    clip_vision: str | None = None
    high_noise_diffusion_model: str | None = None
    photo_maker: str | None = None
    ip_adapter: str | None = None
    pulid_weights: str | None = None
    motion_module: str | None = None
    uncond_diffusion_model: str | None = None
    audio_vae: str | None = None
    audio_encoder: str | None = None
    embeddings_connectors: str | None = None


class LoadResponse(Frozen):
    """Answer of POST /models/load."""

    success: bool = True
    message: str = "Model loaded successfully"
    model_name: str
    model_type: str
    model_architecture: str | None = None
    loaded_components: LoadedComponents
    warnings: list[str] | None = LeftOut


class Done(Frozen):
    """A request without a result was carried out."""

    success: bool = True
    message: str


class Refreshed(Done):
    """Answer of POST /models/refresh: what GET /models answers now."""

    models: ModelList


class ModelFiles(Frozen):
    """A load request with its names turned into absolute paths: what the engine's child needs."""

    main: str
    model_type: MainType
    components: dict[Component, str] = {}
    embeddings: dict[str, str] = Field({}, description="Trigger word -> path of a textual inversion")


class ResidentModel(Frozen):
    """A model in the memory of a slot."""

    model_name: str
    model_architecture: str | None = None
    expires_at: Moment | None = Field(None, description="When it is unloaded without work; null = never")


class LoadedSlot(Frozen):
    """What one engine slot holds in memory."""

    device: str
    model_name: str | None
    model_architecture: str | None = None
    busy: bool = False
    expires_at: Moment | None = LeftOut  # when the model is unloaded unless there is work for it
    resident_models: list[ResidentModel] | None = LeftOut  # where there are several, the last used one first
    upscaler: str | None = LeftOut
    job_id: str | None = LeftOut  # what it works on
    worker: str | None = LeftOut  # the machine, where it is another one


class Health(Frozen):
    """GET /health."""

    status: Literal["ok"] = "ok"
    model_loaded: bool
    model_loading: bool
    loading_model_name: str | None
    last_error: str | None
    model_name: str | None
    model_type: str | None
    model_architecture: str | None
    loaded_components: LoadedComponents | dict[str, str]
    upscaler_loaded: bool = False
    upscaler_name: str | None = None
    loaded_slots: list[LoadedSlot] = []
    engine: str | None = Field(None, description="The engine's revision; null before one came up")
    ws_port: int | None = Field(None, description="Where events have a port of their own; also at /ws here")
    queue: QueueState = QueueState()
    storage: Storage | None = Field(None, description="null until it was measured for the first time")
    version: str
