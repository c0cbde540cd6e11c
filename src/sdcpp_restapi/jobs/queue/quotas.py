"""What a user's jobs may take together: checked in the transaction that stores one more."""

import sqlite3
from typing import NamedTuple

from ...errors import QuotaReached

_MEGABYTE = 10**6


class QuotaLimits(NamedTuple):
    """None = as much as there is."""

    max_pending: int | None = None
    max_bytes: int | None = None


NO_LIMITS = QuotaLimits()


def check_quota(db: sqlite3.Connection, user: str, limits: QuotaLimits) -> None:
    """Raises QuotaReached where a user may have no job more."""
    if limits.max_pending is not None:
        pending = _sum(
            db,
            "SELECT sum(count) FROM job_counts WHERE place = 'queue' AND status = 'pending' AND user = ?",
            user,
        )
        if pending >= limits.max_pending:
            raise QuotaReached(
                f"The quota is reached: {user} has {pending} waiting jobs, and may have {limits.max_pending}"
            )
    if limits.max_bytes is not None:
        used = _sum(db, "SELECT sum(output_bytes + input_bytes) FROM job_sizes WHERE user = ?", user)
        if used >= limits.max_bytes:
            raise QuotaReached(
                f"The quota is reached: the files of {user} take {used / _MEGABYTE:.1f} MB, and may take"
                f" {limits.max_bytes / _MEGABYTE:.1f} MB; delete jobs for good, since the trash counts too"
            )


def _sum(db: sqlite3.Connection, query: str, user: str) -> int:
    return int(db.execute(query, (user,)).fetchone()[0] or 0)
