"""What a slot computes on."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Device:
    """A device of the engine; `threads` None leaves their number to the load or the engine."""

    name: str = "default"
    threads: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """`CUDA0`, `cpu` or `cpu:2`."""
        name, _, threads = text.partition(":")
        return cls(name, int(threads) if threads else None)

    @classmethod
    def all_of(cls, names: list[str] | None) -> list[Self]:
        """Those of the setting; by default one that the engine chooses."""
        return [cls()] if names is None else [cls.parse(name) for name in names]

    @property
    def backend(self) -> str | None:
        """As the engine is told; None leaves the choice to it."""
        return None if self.name == "default" else self.name

    def is_missing_among(self, listed: list[str]) -> bool:
        """Whether it is none of the 'name<TAB>description' lines of sd_list_devices."""
        names = {line.partition("\t")[0].lower() for line in listed}
        return self.backend is not None and self.name.lower() not in names

    def is_cpu_among(self, listed: list[str]) -> bool:
        """Whether it computes on the CPU, where the engine lists these devices."""
        if self.backend is not None:
            return self.name.lower() == "cpu"
        return all(line.upper().startswith("CPU") for line in listed)

    def __str__(self) -> str:
        return self.name if self.threads is None else f"{self.name}:{self.threads}"
