"""Sets of models: what a set's file says, what is on disk of it, and what a pull would fetch or remove."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .base import Frozen, LeftOut
from .downloads import SourceName
from .model_types import Component, ModelType
from .models import LoadOptions, LoadRequest
from .scheduling import JobRequest

Part = Literal["model"] | Component
Makes = Literal["images", "videos", "upscaled images", "previews", "text"]
Origin = Literal["built-in", "folder", "url"]
FileState = Literal["there", "cached", "missing"]

# Sets, variants: what is typed on a command line and is the name of a folder.
_NAME = "^[a-z0-9][a-z0-9.-]{0,62}$"


class _Told(Frozen):
    """A table of a set's file; a name that it does not know is an error."""

    model_config = ConfigDict(extra="forbid")


class SetLicense(_Told):
    """On what terms the files of a set may be used."""

    name: str = Field(min_length=1, description="SPDX, or what the publisher calls it")
    url: str = Field(pattern="^https?://", description="Where it is written")
    gated: str | None = Field(
        None,
        pattern="^https?://",
        description="The page where terms must be accepted before a token opens it",
    )


class SetFile(_Told):
    """One file of a set."""

    part: Part | None = Field(None, description="As what it is loaded; null for files that no load names")
    type: ModelType
    source: SourceName | None = Field(None, description="Detected from the other fields, as by a download")
    repo_id: str | None = None
    filename: str | None = Field(None, description="The file in a repository")
    revision: str = "main"
    model_id: str | None = None
    url: str | None = None
    save_as: str = Field(min_length=1, description="Its name below the folder of its type")
    size: int | None = Field(None, gt=0, description="In bytes, exactly: what arrives must have it")
    about: int | None = Field(None, gt=0, description="In bytes, rounded, where the exact size is not known")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")

    @property
    def likely_size(self) -> int:
        """In bytes, exactly or nearly."""
        return self.size or self.about or 0

    @property
    def place(self) -> str:
        """Where it comes from."""
        return self.url or "/".join(filter(None, (self.repo_id or self.model_id, self.filename)))

    @model_validator(mode="after")
    def _has_size(self) -> Self:
        if not self.likely_size:
            raise ValueError("size or about must be given")
        return self


class SetVariant(_Told):
    """One of several choices, usually another quantization."""

    name: str = Field(pattern=_NAME)
    files: tuple[SetFile, ...] = ()


class ModelSet(_Told):
    """Files that belong together, and how they are used. The variants are ordered: best first."""

    name: str = Field(pattern=_NAME)
    title: str = Field(min_length=1)
    summary: str = Field(min_length=1, description="What it makes and how well")
    makes: Makes
    architecture: str | None = Field(None, description="As GET /architectures names it")
    license: SetLicense
    load_options: dict[str, object] = {}
    defaults: dict[str, object] = Field({}, description="Fields of a generation request that suit it")
    example: str | None = Field(None, description="A prompt to try it with")
    files: tuple[SetFile, ...] = Field((), description="Those of every variant")
    variants: tuple[SetVariant, ...] = Field(min_length=1)

    def files_of(self, variant: SetVariant) -> tuple[SetFile, ...]:
        """All files of a variant, the main one first."""
        return tuple(sorted((*variant.files, *self.files), key=lambda file: file.part != "model"))

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        LoadOptions.model_validate(self.load_options)
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"two variants have the same name: {', '.join(names)}")
        for variant in self.variants:
            files = self.files_of(variant)
            parts = [file.part for file in files if file.part]
            places = [(file.type, file.save_as) for file in files]
            if not files:
                raise ValueError(f"variant {variant.name} has no files")
            if len(set(parts)) < len(parts) or len(set(places)) < len(places):
                raise ValueError(f"variant {variant.name}: two files are the same part or have the same name")
        return self


# ---------------------------------------------------------------- what is on disk, what would be done


class SetFileView(Frozen):
    """A file of a set, and whether it is on disk."""

    part: Part | None
    type: ModelType
    name: str = Field(description="Below the folder of its type; where it is, or where it would be")
    source: str
    size_bytes: int
    size_is_exact: bool
    state: FileState = Field(
        description="there; cached: in a cache that other programs filled, to be linked; missing"
    )
    note: str | None = LeftOut  # how it was recognised, or why it is called otherwise


