"""Which request made a job: kept in memory for the log, and forgotten with a restart."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from ...request_source import CLIENT, JOB_ID, REQUEST_ID

MOST_KEPT = 10_000


class RequestIds:
    """The ids of the requests of the newest jobs."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, str] = OrderedDict()

    def keep(self, job_id: str) -> None:
        """The request at hand makes this job."""
        request_id = REQUEST_ID.get()
        if request_id is None:
            return
        self._ids[job_id] = request_id
        if len(self._ids) > MOST_KEPT:
            self._ids.popitem(last=False)

    @contextmanager
    def logging_for(self, job_id: str) -> Iterator[None]:
        """Lines that are logged in the block belong to this job, and to the request that made it."""
        tokens = JOB_ID.set(job_id), REQUEST_ID.set(self._ids.get(job_id)), CLIENT.set(None)
        try:
            yield
        finally:
            for variable, token in zip((JOB_ID, REQUEST_ID, CLIENT), tokens, strict=True):
                variable.reset(token)
