"""Compares the files of a set with what their sites publish, and writes down what the set lacks."""

from dataclasses import dataclass
from typing import Protocol

import tomlkit
from tomlkit.items import AoT, Table

from ..downloads.several_files import request_of
from ..downloads.sources.source import Origin
from ..errors import SdcppError
from ..schemas.downloads import DownloadRequest
from ..schemas.model_sets import SetFile
from .reading import parse_set


@dataclass(frozen=True)
class SetFinding:
    """What was found of a file. `is_wrong`: the set states something else, or the site does not have it."""

    sentence: str
    is_wrong: bool


@dataclass(frozen=True)
class CheckedSet:
    """What was found of a set, and its file with what the sites publish; comments are kept."""

    findings: list[SetFinding]
    text: str


class AskedSources(Protocol):
    """Where files are asked for: downloads.sources.registry.Sources."""

    async def check(self, request: DownloadRequest) -> tuple[DownloadRequest, list[str]]:
        """See Sources."""
        ...

    async def find_origin(self, request: DownloadRequest) -> Origin:
        """See Sources."""
        ...


class SetCheck:
    """Asks the sources of files, one after the other."""

    def __init__(self, sources: AskedSources) -> None:
        self._sources = sources

    async def check(self, text: str) -> CheckedSet:
        """Findings of the set that a file describes. Raises BadRequest for a text that is no set."""
        parse_set(text)
        document = tomlkit.parse(text)
        findings: list[SetFinding] = []
        for table in _list_tables(document):
            file = SetFile.model_validate(table.unwrap())
            try:
                request, _ = await self._sources.check(request_of(file))
                origin = await self._sources.find_origin(request)
            except SdcppError as error:
                findings.append(SetFinding(f"{file.save_as}: {error}", is_wrong=True))
                continue
            findings += _compare(file, origin)
            _put(table, origin)
        return CheckedSet(findings, tomlkit.dumps(document))


def _list_tables(document: tomlkit.TOMLDocument) -> list[Table]:
    variants = [variant.get("files") for variant in document.get("variants", [])]
    lists = [one for one in (document.get("files"), *variants) if isinstance(one, AoT)]
    return [table for tables in lists for table in tables.body]


def _compare(file: SetFile, origin: Origin) -> list[SetFinding]:
    found = []
    published_hash = origin.sha256.lower() if origin.sha256 else None
    for name, stated, published in (
        ("size", file.size, origin.size),
        ("sha256", file.sha256, published_hash),
    ):
        if published is None or stated == published:
            continue
        if stated is None:
            found.append(SetFinding(f"{file.save_as}: {name} is {published}, not stated", is_wrong=False))
        else:
            sentence = f"{file.save_as}: {name} is {published}, the set states {stated}"
            found.append(SetFinding(sentence, is_wrong=True))
    return found


def _put(table: Table, origin: Origin) -> None:
    if origin.size is not None:
        table["size"] = origin.size
        table.pop("about", None)
    if origin.sha256 is not None:
        table["sha256"] = origin.sha256.lower()
