"""The metrics of a server, written when they are asked for: what is counted meanwhile are plain numbers."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...events import EventBus
from ...jobs.queue.queue import Queue
from ...jobs.trash.storage_usage import StorageUsage
from ...jobs.webhooks.sender import WebhookSender
from ...schemas.jobs import JobStatus, JobType
from ...slots.engine_slot import EngineSlot
from ..traffic import Traffic
from . import processes
from .event_counters import EventCounters
from .loop_lag import LoopLag

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class MetricSources:
    """What is read for an answer."""

    bus: EventBus
    queue: Queue
    slots: "Sequence[EngineSlot]"
    webhooks: WebhookSender
    usage: StorageUsage
    counters: EventCounters
    lag: LoopLag


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What only a thread or the database can tell."""

    jobs: Mapping[tuple[JobType, JobStatus], int]
    processes: "Sequence[processes.ProcessUsage]"
    traffic: Traffic


class Metrics:
    """Writes the answer of GET /metrics."""

    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources
        self._began = time.time()

    async def render(self, accept: str, traffic: Traffic) -> tuple[bytes, str]:
        """The text and its content type, which `accept` chooses. Raises StorageUnavailable."""
        jobs = await self._sources.queue.count_unfinished()
        snapshot = Snapshot(jobs=jobs, processes=await asyncio.to_thread(processes.measure), traffic=traffic)
        # The library is needed by whoever has a Prometheus; its import takes a while.
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import choose_encoder

        from .collector import ServerCollector

        registry = CollectorRegistry(auto_describe=False)
        registry.register(ServerCollector(self._sources, snapshot, self._began))
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type
