"""What GET /metrics reads."""

from collections.abc import Awaitable, Callable, Sequence

from ..api.metrics.event_counters import EventCounters
from ..api.metrics.loop_lag import LoopLag
from ..api.metrics.metrics import Metrics, MetricSources
from ..jobs.trash.storage_usage import StorageUsage
from ..jobs.webhooks.sender import WebhookSender
from ..slots.engine_slot import EngineSlot
from .base import Base


def open_metrics(
    base: Base, slots: Sequence[EngineSlot], webhooks: WebhookSender, usage: StorageUsage
) -> tuple[Metrics, Callable[[], Awaitable[None]]]:
    """The metrics, and what measures the event loop meanwhile."""
    lag = LoopLag()
    sources = MetricSources(
        bus=base.bus,
        queue=base.queue,
        slots=slots,
        webhooks=webhooks,
        usage=usage,
        counters=EventCounters(base.bus),
        lag=lag,
    )
    return Metrics(sources), lag.measure
