"""What the engine knows that the tests run with: that of SDCPP_ENGINE_LIBRARY, or of the package."""

import os
from functools import cache
from pathlib import Path

from pydantic import BaseModel

from sdcpp_restapi.engine.binding.names import EngineNames
from sdcpp_restapi.engine.binding.revisions import REVISIONS
from sdcpp_restapi.engine.binding.suppliers import find_library
from sdcpp_restapi.schemas.engine_names import list_unknown


@cache
def engine_names() -> EngineNames:
    """Of the revision whose commit is in the library's code."""
    library = os.environ.get("SDCPP_ENGINE_LIBRARY")
    code = (Path(library) if library else find_library()).read_bytes()
    return next(one.names for one in REVISIONS if one.commit.encode() in code)


def find_unknown(*requests: BaseModel) -> str | None:
    """What the server answers to the first of these that names what this revision does not know."""
    return next((told for one in requests for told in list_unknown(one, engine_names())), None)
