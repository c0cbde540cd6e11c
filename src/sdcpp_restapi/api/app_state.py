"""What routes are handed: the parts of the running server, opened in app.py."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..cluster.server.registry import Roster
from ..config import Settings
from ..downloads.sources.registry import Sources
from ..events import EventBus
from ..jobs.queue.queue import Queue
from ..jobs.queue.runner import Runners
from ..jobs.submit.conversion import ConvertIntake
from ..jobs.submit.download import Orders
from ..jobs.submit.generation import Intake
from ..jobs.submit.input_images import InputStore
from ..jobs.submit.planner import Planner
from ..jobs.submit.upscale import UpscaleIntake
from ..jobs.trash.storage_usage import Usage
from ..jobs.trash.trash import Trash
from ..llm.assistant.assistant import Assistant
from ..llm.prompt_enhancer import Enhancer
from ..models.catalog import Catalog
from ..models.details import Details
from ..models.hashing import Hasher
from ..models.inspector import Inspector
from ..models.library import Everywhere
from ..outputs.folder import OutputFolder
from ..outputs.thumbnails import Thumbnails
from ..preferences import PreviewPreference
from ..slots.current_model import CurrentModel
from ..slots.current_upscaler import CurrentUpscaler
from .response_cache import Snapshots


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
