"""A dict that keeps only its newest entries."""


class BoundedDict[K, V](dict[K, V]):
    """At most `limit` entries: setting a new one drops the oldest."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        while len(self) > self._limit:
            del self[next(iter(self))]
