"""What routes are handed: the parts of the running server, opened in app.py."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..cluster.roster import Roster
from ..config import Settings
from ..downloads.orders import Orders
from ..downloads.sources import Sources
from ..events import EventBus
from ..jobs.convert_intake import ConvertIntake
from ..jobs.inputs import InputStore
from ..jobs.intake import Intake
from ..jobs.planner import Planner
from ..jobs.queue import Queue
from ..jobs.runner import Runners
from ..jobs.trash import Trash
from ..jobs.upscale_intake import UpscaleIntake
from ..jobs.usage import Usage
from ..llm.assistant.assistant import Assistant
from ..llm.enhance import Enhancer
from ..models.catalog import Catalog
from ..models.details import Details
from ..models.everywhere import Everywhere
from ..models.hashing import Hasher
from ..models.inspector import Inspector
from ..models.state import CurrentModel
from ..models.upscaler import CurrentUpscaler
from ..outputs.folder import OutputFolder
from ..outputs.thumbs import Thumbnails
from ..preferences import PreviewPreference
from .snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a route may call."""

    settings: Settings
    bus: EventBus
    catalog: Catalog
    details: Details
    inspector: Inspector
    hasher: Hasher
    model: CurrentModel
    upscaler: CurrentUpscaler
    queue: Queue
    inputs: InputStore
    intake: Intake
    upscale_intake: UpscaleIntake
    convert_intake: ConvertIntake
    planner: Planner
    runners: Runners
    roster: Roster | None
    everywhere: Everywhere
    enhancer: Enhancer
    assistant: Assistant
    trash: Trash
    usage: Usage
    orders: Orders
    sources: Sources
    outputs: OutputFolder
    thumbs: Thumbnails
    preview: PreviewPreference
    snapshots: Snapshots


async def _parts(connection: HTTPConnection) -> Parts:
    parts: Parts = connection.app.state.parts
    return parts


Here = Annotated[Parts, Depends(_parts)]
