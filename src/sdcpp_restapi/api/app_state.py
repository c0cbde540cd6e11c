"""What routes are handed: the parts of the running server, opened in assembly/server.py."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..cluster.server.registry import WorkerRegistry
from ..config import Settings
from ..downloads.sources.registry import Sources
from ..events import EventBus
from ..jobs.input_images import InputStore
from ..jobs.queue.queue import Queue
from ..jobs.queue.runner import Runners
from ..jobs.submit.conversion import ConversionSubmission
from ..jobs.submit.download import DownloadSubmission
from ..jobs.submit.generation import GenerationSubmission
from ..jobs.submit.planner import Planner
from ..jobs.submit.upscale import UpscaleSubmission
from ..jobs.trash.storage_usage import StorageUsage
from ..jobs.trash.trash import Trash
from ..llm.assistant.action_runner import ActionRunner
from ..llm.assistant.assistant import Assistant
from ..llm.assistant.server_state import ServerState
from ..llm.prompt_enhancer import PromptEnhancer
from ..models.catalog import Catalog
from ..models.details import Details
from ..models.hashing import Hasher
from ..models.inspector import Inspector
from ..models.library import ModelLibrary
from ..outputs.folder import OutputFolder
from ..outputs.thumbnails import Thumbnails
from ..preferences import PreviewPreference
from ..slots.current_model import CurrentModel
from ..slots.current_upscaler import CurrentUpscaler
from .response_cache import ResponseCache


@dataclass(frozen=True, slots=True)
class AppState:
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
    generations: GenerationSubmission
    upscales: UpscaleSubmission
    conversions: ConversionSubmission
    planner: Planner
    runners: Runners
    registry: WorkerRegistry | None
    library: ModelLibrary
    enhancer: PromptEnhancer
    assistant: Assistant
    action_runner: ActionRunner
    server_state: ServerState
    trash: Trash
    usage: StorageUsage
    downloads: DownloadSubmission
    sources: Sources
    outputs: OutputFolder
    thumbs: Thumbnails
    preview: PreviewPreference
    responses: ResponseCache


async def _app_state(connection: HTTPConnection) -> AppState:
    state: AppState = connection.app.state.server
    return state


State = Annotated[AppState, Depends(_app_state)]
