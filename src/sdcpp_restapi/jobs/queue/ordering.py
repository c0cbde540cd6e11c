"""The order of a lane: which job is next, and which one suits a slot that holds some models already.

Runs inside of write transactions, by statements of ordering.sql. The order is priority, then round, then the
order of submission. Rounds are all 0 unless clients take turns.
"""

import hashlib
import json
import sqlite3
from datetime import datetime, timedelta
from importlib import resources
from typing import Any, Literal

import aiosql

from ...schemas.base import Frozen
from ...schemas.jobs import Lane
from ...schemas.models import LoadRequest
from . import rows

_sql = aiosql.from_str(resources.files(__package__).joinpath("ordering.sql").read_text("utf-8"), "sqlite3")


class OrderingRules(Frozen):
    """What decides about the order besides priorities."""

    # One job of each client_id or of each user in turn; None = in the order of submission.
    turns_of: Literal["client", "user"] | None = None
    patience: float = 0.0


class ClaimingSlot(Frozen):
    """Who asks for a job: `holds` are the models in its memory, `able` the needs that it meets (JSON, as jobs
    have them), None = all."""

    name: str | None = None
    holds: tuple[LoadRequest, ...] = ()
    able: list[str] | None = None


ANY_SLOT = ClaimingSlot()


def key_of(model: LoadRequest | None) -> str:
    """Jobs with the same key run on the same model in memory; "" needs none."""
    return hashlib.sha256(model.identity().encode()).hexdigest()[:16] if model else ""


def choose(db: sqlite3.Connection, lane: Lane, slot: ClaimingSlot, rules: OrderingRules) -> int | None:
    """The `seq` of the job that the slot is to run now; its client has had its turn by that."""
    now = rows.now()
    for due in list(_sql.due(db, lane=lane, now=now)):
        admit(db, due["seq"], rules)
    seq = _choose_suiting(db, lane, slot, rules.patience, now)
    if seq is not None and rules.turns_of is not None:
        _sql.have_turn(db, seq=seq)
        _sql.end_rounds(db, seq=seq)
    return seq


def admit(db: sqlite3.Connection, seq: int, rules: OrderingRules) -> None:
    """Give a held job its place in the order: it may be claimed from now on."""
    _sql.join_line(db, seq=seq, in_turns=rules.turns_of is not None)


def renumber(db: sqlite3.Connection, rules: OrderingRules) -> None:
    """Bring the rounds of all jobs in the order to what the rules want, which may be new."""
    _sql.forget_turns(db)
    if rules.turns_of is None:
        _sql.drop_rounds(db)
    else:
        _sql.name_clients(db, by_user=rules.turns_of == "user")
        _sql.number_rounds(db)


def find_next_due(db: sqlite3.Connection, lane: Lane) -> datetime | None:
    """When the next held job may run."""
    (text,) = _sql.next_due(db, lane=lane)
    return datetime.fromisoformat(text) if text else None


def needs(db: sqlite3.Connection, lane: Lane) -> list[str]:
    """The files that jobs require which may run now or later, each set once."""
    return [text for (text,) in list(_sql.needs(db, lane=lane))]


def position(db: sqlite3.Connection, job_id: str) -> int:
    """The place of a pending job, 1 = next; held ones come after all others."""
    return int(_sql.position(db, id=job_id)[0])


def _choose_suiting(
    db: sqlite3.Connection, lane: Lane, slot: ClaimingSlot, patience: float, now: str
) -> int | None:
    able = None if slot.able is None else json.dumps(slot.able)
    if not slot.holds or patience == 0:
        found = _sql.head(db, lane=lane, able=able)
        return found["seq"] if found else None
    heads = _find_heads(db, lane, able)
    head = min(heads.values(), key=_sort_key, default=None)
    suiting = filter(None, (heads.get(key_of(held)) for held in slot.holds))
    own = min(suiting, key=_sort_key, default=None)
    if head is None or own is None or not _may_pass(own, head, now, patience):
        return head["seq"] if head else None
    _sql.pass_over(db, seq=head["seq"], now=now)
    return int(own["seq"])


def _find_heads(db: sqlite3.Connection, lane: Lane, able: str | None) -> dict[str, Any]:
    """For each model that waiting jobs need, the first job that the slot can run."""
    keys = [key for (key,) in list(_sql.models(db, lane=lane))]
    rows = {key: _sql.first_of_model(db, lane=lane, model_key=key, able=able) for key in keys}
    return {key: row for key, row in rows.items() if row}


def _sort_key(row: Any) -> tuple[int, int, int]:
    return -row["priority"], row["round"], row["seq"]


def _may_pass(own: Any, head: Any, now: str, patience: float) -> bool:
    """Whether `own`, which saves a load, may go before the first one."""
    if head["model_key"] in ("", own["model_key"]) or own["priority"] < head["priority"]:
        return False
    passed = head["passed_at"]
    if passed is None:
        return patience > 0
    waited = datetime.fromisoformat(now) - datetime.fromisoformat(passed)
    return timedelta() <= waited < timedelta(seconds=patience)
