"""What a pasted link leads to."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Frozen, LeftOut, Request
from .downloads import SourceName
from .inspection import MissingComponent, Network
from .model_types import ModelType


class LinkRequest(Request):
    """POST /models/resolve."""

    link: Annotated[str, StringConstraints(min_length=1, max_length=4096)] = Field(
        description="The address of a page or a file, civitai:ID[:VERSION], hf:ORG/NAME[/FILE], or an AIR",
        examples=["https://civitai.com/models/101055?modelVersionId=128078"],
    )


class FoundFile(Frozen):
    """A model file on this machine."""

    type: ModelType
    name: str


class OfferedFile(Frozen):
    """A file that can be downloaded, by its header where that was read."""

    name: str = Field(description="As its source calls it, with folders")
    size_bytes: int | None = Field(
        None, description="Of CivitAI in rounded kilobytes until the header is read"
    )
    sha256: str | None = None
    primary: bool = Field(False, description="The one that the source offers first")
    header_read: bool = Field(False, description="false: nothing but the source's word is known")
    type: ModelType | None = Field(None, description="Where it belongs, by its header or else by its source")
    format: Literal["safetensors", "gguf", "pickle"] | None = None
    architecture: str | None = Field(None, description="What it is, or what it is made for")
    quantization: str | None = None
    parameters: int | None = None
    contains: list[Network] = []
    problem: str | None = Field(None, description="Why it can't be used, or its header can't be read")
    needs: list[MissingComponent] = Field([], description="What it needs besides, and which files here fit")
    goes_with: list[FoundFile] = Field([], description="Main models here that it fits, at most 20")
    on_disk: FoundFile | None = Field(None, description="The same file, where it is here already")
    download: dict[str, str] | None = Field(
        None,
        description="A body for POST /models/download, without model_type while that is not known; null for"
        " links with a secret",
    )  # fmt: skip


class OfferedVersion(Frozen):
    """A version of a model on CivitAI."""

    id: str
    name: str
    base_model: str | None = None


class ResolvedLink(Frozen):
    """What a link leads to."""

    success: bool = True
    link: str
    source: SourceName
    title: str | None = None
    model_id: str | None = LeftOut
    version_id: str | None = LeftOut
    version: str | None = LeftOut
    repo_id: str | None = LeftOut
    revision: str | None = LeftOut
    base_model: str | None = None
    trigger_words: list[str] = []
    license: str | None = None
    gated: bool = Field(False, description="Its terms must be accepted, or it costs something for now")
    nsfw: bool = False
    preview: str | None = Field(None, description="Where this server shows its picture")
    files: list[OfferedFile]
    versions: list[OfferedVersion] = Field([], description="Of a model on CivitAI, the newest first")
    warnings: list[str] | None = LeftOut
