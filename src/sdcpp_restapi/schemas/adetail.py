"""Repairs of what a detector finds in a picture: faces, hands."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from .base import Fraction, Integer, NoBoolean, Request

# The engine rounds other sides up, and the repaired part would no longer fit.
Side = Annotated[int, Field(ge=64, le=2048, multiple_of=64), NoBoolean]
MaskMode = Literal["none", "merge", "merge_invert"]


class Adetail(Request):
    """One detector, and how each part of the picture that it finds is drawn again."""

    model: str = Field(min_length=1, description="YOLOv8 detector of GET /models, as safetensors")
    prompt: str = Field(
        "",
        max_length=20_000,
        description="Empty = that of the job; [PROMPT] stands for it, [SEP] divides parts, [SKIP] leaves one",
    )
    negative_prompt: str = Field("", max_length=20_000, description="The same, for what is not to be there")
    strength: Fraction = Field(0.4, description="How much of the part is drawn anew")
    confidence: Fraction = Field(0.3, description="How sure the detector must be")
    mask_padding: Integer = Field(32, ge=0, le=512, description="Pixels around the part that are looked at")
    mask_blur: Integer = Field(4, ge=0, le=64, description="Pixels over which the part fades in")
    mask_dilate: Integer = Field(4, ge=-128, le=128, description="Pixels that the part grows by, or shrinks")
    mask_mode: MaskMode = Field("none", description="merge = all parts as one; merge_invert = all the rest")
    min_area: Fraction = Field(0.0, description="Share of the picture; smaller parts are left out")
    max_area: Fraction = Field(1.0, description="Share of the picture; larger parts are left out")
    largest: Integer = Field(0, ge=0, le=100, description="So many of the largest parts only; 0 = all")
    width: Side = Field(512, description="Pixels in which a part is drawn")
    height: Side = Field(512, description="Pixels in which a part is drawn")
    steps: Integer = Field(0, ge=0, description="0 = as many as the job has")
    cfg_scale: Annotated[FiniteFloat, Field(ge=0.0, le=1000.0), NoBoolean] | None = Field(
        None, description="null = that of the job"
    )

    @model_validator(mode="after")
    def _areas_are_in_order(self) -> Self:
        if self.min_area > self.max_area:
            raise ValueError(f"min_area: {self.min_area} is not allowed; at most max_area, {self.max_area}")
        return self
