"""Requests for videos: every documented parameter, its type, bounds and documented default."""

from typing import Self

from pydantic import Field, model_validator

from .base import FlowShift, Fraction, Integer, Number
from .engine_names import Sampler, SamplerOrEmpty
from .generation import GenerationRequest, Guidance, Layers, Side, StepCounter


class Txt2VidRequest(GenerationRequest):
    """POST /txt2vid."""

    width: Side = 832
    height: Side = 480
    steps: StepCounter = 30
    cfg_scale: Guidance = 6.0
    sampler: Sampler = "euler"
    video_frames: Integer = Field(
        33, gt=0, description="Rounded up to what the architecture needs: a multiple of 4, plus 1"
    )
    fps: Integer = Field(16, ge=1, le=240)
    flow_shift: FlowShift = Field(
        3.0,
        description="0 = the model's own. Not given: the load option flow_shift, if that is not 0, else 3.0",
    )
    init_image_base64: str | None = Field(None, description="First frame")
    end_image_base64: str | None = Field(None, description="Last frame")
    strength: Fraction = 0.75
    control_frames: list[str] = Field([], description="One control image a frame, in order (VACE)")
    high_noise_steps: Integer = Field(
        -1, ge=-1, description="Steps of the high-noise model before `steps`; -1 = its share of `steps`"
    )
    high_noise_cfg_scale: Guidance = Field(7.0, description="Not given, with cfg_scale 1: 1 as well")
    high_noise_sampler: SamplerOrEmpty = Field("", description="Empty = as `sampler`")
    high_noise_distilled_guidance: Guidance = 3.5
    high_noise_slg_scale: Guidance = 0.0
    high_noise_skip_layers: Layers = [7, 8, 9]
    high_noise_slg_start: Fraction = 0.01
    high_noise_slg_end: Fraction = 0.2
    moe_boundary: Fraction = Field(
        0.875, description="With high_noise_steps -1: the noise level at which the high-noise model ends"
    )
    vace_strength: Number = Field(1.0, ge=0.0, le=1000.0)
    save_frames: bool = Field(False, description="Also write every frame as frames/frame_0000.png ...")

    @property
    def all_steps(self) -> int:
        """Steps of both models of a pair."""
        return self.steps + max(self.high_noise_steps, 0)

    @model_validator(mode="after")
    def _one_kind_of_control(self) -> Self:
        if self.control_frames and self.control_image_base64:
            raise ValueError("control_frames and control_image_base64 are not allowed together")
        return self
