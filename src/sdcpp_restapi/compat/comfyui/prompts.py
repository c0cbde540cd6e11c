"""The prompts that came in this run of the server: what became of them is told by their jobs.

As there, the list is gone with the server; the jobs and their pictures stay.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...requester import REQUESTER, may_see
from ...schemas.jobs import JobView

# The oldest are forgotten beyond so many, and beyond so many characters of their graphs.
MOST_KEPT = 1000
MOST_CHARACTERS = 32 * 2**20


@dataclass
class Submitted:
    """A graph that became a job."""

    prompt_id: str
    job_id: str
    number: float
    graph: dict[str, Any]
    length: int
    """Of the graph, in characters."""
    client_id: str | None
    before: tuple[str, ...]
    """The nodes up to the one that takes most of the time, that one, and those behind it."""
    working: str
    after: tuple[str, ...]
    ends: tuple[str, ...]
    user: str = field(default_factory=lambda: REQUESTER.get().user)
    """Whose it is, "" = nobody's."""
    ended: JobView | None = field(default=None, compare=False)

    def class_of(self, node_id: str) -> str:
        """The type of a node."""
        return str(self.graph[node_id]["class_type"])

    def describe(self) -> list[Any]:
        """As ComfyUI lists prompts."""
        extra = {"client_id": self.client_id} if self.client_id else {}
        return [self.number, self.prompt_id, self.graph, extra, list(self.ends)]


class Prompts:
    """All of them, by id. Those that the request at hand may not see are not there for it."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Submitted] = OrderedDict()
        self._by_job: dict[str, Submitted] = {}
        self._characters = 0
        self._count = 0

    def next_number(self) -> int:
        """That of the next prompt."""
        self._count += 1
        return self._count

    def add(self, prompt: Submitted) -> None:
        """Remember a prompt."""
        self._by_id[prompt.prompt_id] = self._by_job[prompt.job_id] = prompt
        self._characters += prompt.length
        while len(self._by_id) > MOST_KEPT or (self._characters > MOST_CHARACTERS and len(self._by_id) > 1):
            self.forget(next(iter(self._by_id)))

    def forget(self, prompt_id: str) -> None:
        """Drop a prompt; one that is not known is fine."""
        prompt = self._by_id.pop(prompt_id, None)
        if prompt is not None:
            del self._by_job[prompt.job_id]
            self._characters -= prompt.length

    def get(self, prompt_id: str) -> Submitted | None:
        """The prompt of this id."""
        return _if_seen(self._by_id.get(prompt_id))

    def has(self, prompt_id: str) -> bool:
        """Whether an id is taken, be it by a prompt that the request may not see."""
        return prompt_id in self._by_id

    def of_job(self, job_id: str) -> Submitted | None:
        """The prompt that became this job."""
        return _if_seen(self._by_job.get(job_id))

    def __iter__(self) -> Iterator[Submitted]:
        return iter([prompt for prompt in self._by_id.values() if may_see(prompt.user)])


def _if_seen(prompt: Submitted | None) -> Submitted | None:
    return prompt if prompt is not None and may_see(prompt.user) else None
