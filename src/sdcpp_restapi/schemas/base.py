"""What all shapes have in common."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


class Frozen(BaseModel):
    """Immutable data, checked once when it is made."""

    model_config = ConfigDict(frozen=True, protected_namespaces=(), ser_json_inf_nan="null")


class Request(Frozen):
    """A body sent by a client: unknown fields are kept aside so that they can be reported, never dropped
    in silence."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="before")
    @classmethod
    def _null_means_default(cls, data: object) -> object:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data

    def unknown_fields(self) -> list[str]:
        """Names of the fields that the client sent and nobody knows."""
        return sorted(self.model_extra or {})


def _no_boolean(value: object) -> object:
    # Pydantic reads true as the number 1; a client that sends it has mixed up two fields.
    if isinstance(value, bool):
        raise ValueError("a number is required, not a boolean")
    return value


def _finite(value: float) -> float:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("a finite number is required")
    return value


def _is_none(value: object) -> bool:
    return value is None


# A field that is left out of the JSON where it does not apply, instead of being null.
LeftOut = Field(None, exclude_if=_is_none)

Integer = Annotated[int, BeforeValidator(_no_boolean)]
Number = Annotated[float, BeforeValidator(_no_boolean), AfterValidator(_finite)]
Fraction = Annotated[Number, Field(ge=0.0, le=1.0)]
Seconds = Annotated[Number, Field(gt=0.0)]
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
]
