"""How often a failed request is repeated, and after which pause."""

from dataclasses import dataclass

from .failures import TransferInterrupted, UpstreamFailed

# Longest wait between two tries, and longest wait that another server may ask for, in seconds.
LONGEST_PAUSE = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How many tries without any gain are repeated, and the seconds before the first repetition."""

    retries: int
    delay: float

    def compute_pause(self, failures: int, broken: TransferInterrupted) -> float:
        """Seconds until the next try; raises UpstreamFailed when there is to be none."""
        if failures > self.retries:
            raise UpstreamFailed(f"{broken} (given up after {failures} tries)") from broken
        if broken.after is not None:
            if broken.after > LONGEST_PAUSE:
                raise UpstreamFailed(str(broken)) from broken
            return broken.after
        return min(self.delay * 2.0 ** (failures - 1), LONGEST_PAUSE)
