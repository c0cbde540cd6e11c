"""Sets of models: what reads them, pulls them and removes them."""

from dataclasses import dataclass
from functools import partial

from ..config import Settings
from ..downloads.http_client import HttpClient
from ..downloads.sources.local_cache import find_cache, find_cached
from ..model_sets.finishing import PullFinisher
from ..model_sets.library import SetLibrary
from ..model_sets.machine_memory import MachineMemory, measure
from ..model_sets.planning import SetPlanner
from ..model_sets.presence import Presence
from ..model_sets.records import FileKey, Records
from ..model_sets.removal import SetRemover
from ..model_sets.updates import SetUpdates
from ..models.required_files import files_of
from ..schemas.required_files import RequiredFiles
from ..schemas.upscaling import UpscalerRequest
from .base import Base
from .models import Models
from .slots import Slots


@dataclass(frozen=True)
class ModelSets:
    """What routes and the download lane need of them."""

    planner: SetPlanner
    remover: SetRemover
    updates: SetUpdates
    finisher: PullFinisher


def open_model_sets(
    settings: Settings, base: Base, models: Models, slots: Slots, client: HttpClient
) -> ModelSets:
    """Nothing is read yet."""
    records = Records(base.preferences)
    library = SetLibrary(settings.paths.sets_folder(), settings.paths.data_dir / "sets")
    return ModelSets(
        planner=SetPlanner(
            sets=library,
            catalog=models.catalog,
            presence=Presence(models.catalog.folders, partial(find_cached, find_cache())),
            records=records,
            memory=lambda: _measure(settings, slots),
        ),
        remover=SetRemover(
            catalog=models.catalog, records=records, used=lambda: _find_used_files(base, slots)
        ),
        updates=SetUpdates(client, settings.downloads.sets_urls, library.fetched),
        finisher=PullFinisher(
            records=records,
            load=slots.model.load,
            load_upscaler=lambda name: slots.upscaler.load(UpscalerRequest(model_name=name)),
        ),
    )


def _measure(settings: Settings, slots: Slots) -> MachineMemory | None:
    if settings.engine.devices == []:
        return None
    told = [line for slot in slots.local if slot.child for line in slot.child.hello.devices]
    wanted = settings.engine.devices or ["default"]
    on_cpu = all(name.partition(":")[0].lower() == "cpu" for name in wanted)
    return measure(not on_cpu and any(not line.lower().startswith("cpu") for line in told))


async def _find_used_files(base: Base, slots: Slots) -> dict[FileKey, str]:
    """Files of the models that are loaded, and of jobs that wait."""
    state = slots.model.state()
    used: dict[FileKey, str] = {}
    for model in (state.current.request if state.current else None, state.loading):
        for file in files_of(model):
            used |= dict.fromkeys(((kind, file.name) for kind in file.types), "is loaded")
    if slots.upscaler.name:
        used["esrgan", slots.upscaler.name] = "is loaded"
    for text in await base.store.list_waiting_files("engine"):
        for needed in RequiredFiles.model_validate_json(text).files:
            used |= dict.fromkeys(((kind, needed.name) for kind in needed.kinds), "a job waits for it")
    return used
