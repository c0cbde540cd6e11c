"""Jobs are deleted and found again without reading the history."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sdcpp_restapi.jobs.trash.store import _sql
from sdcpp_restapi.migration import migrate

BY_ID = ("unfinished", "waited_for", "throw_away", "take_back", "give_up", "among", "forget")


@pytest.mark.parametrize("name", BY_ID)
def test_jobs_that_are_named_are_found_by_their_ids(name: str) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        migrate(db, Path("memory"))
        values = {"ids": "[]", "place": "queue", "now": "2024-01-01T00:00:00.000+00:00", "user": None}
        statement = getattr(_sql, name).sql
        plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert any("(id=?)" in step or "(after=?)" in step for step in plan), plan
    assert not [step for step in plan if "place" in step or "status" in step or "SCAN jobs" in step]
