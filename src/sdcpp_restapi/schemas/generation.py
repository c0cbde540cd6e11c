"""Generation requests: every documented parameter, its type, bounds and documented default."""

import ctypes
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, FiniteFloat, Tag, model_validator

from .adetail import Adetail
from .base import Fraction, Frozen, Integer, LeftOut, NoBoolean, Number, Request
from .branching import BranchFields
from .caching import CacheFields
from .engine_names import ControlPreprocessor, OutputFormat, Sampler, Scheduler, WantedEngine
from .hires import HiresFields
from .keep_alive import KeepAlive
from .models import LoadRequest
from .sampling import SamplingFields
from .scheduling import JobRequest
from .upscaling import Repeats

Seed = Annotated[int, Field(ge=-1, le=2**63 - 1), NoBoolean]
Side = Annotated[int, Field(gt=0, description="Pixels; rounded up to what the architecture needs"), NoBoolean]
StepCounter = Annotated[int, Field(gt=0), NoBoolean]
Guidance = Annotated[FiniteFloat, Field(ge=0.0, le=1000.0), NoBoolean]
Share = Annotated[FiniteFloat, Field(gt=0.0, le=1.0), NoBoolean]
Layer = Annotated[int, Field(ge=0, le=1000), NoBoolean]
Layers = Annotated[list[Layer], Field(max_length=200)]


def _name_or_body(value: object) -> str:
    return "name" if isinstance(value, str) else "body"


# The names of the tags show up in complaints, where "body" is left out as that of the request is.
WantedModel = Annotated[
    Annotated[str, Tag("name")] | Annotated[LoadRequest, Tag("body")],
    Discriminator(_name_or_body),
]


# What other servers and front ends call the weight of a LoRA.
_WEIGHT = ("multiplier", "strength", "scale", "model_strength")


class LoraUse(Request):
    """One LoRA of a request."""

    name: str = Field(min_length=1, description="Relative to the lora folder, extension optional")
    weight: Number = Field(1.0, description="May also be spelled multiplier, strength, scale, model_strength")
    high_noise: bool = Field(False, description="For the high-noise model of a pair")

    @model_validator(mode="before")
    @classmethod
    def _read_other_spelling(cls, data: object) -> object:
        """With `weight` from the first other spelling that is given; any more are unknown fields."""
        if not isinstance(data, dict) or data.get("weight") is not None:
            return data
        spelling = next((name for name in _WEIGHT if data.get(name) is not None), None)
        if spelling is None:
            return data
        return {("weight" if name == spelling else name): v for name, v in data.items() if name != "weight"}


