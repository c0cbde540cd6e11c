"""All sources of models: a new one is a file beside this one and a row in SOURCES."""

from typing import TYPE_CHECKING

from ...config import Downloads
from ...errors import BadRequest
from ...schemas.downloads import DownloadRequest, SourceName
from ..file_names import parse_folder, parse_model_name
from ..http_client import HttpClient, Token
from .civitai import Civitai
from .civitai_lookup import CivitaiLookup
from .huggingface import HuggingFace
from .huggingface_lookup import HuggingFaceLookup
from .links import parse_link
from .lookup import MakeOffer, SourceLookup
from .source import Origin, Source
from .updates import ModelUpdates
from .url import DirectUrl
from .url_lookup import UrlLookup

if TYPE_CHECKING:
    from ...models.catalog import Catalog  # the command line imports this module

# In the order in which error messages list them.
SOURCES: tuple[type[Source], ...] = (Civitai, HuggingFace, DirectUrl)


def create_tokens(settings: Downloads) -> list[Token]:
    """The tokens of all sources that know any."""
    tokens = (source.create_token(settings) for source in SOURCES)
    return [token for token in tokens if token is not None]


def parse_argument(text: str) -> dict[str, str] | None:
    """The request fields for an argument of `sdcpp models download`; None if no source takes it."""
    parse_url = (source.parse_argument(text) for source in SOURCES)
    return next((fields for fields in parse_url if fields is not None), None)


def list_argument_forms() -> str:
    """What parse_argument takes, as a part of a sentence."""
    *others, last = ("an address", *(form for source in SOURCES for form in source.argument_forms))
    return f"{', '.join(others)}, or {last}"


class Sources:
    """One instance of each source; finds the one that a request means."""

    def __init__(self, client: HttpClient, settings: Downloads) -> None:
        self._by_name = {source.name: source(client, settings) for source in SOURCES}
        # In the order in which they are asked for a link: the last one takes every address.
        self._lookups: dict[str, SourceLookup] = {
            Civitai.name: CivitaiLookup(self.get(Civitai), settings),
            HuggingFace.name: HuggingFaceLookup(self.get(HuggingFace), settings),
            DirectUrl.name: UrlLookup(client),
        }

    def get[S: Source](self, kind: type[S]) -> S:
        """The instance of this class."""
        source = self._by_name[kind.name]
        assert isinstance(source, kind)
        return source

    def lookup(self, name: SourceName) -> SourceLookup:
        """What can be asked of a source besides downloads."""
        return self._lookups[name]

    def match(self, text: str) -> MakeOffer:
        """What asks the source that a pasted link means. Raises BadRequest for what is no link to a model."""
        link = parse_link(text)
        offers = (lookup.match(link) for lookup in self._lookups.values())
        found = next((offer for offer in offers if offer is not None), None)
        if found is None:
            forms = (form for lookup in self._lookups.values() for form in lookup.link_forms)
            raise link.refuse(f"give the address of a model or a file, {', '.join(forms)}")
        return found

    def create_updates(self, catalog: "Catalog") -> ModelUpdates:
        """What tells newer versions of the models here."""
        return ModelUpdates(site=self.get(Civitai), catalog=catalog)

    async def check(self, request: DownloadRequest) -> tuple[DownloadRequest, list[str]]:
        """The request with its source and without the fields of others, and warnings about those.

        Raises BadRequest naming fields.
        """
        source = self._by_name[request.source] if request.source else self._detect(request)
        for field in source.required_fields:
            if not getattr(request, field):
                raise BadRequest(f"{field} is required for source {source.name}")
        others = {other.required_fields[0] for other in self._by_name.values()} - set(source.required_fields)
        ignored = sorted(field for field in others if getattr(request, field))
        request = request.model_copy(update={"source": source.name, **dict.fromkeys(ignored)})
        if request.subfolder:
            parse_folder("subfolder", request.subfolder.rstrip("/"))
        if request.filename:
            parse_model_name("filename", request.filename)
        await source.check(request)
        return request, [f"{field} has no effect with source {source.name}" for field in ignored]

    async def find_origin(self, request: DownloadRequest) -> Origin:
        """Ask the source of a checked request for its file; raises what Source.find_origin raises."""
        assert request.source is not None
        return await self._by_name[request.source].find_origin(request)

    def _detect(self, request: DownloadRequest) -> Source:
        sources = list(self._by_name.values())
        found = [source for source in sources if getattr(request, source.required_fields[0])]
        if not found:
            *others, last = (source.usage for source in sources)
            raise BadRequest(f"One of {', '.join(others)} or {last} is required")
        if len(found) > 1:
            given = " and ".join(source.required_fields[0] for source in found)
            raise BadRequest(f"{given} contradict each other; say which is meant with source")
        return found[0]
