"""What the event bus tells, counted."""

from ...events import EventBus
from ...schemas.events import (
    DownloadProgress,
    EventData,
    JobProgress,
    JobStatusChanged,
    ModelLoaded,
    ModelLoadFailed,
)
from ...schemas.jobs import JobStatus


class EventCounters:
    """The one listener of the metrics; nothing is counted twice that the queue counts itself."""

    def __init__(self, bus: EventBus) -> None:
        self.sampling_steps = 0
        self.downloaded_bytes = 0
        self.model_loads = 0
        self.model_swaps = 0
        self.model_load_failures = 0
        self._loaded: str | None = None
        # Of running jobs: what was counted already, since an event tells how far a job is.
        self._done: dict[str, int] = {}
        bus.add_listener(self._hear)

    def _hear(self, data: EventData) -> None:
        match data:
            case JobProgress():
                self.sampling_steps += self._count_further(data.job_id, data.current_all_steps)
            case DownloadProgress():
                self.downloaded_bytes += self._count_further(data.job_id, data.bytes_done)
            case JobStatusChanged() if data.status is not JobStatus.PROCESSING:
                self._done.pop(data.job_id, None)
            case ModelLoaded():
                self.model_loads += 1
                self.model_swaps += self._loaded not in (None, data.model_name)
                self._loaded = data.model_name
            case ModelLoadFailed():
                self.model_load_failures += 1
            case _:
                pass

    def _count_further(self, job_id: str, done: int) -> int:
        before = self._done.get(job_id, 0)
        self._done[job_id] = done
        return max(done - before, 0)
