"""From a pasted link to what can be downloaded there, and what it would be good for here."""

import asyncio
from collections.abc import Iterable
from pathlib import PurePosixPath

from ...models.file_check import find_part
from ...models.model_uses import ModelUses
from ...schemas.addresses import hide_secrets
from ...schemas.inspection import ModelFacts
from ...schemas.model_links import FoundFile, OfferedFile, ResolvedLink
from ...schemas.model_types import MAIN_TYPES, ModelType
from ..failures import UpstreamFailed, UpstreamMissing, telling_busy
from ..http_client import HttpClient
from ..sources.lookup import OfferedAddress
from ..sources.registry import Sources
from .file_types import find_type
from .preview_proxy import PreviewProxy
from .remote_header import RemoteFacts, read_remote_facts

# Files of one link whose headers are read, and so many at once.
MOST_HEADERS = 8
AT_ONCE = 4


class LinkResolver:
    """Tells what links lead to. Nothing is stored."""

    def __init__(
        self,
        *,
        client: HttpClient,
        sources: Sources,
        uses: ModelUses,
        previews: PreviewProxy,
    ) -> None:
        self._client = client
        self._sources = sources
        self._uses = uses
        self._previews = previews
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def resolve(self, text: str) -> ResolvedLink:
        """What a link leads to.

        Raises BadRequest for what is no link, UpstreamBusy, UpstreamFailed, UpstreamMissing.
        """
        with telling_busy():
            offer = await self._sources.match(text)()
            read = await asyncio.gather(*(self._read(one) for one in offer.files[:MOST_HEADERS]))
            if offer.source == "url" and isinstance(read[0], UpstreamFailed | UpstreamMissing):
                raise read[0]  # there is nothing else to tell
        unread = offer.files[MOST_HEADERS:]
        files = [await self._describe(one, facts) for one, facts in zip(offer.files, read, strict=False)]
        files += [await self._describe(one, None) for one in unread]
        warnings = [*offer.warnings, *_warn_of(files)]
        if unread:
            warnings.append(
                f"the headers of the first {MOST_HEADERS} files were read;"
                " for another one give the link of the file"
            )
        return ResolvedLink(
            link=hide_secrets(text.strip()),
            source=offer.source,
            title=offer.title,
            **dict(offer.details),
            base_model=offer.base_model,
            trigger_words=list(offer.trigger_words) or _find_words(read),
            license=offer.license,
            gated=offer.gated,
            nsfw=offer.nsfw,
            preview=self._previews.address_of(offer.picture),
            files=files,
            versions=list(offer.versions),
            warnings=warnings or None,
        )

    async def _read(self, file: OfferedAddress) -> RemoteFacts | UpstreamFailed | UpstreamMissing:
        async with self._turns:
            try:
                return await read_remote_facts(self._client, file.url, PurePosixPath(file.name).suffix)
            except (UpstreamFailed, UpstreamMissing) as error:
                return error

    async def _describe(
        self, file: OfferedAddress, read: RemoteFacts | UpstreamFailed | UpstreamMissing | None
    ) -> OfferedFile:
        facts = read.facts if isinstance(read, RemoteFacts) else ModelFacts()
        size = (read.size if isinstance(read, RemoteFacts) else None) or file.size
        # The header goes first: what a site calls a checkpoint may be a mere diffusion model.
        kind = find_type(facts) or file.source_type
        needs = await self._uses.list_missing(file.name, facts) if kind in MAIN_TYPES else []
        return OfferedFile(
            name=file.name,
            size_bytes=size,
            sha256=file.sha256,
            primary=file.primary,
            header_read=isinstance(read, RemoteFacts),
            type=kind,
            format=read.format if isinstance(read, RemoteFacts) else None,
            architecture=facts.architecture,
            quantization=facts.quantization,
            parameters=facts.parameters,
            contains=facts.contains,
            problem=_find_problem(file.name, read),
            needs=needs,
            goes_with=await self._list_models_for(facts),
            on_disk=await self._uses.find_copy(file.name, size, file.sha256),
            download=_make_body(kind, file),
        )

    async def _list_models_for(self, facts: ModelFacts) -> list[FoundFile]:
        return await self._uses.list_models_for(facts) if facts.contains else []


def _find_problem(name: str, read: RemoteFacts | UpstreamFailed | UpstreamMissing | None) -> str | None:
    if isinstance(read, UpstreamFailed | UpstreamMissing):
        return f"its header can't be read: {read}"
    if isinstance(read, RemoteFacts) and (problem := read.facts.problem or read.facts.unsupported):
        return problem
    part = find_part(PurePosixPath(name).name)
    return f"part {part[0]} of {part[1]}: join them or use one file" if part else None


def _make_body(kind: ModelType | None, file: OfferedAddress) -> dict[str, str] | None:
    if file.download is None:
        return None
    return {**({"model_type": kind} if kind else {}), **file.download}


def _find_words(read: Iterable[object]) -> list[str]:
    """Trigger words out of the first header that has any."""
    words = (one.facts.trigger_words for one in read if isinstance(one, RemoteFacts))
    return next(filter(None, words), [])


def _warn_of(files: list[OfferedFile]) -> Iterable[str]:
    for file in files:
        if file.format == "pickle":
            yield (
                f"{file.name} is a pickle: a program that makes the model, of which nothing is read here;"
                " take safetensors or GGUF where there is such a file"
            )
        if file.type is None:
            yield f"what {file.name} is can't be told; name its model_type in the download"
