"""The JSON of a page of jobs, put together of the texts of its jobs: most of them were written before.

A running job shows another page many times a second; all other jobs on it are as they were.
"""

from collections import OrderedDict

from ...schemas.jobs import Job, QueueView
from .job_view import view_of
from .live_progress import LiveProgress
from .rows import MOST_KEPT


class JobTexts:
    """Jobs as lists show them, kept for as long as `rows` hands out the same objects."""

    def __init__(self, live: LiveProgress) -> None:
        self._live = live
        # By the address of the job, which is held here so that no other job gets it.
        self._kept: OrderedDict[int, tuple[Job, str]] = OrderedDict()

    def write(self, job: Job) -> str:
        """The JSON of one job, as an item of a page."""
        if self._live.has(job):
            return _write(self._live, job)
        job_kept, text = self._kept.get(id(job), (None, ""))
        if job_kept is not job:
            text = _write(self._live, job)
            self._kept[id(job)] = job, text
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(id(job))
        return text

    def write_page(self, frame: QueueView, jobs: list[Job]) -> bytes:
        """The JSON of `frame`, which is a page without its items, with these jobs as its items."""
        items = ",".join(map(self.write, jobs))
        # What comes before the items are numbers.
        return frame.model_dump_json().replace('"items":[]', f'"items":[{items}]', 1).encode()


def _write(live: LiveProgress, job: Job) -> str:
    return view_of(live, job, None).model_dump_json()
