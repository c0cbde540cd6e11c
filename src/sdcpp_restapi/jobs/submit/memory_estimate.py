"""How much memory a job would need: the files, and what the engine works on."""

from collections.abc import Sequence

from ...schemas.generation import GenerationRequest
from ...schemas.models import LoadRequest
from ...schemas.plan import MemoryEstimate, MemoryPart, PlannedFile
from ...slots.working_memory import bytes_of_a_pixel, estimate_working_bytes


def estimate_memory(
    params: GenerationRequest | None,
    model: LoadRequest | None,
    files: Sequence[PlannedFile],
    room: int | None,
) -> MemoryEstimate:
    """An estimate; `params` and `model` are None for what is not drawn but only enlarged.

    `room`: bytes of main memory that there are for it, None where that is not known.
    """
    weights = sum(file.size_bytes for file in files)
    parts = [MemoryPart(part=file.role, bytes=file.size_bytes) for file in files]
    working, told = 0, "the size of the file; the tiles that it works on are small"
    if params is not None and model is not None:
        working = estimate_working_bytes(params, model)
        parts.append(MemoryPart(part="decoding", bytes=working))
        per_pixel = bytes_of_a_pixel(params, model)
        told = f"the sizes of the files, and {per_pixel} bytes for each pixel that is decoded at once"
    return MemoryEstimate(
        bytes=weights + working,
        weights_bytes=weights,
        working_bytes=working,
        parts=sorted(parts, key=lambda one: -one.bytes),
        free_bytes=room,
        fits=None if room is None else weights + working <= room,
        rests_on=told,
    )
