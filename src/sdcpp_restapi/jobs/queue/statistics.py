"""What became of jobs since the start, counted in memory: for the metrics, and to tell when to try again."""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime
from math import ceil

from ...schemas.jobs import FINAL, KINDS, Job, JobStatus, JobType, Lane

# Seconds: from what a small picture takes on a GPU to a video on a CPU.
BOUNDS = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 10800.0)
# Names of models are the clients' choice, and each is a series of its own for whoever stores them.
MOST_MODELS = 50
OTHER = "other"
# The newest jobs tell what this machine does now.
MOST_SAMPLES = 20
# Seconds that a client is asked to wait while nothing is known, and at most.
UNKNOWN_WAIT, LONGEST_WAIT = 10, 3600


class Histogram:
    """How many values are not above each bound, and their sum."""

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)  # the last one: above all bounds
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Another value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class JobStatistics:
    """Fed by the queue with each change that it stored."""

    def __init__(self) -> None:
        self.added: Counter[JobType] = Counter()
        self.ended: Counter[tuple[JobType, JobStatus]] = Counter()
        self.failures: Counter[str] = Counter()  # by code of the error
        self.requeued = 0
        self.waits: dict[Lane, Histogram] = {}
        self.durations: dict[tuple[JobType, str], Histogram] = {}
        self._models: set[str] = set()
        self._newest: dict[Lane, deque[float]] = {}

    def record(self, job: Job, before: JobStatus) -> None:
        """A job entered another state."""
        lane = KINDS[job.type].lane
        if job.status is JobStatus.PROCESSING:
            waited = ((job.started_at or datetime.now(UTC)) - job.created_at).total_seconds()
            self.waits.setdefault(lane, Histogram()).add(max(waited, 0.0))
        elif job.status in FINAL:
            self.ended[job.type, job.status] += 1
            if job.status is JobStatus.COMPLETED and job.started_at and job.completed_at:
                self._record_duration(job, lane, (job.completed_at - job.started_at).total_seconds())
        elif before is JobStatus.PROCESSING:
            self.requeued += 1

    def find_pause(self, lane: Lane) -> int:
        """Seconds until a place in the queue is likely to be free: what its newest jobs took on average."""
        newest = self._newest.get(lane)
        if not newest:
            return UNKNOWN_WAIT
        return min(max(ceil(sum(newest) / len(newest)), 1), LONGEST_WAIT)

    def _record_duration(self, job: Job, lane: Lane, seconds: float) -> None:
        model = self._name_of(job.model.model_name if job.model else "")
        self.durations.setdefault((job.type, model), Histogram()).add(seconds)
        self._newest.setdefault(lane, deque(maxlen=MOST_SAMPLES)).append(seconds)

    def _name_of(self, model: str) -> str:
        if model not in self._models and len(self._models) >= MOST_MODELS:
            return OTHER
        self._models.add(model)
        return model
