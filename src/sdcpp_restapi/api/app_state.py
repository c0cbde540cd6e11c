"""What routes are handed: the parts of the running server, opened in assembly/server.py."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from ..access.access import Access
from ..config import Settings
from ..decoding import Decoding
from ..downloads.lookup.lookups import Lookups
from ..downloads.sources.registry import Sources
from ..events import EventBus
from ..jobs.input_images import InputStore
from ..jobs.models.changes import ModelChanges
from ..jobs.models.deletion import ModelDeletion
from ..jobs.queue.job_watch import JobWatch
from ..jobs.queue.pausing import Pausing
from ..jobs.queue.queue import Queue
from ..jobs.queue.request_keys import RequestKeys
from ..jobs.queue.runner import Runners
from ..jobs.submit.conversion import ConversionSubmission
from ..jobs.submit.download import DownloadSubmission
from ..jobs.submit.generation import GenerationSubmission
from ..jobs.submit.planner import Planner
from ..jobs.submit.pull import PullSubmission
from ..jobs.submit.upscale import UpscaleSubmission
from ..jobs.trash.storage_usage import StorageUsage
from ..jobs.trash.trash import Trash
from ..jobs.webhooks.store import WebhookStore
from ..llm.assistant.action_runner import ActionRunner
from ..llm.assistant.assistant import Assistant
from ..llm.assistant.server_state import ServerState
from ..llm.prompt_enhancer import PromptEnhancer
from ..model_sets.planning import SetPlanner
from ..model_sets.removal import SetRemover
from ..model_sets.updates import SetUpdates
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
from ..slots.engine_in_use import EngineInUse
from .metrics.metrics import Metrics
from .response_cache import ResponseCache
from .shutdown import OpenAnswers

if TYPE_CHECKING:
    from ..cluster.server.registry import WorkerRegistry  # imports NATS: only where a broker is set


@dataclass(frozen=True, slots=True)
class AppState:
    """Everything that a route may call."""

    settings: Settings
    access: Access
    bus: EventBus
    catalog: Catalog
    details: Details
    inspector: Inspector
    hasher: Hasher
    engine: EngineInUse
    model: CurrentModel
    upscaler: CurrentUpscaler
    queue: Queue
    pausing: Pausing
    watch: JobWatch
    request_keys: RequestKeys
    webhooks: WebhookStore
    inputs: InputStore
    decoding: Decoding
    generations: GenerationSubmission
    upscales: UpscaleSubmission
    conversions: ConversionSubmission
    planner: Planner
    runners: Runners
    registry: "WorkerRegistry | None"
    library: ModelLibrary
    enhancer: PromptEnhancer
    assistant: Assistant
    action_runner: ActionRunner
    server_state: ServerState
    trash: Trash
    usage: StorageUsage
    downloads: DownloadSubmission
    set_planner: SetPlanner
    set_remover: SetRemover
    set_updates: SetUpdates
    pulls: PullSubmission
    sources: Sources
    lookups: Lookups
    model_changes: ModelChanges
    model_deletion: ModelDeletion
    outputs: OutputFolder
    thumbs: Thumbnails
    preview: PreviewPreference
    responses: ResponseCache
    open_answers: OpenAnswers
    metrics: Metrics


async def _app_state(connection: HTTPConnection) -> AppState:
    state: AppState = connection.app.state.server
    return state


State = Annotated[AppState, Depends(_app_state)]
