"""Whose folders are: asked of the database by those alone who may not see everything."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from sdcpp_restapi.errors import StorageUnavailable
from sdcpp_restapi.outputs.owners import FolderOwners
from sdcpp_restapi.requester import REQUESTER, Requester

NAMES = ("of-anna", "of-bert", "of-nobody", "no-job")


@pytest.fixture
def owners(tmp_path: Path) -> Iterator[FolderOwners]:
    with closing(sqlite3.connect(tmp_path / "test.db")) as db, db:
        db.execute("CREATE TABLE jobs (id TEXT, user TEXT)")
        rows = [("of-anna", "anna"), ("of-bert", "bert"), ("of-nobody", "")]
        db.executemany("INSERT INTO jobs VALUES (?, ?)", rows)
    with closing(FolderOwners(tmp_path / "test.db")) as made:
        yield made


@contextmanager
def asking(user: str | None) -> Iterator[None]:
    token = REQUESTER.set(Requester(sees=user))
    try:
        yield
    finally:
        REQUESTER.reset(token)


@pytest.mark.parametrize(
    ("user", "seen"),
    [(None, set(NAMES)), ("anna", {"of-anna"}), ("", {"of-nobody", "no-job"}), ("carl", set())],
)
def test_a_request_sees_the_folders_of_its_user(
    owners: FolderOwners, user: str | None, seen: set[str]
) -> None:
    with asking(user):
        assert {name for name in NAMES if owners.may_see(name)} == seen
        assert set(filter(owners.find_rule(), NAMES)) == seen


def test_without_a_database_and_for_the_server_itself_nothing_is_asked(tmp_path: Path) -> None:
    with asking("anna"):
        assert FolderOwners().may_see("of-bert")
        assert FolderOwners().find_rule()("of-bert")
        with pytest.raises(StorageUnavailable):
            FolderOwners(tmp_path / "missing.db").may_see("of-bert")
    assert FolderOwners(tmp_path / "missing.db").may_see("of-bert")
