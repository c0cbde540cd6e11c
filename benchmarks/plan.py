"""How much a run measures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Counts and durations."""

    seconds: float = 3.0
    starts: int = 5
    jobs: int = 100
    posts: int = 200
    stored_jobs: int = 10_000
    events: int = 300
    file_megabytes: int = 1000
    pictures: int = 40
    enhancements: int = 4


FULL = Plan()
QUICK = Plan(
    seconds=1.0, starts=3, jobs=20, posts=60, events=100, file_megabytes=300, pictures=15, enhancements=1
)