class GenerationRequest(SamplingFields, BranchFields, JobRequest):
    """What images and videos have in common; the fields without a default have one in each of them."""

    prompt: str = Field(description="Text prompt; <lora:name:weight> tags are applied and removed")
    prompt_template: str | None = Field(
        None,
        min_length=1,
        description="What the prompt is drawn from with the seed, if that is empty or left out: {a|b} becomes"
        " one of several, __name__ a line of a wildcard file. Beside a prompt it is only kept",
    )
    negative_prompt: str = ""
    width: Side
    height: Side
    steps: StepCounter
    cfg_scale: Guidance
    distilled_guidance: Guidance = 3.5
    eta: Number = Field(0.0, ge=0.0, le=100.0)
    seed: Seed = Field(-1, description="-1 = random, resolved when the job is submitted")
    sampler: Sampler
    scheduler: Scheduler = "discrete"
    clip_skip: Integer = Field(-1, ge=-1, le=100)
    slg_scale: Guidance = 0.0
    skip_layers: Layers = [7, 8, 9]
    slg_start: Fraction = 0.01
    slg_end: Fraction = 0.2
    control_image_base64: str | None = None
    control_preprocess: ControlPreprocessor = Field(
        "", description="canny: the control image is a picture, of which the edges are to be found"
    )
    canny_low: Fraction = Field(0.08, description="Share of canny_high from which an edge goes on")
    canny_high: Share = Field(0.08, description="Share of the strongest edge from which there is one")
    vae_tiling: bool = Field(
        False,
        description="Let the VAE work on one tile after the other. Not given: as the model was loaded; so are"
        " the sizes and the overlap",
    )
    vae_tile_size_x: Integer = Field(0, ge=0, le=16384, description="Latent pixels; 0 = automatic")
    vae_tile_size_y: Integer = Field(0, ge=0, le=16384, description="Latent pixels; 0 = automatic")
    vae_tile_overlap: Fraction = 0.5
    easycache: bool = False
    easycache_threshold: Number = Field(0.2, ge=0.0, le=100.0)
    easycache_start: Fraction = 0.15
    easycache_end: Fraction = 0.95
    loras: list[LoraUse] = Field([], max_length=64, description="The same as <lora:...> tags, structured")
    model: WantedModel | None = Field(
        None,
        description="What to draw with instead of the current model: a name, which is loaded as it was the"
        " last time, or a body of POST /models/load",
    )
    engine: WantedEngine | None = Field(
        None,
        description="Which revision of the engine may draw it: any, same (as this server's own), or a commit."
        " Not given: the setting generation.engine",
    )
    keep_alive: KeepAlive | None = Field(
        None,
        description="How long the model stays in memory after this job without further work: seconds, or a"
        " text such as 10m; 0 = not at all, -1 = for ever. Not given: as before",
    )
    use_architecture_defaults: bool | None = Field(
        None,
        description="Fields not given come from the loaded architecture's preset (default: the setting)",
    )

    @model_validator(mode="before")
    @classmethod
    def _template_gives_prompt(cls, data: object) -> object:
        if isinstance(data, dict) and data.get("prompt") is None and data.get("prompt_template"):
            return {**data, "prompt": ""}
        return data

    @model_validator(mode="after")
    def _easycache_starts_before_it_ends(self) -> Self:
        # The engine would go without it and tell only its log.
        if self.easycache and self.easycache_start >= self.easycache_end:
            raise ValueError(
                f"easycache_start: {self.easycache_start} is not allowed;"
                f" it must be below easycache_end, {self.easycache_end}"
            )
        return self


