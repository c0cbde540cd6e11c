"""Which models have a newer version, and how often CivitAI is asked for that."""

from typing import cast

from sdcpp_restapi.downloads.failures import TransferInterrupted, UpstreamMissing
from sdcpp_restapi.downloads.sources.civitai import Civitai
from sdcpp_restapi.downloads.sources.civitai_shapes import PublishedModel, PublishedVersion
from sdcpp_restapi.downloads.sources.updates import KEPT_FOR, MOST_ASKED, ModelUpdates
from sdcpp_restapi.models.catalog import Catalog
from sdcpp_restapi.schemas.models import ModelEntry

FILE = {"name": "m.safetensors", "downloadUrl": "https://c/m"}


def version(number: int, published: str | None = None) -> dict[str, object]:
    return {"id": number, "modelId": 1, "name": f"v{number}", "files": [FILE], "publishedAt": published}


class Site:
    """CivitAI with one model; `hashes` say which version a file is."""

    def __init__(self, *versions: dict[str, object], hashes: dict[str, int]) -> None:
        self.model = {"id": 1, "name": "Model", "type": "LORA", "modelVersions": list(versions)}
        self.hashes = hashes
        self.asked: list[str] = []
        self.busy_after = 10_000

    async def find_by_hash(self, sha256: str) -> PublishedVersion:
        self.asked.append(sha256)
        if len(self.asked) > self.busy_after:
            raise TransferInterrupted("civitai.com is asked too often (429)", too_often=True)
        if sha256 not in self.hashes:
            raise UpstreamMissing
        known = PublishedModel.model_validate(self.model).versions
        return next(one for one in known if one.id == self.hashes[sha256])

    async def fetch_model(self, model: str) -> PublishedModel:
        return PublishedModel.model_validate(self.model)


class Disk:
    """A catalog of these LoRAs: name -> hash."""

    def __init__(self, **hashes: str | None) -> None:
        self.entries = [
            ModelEntry(name=name, type="lora", file_extension="", size_bytes=1, hash=sha256)
            for name, sha256 in hashes.items()
        ]

    async def list_entries(self) -> list[ModelEntry]:
        return self.entries


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def updates(site: Site, disk: Disk, clock: Clock | None = None) -> ModelUpdates:
    return ModelUpdates(site=cast(Civitai, site), catalog=cast(Catalog, disk), now=clock or Clock())


async def test_an_older_version_is_told_with_the_newest_one() -> None:
    site = Site(version(3), version(2), hashes={"aa": 2, "bb": 3})
    found = await updates(site, Disk(old="aa", new="bb", other="cc", raw=None)).list_updates()
    assert [(one.name, one.version, one.newest_version, one.link) for one in found.updates] == [
        ("old", "v2", "v3", "civitai:1:3")
    ]
    assert (found.current, found.unknown, found.remaining) == (1, 1, 0)
    assert [one.name for one in found.unhashed] == ["raw"]


async def test_a_version_that_its_author_put_first_is_not_newer_if_it_was_published_earlier() -> None:
    site = Site(version(2, "2024-01-01"), version(3, "2025-01-01"), hashes={"aa": 3})
    found = await updates(site, Disk(mine="aa")).list_updates()
    assert (found.updates, found.current) == ([], 1)


async def test_answers_count_for_a_day_also_that_there_is_no_such_file() -> None:
    site, clock = Site(version(3), version(2), hashes={"aa": 2}), Clock()
    asking = updates(site, Disk(old="aa", other="cc"), clock)
    first = await asking.list_updates()
    assert await asking.list_updates() == first
    assert site.asked == ["aa", "cc"]
    clock.now += KEPT_FOR
    assert await asking.list_updates() == first
    assert await asking.list_updates(refresh=True) == first
    assert site.asked == ["aa", "cc"] * 3


async def test_one_request_asks_for_some_models_only_and_the_next_one_goes_on() -> None:
    disk = Disk(**{f"m{number}": f"{number:064x}" for number in range(MOST_ASKED + 5)})
    site = Site(version(3), hashes={})
    asking = updates(site, disk)
    assert (await asking.list_updates()).remaining == 5
    assert (await asking.list_updates()).remaining == 0
    assert len(site.asked) == MOST_ASKED + 5


async def test_a_site_that_wants_a_pause_is_left_alone_and_what_is_known_is_told() -> None:
    site = Site(version(3), version(2), hashes={"aa": 2})
    site.busy_after = 1
    found = await updates(site, Disk(old="aa", b="bb", c="cc")).list_updates()
    assert [one.name for one in found.updates] == ["old"]
    assert (found.remaining, found.warnings) == (2, ["civitai.com is asked too often (429)"])
    assert site.asked == ["aa", "bb"]
