"""Whose the folders of the output folder are: each is named after its job, whose row tells the user."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

from ..errors import StorageUnavailable
from ..requester import seen_user


class FolderOwners:
    """Asks the database, with a connection of its own, since files are looked for in threads.

    Only requests that may not see everything cost anything. A folder without a job is nobody's.
    """

    def __init__(self, database: Path | None = None) -> None:
        """Without a database, everybody sees everything."""
        self._path = database
        self._connection: sqlite3.Connection | None = None
        self._asking = threading.Lock()

    def may_see(self, folder: str) -> bool:
        """Whether the request at hand may see a folder or file of the output folder."""
        user = seen_user()
        if user is None or self._path is None:
            return True
        found = self._ask("SELECT user FROM jobs WHERE id = ?", folder)
        return (found[0][0] if found else "") == user

    def find_rule(self) -> Callable[[str], bool]:
        """The same for many folders, by one look into the database."""
        user = seen_user()
        if user is None or self._path is None:
            return lambda _folder: True
        if user == "":
            of_others = {name for (name,) in self._ask("SELECT id FROM jobs WHERE user <> ?", "")}
            return lambda folder: folder not in of_others
        own = {name for (name,) in self._ask("SELECT id FROM jobs WHERE user = ?", user)}
        return lambda folder: folder in own

    def close(self) -> None:
        """Close the connection."""
        with self._asking:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _ask(self, query: str, value: str) -> list[tuple[str]]:
        """Raises StorageUnavailable."""
        assert self._path is not None
        try:
            with self._asking:
                if self._connection is None:
                    uri = f"{self._path.absolute().as_uri()}?mode=ro"
                    self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=5)
                return self._connection.execute(query, (value,)).fetchall()
        except sqlite3.Error as error:
            raise StorageUnavailable(f"Whose a file is can't be read: {error}") from error
