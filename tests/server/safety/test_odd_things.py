"""What nobody expects, and is met all the same: no 5xx and no traceback."""

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

import httpx
import pytest

from sdcpp_restapi.api.routes.outputs import _with_date
from sdcpp_restapi.outputs.folder import fit_calendar
from tests.support.raw_requests import request
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED, SHORT, loads_held, serving
from tests.support.websocket_handshake import knock

# One by one: which column, and what it is damaged to.
DAMAGES = {
    "type": "'no such type'",
    "params": "'{\"prompt\": '",
    "progress": "'[]'",
    "outputs": "'null'",
    "created_at": "'yesterday'",
    "result": "CAST(x'ff00fe' AS TEXT)",
}


def damage(root: Path, job_id: str, column: str) -> None:
    with closing(sqlite3.connect(root / "data" / "sdcpp.db")) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(f"UPDATE jobs SET {column} = {DAMAGES[column]} WHERE id = ?", (job_id,))  # noqa: S608
        database.commit()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("odd")) as running:
        yield running


@pytest.mark.parametrize("length", [1001, 50_000])
def test_a_search_for_a_novel_is_refused(server: RunningServer, length: int) -> None:
    server.make(**SHORT)
    answer = request(server, "/queue?search=" + "x" * length)
    assert answer.status == 400
    assert json.loads(answer.body)["field"] == "search"
    assert server.get("/queue", search="\\%_" * 250)["matching_count"] == 0


@pytest.mark.parametrize(
    "path", ["/ui/", "/ui/assets/x", "/static-offline-docs/x", "/docs", "/health", "/no"]
)
def test_a_websocket_where_there_is_none_is_refused(server: RunningServer, path: str) -> None:
    assert knock(server.port, path=path) == 403
    assert knock(server.ws_port, path=path) == 403


@pytest.mark.parametrize("seconds", [0, -1, -(2**31), 2**31, 2**33, 2**62 // 10**9])
def test_any_date_of_a_file_is_shown(server: RunningServer, seconds: int) -> None:
    path = server.output_dir / "dated" / "x.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("x")
    for dated in (path, path.parent):
        os.utime(dated, (seconds, seconds))
    for sort in ("name", "date"):
        assert request(server, f"/output/dated?sort={sort}").status == 200
        assert request(server, f"/output?sort={sort}").status == 200
    assert request(server, "/output/dated/x.txt").status == 200
    assert request(server, "/thumb/dated/x.txt").status < 500


@pytest.mark.parametrize("seconds", [-(2**62), 2**62, 253_402_300_800])
def test_a_date_beyond_the_calendar_becomes_its_end(tmp_path: Path, seconds: int) -> None:
    assert datetime.fromtimestamp(fit_calendar(seconds)).astimezone()
    found = tmp_path.stat()
    odd = os.stat_result((*found[:8], seconds, 0))
    assert int(_with_date(odd).st_mtime) == fit_calendar(seconds)
    assert _with_date(odd).st_size == found.st_size


@pytest.mark.parametrize("column", DAMAGES)
def test_one_damaged_row_is_left_out_and_the_rest_is_there(server: RunningServer, column: str) -> None:
    whole, damaged = server.submit(**SHORT), server.submit(**SHORT)
    server.wait_for_job(damaged)
    damage(server.root, damaged, column)
    server.make(**SHORT)
    listed = [job["job_id"] for job in server.get("/queue")["items"]]
    assert whole in listed
    if column != "result":  # text that is no UTF-8 is shown as far as it can be
        assert damaged not in listed
        server.wait_for_log(f"{damaged} cannot be read: its row is damaged")
    server.get("/queue", search="a")
    server.get("/queue", model="x")
    answer = server.http.get(f"/queue/{damaged}")
    assert answer.status_code == 404 or column == "result"
    assert server.http.delete(f"/queue/{damaged}").status_code < 500
    body = {"job_ids": [damaged]}
    assert server.http.request("DELETE", "/queue/jobs", json=body).status_code < 500
    told = [line for line in server.log if f"{damaged} cannot be read" in line]
    assert len(told) <= 1


def test_a_damaged_job_in_line_fails_and_lets_the_others_go_on(tmp_path: Path) -> None:
    with serving(tmp_path, loaded=False) as server:
        # Nobody takes it before it is damaged.
        waits = server.submit(**SHORT, model=SCRIPTED, not_before="2090-01-01T00:00:00Z")
        server.stop()
        damage(tmp_path, waits, "params")
        with closing(sqlite3.connect(tmp_path / "data" / "sdcpp.db")) as database:
            database.execute("UPDATE jobs SET not_before = '2020-01-01T00:00:00.000+00:00'")
            database.commit()
        server.start()
        server.post("/models/load", SCRIPTED)
        server.make(**SHORT)
        with closing(sqlite3.connect(tmp_path / "data" / "sdcpp.db")) as database:
            assert database.execute("SELECT status FROM jobs WHERE id = ?", (waits,)).fetchone() == (
                "failed",
            )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stop_during_a_load_is_an_ordinary_end(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path, loaded=False) as server, loads_held(tmp_path):
        statuses: list[int] = []

        def ask() -> None:
            with suppress(httpx.HTTPError):
                answer = httpx.post(f"{server.url}/models/load", json=SCRIPTED, timeout=60)
                statuses.append(answer.status_code)

        with server.events() as events:
            asking = threading.Thread(target=ask)
            asking.start()
            events.wait_for("model_loading_progress")
        assert server.stop(number) == 0
        asking.join()
        assert statuses == [503]
        assert not server.tracebacks()
