"""What a machine must have to run a job: model files, and an engine."""

from itertools import product

from .base import Frozen
from .model_types import ModelType


class RequiredFile(Frozen):
    """One model file, in a folder of one of these types."""

    kinds: tuple[ModelType, ...]
    name: str


class RequiredFiles(Frozen):
    """All files of a job. `here`: it also names files by paths of this machine, so no other can run it.

    `engines`: the revisions of the engine of which one must run it; empty: any.
    """

    files: tuple[RequiredFile, ...] = ()
    here: bool = False
    engines: tuple[str, ...] = ()

    def allow_engine(self, *commits: str | None) -> bool:
        """Whether an engine may run it that is called so; None: it did not come up yet."""
        named = [commit for commit in commits if commit]
        return not self.engines or any(is_same_commit(*two) for two in product(named, self.engines))


def is_same_commit(one: str, other: str) -> bool:
    """Whether two commits are the same, of which either may be abbreviated."""
    return one.startswith(other) or other.startswith(one)


NOTHING = RequiredFiles()
