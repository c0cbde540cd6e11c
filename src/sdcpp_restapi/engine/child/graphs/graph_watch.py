"""Between the nodes of the engine's graphs: a cancel stops a call, results are recorded and replayed.

The engine asks about all nodes of a graph before it computes them, up to the first one that is wanted. While
a graph is replayed, none of its nodes is computed, and the recorded result is put into the last one. Samplers
run between the graphs and draw their noise from a seeded generator, so that what follows is byte for byte
what it would have been.

What is to end ends so too: no node is computed any more, and the diffusion model's graph is broken off.
Others are not: a CLIP whose graph fails ends the process (2bb7294, conditioner.hpp).

A job that branches takes the evaluations of its first steps from the journal of its parent, and records
them in its own: what conditions them is computed anew, and has no effect until the first step of its own.

Graphs of a decoder are left out of the journal: previews need it or not, as somebody looks on or not.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ...binding.tensors import Shape, Tensors, TensorsUnknown, eval_cb_t
from .journal_file import NO_PLACE, JournalFile, ParentJournal
from .pieces import Pieces
from .sampled_place import SampledPlace

NO_CALLBACK = eval_cb_t()  # NULL
# How weights of the VAE and of the TAESD begin, in both directions.
AUTOENCODERS = ("first_stage_model.", "tae.")
ENCODER = ".encoder."
DIFFUSION_MODEL = "model.diffusion_model."


class JournalMisfit(Exception):
    """The recorded graphs are not those of this call: it must be made again without them."""


class GraphWatch:
    """Follows the calls of one session, one at a time, in the engine's thread."""

    def __init__(
        self, tensors: Tensors, is_cancelled: Callable[[], bool], complain: Callable[[str], None]
    ) -> None:
        """`complain` is told why nothing is recorded."""
        self._tensors = tensors
        self._is_cancelled = is_cancelled
        self._complain = complain
        self._callback = eval_cb_t(self._on_node)
        # A node of a VAE takes a hundred times as long as one of a text encoder.
        self._pieces_of: dict[str, Pieces] = {}
        self._pieces = Pieces()
        self._journal: JournalFile | None = None
        self._parent: ParentJournal | None = None
        self.place = SampledPlace()
        self._resumed: Callable[[int], None] = lambda _: None
        self._graph = self._nodes = self._known = 0
        self._at_last = self._misfits = False
        self._weight: str | None = None

    @contextmanager
    def follow_job(
        self,
        journal: JournalFile | None,
        resumed: Callable[[int], None],
        parent: ParentJournal | None = None,
    ) -> Iterator[None]:
        """For the time of a job's calls: the graphs of the journal are replayed, later ones recorded.

        `resumed` is called with the number of graphs that were replayed, when the first other one begins.
        """
        self._journal, self._resumed, self._parent = journal, resumed, parent
        self._graph, self._known = 0, len(journal.records) if journal else 0
        try:
            yield
        finally:
            self._journal = self._parent = None

    @property
    def can_branch(self) -> bool:
        """Whether results can be put into the graphs of this engine."""
        return self._tensors.can_watch

    @contextmanager
    def follow_call(self) -> Iterator[None]:
        """For the time of one call of the engine. Raises JournalMisfit after it."""
        if not self._tensors.can_watch:
            yield
            return
        self._nodes, self._weight, self._misfits = 0, None, False
        self._tensors.set_callback(self._callback)
        try:
            yield
        finally:
            self._tensors.set_callback(NO_CALLBACK)
        if self._misfits:
            raise JournalMisfit

    @property
    def _is_recorded(self) -> bool:
        """Whether this graph is one of those that the journal has."""
        weight = self._weight
        return weight is not None and (ENCODER in weight or not weight.startswith(AUTOENCODERS))

    @property
    def _is_diffusion(self) -> bool:
        return self._weight is not None and self._weight.startswith(DIFFUSION_MODEL)

    @property
    def _is_from_parent(self) -> bool:
        return (
            self._parent is not None and self._is_diffusion and self._parent.has(self.place.next_evaluation)
        )

    @property
    def _is_ending(self) -> bool:
        return self._misfits or self._is_cancelled()

    @property
    def _is_replayed(self) -> bool:
        return self._graph < self._known and self._is_recorded

    def _on_node(self, tensor: int, ask: bool, _data: int | None) -> bool:
        try:
            return self._is_wanted(tensor) if ask else self._end_piece(tensor)
        except (OSError, TensorsUnknown) as error:
            self._stop_recording(str(error))
            return True

    def _is_wanted(self, tensor: int) -> bool:
        self._nodes += 1
        self._at_last = self._tensors.is_last(tensor)
        if self._weight is None:
            self._weight = self._tensors.find_weight(tensor)
            if self._weight is not None:
                self._choose_pieces(self._weight)
        if self._is_replayed or self._is_from_parent or self._is_ending:
            self._tensors.skip(tensor)
            return self._at_last
        # To cut a graph would undo the fusion of its nodes on a GPU, and change bytes.
        cut = self._pieces.count_node() and not self._tensors.reach_devices
        return cut or self._at_last

    def _choose_pieces(self, weight: str) -> None:
        network = weight.partition(".")[0]
        self._pieces = self._pieces_of.setdefault(network, Pieces())
        self._pieces.begin()

    def _end_piece(self, tensor: int) -> bool:
        """Whether the engine may go on."""
        if not self._is_ending:
            if self._is_replayed or self._is_from_parent:
                self._pieces.begin()
            else:
                self._pieces.end()
            if self._at_last:
                self._end_graph(tensor)
        can_stop = self._is_diffusion
        if self._at_last:
            self._nodes, self._weight = 0, None
        return not (self._is_ending and can_stop)

    def _end_graph(self, tensor: int) -> None:
        place = self.place.next_evaluation if self._is_diffusion else NO_PLACE
        if self._parent is not None and self._is_from_parent and not self._is_replayed:
            shape = self._tensors.read_shape(tensor)
            self._put(tensor, self._parent.read(place, shape))
        if self._is_diffusion:
            self.place.end_evaluation()
        if self._journal is None or not self._is_recorded or self._misfits:
            return
        shape = self._tensors.read_shape(tensor)
        if self._graph < self._known:
            self._replay(self._journal, self._nodes, shape, tensor)
        else:
            self._journal.append(self._nodes, shape, self._tensors.read(tensor, shape.length), place)
        self._graph += 1
        if self._graph == self._known and not self._misfits:
            self._resumed(self._graph)

    def _replay(self, journal: JournalFile, nodes: int, shape: Shape, tensor: int) -> None:
        record = journal.records[self._graph]
        self._put(
            tensor, journal.read(self._graph) if (record.nodes, record.shape) == (nodes, shape) else None
        )

    def _put(self, tensor: int, data: bytes | None) -> None:
        if data is None:
            # Its nodes were not computed, and those before may be of another job too: nothing of it is used.
            self._misfits = True
            return
        self._tensors.write(tensor, data)

    def _stop_recording(self, why: str) -> None:
        # What was replayed up to here would be missing.
        self._misfits = self._misfits or self._is_replayed or self._is_from_parent
        self._journal = None
        self._known = 0
        self._complain(why)
