"""Which journals are kept, and for how long."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sdcpp_restapi.engine.binding.measurements import JOURNAL_HEADER
from sdcpp_restapi.errors import BadRequest, EngineLost, JobFailed
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.jobs import Job, JobStatus, Progress
from sdcpp_restapi.slots.journals import MEGABYTE, Journals


def make_job(name: str, **fields: object) -> Job:
    params = Txt2ImgRequest.model_validate({"prompt": "a cat", **fields})
    return Job(
        id=name,
        type="txt2img",
        status=JobStatus.PROCESSING,
        attempt=1,
        params=params,
        created_at=datetime.now(UTC),
        progress=Progress.before(params),
    )


async def complete(journals: Journals, job: Job, size: int) -> str | None:
    """Why its journal is not kept."""
    async with journals.follow(job) as order:
        assert order is not None
        fill(order.path, size)
        return await journals.keep(job)


def fill(path: str | Path, size: int) -> None:
    Path(path).write_bytes(bytes(size))


def list_running(folder: Path) -> list[Path]:
    return list(folder.glob("*.journal"))


def list_kept(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "kept").glob("*")}


async def test_only_the_journal_of_a_job_that_asks_for_it_is_kept(tmp_path: Path) -> None:
    journals = Journals(tmp_path, 1, 1)
    await complete(journals, make_job("plain"), 1000)
    await complete(journals, make_job("asks", keep_journal=True), 1000)
    assert list_kept(tmp_path) == {"asks"}
    assert list_running(tmp_path) == []


@pytest.mark.parametrize("error", [JobFailed("no"), EngineLost("no")])
async def test_a_job_that_does_not_complete_keeps_none_for_others(tmp_path: Path, error: Exception) -> None:
    journals = Journals(tmp_path, 1, 1)
    with pytest.raises(type(error)):
        async with journals.follow(make_job("asks", keep_journal=True)):
            raise error
    assert list_kept(tmp_path) == set()


async def test_the_oldest_make_room_for_the_newest(tmp_path: Path) -> None:
    journals = Journals(tmp_path, 10, 2)
    for number, name in enumerate(("first", "second", "third")):
        await complete(journals, make_job(name, keep_journal=True), MEGABYTE - 1)
        os.utime(tmp_path / "kept" / f"{name}.journal", (number, number))
    await complete(journals, make_job("last", keep_journal=True), MEGABYTE - 1)
    assert list_kept(tmp_path) == {"third", "last"}


async def test_one_that_is_larger_than_all_room_is_not_kept(tmp_path: Path) -> None:
    journals = Journals(tmp_path, 10, 1)
    told = await complete(journals, make_job("large", keep_journal=True), MEGABYTE + 1)
    assert told is not None
    assert "engine.kept_journals_mb" in told
    assert list_kept(tmp_path) == set()


async def test_a_branch_is_told_where_its_parents_journal_is(tmp_path: Path) -> None:
    journals = Journals(tmp_path, 1, 1)
    async with journals.follow(make_job("branch", from_job="parent", from_step=3)) as order:
        assert order is not None
        assert order.parent == str(tmp_path / "kept/parent.journal")


async def test_what_was_purged_is_forgotten_and_a_folder_that_is_not_there_is_no_error(
    tmp_path: Path,
) -> None:
    journals = Journals(tmp_path / "none", 1, 1)
    await journals.forget(["any"])
    with pytest.raises(BadRequest, match="job any has no journal"):
        await journals.check_parent("any")


@pytest.mark.parametrize(("most", "kept", "name"), [(0, 1, "journal_mb"), (1, 0, "kept_journals_mb")])
async def test_where_the_settings_keep_none_the_field_is_refused(
    tmp_path: Path, most: int, kept: int, name: str
) -> None:
    with pytest.raises(BadRequest, match=f"keep_journal: not possible here, since engine.{name} is 0"):
        Journals(tmp_path, most, kept).check_keeping("keep_journal")


async def test_a_disk_without_room_costs_the_journal_and_not_the_job(tmp_path: Path) -> None:
    journals = Journals(tmp_path, 1, 1)
    fill(tmp_path / "kept", 0)  # in the way of the folder
    told = await complete(journals, make_job("asks", keep_journal=True), 1000)
    assert told is not None
    assert "could not be kept" in told
    assert list_running(tmp_path) == []


async def test_a_journal_without_results_is_told_and_not_kept(tmp_path: Path) -> None:
    told = await complete(Journals(tmp_path, 1, 1), make_job("empty", keep_journal=True), JOURNAL_HEADER)
    assert told is not None
    assert "nothing was recorded" in told
    assert list_kept(tmp_path) == set()
