"""What would become of a request: the answer of POST /plan."""

from typing import Literal

from pydantic import Field

from .base import Frozen, LeftOut
from .model_types import Component
from .models import LoadRequest

Role = Component | Literal["model", "lora", "upscaler"]
PlanType = Literal["txt2img", "img2img", "txt2vid", "upscale"]


class PlannedFile(Frozen):
    """A model file that would be in memory."""

    role: Role
    name: str
    size_bytes: int
    weight: float | None = LeftOut  # of a LoRA, its uses added up
    high_noise: bool | None = LeftOut  # of a LoRA: whether it is for the high-noise model of a pair


class MemoryPart(Frozen):
    """What one thing takes in memory."""

    part: Role | Literal["decoding"]
    bytes: int


class MemoryEstimate(Frozen):
    """What the engine would hold in memory at most, and what there is."""

    bytes: int
    weights_bytes: int = Field(description="The files' sizes, summed up")
    working_bytes: int = Field(description="While a picture is decoded, which takes the most")
    parts: list[MemoryPart] = Field([], description="What `bytes` consists of, the largest first")
    free_bytes: int | None = Field(
        None,
        description="Main memory that the slot with the most has for it, other models taken out of it;"
        " null where no engine here computes in main memory",
    )
    fits: bool | None = Field(None, description="Whether `bytes` are at most `free_bytes`")
    rests_on: str


class TimeEstimate(Frozen):
    """How long the work itself would take, without loading models and without waiting."""

    seconds: float | None = Field(description="null without samples")
    samples: int = Field(description="How many completed jobs it rests on")
    rests_on: str


class Plan(Frozen):
    """POST /plan."""

    type: PlanType
    width: int = Field(description="Pixels of the result")
    height: int
    seed: int | Literal["random"] | None = Field(description="null for upscale, which has none")
    params: dict[str, object] = Field(
        description="As they would be stored, defaults filled in, without the images. A prompt drawn from a"
        " template is an example where the seed is random"
    )
    model: LoadRequest | None = Field(description="What the job would be stamped with; null for upscale")
    files: list[PlannedFile]
    memory: MemoryEstimate
    time: TimeEstimate
    warnings: list[str]
