"""Random-weight models of a few megabytes that the real engine loads and generates with."""

from tests.support.tiny_models.models import KINDS, TinyModel, build

__all__ = ["KINDS", "TinyModel", "build"]
