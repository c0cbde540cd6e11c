"""What CivitAI's API v1 answers (https://developer.civitai.com/site/reference/models), as far as it is used.

Much of it is left out now and then, and some is odd: neither spoils the rest.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from ...schemas.base import Frozen
from ...schemas.model_types import EXTENSIONS, ModelType

# CivitAI's words for types, in small letters.
TYPES: Mapping[str, ModelType] = {
    "checkpoint": "checkpoint",
    "lora": "lora",
    "locon": "lora",
    "dora": "lora",
    "textualinversion": "embedding",
    "vae": "vae",
    "controlnet": "controlnet",
    "upscaler": "esrgan",
}
# `nsfwLevel` counts in bits: 1 is PG, 2 is PG-13, 4 is R, 8 and 16 are X and XXX, 32 is blocked.
MOST_SAFE_LEVEL = 2
# What `nsfw` of a picture said before there were levels.
_SAFE_WORDS = ("none", "false", "")


class Described(Frozen):
    """What is null counts as absent."""

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, content: object) -> object:
        if not isinstance(content, dict):
            return content
        return {key: value for key, value in content.items() if value is not None}


def _drop_odd[D: Described](shape: type[D]) -> BeforeValidator:
    """A list without the entries that are none: one that is odd must not spoil the others."""

    def keep(content: object) -> object:
        return (
            [one for entry in content for one in _parse(shape, entry)]
            if isinstance(content, list)
            else content
        )

    return BeforeValidator(keep)


def _parse[D: Described](shape: type[D], content: object) -> list[D]:
    try:
        return [shape.model_validate(content)]
    except ValidationError:
        return []


def _keep_texts(content: object) -> object:
    if not isinstance(content, dict):
        return {}
    return {key: text for key, text in content.items() if isinstance(text, str)}


def _list_texts(content: object) -> object:
    """The texts of a list; one text counts as a list of it."""
    if isinstance(content, str):
        return [content]
    return [text for text in content if isinstance(text, str)] if isinstance(content, list) else []


def _object_or_nothing(content: object) -> object:
    return content if isinstance(content, dict) else {}


def _count(content: object) -> object:
    return content if isinstance(content, int) and not isinstance(content, bool) else 0


Texts = Annotated[list[str], BeforeValidator(_list_texts)]


class PublishedFile(Described):
    """A file of a version."""

    name: str
    id: int | None = None
    type: str = ""
    size_kb: float | None = Field(None, alias="sizeKB")
    primary: bool = False
    hashes: Annotated[dict[str, str], BeforeValidator(_keep_texts)] = {}
    download_url: str | None = Field(None, alias="downloadUrl")

    @property
    def sha256(self) -> str | None:
        """In small letters."""
        return self.hashes.get("SHA256", "").lower() or None

    @property
    def size(self) -> int | None:
        """In bytes; CivitAI rounds."""
        return round(self.size_kb * 1024) if self.size_kb is not None else None

    @property
    def is_model(self) -> bool:
        """Whether its name is that of a model file."""
        return PurePosixPath(self.name.lower()).suffix in EXTENSIONS


class PublishedPicture(Described):
    """An example picture of a version; some are videos."""

    url: str
    type: str = "image"
    level: int | None = Field(None, alias="nsfwLevel")
    nsfw: str | bool = ""

    @property
    def is_safe(self) -> bool:
        """Whether anybody may see it."""
        if self.level is not None:
            return 0 < self.level <= MOST_SAFE_LEVEL
        return str(self.nsfw).lower() in _SAFE_WORDS


class PublishedName(Described):
    """What a version tells of its model."""

    name: str = ""
    type: str = ""
    nsfw: bool = False

    @property
    def our_type(self) -> ModelType | None:
        """The model type; None for what is none here."""
        return TYPES.get(self.type.lower())


class PublishedVersion(Described):
    """A version of a model."""

    id: int
    model_id: int | None = Field(None, alias="modelId")
    name: str = ""
    base_model: str | None = Field(None, alias="baseModel")
    trained_words: Texts = Field([], alias="trainedWords")
    published_at: str = Field("", alias="publishedAt")
    files: Annotated[list[PublishedFile], _drop_odd(PublishedFile)] = []
    images: Annotated[list[PublishedPicture], _drop_odd(PublishedPicture)] = []
    download_url: str | None = Field(None, alias="downloadUrl")
    model: PublishedName | None = None
    status: str = ""
    availability: str = ""
    raw: dict[str, object] = Field({}, description="All that CivitAI told")

    @model_validator(mode="before")
    @classmethod
    def _keep_raw(cls, content: object) -> object:
        return {**content, "raw": content} if isinstance(content, dict) else content

    @property
    def main_file(self) -> PublishedFile | None:
        """A model before all else, one that can be downloaded before one that can't."""
        return max(self.files, key=self._rank, default=None)

    @property
    def has_model(self) -> bool:
        """Whether there is a model file that can be downloaded."""
        file = self.main_file
        return file is not None and file.is_model and self.find_address(file) is not None

    @property
    def is_early(self) -> bool:
        """Whether it costs something for now."""
        return self.availability.lower() == "earlyaccess"

    def _rank(self, file: PublishedFile) -> tuple[bool, bool, bool, bool]:
        can_be_had = self.find_address(file) is not None
        return file.is_model, can_be_had, file.primary, file.type.lower() in ("model", "pruned model")

    def find_address(self, file: PublishedFile | None) -> str | None:
        """Where a file of this version is downloaded; None if there is none, or it has no address."""
        return ((file.download_url or self.download_url) if file else None) or None

    def find_picture(self, nsfw: bool = False) -> str | None:
        """The address of its first example picture that is no video; without `nsfw`, of one for everybody."""
        pictures = (one for one in self.images if one.type == "image" and (nsfw or one.is_safe))
        return next((one.url for one in pictures), None)

    def describe(self) -> str:
        """Name, and why it may have no files."""
        reasons = ["early access"] if self.is_early else []
        reasons += ["a draft"] if self.status.lower() == "draft" else []
        return f"version {self.id} ({', '.join([*filter(None, [self.name]), *reasons]) or 'no name'})"


