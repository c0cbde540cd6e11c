"""What happens when all files of a set are there: it is remembered, and loaded if that was asked for."""

from collections.abc import Awaitable, Callable

from ..errors import SdcppError
from ..schemas.downloads import ResultFile
from ..schemas.model_sets import PulledRecord, PullJob, RecordedFile
from ..schemas.models import LoadRequest
from .records import Records

Load = Callable[[LoadRequest], Awaitable[object]]
LoadUpscaler = Callable[[str], Awaitable[object]]


class PullFinisher:
    """The end of a pull."""

    def __init__(self, *, records: Records, load: Load, load_upscaler: LoadUpscaler) -> None:
        self._records = records
        self._load = load
        self._load_upscaler = load_upscaler

    async def finish(self, params: PullJob, files: tuple[ResultFile, ...]) -> list[str]:
        """Remember the pull and load the model; sentences on what did not work, for the files are there."""
        recorded = tuple(
            RecordedFile(type=file.model_type, name=file.name, brought=file.how != "there") for file in files
        )
        await self._records.put(PulledRecord(set=params.set, variant=params.variant, files=recorded))
        linked = [file.name for file in files if file.how == "linked"]
        warnings = [f"linked to a cache on this machine: {', '.join(linked)}"] if linked else []
        try:
            if params.load is not None:
                await self._load(params.load)
            elif params.load_upscaler is not None:
                await self._load_upscaler(params.load_upscaler)
        except SdcppError as error:
            warnings.append(f"load: all files are there, but the model is not loaded: {error}")
        return warnings
