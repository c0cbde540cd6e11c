"""What streams and subjects are called."""

import re
from dataclasses import dataclass

from ..schemas.cluster import Attempt

# What stands between two dots of a subject.
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


def as_token(text: str) -> str:
    """The text with what a subject can't hold replaced."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")[:64] or "worker"


@dataclass(frozen=True)
class Subjects:
    """All names begin with a prefix, so that several servers can share a broker."""

    prefix: str

    @property
    def announcements(self) -> str:
        """Where workers say that they are there."""
        return f"{self.prefix}.worker"

    @property
    def discover(self) -> str:
        """Where a server asks who is there."""
        return f"{self.prefix}.roll-call"

    @property
    def live(self) -> str:
        """Progress and previews."""
        return f"{self.prefix}.live"

    @property
    def worker_events(self) -> str:
        """What happens to the models of workers."""
        return f"{self.prefix}.news"

    def asked(self, worker: str) -> str:
        """Questions to one worker."""
        return f"{self.prefix}.ask.{worker}"

    def taken(self, worker: str) -> str:
        """Where a worker answers another one that would have its name."""
        return f"{self.prefix}.taken.{worker}"

    def job(self, worker: str, slot: int) -> str:
        """Jobs for one slot."""
        return f"{self.prefix}.job.{worker}.{slot}"

    def end(self, attempt: Attempt) -> str:
        """How one attempt ended."""
        return f"{self.prefix}.end.{attempt.job_id}.{attempt.attempt}"

    @property
    def all_jobs(self) -> str:
        """The subjects of the jobs' stream."""
        return f"{self.prefix}.job.>"

    @property
    def all_ends(self) -> str:
        """The subjects of the ends' stream."""
        return f"{self.prefix}.end.>"

    @property
    def jobs_stream(self) -> str:
        """Claimed jobs, until their worker acknowledges them."""
        return f"{self.prefix}-jobs"

    @property
    def ends_stream(self) -> str:
        """Ends of attempts, until the server acknowledges them."""
        return f"{self.prefix}-ends"

    @property
    def bucket(self) -> str:
        """The object store: input images, outputs, catalogs."""
        return f"{self.prefix}-files"