class VariantView(Frozen):
    """A variant of a set on this machine."""

    name: str
    size_bytes: int
    bytes_to_fetch: int
    memory_bytes: int = Field(description="Of all files that are loaded, and to decode at the set's size")
    fits: bool | None = Field(description="Into the memory of this machine; null where it is not known")
    why: str
    complete: bool = Field(description="Whether all files are there")
    files: list[SetFileView]


class SetSummary(Frozen):
    """One set in GET /models/sets."""

    name: str
    title: str
    summary: str
    makes: Makes
    architecture: str | None
    license: SetLicense
    origin: Origin
    variants: list[str]
    pulled: str | None = Field(None, description="The variant that was pulled")
    pulled_files: tuple["RecordedFile", ...] | None = LeftOut  # what is known of that pull


class SetList(Frozen):
    """GET /models/sets."""

    sets: list[SetSummary]
    problems: list[str] | None = LeftOut  # files that are no sets, and why


class SetView(SetSummary):
    """GET /models/sets/{name}."""

    details: list[VariantView]
    chosen: str = Field(description="The variant that a pull takes that names none")
    reason: str
    free_bytes: int = Field(description="On the disk of the models folder")
    load_options: dict[str, object]
    defaults: dict[str, object]
    example: str | None


class PullRequest(JobRequest):
    """POST /models/pull."""

    set: str = Field(min_length=1, description="A name of GET /models/sets")
    variant: str | None = Field(None, description="One of its variants; the best that fits when left out")
    load: bool = Field(False, description="Load it when all files are there")
    draw: bool = Field(False, description="Then draw its example, as a job of its own")
    plan: bool = Field(False, description="Only tell what would be done")


@dataclass(frozen=True, kw_only=True)
class PulledFile:
    """A file of a pull that was accepted: what becomes of it was decided, and is stored with the job.

    `linked_to`: the file in a cache that other programs filled.
    """

    type: ModelType
    name: str
    state: FileState
    origin: SetFile
    part: Part | None = None
    linked_to: str | None = None


class PullJob(JobRequest):
    """The params of the job."""

    set: str
    variant: str
    files: tuple[PulledFile, ...]
    load: LoadRequest | None = Field(None, description="What is loaded at the end")
    load_upscaler: str | None = None


class PullPlan(Frozen):
    """Answer of POST /models/pull with `plan`."""

    set: str
    variant: str
    reason: str
    license: SetLicense
    bytes_to_fetch: int
    free_bytes: int
    details: VariantView
    warnings: list[str] | None = LeftOut


class PullAccepted(Frozen):
    """Answer of POST /models/pull."""

    success: bool = True
    download_job_id: str
    draw_job_id: str | None = LeftOut
    set: str
    variant: str
    reason: str
    bytes_to_fetch: int
    position: int
    warnings: list[str] | None = LeftOut


class PulledRecord(Frozen):
    """What a pull brought: a later removal deletes these files and no others."""

    set: str
    variant: str
    files: tuple["RecordedFile", ...]


class RecordedFile(Frozen):
    """A file of a set that was pulled."""

    type: ModelType
    name: str
    brought: bool = Field(description="Whether the pull fetched or linked it; it was there before otherwise")


class PulledRecords(Frozen):
    """All of them, as they are stored."""

    records: tuple[PulledRecord, ...] = ()


class RemovedFile(Frozen):
    """A file of a set that is removed, or why it is kept."""

    type: ModelType
    name: str
    size_bytes: int
    kept_because: str | None = LeftOut


class SetRemoval(Frozen):
    """Answer of DELETE /models/sets/{name}."""

    success: bool = True
    set: str
    planned: bool = Field(description="true: nothing was deleted, only told")
    deleted: list[RemovedFile]
    kept: list[RemovedFile]
    freed_bytes: int


class SetsUpdated(Frozen):
    """Answer of POST /models/sets/update."""

    success: bool = True
    fetched: list[str] = Field(description="The names of the sets that came")
    problems: list[str] = Field(description="Addresses that gave none, and why")
