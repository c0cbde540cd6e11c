"""Model files that are renamed, moved, described, deleted, and brought back."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from .base import Frozen, LeftOut, Request
from .model_links import FoundFile
from .model_types import ModelType

Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Tags = Annotated[list[Tag], Field(max_length=64)]


class UserNotes(Frozen):
    """What the user wrote about a model."""

    notes: str = ""
    tags: list[str] = []


class ModelChange(Request):
    """PATCH /models/{type}/{name}: what is not given stays."""

    name: str | None = Field(None, min_length=1, description="Another name, with the same extension")
    folder: str | None = Field(None, description="Another folder below that of the type; empty: none")
    type: ModelType | None = Field(None, description="Move it to the folder of this type")
    notes: str | None = Field(None, max_length=20_000)
    tags: Tags | None = None
    picture: str | None = Field(
        None, description="A path of a job's `outputs` to show beside it; empty: remove the picture"
    )
    force: bool = Field(False, description="Also while it is loaded, or jobs wait that need it")

    @field_validator("tags")
    @classmethod
    def _each_once(cls, tags: list[str] | None) -> list[str] | None:
        return list(dict.fromkeys(tags)) if tags is not None else None


class ModelPicture(Request):
    """PUT /models/{type}/{name}/picture: one of both."""

    image_base64: str | None = Field(None, description="PNG, JPEG, WebP, BMP or GIF")
    output: str | None = Field(None, description="A path of a job's `outputs`")


class ChangedModel(Frozen):
    """A model after a change."""

    success: bool = True
    type: ModelType
    name: str
    notes: str
    tags: list[str]
    thumbnail: str | None = Field(None, description="Where the picture beside the file is served")
    warnings: list[str] | None = LeftOut


class TrashedModel(Frozen):
    """A model in the trash; also the record that lies there beside its files."""

    id: str
    type: ModelType
    name: str
    size_bytes: int
    deleted_at: datetime
    files: list[str] = Field(description="The model and what lay beside it")
    hash: str | None = None
    notes: UserNotes = UserNotes()


class ModelDeleted(Frozen):
    """Answer of DELETE /models/{type}/{name}."""

    success: bool = True
    type: ModelType
    name: str
    trash_id: str | None = Field(None, description="For POST /models/trash/restore; null: gone for good")
    files: list[str]
    warnings: list[str] | None = LeftOut


class ModelTrashList(Frozen):
    """GET /models/trash."""

    success: bool = True
    models: list[TrashedModel] = Field(description="The last deleted first")
    size_bytes: int
    days: float = Field(description="How long each of them stays (retention.trash_days)")


class ModelTrashRequest(Request):
    """POST /models/trash/restore, and DELETE /models/trash."""

    ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=1000)]


class ModelsRestored(Frozen):
    """Answer of POST /models/trash/restore."""

    success: bool = True
    restored: list[FoundFile]
    not_found: list[str]
    warnings: list[str] | None = LeftOut


class ModelsPurged(Frozen):
    """Answer of DELETE /models/trash."""

    success: bool = True
    purged: list[FoundFile]
    not_found: list[str]
    warnings: list[str] | None = LeftOut


class DuplicateGroup(Frozen):
    """Files with the same content."""

    hash: str
    size_bytes: int
    files: list[FoundFile]
    wasted_bytes: int = Field(description="What all but one of them take; links to one file take nothing")


class DuplicateList(Frozen):
    """GET /models/duplicates."""

    success: bool = True
    groups: list[DuplicateGroup]
    wasted_bytes: int
    unhashed: list[FoundFile] = Field(
        description="Files as large as another one, whose hash is not known: GET /models/hash tells it"
    )
