"""Jobs that nobody has to wait for."""

import json
import sqlite3
from contextlib import closing
from itertools import batched
from pathlib import Path
from uuid import uuid4


def multiply(data_dir: Path, job_id: str, count: int) -> None:
    """Put so many copies of a completed job into the store, with the numbers from 1 in their prompts."""
    with closing(sqlite3.connect(data_dir / "sdcpp.db", timeout=30)) as db:
        db.row_factory = sqlite3.Row
        job = dict(db.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())
        del job["seq"], job["model_name"], job["parent"]  # which are made of the others
        params = json.loads(job["params"])
        columns, values = ", ".join(job), ", ".join(f":{name}" for name in job)
        copies = (
            {**job, "id": str(uuid4()), "params": json.dumps({**params, "prompt": f"lighthouse {n}"})}
            for n in range(1, count + 1)
        )
        # The server writes too, and waits a few seconds for its turn.
        for some in batched(copies, 500):
            with db:
                db.executemany(f"INSERT INTO jobs ({columns}) VALUES ({values})", some)  # noqa: S608 - own names
