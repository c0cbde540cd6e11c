"""What is recorded, replayed and left out, with graphs that a table describes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from sdcpp_restapi.engine.binding.tensors import Shape, Tensors, TensorsUnknown
from sdcpp_restapi.engine.child.graphs.graph_watch import GraphWatch, JournalMisfit
from sdcpp_restapi.engine.child.graphs.journal_file import JournalFile

TEXT = "text_encoders.clip_l.transformer.text_model.embeddings.weight"
MODEL = "model.diffusion_model.input_blocks.0.0.weight"
DECODER = "tae.decoder.layers.0.weight"
VAE_DECODER = "first_stage_model.post_quant_conv.weight"
ENCODER = "first_stage_model.encoder.conv_in.weight"
JOB = [ENCODER, TEXT, MODEL, MODEL, DECODER, MODEL, MODEL, VAE_DECODER]
RECORDED = [1, 2, 3, 4, 6, 7]
"""Numbers of the graphs, 1 = the first, that a journal of JOB holds."""
SHAPE = Shape((8, 1, 1, 1), 8)
NODES = 5


@dataclass
class ScriptedTensors:
    """The library: graphs of NODES nodes, whose result is the number of the graph.

    An address is 100 times the number of the graph, and that of the node.
    """

    weights: list[str]
    shapes: dict[int, Shape] = field(default_factory=dict)
    computed: list[int] = field(default_factory=list)
    """The graphs of which all nodes were computed."""
    results: dict[int, bytes] = field(default_factory=dict)
    stopped: int | None = None
    """The graph that the watch broke off."""
    can_watch = True
    reach_devices = False
    callback: Any = None
    _skipped: set[int] = field(default_factory=set)

    def set_callback(self, callback: Any) -> None:
        self.callback = callback

    def is_last(self, tensor: int) -> bool:
        return tensor % 100 == NODES

    def find_weight(self, tensor: int) -> str | None:
        return self.weights[tensor // 100 - 1] if tensor % 100 > 1 else None

    def read_shape(self, tensor: int) -> Shape:
        return self.shapes.get(tensor // 100, SHAPE)

    def skip(self, tensor: int) -> None:
        self._skipped.add(tensor)

    def read(self, tensor: int, length: int) -> bytes:
        return self.results[tensor // 100]

    def write(self, tensor: int, data: bytes) -> None:
        self.results[tensor // 100] = data

    def run(self, before_graph: Callable[[int], None]) -> None:
        """What a call of the engine does; `before_graph` is called with the number of each."""
        for graph in range(1, len(self.weights) + 1):
            before_graph(graph)
            self._compute(graph)
            if self.stopped:
                return

    def _compute(self, graph: int) -> None:
        for node in range(1, NODES + 1):
            tensor = graph * 100 + node
            wanted = self.callback(tensor, True, None)
            if self.is_last(tensor):
                self.results[graph] = bytes([graph]) * 8
                if tensor not in self._skipped:
                    self.computed.append(graph)
            if wanted and not self.callback(tensor, False, None):
                self.stopped = graph
                return


class Job:
    """A job of which several attempts are made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.complaints: list[str] = []
        self.resumed: list[int] = []
        self.is_cancelled = False

    def attempt(
        self,
        weights: list[str] = JOB,
        *,
        shapes: dict[int, Shape] | None = None,
        lost_before: int | None = None,
        cancelled_before: int | None = None,
    ) -> ScriptedTensors:
        tensors = ScriptedTensors(weights, shapes or {})
        watch = GraphWatch(cast(Tensors, tensors), lambda: self.is_cancelled, self.complaints.append)
        journal = JournalFile(str(self.path), "key", 10_000)

        def before(graph: int) -> None:
            if graph == lost_before:
                raise ConnectionAbortedError
            self.is_cancelled = self.is_cancelled or graph == cancelled_before

        try:
            with watch.follow_job(journal, self.resumed.append), watch.follow_call():
                tensors.run(before)
        except ConnectionAbortedError:
            pass
        finally:
            journal.close()
        return tensors


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path / "a.journal")


def test_a_first_attempt_computes_everything(job: Job) -> None:
    tensors = job.attempt()
    assert tensors.computed == list(range(1, 9))
    assert (job.resumed, job.complaints) == ([], [])


@pytest.mark.parametrize("lost_before", range(1, 9))
def test_the_next_attempt_computes_what_the_last_one_did_not_and_decoders(job: Job, lost_before: int) -> None:
    whole = job.attempt().results
    job.path.unlink()
    job.attempt(lost_before=lost_before)
    tensors = job.attempt()
    kept = [graph for graph in RECORDED if graph < lost_before]
    assert tensors.computed == [graph for graph in range(1, 9) if graph not in kept]
    assert tensors.results == whole
    assert job.resumed == ([len(kept)] if kept else [])


def test_a_preview_that_came_in_between_changes_nothing(job: Job) -> None:
    job.attempt(lost_before=7)
    without = [weight for number, weight in enumerate(JOB, 1) if number != 5]
    tensors = job.attempt(without)
    assert tensors.computed == [6, 7]
    assert job.complaints == []


@pytest.mark.parametrize("change", ["shape", "nodes"])
def test_a_graph_that_is_not_the_recorded_one_ends_the_call(job: Job, change: str) -> None:
    job.attempt(lost_before=7)
    if change == "shape":
        with pytest.raises(JournalMisfit):
            job.attempt(shapes={3: Shape((4, 1, 1, 1), 8)})
    else:
        journal = JournalFile(str(job.path), "key", 10_000)
        journal.restart()
        journal.append(NODES + 1, SHAPE, b"12345678")
        journal.close()
        with pytest.raises(JournalMisfit):
            job.attempt()


def test_a_cancel_skips_the_rest_of_a_text_encoder_and_breaks_off_the_diffusion_model(job: Job) -> None:
    tensors = job.attempt(cancelled_before=2)
    assert tensors.computed == [1]
    assert tensors.stopped == 3


def test_what_was_not_computed_because_of_a_cancel_is_not_recorded(job: Job) -> None:
    job.attempt(cancelled_before=2)
    job.is_cancelled = False
    assert job.attempt().computed == [2, 3, 4, 5, 6, 7, 8]


def test_a_tensor_that_cannot_be_read_ends_the_recording_and_not_the_job(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: ScriptedTensors, _tensor: int) -> Shape:
        raise TensorsUnknown("type 99")

    monkeypatch.setattr(ScriptedTensors, "read_shape", refuse)
    assert job.attempt().computed == list(range(1, 9))
    assert job.complaints == ["type 99"]


def test_a_disk_that_is_full_ends_the_recording_and_not_the_job(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(JournalFile, "append", refuse)
    assert job.attempt().computed == list(range(1, 9))
    assert job.complaints == ["[Errno 28] No space left on device"]
