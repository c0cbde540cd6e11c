"""What a source of models is: a class in a file of its own, and one row of the registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import ClassVar, Protocol

from ...config import Downloads
from ...schemas.downloads import DownloadRequest
from ..http_client import HttpClient, Token


@dataclass(frozen=True, kw_only=True)
class PublishedNotes:
    """What a source tells of a file besides its bytes; it is kept beside the file (sidecar_files.py)."""

    document: Mapping[str, object]  # CivitAI's own, of the version
    trigger_words: tuple[str, ...] = ()
    base_model: str | None = None
    picture: str | None = None  # its address


@dataclass(frozen=True, kw_only=True)
class Origin:
    """One file to fetch."""

    url: str
    path: PurePosixPath | None = None  # below the model type's folder; None: the response names the file
    sha256: str | None = None
    size: int | None = None
    notes: PublishedNotes | None = None


class Source(Protocol):
    """A server, or a kind of servers, that models are downloaded from."""

    # The value of `source` in requests; schemas/downloads.py lists it for the API's description.
    name: ClassVar[str]
    # The request fields that it cannot do without; a request with the first one means this source.
    required_fields: ClassVar[tuple[str, ...]]
    # How an error message asks for these fields.
    usage: ClassVar[str]
    # What `sdcpp models download` takes for it besides an http(s) address, as an error message shows it.
    argument_forms: ClassVar[tuple[str, ...]]

    def __init__(self, client: HttpClient, settings: Downloads) -> None: ...

    @staticmethod
    def create_token(settings: Downloads) -> Token | None:
        """The token that the client sends to this source's server, which may have no secret yet; None for a
        source that knows no tokens."""
        ...

    @staticmethod
    def parse_argument(text: str) -> dict[str, str] | None:
        """The request fields that an argument of `sdcpp models download` stands for; None if it is of another
        source."""
        ...

    async def check(self, request: DownloadRequest) -> None:
        """Check what the request asks of this source, whose required fields are there.

        Raises BadRequest naming the field.
        """
        ...

    async def find_origin(self, request: DownloadRequest) -> Origin:
        """Ask the source which file a checked request means.

        Raises UpstreamFailed, UpstreamMissing, BadRequest; Interrupted where trying again may help.
        """
        ...
