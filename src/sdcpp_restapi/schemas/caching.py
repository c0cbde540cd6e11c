"""What a generation may keep from one step to the next instead of computing it again.

The engine has more numbers for its caches; those that it reads and then has no use for (warm-up and
step limits, masks and derivatives of dbcache, taylorseer and cache-dit) are not offered.
"""

from typing import Annotated, Self

from pydantic import Field, FiniteFloat, model_validator

from .base import Fraction, Integer, NoBoolean, Number, Request
from .engine_names import CacheMode

Threshold = Annotated[FiniteFloat, Field(ge=0.0, le=1e6), NoBoolean]


class CacheFields(Request):
    """The caches beside `easycache: true`; defaults are the engine's."""

    cache_mode: CacheMode = Field(
        "",
        description="ucache suits UNets, spectrum suits all, the others suit transformers; empty = none",
    )
    cache_threshold: Threshold | None = Field(
        None, description="easycache, ucache: higher = more reuse; null = 0.2 and 1.0"
    )
    cache_start: Fraction = Field(0.15, description="easycache, ucache: share of the steps before it")
    cache_end: Fraction = Field(0.95, description="easycache, ucache")
    cache_error_decay_rate: Fraction = Field(1.0, description="ucache")
    cache_use_relative_threshold: bool = Field(True, description="ucache")
    cache_reset_error_on_compute: bool = Field(True, description="ucache")
    cache_residual_diff_threshold: Threshold = Field(
        0.08, description="dbcache, taylorseer, cache-dit: higher = more reuse"
    )
    cache_fn_compute_blocks: Integer = Field(
        8, ge=0, le=1000, description="dbcache, taylorseer, cache-dit: more = more reuse"
    )
    cache_bn_compute_blocks: Integer = Field(
        0, ge=0, le=1000, description="dbcache, taylorseer, cache-dit: more = less reuse"
    )
    cache_spectrum_w: Fraction = Field(0.4, description="spectrum: share of the polynomial")
    cache_spectrum_m: Integer = Field(3, ge=0, le=16, description="spectrum: its degree")
    cache_spectrum_lam: Number = Field(1.0, ge=0.0, le=1e6, description="spectrum: its regularisation")
    cache_spectrum_window_size: Integer = Field(2, ge=1, le=1000, description="spectrum: steps in a window")
    cache_spectrum_flex_window: Number = Field(
        0.5, ge=0.0, le=1000.0, description="spectrum: by which a window grows"
    )
    cache_spectrum_warmup_steps: Integer = Field(4, ge=0, le=1000, description="spectrum")
    cache_spectrum_stop_percent: Fraction = Field(0.9, description="spectrum")

    @model_validator(mode="after")
    def _starts_before_it_ends(self) -> Self:
        # The engine would go without a cache and tell only its log.
        if self.cache_mode in ("easycache", "ucache") and self.cache_start >= self.cache_end:
            raise ValueError(
                f"cache_start: {self.cache_start} is not allowed;"
                f" it must be below cache_end, {self.cache_end}"
            )
        return self