class ImageRequest(CacheFields, HiresFields, GenerationRequest):
    """What text to image and image to image have in common."""

    width: Side = 512
    height: Side = 512
    steps: StepCounter = 20
    cfg_scale: Guidance = 7.0
    sampler: Sampler = "euler_a"
    shifted_timestep: Integer = Field(0, ge=0, le=1000)
    batch_count: Integer = Field(1, gt=0)
    custom_sigmas: list[Number] = Field([], max_length=1001, description="steps + 1 values, or none")
    ref_images: list[str] = Field([], max_length=16)
    auto_resize_ref_image: bool = True
    increase_ref_index: bool = False
    control_strength: Fraction = 0.9
    return_control: bool = Field(
        False, description="Also write the control image as the engine is given it, as control_0.png"
    )
    pm_id_images: list[str] = Field([], max_length=16, description="PhotoMaker: pictures of the person")
    pm_id_embed_path: str = Field(
        "", description="PhotoMaker 2: a file in one of the model folders, absolute or relative to one"
    )
    pm_style_strength: Number = Field(
        20.0, ge=0.0, le=100.0, description="PhotoMaker: percent of the steps before it sets in"
    )
    ip_adapter_image_base64: str | None = Field(
        None, description="IP-Adapter: the picture whose looks are taken over"
    )
    ip_adapter_strength: Number = Field(1.0, ge=0.0, le=10.0, description="IP-Adapter: 0.6 to 0.8 leave room")
    pulid_id_embed_path: str = Field(
        "", description="PuLID: the face, a file in one of the model folders, absolute or relative to one"
    )
    pulid_id_weight: Number = Field(1.0, ge=0.0, le=10.0, description="PuLID: how much of the face")
    layers: Integer = Field(
        3, ge=1, le=16, description="Qwen-Image-Layered: layers, each a picture with transparency"
    )
    circular_x: bool = Field(False, description="The left edge continues at the right one: tileable")
    circular_y: bool = Field(False, description="The upper edge continues at the lower one: tileable")
    output_format: OutputFormat = Field("png", description="jpeg and webp lose some of the picture")
    keep_finished: bool = Field(
        False,
        description="When the job is cancelled, the images of the batch that are finished stay;"
        " each is made for itself, one after the other",
    )
    adetail: list[Adetail] = Field(
        [], max_length=8, description="Draw again what detectors find in each image, one after the other"
    )
    upscale: bool = Field(False, description="Put the images through the loaded upscaler")
    upscale_repeats: Repeats = Field(1, description="Each multiplies by the upscaler's own factor")
    upscale_auto_unload: bool = Field(True, description="Unload the upscaler after use")

    @property
    def made_size(self) -> tuple[int, int]:
        """What the engine is to make: the size of the second pass, if there is one."""
        return self.enlarged(self.width, self.height) if self.hires else (self.width, self.height)

    @model_validator(mode="after")
    def _one_cache(self) -> Self:
        if self.easycache and self.cache_mode:
            raise ValueError(f"cache_mode: {self.cache_mode!r} is not allowed together with easycache: true")
        return self

    @model_validator(mode="after")
    def _hires_is_complete(self) -> Self:
        if self.hires and self.hires_upscaler == "model" and not self.hires_model:
            raise ValueError("hires_model: required with hires_upscaler 'model'")
        if len(self.hires_custom_sigmas) == 1:
            raise ValueError("hires_custom_sigmas has 1 value, but needs at least 2, or none")
        return self

    @model_validator(mode="after")
    def _last_seed_fits(self) -> Self:
        # Image i has seed + i, which the engine keeps in 64 bits.
        if self.seed + self.batch_count > 2**63:
            raise ValueError(
                f"seed: {self.seed} is not allowed with {self.batch_count} images: at most 2^63 - 1"
            )
        return self

    @model_validator(mode="after")
    def _one_sigma_more_than_steps(self) -> Self:
        # The engine takes the schedule's length from the sigmas and would sample a different number of
        # steps without a word.
        if self.custom_sigmas and len(self.custom_sigmas) != self.steps + 1:
            raise ValueError(
                f"custom_sigmas has {len(self.custom_sigmas)} values, but {self.steps} steps"
                f" need {self.steps + 1}"
            )
        return self


class Txt2ImgRequest(ImageRequest):
    """POST /txt2img."""


class Img2ImgRequest(ImageRequest):
    """POST /img2img."""

    init_image_base64: str = Field(min_length=1)
    strength: Fraction = 0.75
    img_cfg_scale: Number = Field(-1.0, ge=-1.0, le=1000.0)
    mask_image_base64: str | None = None
    mask_composite: bool = Field(
        True,
        description="Put the pixels of the init image back where the mask is black; the engine changes some",
    )

    adetail_only: bool = Field(
        False, description="The init image is the picture: only what adetail finds in it is drawn again"
    )

    @property
    def sampled_steps(self) -> int:
        """How many of the steps `strength` leaves, as the engine counts them in single precision."""
        share = ctypes.c_float(ctypes.c_float(self.strength).value * self.steps).value
        return min(int(share), self.steps - 1) + 1

    @model_validator(mode="after")
    def _something_is_drawn(self) -> Self:
        if self.adetail_only and not self.adetail:
            raise ValueError("adetail: required with adetail_only: true")
        return self


class Accepted(Frozen):
    """202: the job is stored."""

    job_id: str
    status: Literal["pending"] = "pending"
    position: int = Field(description="Own place among the pending jobs of the lane, 1 = next")
    warnings: list[str] | None = LeftOut
