"""How jobs descend from each other, as the API shows it."""

from ...errors import JobNotFound
from ...requester import may_see
from ...schemas.generation import GenerationRequest
from ...schemas.jobs import Job
from ...schemas.lineage import Lineage, LineageJob
from .store import JobStore

MOST = 1000
"""Jobs of a lineage that are shown, up and down."""


async def trace_lineage(store: JobStore, job_id: str) -> Lineage:
    """Those of the lineage that the request may see. Raises JobNotFound."""
    job = await store.get(job_id)
    if job is None or not may_see(job.user):
        raise JobNotFound
    ancestors, descendants = await store.lineage(job_id, MOST)
    return Lineage(job_id=job_id, ancestors=_show(ancestors), descendants=_show(descendants))


def _show(jobs: list[Job]) -> list[LineageJob]:
    return [
        LineageJob(
            job_id=job.id,
            type=job.type,
            status=job.status,
            created_at=job.created_at,
            parent=job.parent,
            from_step=job.params.from_step if isinstance(job.params, GenerationRequest) else None,
            outputs=list(job.outputs),
        )
        for job in jobs
        if may_see(job.user)
    ]
