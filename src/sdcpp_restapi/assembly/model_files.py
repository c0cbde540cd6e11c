"""What changes model files: names, notes, pictures, the trash."""

from dataclasses import dataclass

from ..config import Settings
from ..jobs.models.changes import ModelChanges
from ..jobs.models.deletion import ModelDeletion
from ..jobs.models.model_files import LocalModels
from ..jobs.models.picture_files import PictureFiles
from ..jobs.models.users import ModelUsers
from ..models.model_trash import ModelTrash
from ..models.user_notes import UserNotesStore
from ..outputs.folder import OutputFolder
from .base import Base
from .models import Models
from .slots import Slots


@dataclass(frozen=True)
class ModelCare:
    """Changes of model files, and what users wrote about them."""

    notes: UserNotesStore
    changes: ModelChanges
    deletion: ModelDeletion
    trash: ModelTrash


async def open_model_care(settings: Settings, base: Base, models: Models, slots: Slots) -> ModelCare:
    """The notes of earlier runs; nothing is changed yet."""
    notes = await UserNotesStore.read(base.database)
    files = LocalModels(
        catalog=models.catalog,
        library=models.library,
        digests=models.digests,
        notes=notes,
        users=ModelUsers(
            database=base.database, slots=slots.local, model=slots.model, upscaler=slots.upscaler
        ),
    )
    pictures = PictureFiles(
        OutputFolder(settings.paths.output_dir), base.decoding, settings.limits.max_image_pixels
    )
    trash = ModelTrash(models.catalog.folders, settings.retention.trash_days)
    return ModelCare(notes, ModelChanges(files, pictures), ModelDeletion(files, trash), trash)
