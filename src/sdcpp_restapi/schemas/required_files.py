"""What a machine must have to run a job."""

from .base import Frozen
from .models import ModelType


class Need(Frozen):
    """One model file, in a folder of one of these types."""

    kinds: tuple[ModelType, ...]
    name: str


class RequiredFiles(Frozen):
    """All of it. `here`: the job names files of this machine, so no other can run it."""

    files: tuple[Need, ...] = ()
    here: bool = False


NOTHING = RequiredFiles()
