"""What the engine is doing at the moment, followed by its log lines.

Its progress callback fires for sampling steps, weights and VAE tiles alike; which of them it counts is known
from the phase alone.
"""

from enum import Enum, auto

from ..binding.log_patterns import Line


class Phase(Enum):
    """What a progress call counts."""

    IDLE = auto()  # outside of calls that report progress
    LOADING = auto()  # tensors of a model that is loaded
    CONVERTING = auto()  # tensors of a model that is converted
    PREPARING = auto()  # nothing: a generation before, between and after its sampling
    SAMPLING = auto()  # steps of an image or video
    RESAMPLING = auto()  # steps of the second pass (hires)
    TILING = auto()  # tiles of the VAE
    READING_WEIGHTS = auto()  # tensors that a generation needs


# Lines of a generation that begin a phase.
BEGINS = {
    Line.IMAGE_BEGINS: Phase.SAMPLING,
    Line.VIDEO_BEGINS: Phase.SAMPLING,
    Line.SAMPLING_ENDS: Phase.PREPARING,
    Line.SECOND_PASS_BEGINS: Phase.RESAMPLING,
    Line.SECOND_PASS_ENDS: Phase.PREPARING,
}
# Lines that interrupt a phase, which goes on afterwards. Tiles tell no end: their last progress call is it.
INTERRUPTS = {Line.TILES_BEGIN: Phase.TILING, Line.WEIGHTS_BEGIN: Phase.READING_WEIGHTS}
ENDS = {Line.WEIGHTS_END: Phase.READING_WEIGHTS}


class PhaseTracker:
    """The phase of one call of the engine: the one that it was last in, with what interrupts it on top.

    IDLE, LOADING and CONVERTING last for the whole call: lines change nothing in them.
    """

    def __init__(self, first: Phase = Phase.IDLE) -> None:
        self._phase = first
        self._interruptions: list[Phase] = []

    @property
    def phase(self) -> Phase:
        """What a progress call counts now."""
        return self._interruptions[-1] if self._interruptions else self._phase

    @property
    def generating(self) -> bool:
        """Whether the call is a generation."""
        return self._phase not in (Phase.IDLE, Phase.LOADING, Phase.CONVERTING)

    def follow(self, line: Line) -> None:
        """Make the transition of a line, if it has one here."""
        if not self.generating:
            return
        self._phase = BEGINS.get(line, self._phase)
        begun = INTERRUPTS.get(line)
        # Each file of weights tells that it begins, and all of them together that they end.
        if begun and begun not in self._interruptions:
            self._interruptions.append(begun)
        if line in ENDS:
            self.end_interruption(ENDS[line])

    def end_interruption(self, phase: Phase) -> None:
        """Go on with what `phase` interrupted."""
        self._interruptions = [other for other in self._interruptions if other != phase]
