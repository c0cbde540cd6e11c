"""What routes are handed: the parts of the running server, opened in app.py."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..config import Settings
from ..events import EventBus
from ..jobs.inputs import InputStore
from ..jobs.intake import Intake
from ..jobs.queue import Queue
from ..jobs.runner import Runners
from ..models.catalog import Catalog
from ..models.state import CurrentModel
from ..outputs.folder import OutputFolder
from ..preferences import PreviewPreference
from .snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a route may call."""

    settings: Settings
    bus: EventBus
    catalog: Catalog
    model: CurrentModel
    queue: Queue
    inputs: InputStore
    intake: Intake
    runners: Runners
    outputs: OutputFolder
    preview: PreviewPreference
    snapshots: Snapshots


async def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


Here = Annotated[Parts, Depends(_parts)]
