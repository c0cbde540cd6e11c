"""The model files that a machine must have to run a job."""

from .base import Frozen
from .model_types import ModelType


class RequiredFile(Frozen):
    """One model file, in a folder of one of these types."""

    kinds: tuple[ModelType, ...]
    name: str


class RequiredFiles(Frozen):
    """All files of a job. `here`: it also names files by paths of this machine, so no other can run it."""

    files: tuple[RequiredFile, ...] = ()
    here: bool = False


NOTHING = RequiredFiles()
