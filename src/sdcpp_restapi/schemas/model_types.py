"""The table of model types and of components: their names in requests, answers, folders and the engine.

A new type or component is a row here and a name in the Literal above it, and one more field in the classes of
schemas/models.py that document it: `ModelList` and `ModelPaths` for a type, `LoadRequest` and
`LoadedComponents` for a component. tests/unit/models/test_model_types.py compares them all.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

# The order of these Literals is that of the API: of enumerations in its description, of lists in messages.
ModelType = Literal[
    "checkpoint",
    "diffusion",
    "vae",
    "lora",
    "clip",
    "t5",
    "embedding",
    "controlnet",
    "llm",
    "esrgan",
    "taesd",
    "photomaker",
    "adapter",
    "detector",
]
MainType = Literal["checkpoint", "diffusion"]
Component = Literal[
    "vae",
    "clip_l",
    "clip_g",
    "clip_vision",
    "t5xxl",
    "controlnet",
    "llm",
    "llm_vision",
    "taesd",
    "high_noise_diffusion_model",
    "photo_maker",
    "ip_adapter",
    "pulid_weights",
    "motion_module",
    "uncond_diffusion_model",
    "audio_vae",
    "audio_encoder",
    "embeddings_connectors",
]


class ModelTypeRow(NamedTuple):
    """A type of model files, each of which has a folder of its own."""

    type: ModelType
    plural: str
    """Its list in GET /models."""
    path_key: str
    """Its folder in GET /models/paths."""
    folder: str
    """Its folder within the setting paths.models_dir, unless paths.folders names another."""
    loaded_as: Literal["model", "upscaler"] | None = None
    """What a request can load of it by itself; None for files that are only loaded with a model."""
    ctx_field: str | None = None
    """For main models: the field of the engine's sd_ctx_params_t that takes the path."""


class ComponentRow(NamedTuple):
    """A file that is loaded beside the main model."""

    field: Component
    """Its field in a load request and in `loaded_components`."""
    types: tuple[ModelType, ...]
    """The types whose folders are searched for it, in this order."""
    ctx_field: str
    """The field of the engine's sd_ctx_params_t that takes the path."""


# Rows stand in the order in which the page shows them.
_MODEL_TYPES = (
    ModelTypeRow(
        type="checkpoint",
        plural="checkpoints",
        path_key="checkpoints",
        folder="checkpoints",
        loaded_as="model",
        ctx_field="model_path",
    ),
    ModelTypeRow(
        "diffusion",
        "diffusion_models",
        "diffusion_models",
        "diffusion_models",
        "model",
        "diffusion_model_path",
    ),
    ModelTypeRow("lora", "loras", "lora", "loras"),
    ModelTypeRow("vae", "vae", "vae", "vae"),
    ModelTypeRow("clip", "clip", "clip", "clip"),
    ModelTypeRow("t5", "t5", "t5", "t5"),
    ModelTypeRow("llm", "llm", "llm", "llm"),
    ModelTypeRow("controlnet", "controlnets", "controlnet", "controlnet"),
    ModelTypeRow("embedding", "embeddings", "embeddings", "embeddings"),
    ModelTypeRow("esrgan", "esrgan", "esrgan", "esrgan", "upscaler"),
    ModelTypeRow("taesd", "taesd", "taesd", "taesd"),
    ModelTypeRow("photomaker", "photomaker", "photomaker", "photomaker"),
    ModelTypeRow("adapter", "adapters", "adapters", "adapters"),
    ModelTypeRow("detector", "detectors", "detectors", "detectors"),
)
_COMPONENTS = (
    ComponentRow("vae", ("vae",), "vae_path"),
    ComponentRow("clip_l", ("clip",), "clip_l_path"),
    ComponentRow("clip_g", ("clip",), "clip_g_path"),
    ComponentRow("t5xxl", ("t5",), "t5xxl_path"),
    ComponentRow("llm", ("llm",), "llm_path"),
    ComponentRow("taesd", ("taesd",), "taesd_path"),
    ComponentRow("controlnet", ("controlnet",), "control_net_path"),
    ComponentRow("clip_vision", ("clip",), "clip_vision_path"),
    ComponentRow("llm_vision", ("llm",), "llm_vision_path"),
    ComponentRow("high_noise_diffusion_model", ("diffusion",), "high_noise_diffusion_model_path"),
    ComponentRow("photo_maker", ("photomaker", "checkpoint"), "photo_maker_path"),
    ComponentRow("ip_adapter", ("adapter",), "ip_adapter_path"),
    ComponentRow("pulid_weights", ("adapter",), "pulid_weights_path"),
    ComponentRow("motion_module", ("adapter",), "motion_module_path"),
    ComponentRow("uncond_diffusion_model", ("diffusion",), "uncond_diffusion_model_path"),
    ComponentRow("audio_vae", ("vae",), "audio_vae_path"),
    ComponentRow("audio_encoder", ("clip",), "audio_encoder_path"),
    ComponentRow("embeddings_connectors", ("clip", "llm"), "embeddings_connectors_path"),
)

MODEL_TYPES: Mapping[ModelType, ModelTypeRow] = {row.type: row for row in _MODEL_TYPES}
COMPONENTS: Mapping[Component, ComponentRow] = {row.field: row for row in _COMPONENTS}

# The same names in the order of the API.
TYPE_NAMES: tuple[ModelType, ...] = get_args(ModelType)
MAIN_TYPES: tuple[MainType, ...] = get_args(MainType)
COMPONENT_NAMES: tuple[Component, ...] = get_args(Component)

# What a model file's name ends with, in small letters, whatever its type.
EXTENSIONS = (".safetensors", ".gguf", ".ckpt", ".pt", ".pth", ".bin")


def lower_extension(name: str) -> str:
    """A name with the extension of a model file in small letters: `UP.GGUF` gives `UP.gguf`."""
    stem, dot, extension = name.rpartition(".")
    return stem + dot + extension.lower() if dot + extension.lower() in EXTENSIONS else name
