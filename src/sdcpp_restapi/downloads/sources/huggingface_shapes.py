"""What a Hugging Face hub answers (https://huggingface.co/docs/hub/api), as far as it is used."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, RootModel

from .civitai_shapes import Described, Texts

# The tag of repositories that are not for everybody (https://huggingface.co/docs/hub/en/model-cards).
NSFW_TAG = "not-for-all-audiences"
_BASE_MODEL = "base_model:"
_LICENSE = "license:"


def _list_files(content: object) -> object:
    return [one for one in content if isinstance(one, dict) and "rfilename" in one] if isinstance(
        content, list
    ) else []  # fmt: skip


def _object_or_nothing(content: object) -> object:
    return content if isinstance(content, dict) else {}


class LfsFile(Described):
    """A file in large file storage."""

    sha256: str | None = None
    size: int | None = None


class RepositoryFile(Described):
    """A file of a repository."""

    name: str = Field(alias="rfilename")
    size: int | None = None
    lfs: LfsFile = LfsFile()


class ModelCard(Described):
    """The head of a repository's README."""

    license: Texts = []
    base_model: Texts = []
    instance_prompt: Texts = []


class Repository(Described):
    """A repository, with its files where they were asked for."""

    id: str
    author: str = ""
    gated: bool | Literal["auto", "manual"] = False
    downloads: int = 0
    likes: int = 0
    last_modified: str = Field("", alias="lastModified")
    tags: Texts = []
    card: Annotated[ModelCard, BeforeValidator(_object_or_nothing)] = Field(ModelCard(), alias="cardData")
    files: Annotated[list[RepositoryFile], BeforeValidator(_list_files)] = Field([], alias="siblings")
    sha: str | None = None

    @property
    def is_nsfw(self) -> bool:
        """Whether it is marked as not for everybody."""
        return NSFW_TAG in self.tags

    @property
    def base_model(self) -> str | None:
        """The repository of the model that this one was made from."""
        # Some tags name what was done with it first: base_model:adapter:org/name.
        named = (tag.rpartition(":")[2] for tag in self.tags if tag.startswith(_BASE_MODEL))
        return next(iter(self.card.base_model), None) or next(named, None)

    @property
    def license(self) -> str | None:
        """Its licence, by the word that the hub uses."""
        tagged = (tag.removeprefix(_LICENSE) for tag in self.tags if tag.startswith(_LICENSE))
        return next(iter(self.card.license), None) or next(tagged, None)


class RepositoryList(RootModel[list[Repository]]):
    """A page of GET /api/models."""
