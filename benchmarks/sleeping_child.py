"""An engine whose jobs take as many seconds as their prompt says, and no CPU: what is left is ours.

sleeping_child.py good STATE_DIR ... --fd N
"""

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.scripted_child import ScriptedChild


class SleepingChild(ScriptedChild):
    """Sleeps for its pictures."""

    def _sample(self, command: dict[str, Any]) -> bool:
        time.sleep(float(command["params"]["prompt"]))
        self.say(kind="step", id=command["id"], step=1, total_steps=1, image=0, images=1)
        return True


if __name__ == "__main__":
    SleepingChild(sys.argv[1], Path(sys.argv[2]), int(sys.argv[sys.argv.index("--fd") + 1])).run()
