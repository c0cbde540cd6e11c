"""Names under which models are stored: always inside their folder, always listed, valid on every system."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ..errors import BadRequest
from ..schemas.addresses import hide_secrets
from ..schemas.downloads import DownloadRequest
from ..schemas.model_types import EXTENSIONS
from .failures import host_of

if TYPE_CHECKING:
    import httpx  # slow to import, and few servers download

# File systems allow 255 bytes; .part must fit too.
LONGEST = 240
type _Extended = tuple[str | None, str | None, str]
"""A value of `filename*`: its charset, its language, and its bytes as characters."""
_UNFIT = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff<>:"|?*\\]')
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10))}


def parse_folder(field: str, text: str) -> PurePosixPath:
    """A folder below another one. Raises BadRequest naming `field`."""
    problem = _find_problem(text)
    if problem:
        raise BadRequest(f"{field}: {_shorten(text)} is not allowed: {problem}")
    return PurePosixPath(text)


def parse_model_name(field: str, text: str) -> PurePosixPath:
    """A model file, also in folders below. Raises BadRequest naming `field`."""
    name = parse_folder(field, text)
    if name.suffix.lower() not in EXTENSIONS:
        raise BadRequest(
            f"{field}: {_shorten(text)} is not the name of a model; it must end with {', '.join(EXTENSIONS)}"
        )
    return name


def parse_published_name(host: str, text: str) -> PurePosixPath:
    """A model file as another server calls it; characters that not every system allows are replaced."""
    text = text.strip()
    fit = text if _ABSOLUTE.match(text) else re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", text)
    return parse_model_name(f"The name that {host} gives", fit)


def requested_path(request: DownloadRequest) -> PurePosixPath | None:
    """Where a request wants its file, below the folder of the model type; None if it does not name one."""
    return join_subfolder(request, PurePosixPath(request.filename)) if request.filename else None


def join_subfolder(request: DownloadRequest, name: PurePosixPath) -> PurePosixPath:
    """A file name in the subfolder that the request asks for."""
    return PurePosixPath(request.subfolder.rstrip("/"), name) if request.subfolder else name


def derive_path(request: DownloadRequest, response: httpx.Response) -> PurePosixPath:
    """Where to put a file that only its response names. Raises BadRequest when that is not a model's name."""
    name = parse_published_name(host_of(response.request.url), _read_file_name(response))
    return join_subfolder(request, name)


def _read_file_name(response: httpx.Response) -> str:
    """Content-Disposition, else the last part of the address.

    Redirects count where the end of them says nothing: storages call a file by its hash.
    """
    hops = [response, *reversed(response.history)]
    published = filter(None, map(_read_disposition, hops))
    paths = [_last_part(hop.request.url) for hop in hops]
    models = (path for path in paths if PurePosixPath(path.lower()).suffix in EXTENSIONS)
    return next(published, None) or next(models, paths[0])


def _read_disposition(response: httpx.Response) -> str | None:
    """The name in Content-Disposition: `filename*`, which holds every character, before `filename`.

    A `filename*` that can't be decoded is ignored (RFC 8187, 3.2.1 and 4.3).
    """
    message = Message()
    message["Content-Disposition"] = response.headers.get("content-disposition", "")
    params: Sequence[tuple[str, str | _Extended]] = message.get_params([], "content-disposition")
    named = [value for key, value in params if key.lower() == "filename"]
    extended = [_decode(value) for value in named if not isinstance(value, str)]
    plain = [value for value in named if isinstance(value, str)]
    return next((name for name in (*extended, *plain) if name.strip()), None)


def _decode(value: _Extended) -> str:
    """What `filename*` says; empty if its bytes mean nothing."""
    charset, _, text = value
    try:
        return text.encode("latin-1").decode(charset or "ascii")
    except (LookupError, ValueError):
        return ""


def _last_part(url: httpx.URL) -> str:
    return unquote(url.raw_path.decode("ascii").partition("?")[0].rpartition("/")[2])


def _find_problem(text: str) -> str | None:
    if _ABSOLUTE.match(text):
        return "it must be relative"
    parts = text.split("/")
    if ".." in parts or ".." in text.split("\\"):
        return "it leads out of the folder"
    if _UNFIT.search(text):
        return "it holds characters that not every system allows in names"
    return next((problem for part in parts if (problem := _find_problem_of_part(part))), None)


def _find_problem_of_part(part: str) -> str | None:
    if not part or part == ".":
        return "a part of it is empty"
    if part.startswith("."):
        return "hidden files are not listed"
    if part != part.strip() or part.endswith("."):
        return "a name may not begin or end with a space, nor end with a dot"
    if part.partition(".")[0].lower() in _RESERVED:
        return f"{part.partition('.')[0]} is a name that some systems reserve"
    if len(part.encode()) > LONGEST:
        return f"a name may have {LONGEST} bytes"
    return None


def _shorten(text: str) -> str:
    text = hide_secrets(text)
    return repr(text if len(text) <= 100 else text[:100] + "...")
