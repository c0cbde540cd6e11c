"""The Dockerfile and the compose file, read as data."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.packaging.source_copy import ROOT


@dataclass
class Stage:
    """What stands between two FROM lines: (instruction, its words), in order."""

    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, name: str) -> list[str]:
        """The words of all instructions of this name."""
        return [words for instruction, words in self.instructions if instruction == name]

    def command(self, name: str) -> list[str]:
        """ENTRYPOINT or CMD, as a list."""
        (words,) = self.all(name)
        command: list[str] = json.loads(words)
        return command

    def environment(self) -> dict[str, str]:
        """What ENV sets."""
        return dict(re.findall(r"(\w+)=(\S+)", " ".join(self.all("ENV"))))


def read_stages() -> list[Stage]:
    """The stages of the Dockerfile."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        name, _, words = line.partition(" ")
        if name == "FROM":
            stages.append(Stage())
        elif name:
            stages[-1].instructions.append((name, words))
    return stages


def read_compose() -> dict[str, Any]:
    """compose.yaml."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return compose
