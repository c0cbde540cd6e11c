"""Backups: the manifest that lies in each of them."""

from typing import Literal

from pydantic import Field

from .base import Frozen
from .model_types import ModelType
from .timestamps import Moment


class BackedUpFile(Frozen):
    """A file as it was copied; `mtime_ns` is that of its source."""

    size: int
    mtime_ns: int
    sha256: str


class BackedUpModel(Frozen):
    """A model file, which is not in the backup: what it takes to fetch it again."""

    type: ModelType
    name: str
    size: int
    sha256: str | None = Field(description="null where it was never computed")


class Manifest(Frozen):
    """manifest.json of a backup. It is written last: a folder that has none is no backup."""

    format: Literal[1] = 1
    release: str
    database_version: int
    created_at: Moment
    has_outputs: bool
    jobs: int = Field(description="In the queue and in the trash")
    files: dict[str, BackedUpFile] = Field(description="By their paths in the backup")
    models: list[BackedUpModel]
    deleted_meanwhile: list[str] = Field(description="Jobs that were purged while the backup was made")
    missing: list[str] = Field(description="Outputs that the database names and the disk did not have")
    left_out: list[str] = Field([], description="Files whose names are not valid Unicode")
