"""The `proves` markers of all tests, heavy ones too."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Proof:
    """One test that shows that a field acts: in what came out, or only in what the engine was given."""

    field: str
    test: str
    passed: bool


def proofs() -> list[Proof]:
    """Collected in a process of its own: pytest is no guest in a running pytest."""
    # ./test keeps the current folder off Python's path.
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.proofs.markers"]
    found = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    return [Proof(**one) for one in json.loads(found.stdout)]


class _Collector:
    found: list[Proof]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.found = list(dict.fromkeys(_of_items(session.items)))


def _of_items(items: list[pytest.Item]) -> Iterator[Proof]:
    for item in items:
        path, _, name = item.nodeid.partition("::")
        for mark in item.iter_markers("proves"):
            for field in mark.args:
                yield Proof(field, f"{path}::{name.partition('[')[0]}", mark.kwargs.get("passed", False))


def main() -> None:
    """Print them as JSON."""
    collector = _Collector()
    with redirect_stdout(sys.stderr):
        status = pytest.main(["--collect-only", "-p", "no:cacheprovider"], [collector])
    if status:
        sys.exit(f"the tests cannot be collected: {status!r}")
    print(json.dumps([asdict(proof) for proof in collector.found]))


if __name__ == "__main__":
    main()
