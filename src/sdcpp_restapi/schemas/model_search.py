"""Models on CivitAI and Hugging Face: what is looked for, what is found, which are newer than those here."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Frozen, LeftOut
from .model_links import FoundFile
from .model_types import ModelType

SearchSource = Literal["civitai", "huggingface"]
SearchSort = Literal["downloads", "rating", "newest"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class SearchQuery(Frozen):
    """The query of GET /models/search."""

    source: SearchSource = "civitai"
    q: Text = Field("", description="Words of the name")
    type: ModelType | None = None
    base: Text = Field(
        "", description="CivitAI: a base model in its words, e.g. 'SDXL 1.0'; Hugging Face: a repository"
    )
    sort: SearchSort = "downloads"
    limit: int = Field(20, ge=1, le=100)
    cursor: str = Field("", max_length=2000, description="next_cursor of the answer before")
    nsfw: bool = Field(False, description="Also what is not for everybody")


class FoundModel(Frozen):
    """A model of a site. `link` is what POST /models/resolve takes."""

    source: SearchSource
    link: str
    title: str
    creator: str | None = None
    type: ModelType | None = None
    base_model: str | None = None
    version: str | None = None
    file: str | None = Field(None, description="The main file of the newest version")
    size_bytes: int | None = None
    downloads: int = 0
    likes: int = 0
    tags: list[str] = []
    license: str | None = None
    trigger_words: list[str] = []
    gated: bool = False
    nsfw: bool = False
    updated: str | None = None
    preview: str | None = Field(None, description="Where this server shows its picture")
    on_disk: FoundFile | None = Field(None, description="The main file, where it is here already")
    download: dict[str, str] | None = Field(
        None, description="A body for POST /models/download; null where a file has to be chosen first"
    )


class SearchPage(Frozen):
    """GET /models/search."""

    success: bool = True
    source: SearchSource
    models: list[FoundModel]
    next_cursor: str | None = Field(None, description="null on the last page")
    hidden: int = Field(0, description="Found, but left out since they are not for everybody")
    warnings: list[str] | None = LeftOut


class ModelUpdate(Frozen):
    """A model here of which CivitAI has a newer version."""

    type: ModelType
    name: str
    model_id: str
    title: str
    version_id: str
    version: str
    newest_version_id: str
    newest_version: str
    base_model: str | None = None
    published: str | None = None
    link: str
    download: dict[str, str] | None


class UpdateList(Frozen):
    """GET /models/updates."""

    success: bool = True
    updates: list[ModelUpdate]
    current: int = Field(description="Models whose version is the newest one")
    unknown: int = Field(description="Models that CivitAI does not have")
    unhashed: list[FoundFile] = Field(description="Models that can't be asked for until GET /models/hash was")
    remaining: int = Field(0, description="Models that were not asked for yet: ask again")
    warnings: list[str] | None = LeftOut
