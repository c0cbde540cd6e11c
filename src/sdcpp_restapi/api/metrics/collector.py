"""All metrics with their names; imports the client library of Prometheus.

Names follow https://prometheus.io/docs/practices/naming/: base units, `_total` for what only rises.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ... import __version__
from ...jobs.queue.statistics import Histogram
from ...schemas.jobs import KINDS
from .metrics import MetricSources, Snapshot


class ServerCollector(Collector):
    """Reads the numbers of a moment."""

    def __init__(self, sources: MetricSources, snapshot: Snapshot, began: float) -> None:
        self._sources = sources
        self._snapshot = snapshot
        self._began = began

    def collect(self) -> Iterator[Metric]:
        """Every metric, those of which there is no value yet without one."""
        yield _gauge("sdcpp_info", "What runs; always 1", ("version",), {(__version__,): 1})
        yield _gauge("sdcpp_start_time_seconds", "Unix time of the start", (), {(): self._began})
        yield from self._collect_jobs()
        yield from self._collect_engines()
        yield from self._collect_answers()
        yield from self._collect_system()

    def _collect_jobs(self) -> Iterator[Metric]:
        queue, statistics = self._sources.queue, self._sources.queue.statistics
        waiting = {(KINDS[kind].lane, kind, state): n for (kind, state), n in self._snapshot.jobs.items()}
        yield _gauge("sdcpp_queue_jobs", "Jobs that wait or run", ("lane", "type", "status"), waiting)
        stalled = float(queue.stalls.state.state != "running")
        yield _gauge("sdcpp_queue_stalled", "1 while the queue stands still", (), {(): stalled})
        added = {(kind,): n for kind, n in statistics.added.items()}
        yield _counter("sdcpp_jobs_submitted", "Jobs that were accepted", ("type",), added)
        yield _counter("sdcpp_jobs_ended", "Jobs that have ended", ("type", "status"), statistics.ended)
        requeued = {(): statistics.requeued}
        yield _counter("sdcpp_jobs_requeued", "Attempts that were broken off, to run again", (), requeued)
        failures = {(code,): n for code, n in statistics.failures.items()}
        yield _counter("sdcpp_job_failures", "Failed jobs by the code of their error", ("code",), failures)
        waits = {(lane,): one for lane, one in statistics.waits.items()}
        yield _histogram("sdcpp_job_wait_seconds", "From its submission to its start", ("lane",), waits)
        yield _histogram(
            "sdcpp_job_duration_seconds",
            "From the start of a completed job to its end",
            ("type", "model"),
            statistics.durations,
        )

    def _collect_engines(self) -> Iterator[Metric]:
        counters, slots = self._sources.counters, self._sources.slots
        steps = {(): counters.sampling_steps}
        yield _counter("sdcpp_sampling_steps", "Steps of samplers, over all slots", (), steps)
        yield _counter("sdcpp_model_loads", "Models that were loaded", (), {(): counters.model_loads})
        swaps = {(): counters.model_swaps}
        yield _counter("sdcpp_model_swaps", "Loads that took the place of another model", (), swaps)
        failures = {(): counters.model_load_failures}
        yield _counter("sdcpp_model_load_failures", "Models that the engine refused", (), failures)
        starts = {(slot.name,): slot.counts.starts for slot in slots}
        yield _counter("sdcpp_engine_starts", "Engine processes that came up", ("slot",), starts)
        losses = {(slot.name,): slot.counts.losses for slot in slots}
        yield _counter("sdcpp_engine_losses", "Engine processes that ended on their own", ("slot",), losses)
        up = {(slot.name,): float(slot.has_engine) for slot in slots}
        yield _gauge("sdcpp_engine_up", "1 while an engine process runs", ("slot",), up)

    def _collect_answers(self) -> Iterator[Metric]:
        traffic, bus = self._snapshot.traffic, self._sources.bus
        answers = {(str(status),): n for status, n in traffic.answers.items()}
        told = "Answers by status; 101: WebSockets, 499: the client went away"
        yield _counter("sdcpp_http_answers", told, ("status",), answers)
        served = {(): traffic.bytes_served}
        yield _counter("sdcpp_http_served_bytes", "Bodies of answers", (), served)
        downloaded = {(): self._sources.counters.downloaded_bytes}
        yield _counter("sdcpp_downloaded_bytes", "Model files that were fetched", (), downloaded)
        yield _gauge("sdcpp_websockets", "Open WebSockets", (), {(): traffic.websockets})
        listening = {(): bus.client_count}
        yield _gauge("sdcpp_event_clients", "WebSockets and event streams that hear events", (), listening)
        webhooks = {(outcome,): n for outcome, n in self._sources.webhooks.outcomes.items()}
        yield _counter("sdcpp_webhook_messages", "Attempts by what became of them", ("outcome",), webhooks)

    def _collect_system(self) -> Iterator[Metric]:
        used = self._snapshot.processes
        names = ("process",)
        memory = {(one.name,): one.resident_bytes for one in used}
        yield _gauge("sdcpp_process_resident_memory_bytes", "Memory of server and children", names, memory)
        cpu = {(one.name,): one.cpu_seconds for one in used}
        yield _counter("sdcpp_process_cpu_seconds", "CPU time of the processes there are", names, cpu)
        written = {(one.name,): one.written_bytes for one in used}
        yield _counter("sdcpp_process_written_bytes", "Bytes that they wrote to disks", names, written)
        lag = {(): self._sources.lag.histogram}
        yield _histogram("sdcpp_event_loop_lag_seconds", "How late the event loop was", (), lag)
        storage = self._sources.usage.current
        if storage is not None:
            free = {"models": storage.models_disk_free_bytes, "outputs": storage.outputs_disk_free_bytes}
            known = {(folder,): n for folder, n in free.items() if n is not None}
            yield _gauge("sdcpp_disk_free_bytes", "Room on the disk of a folder", ("folder",), known)
            sizes = {("outputs",): storage.outputs_bytes, ("trash",): storage.trash_bytes}
            yield _gauge("sdcpp_stored_bytes", "What files of jobs take", ("folder",), sizes)


def _gauge[L: Sequence[str]](
    name: str, text: str, labels: Iterable[str], values: Mapping[L, float]
) -> Metric:
    return _fill(GaugeMetricFamily(name, text, labels=list(labels)), values)


def _counter[L: Sequence[str]](
    name: str, text: str, labels: Iterable[str], values: Mapping[L, float]
) -> Metric:
    return _fill(CounterMetricFamily(name, text, labels=list(labels)), values)


def _fill[L: Sequence[str]](
    family: GaugeMetricFamily | CounterMetricFamily, values: Mapping[L, float]
) -> Metric:
    for labels, value in values.items():
        family.add_metric(list(labels), value)
    return family


def _histogram[L: Sequence[str]](
    name: str, text: str, labels: Iterable[str], values: Mapping[L, Histogram]
) -> Metric:
    family = HistogramMetricFamily(name, text, labels=list(labels))
    for of, histogram in values.items():
        family.add_metric(list(of), _list_buckets(histogram), histogram.sum)
    return family


def _list_buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Prometheus wants how many values are not above each bound, with those of the bounds below."""
    total, buckets = 0, []
    for bound, count in zip((*map(str, histogram.bounds), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
