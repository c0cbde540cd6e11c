"""Downloads and hashes: what is asked for, and what came out of it."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from .base import Frozen, LeftOut
from .model_types import ModelType
from .scheduling import JobRequest

# The names of the sources in downloads/sources/registry.py: the API describes them, and this module may not
# import that one.
SourceName = Literal["url", "civitai", "huggingface"]


def _digits_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class DownloadRequest(JobRequest):
    """POST /models/download."""

    model_type: ModelType
    source: SourceName | None = Field(None, description="Detected from the other fields when left out")
    model_id: Annotated[str | None, BeforeValidator(_digits_as_text)] = Field(
        None, description="CivitAI: model id, or model:version"
    )
    url: str | None = Field(None, description="Direct http(s) address")
    repo_id: str | None = Field(None, description="Hugging Face repository, e.g. org/name")
    filename: str | None = Field(
        None, description="Hugging Face: file in the repository; else: name to store"
    )
    subfolder: str | None = Field(None, description="Below the folder of the model type")
    revision: str = Field("main", description="Hugging Face: branch, tag or commit")


class DownloadAccepted(Frozen):
    """Answer of POST /models/download."""

    success: bool = True
    download_job_id: str
    hash_job_id: str = Field(description="Runs when the download is completed")
    source: SourceName
    model_type: ModelType
    position: int
    warnings: list[str] | None = LeftOut


class HashRequest(JobRequest):
    """Compute the SHA-256 of a model; follows a download."""

    model_type: ModelType
    name: str | None = Field(None, description="Known at submit, or taken from the download's result")


class JobResult(Frozen):
    """What a job made that is not an output file."""

    path: str
    model_type: ModelType | None = Field(None, description="null outside of the model folders")
    name: str
    sha256: str | None = LeftOut
    files: tuple["ResultFile", ...] | None = LeftOut  # of a job that made several; the first is told above


class ResultFile(Frozen):
    """One of several files that a job brought."""

    model_type: ModelType
    name: str
    size_bytes: int
    how: Literal["fetched", "linked", "there"] = Field(description="there: it was on disk before")
    sha256: str | None = LeftOut


class ModelHash(Frozen):
    """GET /models/hash/{model_type}/{model_name}."""

    model_name: str
    model_type: ModelType
    hash: str = Field(description="SHA-256, hexadecimal")


class CivitaiModel(Frozen):
    """GET /models/civitai/{id}."""

    success: bool = True
    model_id: str
    version_id: str
    name: str
    version_name: str
    type: str = Field(description="Our model type, or CivitAI's own word where there is none")
    base_model: str | None
    filename: str
    file_size: int | None = Field(description="In bytes; CivitAI tells it in rounded kilobytes")
    sha256: str | None
    download_url: str


class HuggingFaceFile(Frozen):
    """GET /models/huggingface."""

    success: bool = True
    repo_id: str
    filename: str
    revision: str
    file_size: int | None
    sha256: str | None = LeftOut  # published for files in large file storage only
    download_url: str


class PartState(Frozen):
    """What is remembered on disk of an unfinished download, beside its bytes."""

    path: str = Field(description="Where the finished file will be")
    etag: str | None = None
    last_modified: str | None = None
    total: int | None = None
    sha256: str | None = Field(None, description="Set once all bytes are there and checked")
    made_folders: tuple[str, ...] = Field((), description="Innermost first; removed with the part if empty")
    boot: str | None = Field(
        None, description="The boot in which bytes were written; None when they are safe on disk"
    )
