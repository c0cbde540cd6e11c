"""A server over a year: jobs all the time, backups, an upgrade, wrong clocks, full disks, damage, power cuts.

Each month is a start of the server at its date, with something that happens in it. At the end of each month
every job is where it must be, and `sdcpp check` finds nothing.
"""

import json
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sdcpp_restapi.config import Paths
from sdcpp_restapi.maintenance.check import check_data
from tests.support.command import sdcpp
from tests.support.job_traffic import JobTraffic
from tests.support.old_databases import build_database
from tests.support.running_server import RunningServer, of_job
from tests.support.scripted_engine import SCRIPTED, SHORT, environment
from tests.support.storage_faults import damage_pages, full, locked, small_disk_at

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
FOLDERS = ("--data-dir", "data", "--output-dir", "output")
MONTH = 30
TRASH_DAYS, MOST_DAYS = 25, 70


class Year:
    """A server, its backups, and where every job must be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.day = 0
        self.places: dict[str, str] = {}
        # The day on which a job was made, or put into the trash.
        self.since: dict[str, int] = {}
        self.output = root / "output"
        self.backups = root / "backups"

    # ------------------------------------------------------------ the server

    def start(self) -> RunningServer:
        """The server on this day. Keys and TLS are more of its environment."""
        env = environment(
            self.root, retention_trash_days=str(TRASH_DAYS), retention_max_age_days=str(MOST_DAYS)
        )
        clock = {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME": f"{self.day:+}d",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Else threads that wait for the interpreter spin: 8 jobs take 8 s instead of 0.6 s.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            # Files keep the dates that backups compare; and each import would look them up twice.
            "NO_FAKE_STAT": "1",
        }
        return RunningServer(self.root, env=env | clock)

    def traffic(self, server: RunningServer) -> JobTraffic:
        """A client that makes and deletes jobs; with several users there is one of each."""
        return JobTraffic(server)

    def run_month(self, happens: Callable[["Year", RunningServer], None]) -> None:
        """Start the server, let something happen while jobs come and go, and end it."""
        with self.start() as server:
            self.forget_old(server)
            server.post("/models/load", SCRIPTED)
            with self.traffic(server) as traffic:
                happens(self, server)
                traffic.wait_for_another_round()
            self.remember(traffic.places)
            killed = traffic.has_lost_server
            if not killed:
                assert server.stop() == 0
        self.look_after(killed=killed)

    # ------------------------------------------------------------ what must be

    def remember(self, places: dict[str, str]) -> None:
        self.places |= places
        self.since |= dict.fromkeys(places, self.day)

    def forget_old(self, server: RunningServer) -> None:
        """What retention does at a start: the old go into the trash, and those that were there are purged."""
        for job_id, place in list(self.places.items()):
            days = self.day - self.since[job_id]
            if place == "trash" and days > TRASH_DAYS:
                self.places[job_id] = "gone"
            elif place == "queue" and days > MOST_DAYS:
                self.places[job_id], self.since[job_id] = "trash", self.day
        if any(place != "queue" for place in self.places.values()):
            self.wait_for_places(server)

    def wait_for_places(self, server: RunningServer) -> None:
        """Retention begins after the first answers, and tells each job that it takes."""
        with server.events() as events:
            while self.wrong_places():
                events.wait_for("job_deleted")

    def wrong_places(self) -> dict[str, tuple[str, str]]:
        """Jobs that the database has elsewhere: where they are, and where they must be."""
        with closing(sqlite3.connect(self.root / "data" / "sdcpp.db", timeout=30)) as db:
            found = dict(db.execute("SELECT id, place FROM jobs"))
        there = {job_id: found.get(job_id, "gone") for job_id in self.places}
        return {
            job_id: (there[job_id], place) for job_id, place in self.places.items() if there[job_id] != place
        }

    def look_after(self, root: Path | None = None, killed: bool = False) -> None:
        """At the end of a month nothing is wrong, and no picture of a job is missing.

        After a kill something may be half done, which a repair puts right.
        """
        root = root or self.root
        paths = Paths(models_dir=root / "models", output_dir=root / "output", data_dir=root / "data")
        if killed:
            assert check_data(paths, repair=True).is_well
        assert check_data(paths).problems == []
        if root == self.root:
            assert self.wrong_places() == {}
            kept = {job_id for job_id, place in self.places.items() if place == "queue"}
            assert {job_id for job_id in kept if not any((self.output / job_id).glob("*.png"))} == set()

    def command(self, *arguments: str, folder: Path | None = None) -> str:
        """Run a command as an administrator does; what it printed."""
        ended = sdcpp(*arguments, *FOLDERS, folder=folder or self.root)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()


# ------------------------------------------------------------------ what happens


def back_up(year: Year, _server: RunningServer) -> None:
    """As every night."""
    year.command("backup", str(year.backups), "--keep", "3")


def move_to_another_machine(year: Year, server: RunningServer) -> None:
    """A backup that was made while jobs ran is restored elsewhere, and a server there works."""
    back_up(year, server)
    there = year.root / "there"
    shutil.rmtree(there, ignore_errors=True)
    there.mkdir()
    year.command("restore", str(year.backups), folder=there)
    year.look_after(there)
    with RunningServer(there, env=environment(there)) as other:
        other.post("/models/load", SCRIPTED)
        other.make(**SHORT)
        assert other.stop() == 0
    year.look_after(there)


def cut_the_power(year: Year, server: RunningServer) -> None:
    """In the midst of a job and of a backup that an earlier power cut left half done."""
    (year.backups / ".sdcpp-half.tmp").mkdir(parents=True, exist_ok=True)
    with server.events() as events:
        server.submit(**SHORT | {"steps": 400})
        events.wait_for("job_progress")
        server.process.send_signal(signal.SIGKILL)


def fill_the_disk(year: Year, server: RunningServer) -> None:
    """Jobs are refused, and go on once there is room."""
    with full(year.root / "data"):
        assert server.http.post("/txt2img", json=SHORT).status_code == 507
    server.make(**SHORT)


def lock_the_database(year: Year, server: RunningServer) -> None:
    """Another program looks at the database and holds it for longer than SQLite waits."""
    with server.events() as events:
        ending = server.submit(**SHORT | {"steps": 100})
        events.wait_for("job_progress", of_job(ending))
        with locked(year.root):
            server.wait_for_log("could not be stored, and is tried again until it is")
    assert server.wait_for_job(ending)["status"] == "completed"
    server.make(**SHORT)


def damage_the_database(year: Year, server: RunningServer) -> None:
    """A disk error while the server is stopped: check tells it, the newest backup brings back what was."""
    back_up(year, server)


def restore_after_damage(year: Year) -> None:
    """What was made since the backup is lost, its pictures are kept aside."""
    damage_pages(year.root / "data" / "sdcpp.db")
    ended = sdcpp("check", *FOLDERS, "--repair", folder=year.root)
    assert ended.returncode == 1
    assert "sdcpp restore" in ended.stdout
    year.command("restore", str(year.backups), "--force")
    newest = max(year.backups.glob("sdcpp-*"))
    with closing(sqlite3.connect(f"{(newest / 'sdcpp.db').as_uri()}?immutable=1", uri=True)) as db:
        found = {row[0]: row[1:] for row in db.execute("SELECT id, place, status FROM jobs")}
    # Those that ran when the backup was made run again.
    again = {job_id for job_id, (_, status) in found.items() if status != "completed"}
    places = {job_id: place for job_id, (place, _) in found.items()}
    year.places = {job_id: places.get(job_id, "gone") for job_id in year.places.keys() - again}
    aside = next((year.root / "output").glob(".before-restore-*"))
    assert any(aside.rglob("*.png"))
    shutil.rmtree(aside)


MONTHS: tuple[tuple[str, int, Callable[[Year, RunningServer], None]], ...] = (
    ("the upgrade", 0, back_up),
    ("a quiet month", MONTH, back_up),
    ("another machine", MONTH, move_to_another_machine),
    ("a power cut", MONTH, cut_the_power),
    ("a full disk", MONTH, fill_the_disk),
    ("a clock that is set back", -2 * MONTH, back_up),
    ("a clock that is set right", 3 * MONTH, back_up),
    ("a locked database", MONTH, lock_the_database),
    ("a power cut after months", 2 * MONTH, cut_the_power),
    ("a damaged database", MONTH, damage_the_database),
    ("after the damage", MONTH, move_to_another_machine),
    ("the last month", MONTH, back_up),
)


@pytest.fixture
def year(tmp_path: Path) -> Iterator[Year]:
    """A server that begins with the data of the first release."""
    if FAKETIME is None:
        pytest.skip("needs the package faketime")
    with small_disk_at(tmp_path / "data", megabytes=32):
        build_database(tmp_path / "data" / "sdcpp.db", version=1)
        yield Year(tmp_path)


def test_nothing_is_lost_in_a_year(year: Year) -> None:
    give_outputs_to_the_first_jobs(year)
    for name, days, happens in MONTHS:
        year.day += days
        print(f"day {year.day}: {name}")
        year.run_month(happens)
        if happens is damage_the_database:
            restore_after_damage(year)
            year.look_after()
    assert len(list(year.backups.glob("sdcpp-*"))) == 3
    assert {"queue", "trash", "gone"} <= set(year.places.values())


def give_outputs_to_the_first_jobs(year: Year) -> None:
    """The jobs that were completed years ago: the first start throws them away, as they are too old."""
    with closing(sqlite3.connect(year.root / "data" / "sdcpp.db")) as db:
        outputs = [json.loads(row[0]) for row in db.execute("SELECT outputs FROM jobs")]
    for path in (path for one in outputs for path in one):
        (year.output / path).parent.mkdir(parents=True)
        (year.output / path).write_bytes(b"a picture of the first release")
        year.places[Path(path).parent.name] = "queue"
        year.since[Path(path).parent.name] = -2 * MOST_DAYS
