"""What a Hugging Face hub tells besides downloads."""

from functools import partial
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import urlsplit

from ...config import Downloads
from ...schemas.model_search import SearchQuery
from ...schemas.model_types import EXTENSIONS, ModelType
from ..failures import UpstreamMissing
from .huggingface import HuggingFace
from .huggingface_links import HubLink, read_hub_link
from .huggingface_search import search_hub
from .huggingface_shapes import Repository, RepositoryFile
from .links import PastedLink
from .lookup import FoundPage, MakeOffer, Offer, OfferedAddress

# Repositories hold thousands of files now and then.
MOST_FILES = 200


class HuggingFaceLookup:
    """See SourceLookup."""

    link_forms: ClassVar[tuple[str, ...]] = ("hf:ORG/NAME[/FILE]",)

    def __init__(self, hub: HuggingFace, settings: Downloads) -> None:
        self._hub = hub
        self._own_place = urlsplit(settings.huggingface_url).netloc

    def match(self, link: PastedLink) -> MakeOffer | None:
        """See SourceLookup."""
        found = read_hub_link(link, self._own_place)
        return partial(offer_hub, self._hub, found) if found else None

    async def search(self, query: SearchQuery) -> FoundPage:
        """See SourceLookup."""
        return await search_hub(self._hub, query)


async def offer_hub(hub: HuggingFace, link: HubLink) -> Offer:
    """The file that a link names, or the model files of a folder or repository.

    Raises UpstreamFailed, UpstreamMissing.
    """
    found = await hub.fetch_repository(link.repo_id, link.revision)
    files = [file for file in found.files if _is_wanted(file, link)]
    if not files:
        where = f" in {link.path}" if link.path else ""
        raise UpstreamMissing(f"{link.repo_id} has no model file{where} (revision {link.revision})")
    files.sort(key=lambda file: (file.name.count("/"), file.name))
    dropped = len(files) - MOST_FILES
    return Offer(
        source="huggingface",
        files=[_make_address(hub, found, file, link) for file in files[:MOST_FILES]],
        title=link.repo_id,
        details={"repo_id": link.repo_id, "revision": link.revision},
        base_model=found.base_model,
        trigger_words=tuple(found.card.instance_prompt),
        license=found.license,
        gated=found.gated is not False,
        nsfw=found.is_nsfw,
        warnings=(f"{dropped} more files are not listed; give the link of a folder",) if dropped > 0 else (),
    )


def _is_wanted(file: RepositoryFile, link: HubLink) -> bool:
    if link.is_file:
        return file.name == link.path
    below = not link.path or file.name.startswith(f"{link.path}/")
    return below and PurePosixPath(file.name.lower()).suffix in EXTENSIONS


def _make_address(hub: HuggingFace, found: Repository, file: RepositoryFile, link: HubLink) -> OfferedAddress:
    fields = {"source": "huggingface", "repo_id": link.repo_id, "filename": file.name}
    return OfferedAddress(
        name=file.name,
        url=hub.address_of(link.repo_id, file.name, link.revision),
        download=fields | ({"revision": link.revision} if link.revision != "main" else {}),
        size=file.lfs.size if file.lfs.size is not None else file.size,
        sha256=file.lfs.sha256,
        source_type=_guess_type(found),
    )


def _guess_type(found: Repository) -> ModelType | None:
    """What the tags of a repository say of its files."""
    for tag, kind in _TYPES_BY_TAG.items():
        if tag in found.tags:
            return kind
    return None


# https://huggingface.co/docs/hub/model-cards; the order counts: LoRAs are tagged as diffusers too.
_TYPES_BY_TAG: dict[str, ModelType] = {
    "lora": "lora",
    "textual_inversion": "embedding",
    "controlnet": "controlnet",
}
