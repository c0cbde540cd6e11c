"""What the server knows of model files without loading them."""

from typing import Literal

from pydantic import Field

from .base import Frozen, is_none
from .model_types import Component, ModelType

Kind = Literal[
    "diffusion",
    "vae",
    "taesd",
    "clip_l",
    "clip_g",
    "clip_vision",
    "t5xxl",
    "llm",
    "llm_vision",
    "controlnet",
    "lora",
    "embedding",
    "esrgan",
]


class Network(Frozen):
    """A network that a file holds."""

    kind: Kind
    name: str | None = Field(
        None,
        description="What it is called, e.g. 'UMT5'; of diffusion models, ControlNets and LoRAs the"
        " architecture, spelled as model_architecture. null when the tensors do not tell.",
    )
    quantization: str | None = Field(None, description="The type of most of its weights, e.g. q4_k")
    traits: dict[str, int] = Field({}, description="Sizes that tell what fits it: width, channels, rank ...")


class ModelFacts(Frozen):
    """What a file's header tells."""

    format: Literal["safetensors", "gguf"] | None = Field(
        None, description="null for formats that are not read, since reading them can run code"
    )
    problem: str | None = Field(
        None,
        description="Why the engine is not given this file: its header is not valid, or it is one of"
        " several parts",
    )
    unsupported: str | None = Field(
        None, description="Why no load takes it, though its header is valid", exclude_if=is_none
    )
    architecture: str | None = Field(
        None,
        description="What a diffusion model is, or what a ControlNet or a LoRA is made for, spelled as"
        " model_architecture",
    )
    parameters: int | None = None
    quantization: str | None = Field(None, description="The type of most weights, e.g. f16 or q4_k")
    contains: list[Network] = []
    title: str | None = None
    trigger_words: list[str] = []

    def network(self, kind: Kind) -> Network | None:
        """The network of this kind, if the file holds one."""
        return next((one for one in self.contains if one.kind == kind), None)


class MissingComponent(Frozen):
    """A component that a model asks for and does not hold itself."""

    component: Component
    required: bool = Field(description="Whether the engine is known to fail without it")
    candidates: list[str] = Field(description="Files on disk that fit, the best first")
    picked: str | None = Field(description="What POST /models/load takes when the request names none")


class Inspection(ModelFacts):
    """GET /models/inspect/{type}/{name}."""

    name: str
    type: ModelType
    size_bytes: int
    needs: list[MissingComponent] = []
    load: dict[str, str] | None = Field(
        None, description="A body for POST /models/load; null for what is not loaded by itself"
    )
