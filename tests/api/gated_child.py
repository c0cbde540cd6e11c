"""The scripted engine child, with loads that wait while a FIFO named `gate` is in its state folder."""

import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.faults.scripted_child import WHILE_LOADING, ScriptedChild


def _wait_at_the_gate(child: ScriptedChild) -> None:
    with suppress(FileNotFoundError):
        (child.state / "gate").read_bytes()


if __name__ == "__main__":
    WHILE_LOADING["obeys"] = _wait_at_the_gate
    fd = int(sys.argv[sys.argv.index("--fd") + 1])
    ScriptedChild(sys.argv[1], Path(sys.argv[2]), fd).run()
