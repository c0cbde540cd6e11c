"""The `sh` blocks of a page, and one bash script that runs them in order.

A comment before a block says how it is run: `<!-- test: background -->`, `when done`, `until Ctrl-C`, or
`skip, <why>`; CONTRIBUTING.md explains them. All other blocks must end with status 0.
"""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<mark>.+?) -->\n)?```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_SKIP = "skip, "
MARKS = {None, "background", "when done", "until Ctrl-C"}

# Ports are those of the examples; `replace` puts others in their place.
_FUNCTIONS = """\
set -euo pipefail
server=
busy() { curl -s localhost:8080/queue?limit=1 | jq -e '.pending_count + .processing_count > 0' >/dev/null; }
none_failed() { curl -s localhost:8080/queue | jq -e '.failed_count == 0' >/dev/null; }
wait_until_done() { while busy; do sleep 0.2; done; none_failed; }
stop_server() {
  if [[ -n $server ]]; then kill -TERM "$server"; wait "$server" || true; fi
  server=
}
# A reader takes longer to go on than the model of `--demo` takes to be loaded.
is_loaded() { curl -s localhost:8080/health | jq -e '.model_loading == false' >/dev/null; }
wait_until_served() { until is_loaded; do kill -0 "$server"; sleep 0.1; done; }
trap 'echo "the block in line $block failed" >&2' ERR
trap stop_server EXIT
"""


@dataclass(frozen=True)
class ShellBlock:
    """One block; `line` is where its text begins in the page."""

    line: int
    text: str
    mark: str | None

    @property
    def is_skipped(self) -> bool:
        """Whether it can't be run here."""
        return self.mark is not None and self.mark.startswith(_SKIP)

    def script(self) -> str:
        """It as a part of the page's script."""
        if self.is_skipped:
            return ""
        assert self.mark in MARKS, self.mark
        lines = {
            None: self.text,
            "when done": f"wait_until_done\n{self.text}",
            "until Ctrl-C": f"timeout 3 bash -euo pipefail -c {_quote(self.text)} || (($? == 124))\n",
            # exec, so that the signal reaches the command and not a shell around it.
            "background": "if [[ -n $server ]]; then wait_until_done; stop_server; fi\n"
            f"(exec {self.text.partition('#')[0].strip()}) &\nserver=$!\nwait_until_served\n",
        }
        return f"block={self.line}\necho '== line {self.line}'\n{lines[self.mark]}"


def read_blocks(page: Path) -> list[ShellBlock]:
    """The page's blocks, in order."""
    text = page.read_text("utf-8")
    return [
        ShellBlock(text.count("\n", 0, found.start("text")) + 1, found["text"], found["mark"])
        for found in _BLOCK.finditer(text)
    ]


def build_script(blocks: list[ShellBlock], ports: dict[int, int]) -> str:
    """A bash script that ends with status 0 if every block does; `ports` replaces those of the examples."""
    script = _FUNCTIONS + "".join(block.script() for block in blocks) + "wait_until_done\n"
    for documented, free in ports.items():
        script = script.replace(f"localhost:{documented}", f"localhost:{free}")
    return script


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
