"""Which slot may run which job, and what a slot must load before it can.

The queue decides which job is next; it asks here which of the waiting jobs a slot may be given. Three things
speak against a slot: files that its machine lacks, an engine that does not come up while that of another
slot does, and a load that failed there and may go well elsewhere.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ..models.required_files import required_files_of
from ..schemas.engine import LoraFile
from ..schemas.jobs import Job
from ..schemas.models import LoadRequest
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from .slot import Slot


async def pass_on_to_nobody(_job: Job) -> bool:
    """There is no other slot."""
    return False


@dataclass(frozen=True)
class ClaimRequest:
    """Who asks the queue for a job.

    `slot` names a slot of a worker, None stands for this machine. `loaded` are the models in its memory,
    which the queue may prefer. `can_run` tells whether a job with these files may be given to it; None: every
    job. `pass_on` is called when a job's model could not be loaded there: whether another slot can run it.
    """

    slot: str | None = None
    loaded: Sequence[LoadRequest] = ()
    can_run: Callable[[RequiredFiles], Awaitable[bool]] | None = None
    pass_on: Callable[[Job], Awaitable[bool]] = pass_on_to_nobody


ANY_JOB = ClaimRequest()


class Dispatcher:
    """Knows all slots that there are at the moment, and what each of them could not load."""

    def __init__(self, *, alone: bool, wake: Callable[[], None]) -> None:
        """`alone`: no worker can ever come. `wake` is called when a slot may run jobs that it left before."""
        self._slots: list[Slot] = []
        self._alone = alone
        self.wake = wake
        self._unloadable: defaultdict[Slot, set[RequiredFiles]] = defaultdict(set)

    @property
    def slots(self) -> Sequence[Slot]:
        """All slots, in the order in which they came."""
        return self._slots

    def add(self, slot: Slot) -> None:
        """A slot more."""
        self._slots.append(slot)

    def remove(self, slot: Slot) -> None:
        """A slot less: others may have to run what it would have run."""
        self._slots.remove(slot)
        self.retry_loads(slot)

    # ------------------------------------------------------------ which slot may run a job

    def claim_request(self, slot: Slot) -> ClaimRequest:
        """With what this slot asks the queue for a job now.

        Alone, a job whose files are gone is given to a slot all the same, and fails there with the reason;
        among several machines it waits for one that has them.
        """
        takes_all = self._alone and not self._defers(slot) and slot not in self._unloadable
        return ClaimRequest(
            slot=slot.remote_name,
            loaded=slot.residents,
            can_run=None if takes_all else partial(self.may_run, slot),
            pass_on=partial(self.pass_on, slot),
        )

    async def may_run(self, slot: Slot, files: RequiredFiles) -> bool:
        """Whether a job that requires these files may be given to the slot."""
        if self._defers(slot) and not await slot.revive():
            return False
        return await slot.can_run(files) and not await self._can_pass_on(slot, files)

    async def pass_on(self, slot: Slot, job: Job) -> bool:
        """Remember that the slot could not load what the job needs; whether another slot can run it."""
        self.record_failed_load(slot, required_files_of(None, job.model, job.upscaler))
        return await self._can_pass_on(slot, required_files_of(job.params, job.model, job.upscaler))

    async def able(self, files: RequiredFiles) -> list[Slot]:
        """The slots whose machines have these files."""
        return [slot for slot in self._slots if await slot.can_run(files)]

    # ------------------------------------------------------------ what slots could not load

    def record_failed_load(self, slot: Slot, files: RequiredFiles) -> None:
        """The slot could not load these; jobs that require them are left to others."""
        self._unloadable[slot].add(files)

    def retry_loads(self, slot: Slot) -> None:
        """What this slot could not load it may load now, since the files of its machine changed."""
        self._unloadable.pop(slot, None)
        self.wake()

    def forget_failed_loads(self) -> None:
        """Somebody asked for a load: what failed before is tried again."""
        self._unloadable.clear()

    # ------------------------------------------------------------ inside

    def _defers(self, slot: Slot) -> bool:
        """Whether the engine of this slot does not come up, and that of another one does."""
        return slot.problem is not None and any(other.problem is None for other in self._slots)

    async def _can_pass_on(self, slot: Slot, files: RequiredFiles) -> bool:
        """Whether this slot could not load what these files include, and another one can run them."""
        if not self._has_failed(slot, files):
            return False
        others = [
            other for other in self._slots if other.problem is None and not self._has_failed(other, files)
        ]
        return any([await other.can_run(files) for other in others])

    def _has_failed(self, slot: Slot, files: RequiredFiles) -> bool:
        return any(set(known.files) <= set(files.files) for known in self._unloadable.get(slot, ()))


# ---------------------------------------------------------------- what must be loaded first


@dataclass(frozen=True)
class HeldModels:
    """What the child of a slot has in memory.

    `merged_loras`: those that were merged into the weights; None before the first image.
    """

    model: LoadRequest | None = None
    upscaler: UpscalerRequest | None = None
    merged_loras: list[LoraFile] | None = None


@dataclass(frozen=True)
class RequiredLoads:
    """What a slot must load before it can run a job; None needs no load."""

    model: LoadRequest | None = None
    upscaler: UpscalerRequest | None = None


def required_loads(job: Job, loras: list[LoraFile], held: HeldModels) -> RequiredLoads:
    """What a slot that holds `held` loads first for a job that is drawn with these LoRAs."""
    return RequiredLoads(
        model=None if job.model is None or holds_model(held, job.model, loras) else job.model,
        upscaler=None if job.upscaler is None or holds_upscaler(held, job.upscaler) else job.upscaler,
    )


def holds_model(held: HeldModels, model: LoadRequest, loras: list[LoraFile]) -> bool:
    """Whether a job with this model and these LoRAs can run on what is in memory.

    LoRAs merged into the weights leave rounding errors behind when they are taken out, and a change of them
    between two images frees the VAE that the second one is decoded with (both measured: docs/decisions/0006):
    after the first image, only the same LoRAs or a fresh load will do.
    """
    return model.same_model(held.model) and held.merged_loras in (None, loras)


def holds_upscaler(held: HeldModels, upscaler: UpscalerRequest) -> bool:
    """Whether a job stamped with this upscaler can run; its tile size belongs to the job, not to the load."""
    return held.upscaler is not None and (held.upscaler.model_name, held.upscaler.n_threads) == (
        upscaler.model_name,
        upscaler.n_threads,
    )
