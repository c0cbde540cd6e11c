"""Downloads and hashes: what is asked for, and what came out of it."""

from typing import Literal

from pydantic import Field

from .base import Frozen, LeftOut, Request
from .models import ModelType

Source = Literal["url", "civitai", "huggingface"]


class DownloadRequest(Request):
    """POST /models/download."""

    model_type: ModelType
    source: Source | None = Field(None, description="Detected from the other fields when left out")
    model_id: str | None = Field(None, description="CivitAI: model id, or model:version")
    url: str | None = Field(None, description="Direct http(s) address")
    repo_id: str | None = Field(None, description="Hugging Face repository, e.g. org/name")
    filename: str | None = Field(
        None, description="Hugging Face: file in the repository; else: name to store"
    )
    subfolder: str | None = Field(None, description="Below the folder of the model type")
    revision: str = Field("main", description="Hugging Face: branch, tag or commit")


class HashRequest(Request):
    """Compute the SHA-256 of a model; follows a download."""

    model_type: ModelType
    name: str | None = Field(None, description="Known at submit, or taken from the download's result")


class JobResult(Frozen):
    """What a job made that is not an output file."""

    path: str
    model_type: ModelType
    name: str
    sha256: str | None = LeftOut
