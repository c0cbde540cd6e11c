"""Sections `limits`, `queue`, `generation` and `retention`: what becomes of a request."""

from typing import Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator

from ..schemas.engine_names import WantedEngine
from ..schemas.options import GenerationDefaults
from ..schemas.video import Txt2VidRequest
from .section import Section


class Limits(Section):
    """What requests may ask for; past them they are refused with a clear 400, 429 or 507."""

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
    max_pending: int | None = Field(
        None, gt=0, description="Jobs that wait; further ones are refused (429). Hash jobs do not count"
    )
    requests_per_minute: int | None = Field(
        None,
        gt=0,
        description="Of one key, or of one address without keys; more are refused (429)",
    )
    wrong_keys_per_minute: int | None = Field(
        60,
        gt=0,
        description="Of one address; past that, keys that were not right before are refused (429)",
    )
    queue_page: int = Field(1000, gt=0, description="Most jobs in one answer of GET /queue")


class Queue(Section):
    """Whose turn it is among jobs of the same priority."""

    fairness: Literal["fifo", "client", "user"] = Field(
        "fifo",
        description="client: one job of each client_id in turn, instead of the order of submission;"
        " user: one of each user",
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
    engine: WantedEngine = Field(
        "any", description="Which revision may draw a job that does not say: any, same, or a commit"
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


class Retention(Section):
    """Which finished jobs are deleted without being asked for, and when."""

    trash_days: float = Field(
        30.0, gt=0, description="Days until a job or model in the trash is deleted for good"
    )
    max_age_days: float | None = Field(None, gt=0, description="Days from its end until a job is thrown away")
    max_gigabytes: float | None = Field(
        None, gt=0, description="Outputs beyond this (10^9 bytes) are deleted for good, the oldest first"
    )
