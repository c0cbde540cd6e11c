"""The composition root of a server: opens every part once, passes them on, closes them in reverse."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING

from ..api import websocket
from ..api.app_state import AppState
from ..api.metrics.metrics import Metrics
from ..api.response_cache import ResponseCache
from ..api.shutdown import OpenAnswers
from ..background import keep_running
from ..cluster.server.known_workers import KnownWorkers
from ..cluster.server.remote_libraries import RemoteLibraries
from ..config import Settings
from ..jobs.queue.job_watch import JobWatch
from ..jobs.queue.pausing import Pausing
from ..jobs.queue.request_keys import RequestKeys
from ..jobs.queue.runner import Runner, Runners
from ..jobs.webhooks.rules import WebhookRules
from ..llm.assistant.action_runner import ActionRunner
from ..llm.assistant.server_state import ServerState
from ..models.details import Details
from ..models.hashing import HashExecutor
from ..outputs.folder import OutputFolder
from ..outputs.thumbnails import Thumbnails
from .base import Base, open_base
from .downloads import Downloads, open_downloads
from .llm import Llm, open_llm
from .metrics import open_metrics
from .model_files import ModelCare, open_model_care
from .models import Models, open_models
from .slots import Slots, open_server_slots
from .submissions import Submissions, open_submissions
from .trash import Housekeeping, open_housekeeping
from .webhooks import Webhooks, open_webhooks

if TYPE_CHECKING:
    from ..cluster.server.listener import WorkerListener

log = logging.getLogger(__name__)


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncIterator[AppState]:
    """Everything that routes may call, from start-up to shutdown."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        runners = Runners()
        workers = KnownWorkers()
        webhook_rules = WebhookRules(settings.webhooks)
        base = await open_base(settings, webhook_rules.check, stack)
        models = await open_models(settings, base.database, RemoteLibraries(workers), stack)
        slots = await open_server_slots(settings, base, models, runners, workers.engines, stack)
        downloads = await open_downloads(settings, base, models, slots, stack)
        care = await open_model_care(settings, base, models, slots)
        llm = await open_llm(settings, base, models, slots, stack)
        housekeeping = await open_housekeeping(settings, base, slots.journals)
        webhooks = open_webhooks(settings, webhook_rules, base, stack)
        _add_runners(runners, settings, base, models, downloads)
        listener = await _open_listener(settings, base, slots, workers, stack)
        pausing = await Pausing.open(base.queue, runners, base.preferences)
        metrics, measure_lag = open_metrics(base, slots.local, webhooks.sender, housekeeping.usage)
        state = _app_state(
            settings,
            base,
            models,
            slots,
            downloads,
            care,
            llm,
            housekeeping,
            webhooks,
            runners,
            pausing,
            listener,
            metrics,
        )
        _run_in_background(stack, "the heartbeat", lambda: websocket.publish_heartbeats(state))
        _run_in_background(stack, "the use of keys", base.access.keep_uses)
        _run_in_background(stack, "webhooks", webhooks.sender.run)
        _run_in_background(stack, "retention", housekeeping.retention.keep)
        _run_in_background(stack, "the trash of models", care.trash.keep)
        _run_in_background(stack, "disk usage", lambda: housekeeping.usage.keep_current(_revision(base)))
        _run_in_background(stack, "the start of the engine", lambda: _start_slots(slots))
        _run_in_background(stack, "the runners", runners.run)
        if settings.server.metrics:
            _run_in_background(stack, "the measurement of the event loop", measure_lag)
        if listener is not None:
            _run_in_background(stack, "the listener to workers", listener.run)
        log.info("ready in %.2f s", time.monotonic() - began)
        yield state


async def _open_listener(
    settings: Settings, base: Base, slots: Slots, workers: KnownWorkers, stack: AsyncExitStack
) -> "WorkerListener | None":
    """The server's side of the cluster; None without a broker, and then NATS is not imported either."""
    if not settings.cluster.urls:
        return None
    from .worker_listener import open_worker_listener

    return await open_worker_listener(settings=settings, base=base, slots=slots, workers=workers, stack=stack)


