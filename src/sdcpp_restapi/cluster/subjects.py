"""Names of subjects, streams and the bucket on the broker."""

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
    """All names begin with a prefix, so that several servers can share a broker.

    `announcements` and `rpc` stay what they are in every version: over them releases refuse each other.
    """

    prefix: str

    @property
    def announcements(self) -> str:
        """Announcement, from every worker."""
        return f"{self.prefix}.worker"

    @property
    def discover(self) -> str:
        """Discover, to all workers."""
        return f"{self.prefix}.roll-call"

    @property
    def attempt_progress(self) -> str:
        """AttemptProgress, from every worker."""
        return f"{self.prefix}.live"

    @property
    def worker_events(self) -> str:
        """WorkerEvent, from every worker."""
        return f"{self.prefix}.news"

    def rpc(self, worker: str) -> str:
        """RpcRequest, to one worker."""
        return f"{self.prefix}.ask.{worker}"

    def name_query(self, worker: str) -> str:
        """NameQuery, to whoever has this name."""
        return f"{self.prefix}.taken.{worker}"

    def job(self, worker: str, slot: int) -> str:
        """JobAssignment, to one slot."""
        return f"{self.prefix}.job.{worker}.{slot}"

    def result(self, attempt: Attempt) -> str:
        """AttemptResult of one attempt."""
        return f"{self.prefix}.end.{attempt.job_id}.{attempt.attempt}"

    @property
    def all_jobs(self) -> str:
        """The subjects of the jobs' stream."""
        return f"{self.prefix}.job.>"

    @property
    def all_results(self) -> str:
        """The subjects of the results' stream."""
        return f"{self.prefix}.end.>"

    @property
    def jobs_stream(self) -> str:
        """Claimed jobs, until their worker acknowledges them."""
        return f"{self.prefix}-jobs"

    @property
    def results_stream(self) -> str:
        """Results of attempts, until the server acknowledges them."""
        return f"{self.prefix}-ends"

    @property
    def bucket(self) -> str:
        """The object store: input images, outputs, inventories."""
        return f"{self.prefix}-files"
