"""The web UI's options: those that act here, kept until the server stops, and what requests override."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator, Field, ValidationError

from ...schemas.base import Integer, Number, Request

_FORMATS = {"jpg": "jpeg"}


def _read_format(value: object) -> object:
    name = value.strip().lower() if isinstance(value, str) else value
    return _FORMATS.get(name, name) if isinstance(name, str) else name


# What other options are answered as, since clients look for them; setting one to this asks for nothing.
FIXED: Mapping[str, object] = {
    "sd_vae_as_default": True,
    "sd_vae_overrides_per_model_preferences": True,
    "face_restoration": False,
    "face_restoration_model": None,
    "img2img_color_correction": False,
    "img2img_background_color": "#ffffff",
    "jpeg_quality": 95,
    "return_grid": False,
    "grid_save": False,
    "samples_save": True,
    "enable_pnginfo": True,
    "live_previews_enable": True,
    "show_progress_every_n_steps": 1,
    "sd_lora": "None",
    "sd_hypernetwork": "None",
    "sd_checkpoints_limit": 1,
    "eta_noise_seed_delta": 0,
    "s_churn": 0.0,
    "s_noise": 1.0,
    "s_tmin": 0.0,
    "token_merging_ratio": 0.0,
    "upscaler_for_img2img": None,
}


class OptionChanges(Request):
    """POST /options, and `override_settings` of a request: what is left out stays as it is."""

    sd_model_checkpoint: str | None = None
    sd_checkpoint_hash: str | None = Field(None, description="Told by GET; sd_model_checkpoint chooses")
    sd_vae: str | None = None
    CLIP_stop_at_last_layers: Integer = Field(1, ge=1, le=100)
    samples_format: Annotated[Literal["png", "jpeg", "webp"], BeforeValidator(_read_format)] = "png"
    eta_ancestral: Number = Field(1.0, ge=0.0, le=100.0)
    eta_ddim: Number = Field(0.0, ge=0.0, le=100.0)
    tiling: bool = False

    def tell_idle(self) -> list[str]:
        """A sentence for each option that is not known, or can only be what it is."""
        extra = self.model_extra or {}
        idle = [name for name in sorted(extra) if name not in FIXED or extra[name] != FIXED[name]]
        return [f"option {name!r} has no effect here" for name in idle]


def read_overrides(settings: Mapping[str, Any]) -> OptionChanges:
    """The options that a request overrides. Raises RequestValidationError."""
    try:
        return OptionChanges.model_validate(settings)
    except ValidationError as error:
        place = ("body", "override_settings")
        details = [{**one, "loc": (*place, *one["loc"])} for one in error.errors()]
        raise RequestValidationError(details) from error


class WebuiOptions:
    """What is set now, apart from model and VAE, which are those of the server."""

    def __init__(self) -> None:
        self._set: dict[str, Any] = {}
        # What was unloaded by this interface, so that it can be loaded again.
        self.unloaded: str | None = None

    def change(self, changes: OptionChanges) -> None:
        """Keep what was given."""
        self._set |= changes.model_dump(include=changes.model_fields_set & _KEPT)

    def with_overrides(self, overrides: OptionChanges) -> OptionChanges:
        """What holds for a request."""
        given = overrides.model_dump(include=overrides.model_fields_set)
        return OptionChanges.model_validate({**self._set, **given})

    def show(self) -> dict[str, Any]:
        """As GET /options tells them, without model and VAE."""
        shown = OptionChanges.model_validate(self._set).model_dump(include=_KEPT)
        shown["samples_format"] = {"jpeg": "jpg"}.get(shown["samples_format"], shown["samples_format"])
        return {**FIXED, **shown}


_KEPT = {"CLIP_stop_at_last_layers", "samples_format", "eta_ancestral", "eta_ddim", "tiling"}