def _add_runners(
    runners: Runners, settings: Settings, base: Base, models: Models, downloads: Downloads
) -> None:
    """Those of the engine lane come and go with the slots; these stay."""
    hashing = HashExecutor(models.hasher, base.queue.result)
    runners.add(Runner(queue=base.queue, lane="hash", executor=hashing))
    for _ in range(settings.downloads.parallel):
        runners.add(Runner(queue=base.queue, lane="download", executor=downloads.executor))


def _app_state(
    settings: Settings,
    base: Base,
    models: Models,
    slots: Slots,
    downloads: Downloads,
    care: ModelCare,
    llm: Llm,
    housekeeping: Housekeeping,
    webhooks: Webhooks,
    runners: Runners,
    pausing: Pausing,
    listener: "WorkerListener | None",
    metrics: Metrics,
) -> AppState:
    submissions = open_submissions(settings, base, models, slots, webhooks.rules)
    outputs = OutputFolder(settings.paths.output_dir, base.owners)
    return AppState(
        settings=settings,
        access=base.access,
        bus=base.bus,
        catalog=models.catalog,
        details=Details(
            library=models.library, catalog=models.catalog, headers=models.headers, notes=care.notes
        ),
        inspector=models.inspector,
        hasher=models.hasher,
        engine=slots.engine,
        model=slots.model,
        upscaler=slots.upscaler,
        queue=base.queue,
        pausing=pausing,
        watch=JobWatch(base.queue, base.bus),
        webhooks=webhooks.store,
        request_keys=RequestKeys(base.database),
        inputs=base.inputs,
        decoding=base.decoding,
        generations=submissions.generations,
        upscales=submissions.upscales,
        conversions=submissions.conversions,
        planner=submissions.planner,
        runners=runners,
        registry=listener.registry if listener else None,
        library=models.library,
        enhancer=llm.enhancer,
        assistant=llm.assistant,
        action_runner=_action_runner(base, models, slots, submissions, runners, outputs),
        server_state=ServerState(
            model=slots.model, upscaler=slots.upscaler, catalog=models.catalog, queue=base.queue
        ),
        trash=housekeeping.trash,
        usage=housekeeping.usage,
        downloads=downloads.submission,
        set_planner=downloads.model_sets.planner,
        set_remover=downloads.model_sets.remover,
        set_updates=downloads.model_sets.updates,
        pulls=downloads.pulls,
        sources=downloads.sources,
        lookups=downloads.lookups,
        model_changes=care.changes,
        model_deletion=care.deletion,
        outputs=outputs,
        thumbs=Thumbnails(base.decoding),
        preview=base.preview,
        responses=ResponseCache(),
        open_answers=OpenAnswers(),
        metrics=metrics,
    )


def _action_runner(
    base: Base,
    models: Models,
    slots: Slots,
    submissions: Submissions,
    runners: Runners,
    outputs: OutputFolder,
) -> ActionRunner:
    return ActionRunner(
        generation=submissions.generations,
        upscaling=submissions.upscales,
        model=slots.model,
        upscaler=slots.upscaler,
        catalog=models.catalog,
        queue=base.queue,
        runners=runners,
        outputs=outputs,
    )


async def _start_slots(slots: Slots) -> None:
    """The engine comes up while requests are answered and models are downloaded already."""
    async with asyncio.TaskGroup() as tasks:
        for slot in slots.local:
            tasks.create_task(slot.start())


def _revision(base: Base) -> Callable[[], int]:
    return lambda: base.queue.revision


def _run_in_background(stack: AsyncExitStack, what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Nothing of this may end while the server runs: what breaks is told in the log and begun again."""
    task = asyncio.create_task(keep_running(what, work))

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)