class Creator(Described):
    """Who published a model."""

    username: str = ""


class Stats(Described):
    """How often a model was taken and liked."""

    downloads: Annotated[int, BeforeValidator(_count)] = Field(0, alias="downloadCount")
    likes: Annotated[int, BeforeValidator(_count)] = Field(0, alias="thumbsUpCount")


class PublishedModel(PublishedName):
    """A model with its versions, the newest first."""

    id: int = 0
    creator: Annotated[Creator, BeforeValidator(_object_or_nothing)] = Creator()
    stats: Annotated[Stats, BeforeValidator(_object_or_nothing)] = Stats()
    tags: Texts = []
    commercial_use: Texts = Field([], alias="allowCommercialUse")
    no_credit: bool | None = Field(None, alias="allowNoCredit")
    derivatives: bool | None = Field(None, alias="allowDerivatives")
    versions: Annotated[list[PublishedVersion], _drop_odd(PublishedVersion)] = Field(
        [], alias="modelVersions"
    )

    def find_newest(self) -> PublishedVersion | None:
        """The newest version with something to download, a model before other files.

        What is in early access, or a draft, is listed first and has no files yet, or none with an address.
        """
        with_model = (one for one in self.versions if one.has_model)
        with_file = (one for one in self.versions if one.find_address(one.main_file) is not None)
        return next(with_model, None) or next(with_file, None)

    def describe_license(self) -> str | None:
        """What may be done with it, in a sentence; None where CivitAI does not tell."""
        if self.no_credit is None and self.derivatives is None and not self.commercial_use:
            return None
        uses = [one for text in self.commercial_use for one in text.strip("{}").split(",") if one]
        allowed = ", ".join(one for one in uses if one != "None")
        terms = [f"commercial use: {allowed or 'none'}"]
        if self.no_credit is False:
            terms.append("credit required")
        if self.derivatives is False:
            terms.append("no derivatives")
        return "; ".join(terms)


class ListMetadata(Described):
    """What comes with a page of a list (https://developer.civitai.com/site/guide/pagination)."""

    next_cursor: str | int | None = Field(None, alias="nextCursor")


class ModelPage(Described):
    """A page of GET /models."""

    items: Annotated[list[PublishedModel], _drop_odd(PublishedModel)]
    metadata: Annotated[ListMetadata, BeforeValidator(_object_or_nothing)] = ListMetadata()
