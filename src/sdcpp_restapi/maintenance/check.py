"""`sdcpp check`: a server's database and files, each against the other, and what can be repaired.

Beside a running server nothing is changed, and what it is about to finish is no problem: whatever is found is
looked at twice. No repair deletes a picture: what belongs to nobody is moved to `.lost+found`.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..config import Paths
from ..errors import SdcppError, StorageUnavailable
from . import database_file
from .checks import data_files, database, kept_sums, outputs, sizes
from .checks.problem import CheckedData, Problem, data_directory_held
from .job_rows import read_jobs
from .progress import Tell, tell_nobody


class CheckRefused(SdcppError):
    """The data cannot be repaired now"""


@dataclass(frozen=True)
class CheckResult:
    """What was found; `repaired` are those of them that are all right now."""

    running: bool
    problems: list[Problem]
    repaired: list[Problem]

    @property
    def is_well(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(one.is_note or one in self.repaired for one in self.problems)


def check_data(paths: Paths, repair: bool = False, tell: Tell = tell_nobody) -> CheckResult:
    """Look at everything; with `repair` put right what can be.

    Raises CheckRefused when a server runs that a repair would disturb, and StorageUnavailable when there is
    no database to look at.
    """
    with data_directory_held(paths.data_dir) as free:
        if repair and not free:
            raise CheckRefused(f"A server runs on {paths.data_dir}: stop it before its data are repaired")
        with _open(paths.data_dir / database_file.NAME, for_writing=free) as db:
            data = CheckedData(paths, db, running=not free)
            problems = _find(data, tell)
            repaired = _repair(data, problems) if repair else []
            return CheckResult(data.running, problems, repaired)


@contextmanager
def _open(path: Path, for_writing: bool) -> Iterator[sqlite3.Connection]:
    if not for_writing:
        with database_file.open_for_reading(path) as db:
            yield db
        return
    if not path.is_file():
        raise StorageUnavailable(f"There is no database {path}")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.text_factory = lambda text: text.decode(errors="replace")
            yield db
    except sqlite3.DatabaseError as error:
        raise StorageUnavailable(f"The database {path} cannot be read: {error}") from error


def _find(data: CheckedData, tell: Tell) -> list[Problem]:
    tell("checking the database", 0, 0)
    if damaged := list(database.check_pages(data)):
        return damaged
    database_file.check_version(data.db, data.paths.data_dir / database_file.NAME)
    problems = [*database.check_references(data), *database.check_search_index(data)]
    problems += kept_sums.check_kept_sums(data, tell)
    tell("checking files", 0, 0)
    found = list(_find_in_files(data))
    if found and data.running:
        data.db.execute("ROLLBACK")
        data.db.execute("BEGIN")
        again = set(_find_in_files(data))
        found = [one for one in found if one in again]
    return problems + found


def _find_in_files(data: CheckedData) -> Iterator[Problem]:
    jobs = list(read_jobs(data.db))
    yield from outputs.check_outputs(data, jobs)
    yield from outputs.check_folders(data, jobs)
    yield from outputs.check_thumbnails(data, jobs)
    yield from sizes.check_sizes(data, jobs)
    yield from data_files.check_inputs(data, jobs)
    yield from data_files.check_downloads(data)
    yield from data_files.check_unfinished_files(data)
    yield from data_files.check_hashes(data)


def _repair(data: CheckedData, problems: list[Problem]) -> list[Problem]:
    """The database in one transaction; a file that cannot be moved stays a problem."""
    repaired = []
    data.db.execute("BEGIN IMMEDIATE")
    for problem in problems:
        if problem.repair is None:
            continue
        try:
            problem.repair()
        except OSError:
            continue
        repaired.append(problem)
    data.db.execute("COMMIT")
    return repaired
