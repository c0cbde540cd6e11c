"""Section `paths`."""

from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import Field, field_validator

from ..schemas.model_types import MODEL_TYPES, TYPE_NAMES, ModelType
from .section import Section


class Paths(Section):
    """Where files are. Folders of single model types follow models_dir unless named."""

    models_dir: Path = Field(Path("models"), description="Folder with checkpoints/, loras/, ...")
    output_dir: Path = Field(Path("output"), description="Where results go; in .trash those of deleted jobs")
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("sdcpp-restapi")),
        description="Database, input images, logs and lock",
    )
    folders: dict[ModelType, Path] = Field(
        {}, description="Folder of one model type, e.g. lora = '/mnt/loras'"
    )

    convert_dirs: list[Path] = Field(
        [], description="Folders that paths in requests may lead to besides those of the models"
    )

    wildcards_dir: Path | None = Field(
        None, description="Lists for prompt templates; default: wildcards/ in models_dir"
    )

    sets_dir: Path | None = Field(
        None, description="Sets of models of your own (TOML); default: sets/ in models_dir"
    )

    @field_validator("models_dir", "output_dir", "data_dir", "wildcards_dir", "sets_dir")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("convert_dirs")
    @classmethod
    def _all_absolute(cls, paths: list[Path]) -> list[Path]:
        return [path.expanduser().absolute() for path in paths]

    def folder(self, model_type: ModelType) -> Path:
        """The folder of one model type."""
        chosen = self.folders.get(model_type)
        return chosen.expanduser().absolute() if chosen else self.models_dir / MODEL_TYPES[model_type].folder

    def wildcards_folder(self) -> Path:
        """The folder of wildcard files."""
        return self.wildcards_dir or self.models_dir / "wildcards"

    def sets_folder(self) -> Path:
        """The folder of the user's sets of models."""
        return self.sets_dir or self.models_dir / "sets"

    def model_folders(self) -> Mapping[ModelType, Path]:
        """The folder of every model type."""
        return {model_type: self.folder(model_type) for model_type in TYPE_NAMES}
