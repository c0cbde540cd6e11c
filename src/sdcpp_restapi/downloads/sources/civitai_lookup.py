"""What CivitAI tells besides downloads."""

from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from ...config import Downloads
from ...errors import BadRequest
from ...schemas.model_links import OfferedVersion
from ...schemas.model_search import SearchQuery
from ..failures import UpstreamMissing
from .civitai import Civitai
from .civitai_links import CivitaiLink, read_civitai_link
from .civitai_search import search_civitai
from .civitai_shapes import PublishedFile, PublishedModel, PublishedVersion
from .links import PastedLink
from .lookup import FoundPage, MakeOffer, Offer, OfferedAddress

MOST_VERSIONS = 50


class CivitaiLookup:
    """See SourceLookup."""

    link_forms: ClassVar[tuple[str, ...]] = ("civitai:ID[:VERSION]", "urn:air:...:civitai:ID@VERSION")

    def __init__(self, site: Civitai, settings: Downloads) -> None:
        self._site = site
        self._own_place = urlsplit(settings.civitai_url).netloc

    def match(self, link: PastedLink) -> MakeOffer | None:
        """See SourceLookup."""
        found = read_civitai_link(link, self._own_place)
        return partial(offer_civitai, self._site, found) if found else None

    async def search(self, query: SearchQuery) -> FoundPage:
        """See SourceLookup."""
        return await search_civitai(self._site, query)


async def offer_civitai(site: Civitai, link: CivitaiLink) -> Offer:
    """The files of a version: the one that the link names, or else the newest that has a model.

    Raises UpstreamFailed, UpstreamMissing.
    """
    model, version = await _find(site, link)
    files = [one for one in version.files if one.is_model and version.find_address(one)]
    main = next((one for one in files if link.file and str(one.id) == link.file), version.main_file)
    others = [one.name for one in version.files if not one.is_model]
    if link.file and (main is None or str(main.id) != link.file):
        raise UpstreamMissing(f"{version.describe()} has no file {link.file} to download")
    warnings = [f"{version.describe()} has no model file to download"] if not files else []
    warnings += [f"not listed, since they are no models: {', '.join(others)}"] if others else []
    if model.our_type is None and model.type:
        warnings.append(f"CivitAI calls it a {model.type}, which is no type of models here")
    return Offer(
        source="civitai",
        files=[_make_address(model, version, file, file is main) for file in files],
        title=model.name or None,
        details={"model_id": str(model.id), "version_id": str(version.id), "version": version.name},
        base_model=version.base_model,
        trigger_words=tuple(version.trained_words),
        license=model.describe_license(),
        gated=version.is_early,
        nsfw=model.nsfw,
        picture=version.find_picture(),
        versions=tuple(
            OfferedVersion(id=str(one.id), name=one.name, base_model=one.base_model)
            for one in model.versions[:MOST_VERSIONS]
        ),
        warnings=tuple(warnings),
    )


async def _find(site: Civitai, link: CivitaiLink) -> tuple[PublishedModel, PublishedVersion]:
    if link.model is None:
        assert link.version is not None
        found = await site.fetch_version(link.version)
        if found.model_id is None:
            raise UpstreamMissing(f"CivitAI does not tell to which model version {link.version} belongs")
        model = await site.fetch_model(str(found.model_id))
        return model, found
    model = await site.fetch_model(link.model)
    if link.version is None:
        newest = model.find_newest() or next(iter(model.versions), None)
        if newest is None:
            raise UpstreamMissing(f"CivitAI has no version of model {link.model}")
        return model, newest
    listed = next((one for one in model.versions if str(one.id) == link.version), None)
    if listed is None:
        names = ", ".join(str(one.id) for one in model.versions[:MOST_VERSIONS])
        raise BadRequest(f"link: model {link.model} has no version {link.version}; it has {names}", "link")
    return model, listed


def _make_address(
    model: PublishedModel, version: PublishedVersion, file: PublishedFile, primary: bool
) -> OfferedAddress:
    url = version.find_address(file)
    assert url is not None
    return OfferedAddress(
        name=file.name,
        url=url,
        download={"source": "civitai", "model_id": f"{model.id}:{version.id}", "filename": file.name},
        size=file.size,
        sha256=file.sha256,
        primary=primary,
        # A version may hold a VAE beside its model.
        source_type="vae" if file.type.lower() == "vae" else model.our_type,
    )
