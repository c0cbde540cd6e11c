"""How guidance changes from step to step, and numbers that belong to one sampler or scheduler.

The engine takes all of these as the text `extra_sample_args`; null and the defaults leave them as they are.
"""

from typing import Annotated, Self

from pydantic import Field, FiniteFloat, model_validator

from .base import Fraction, NoBoolean, Number, Request
from .engine_names import BrownianTreeRng, NoiseSampler

Scale = Annotated[FiniteFloat, Field(ge=0.0, le=1000.0), NoBoolean]
Share = Annotated[FiniteFloat, Field(gt=0.0, le=100.0), NoBoolean]
LogSnr = Annotated[FiniteFloat, Field(ge=-100.0, le=100.0), NoBoolean]
Shift = Annotated[FiniteFloat, Field(ge=0.0, le=100.0), NoBoolean]


class SamplingFields(Request):
    """Guidance by step, adaptive projected guidance, and arguments of samplers and schedulers."""

    guidance_schedule: list[Scale] = Field(
        [], max_length=1000, description="A scale for each step in place of cfg_scale, which the rest has"
    )
    cfg_start: Fraction = Field(
        0.0, description="Share of the steps before cfg_scale acts: they have scale 1"
    )
    cfg_end: Fraction = Field(1.0, description="Share of the steps after which cfg_scale acts no more")
    apg_eta: Number = Field(
        1.0,
        ge=-10.0,
        le=10.0,
        description="Adaptive projected guidance: what is left of the part that only makes colours stronger",
    )
    apg_momentum: Number = Field(0.0, ge=-1.0, le=1.0, description="APG: of the steps before; often negative")
    apg_norm_threshold: Number = Field(
        0.0, ge=0.0, le=1e6, description="APG: the longest that the guidance of a step may be; 0 = any"
    )
    apg_norm_threshold_smoothing: Number = Field(
        0.0, ge=0.0, le=100.0, description="APG: how softly apg_norm_threshold sets in"
    )
    slg_uncond: bool = Field(False, description="Skip the layers of skip_layers without the prompt, too")
    noise_sampler: NoiseSampler = Field("", description="Of samplers that add noise; empty = their own")
    brownian_tree_rng: BrownianTreeRng = Field(
        "", description="What noise_sampler brownian_tree draws from; empty = cpu"
    )
    euler_ge_gamma: Annotated[FiniteFloat, Field(ge=0.0, le=100.0), NoBoolean] | None = Field(
        None, description="Sampler euler_ge; null = 2"
    )
    lms_max_order: Annotated[int, Field(ge=1, le=16), NoBoolean] | None = Field(
        None, description="Sampler lms; null = 4"
    )
    lms_shift: Annotated[int, Field(ge=0, le=16), NoBoolean] | None = Field(
        None, description="Sampler lms; null = 1"
    )
    lms_divisions: Annotated[int, Field(ge=1, le=100_000), NoBoolean] | None = Field(
        None, description="Sampler lms; null = 1000"
    )
    lcm_noise_clip_std: Scale | None = Field(None, description="Sampler lcm; null = 0, no limit")
    lcm_noise_scale_start: Scale | None = Field(None, description="Sampler lcm; null = 1")
    lcm_noise_scale_end: Scale | None = Field(None, description="Sampler lcm; null = 1")
    beta_alpha: Share | None = Field(None, description="Scheduler beta; null = the engine's own")
    beta_beta: Share | None = Field(None, description="Scheduler beta; null = the engine's own")
    logit_normal_std: Share | None = Field(
        None, description="Scheduler logit_normal; null = the engine's own"
    )
    logit_normal_logsnr_min: LogSnr | None = Field(None, description="Scheduler logit_normal")
    logit_normal_logsnr_max: LogSnr | None = Field(None, description="Scheduler logit_normal")
    base_shift: Shift | None = Field(None, description="Schedulers flux and ltx2; null = 0.5 and 0.95")
    max_shift: Shift | None = Field(None, description="Schedulers flux and ltx2; null = 1.15 and 2.05")
    ltx2_terminal: Fraction | None = Field(None, description="Scheduler ltx2; null = 0.1")
    ltx2_stretch: bool | None = Field(None, description="Scheduler ltx2; null = true")
    llada_uniform: bool | None = Field(None, description="Scheduler llada_image; null = false")
    sefi_alpha: Share | None = Field(None, description="SeFi-Image; null = the engine's own")
    sefi_delta_t: Fraction | None = Field(None, description="SeFi-Image; null = the engine's own")

    @property
    def guidance_varies(self) -> bool:
        """Whether some steps have another scale than cfg_scale."""
        return bool(self.guidance_schedule) or (self.cfg_start, self.cfg_end) != (0.0, 1.0)

    @model_validator(mode="after")
    def _guidance_is_told_once(self) -> Self:
        if self.cfg_start >= self.cfg_end:
            raise ValueError(
                f"cfg_start: {self.cfg_start} is not allowed; it must be below cfg_end, {self.cfg_end}"
            )
        if self.guidance_schedule and (self.cfg_start, self.cfg_end) != (0.0, 1.0):
            raise ValueError("guidance_schedule is not allowed together with cfg_start or cfg_end")
        return self
