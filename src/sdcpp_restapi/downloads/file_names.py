"""Names under which models are stored: always inside their folder, always listed, valid on every system."""

import re
from email.message import Message
from pathlib import PurePosixPath
from urllib.parse import unquote

import httpx

from ..errors import BadRequest
from ..schemas.model_types import EXTENSIONS

# File systems allow 255 bytes; .part must fit too.
LONGEST = 240
_UNFIT = re.compile(r'[\x00-\x1f\x7f\ud800-\udfff<>:"|?*\\]')
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{device}{n}" for device in ("com", "lpt") for n in range(1, 10))}


def folder_name(field: str, text: str) -> PurePosixPath:
    """A folder below another one. Raises BadRequest naming `field`."""
    problem = _problem(text)
    if problem:
        raise BadRequest(f"{field}: {_shown(text)} is not allowed: {problem}")
    return PurePosixPath(text)


def model_name(field: str, text: str) -> PurePosixPath:
    """A model file, also in folders below. Raises BadRequest naming `field`."""
    name = folder_name(field, text)
    if name.suffix.lower() not in EXTENSIONS:
        raise BadRequest(
            f"{field}: {_shown(text)} is not the name of a model; it must end with {', '.join(EXTENSIONS)}"
        )
    return name


def published_name(host: str, text: str) -> PurePosixPath:
    """A model file as another server calls it; characters that not every system allows are replaced."""
    text = text.strip()
    fit = text if _ABSOLUTE.match(text) else re.sub(r'[\x00-\x1f\x7f<>:"|?*]', "_", text)
    return model_name(f"The name that {host} gives", fit)


def name_in(response: httpx.Response) -> str:
    """How an answer calls its file: by Content-Disposition, else by the last part of its address."""
    disposition = Message()
    disposition["Content-Disposition"] = response.headers.get("content-disposition", "")
    named = disposition.get_filename()
    return named or unquote(
        response.request.url.raw_path.decode("ascii").partition("?")[0].rpartition("/")[2]
    )


def _problem(text: str) -> str | None:
    if _ABSOLUTE.match(text):
        return "it must be relative"
    parts = text.split("/")
    if ".." in parts or ".." in text.split("\\"):
        return "it leads out of the folder"
    if _UNFIT.search(text):
        return "it holds characters that not every system allows in names"
    return next((problem for part in parts if (problem := _problem_of_part(part))), None)


def _problem_of_part(part: str) -> str | None:
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


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:100] + "...")
