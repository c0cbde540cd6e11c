"""Reads the files of sets: TOML, one set in each."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from ..downloads.file_names import parse_folder, parse_model_name
from ..downloads.sources.registry import SOURCES
from ..errors import BadRequest
from ..schemas.model_sets import ModelSet, SetFile


def parse_set(text: str) -> ModelSet:
    """The set that a file describes. Raises BadRequest with all that is wrong."""
    try:
        found = ModelSet.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"this is not TOML: {error}") from None
    except ValidationError as error:
        raise BadRequest("; ".join(_describe(dict(one)) for one in error.errors())) from None
    for variant in found.variants:
        for file in found.files_of(variant):
            # Names are used as they are: none may lead out of its folder.
            parse_model_name("save_as", file.save_as)
            if file.filename is not None:
                parse_folder("filename", file.filename)
            _check_source(file)
    return found


def read_set(path: Path) -> ModelSet:
    """The set of a file. Raises BadRequest naming the file."""
    try:
        return parse_set(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, BadRequest) as error:
        raise BadRequest(f"{path.name} is no set: {error}") from None


def _check_source(file: SetFile) -> None:
    """Raises BadRequest unless the fields of exactly one source are there."""
    by_fields = [one for one in SOURCES if getattr(file, one.required_fields[0])]
    meant = [one for one in SOURCES if one.name == file.source] if file.source else by_fields
    if len(meant) != 1:
        fields = ", ".join(one.required_fields[0] for one in SOURCES)
        raise BadRequest(f"{file.save_as}: exactly one of {fields} must be given")
    absent = [name for name in meant[0].required_fields if not getattr(file, name)]
    if absent:
        raise BadRequest(f"{file.save_as}: {' and '.join(absent)} must be given for source {meant[0].name}")


def _describe(error: dict[str, object]) -> str:
    loc = error["loc"]
    place = ".".join(str(part) for part in loc) if isinstance(loc, tuple) else ""
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
