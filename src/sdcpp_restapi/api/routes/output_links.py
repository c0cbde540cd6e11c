"""Links to single files, for whoever has no key."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Body, Request

from ...errors import BadRequest
from ...schemas.access import LinkMade, SignedLinkRequest
from .. import examples_access as examples
from ..app_state import State
from ..error_handlers import ERRORS

router = APIRouter(tags=["Output"], responses=ERRORS)


@router.post("/output/links", status_code=201)
async def make_link(
    body: Annotated[SignedLinkRequest, Body(openapi_examples=examples.LINK)], request: Request, state: State
) -> LinkMade:
    """Make a link that opens one file to everybody who has it, for some time.

    It can't be taken back, other than by deleting the file's job.
    """
    path = str(PurePosixPath(body.path))
    found = await asyncio.to_thread(state.outputs.find, path)
    if found.is_folder:
        raise BadRequest(
            f"path: {body.path!r} is not allowed: it is a folder, and links are for files", "path"
        )
    expires = int(time.time()) + body.seconds
    return LinkMade(
        url=f"{request.base_url}{state.access.signatures.link(path, expires)}",
        path=path,
        expires_at=datetime.fromtimestamp(expires, UTC),
        warnings=body.warn_of_unknown_fields() or None,
    )
