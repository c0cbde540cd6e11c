"""The revisions of stable-diffusion.cpp that are known, and the wheel that ships the default one."""

from collections.abc import Sequence

from .revision import Revision
from .revision_2bb7294 import REVISION as R_2BB7294
from .revision_3f8527a import REVISION as R_3F8527A
from .revision_487de75 import REVISION as R_487DE75

# The first one is installed by default. Of two that a library fits equally well the first is taken.
REVISIONS: tuple[Revision, ...] = (R_2BB7294, R_3F8527A, R_487DE75)
INSTALL = f"pip install {R_2BB7294.package}"
"""The command that installs a library that fits, for messages of EngineUnusable."""


def find_revision(commit: str, revisions: Sequence[Revision] = REVISIONS) -> Revision | None:
    """The one that a library's own name for its commit begins with."""
    return next((one for one in revisions if commit.startswith(one.commit)), None)
