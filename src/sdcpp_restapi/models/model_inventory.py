"""The model files of one machine, as far as names, sizes and hashes tell."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import PurePosixPath

from ..schemas.cluster import InventoryFile, InventoryReport
from ..schemas.models import EXTENSIONS, ModelType
from ..schemas.required_files import RequiredFiles


class ModelInventory:
    """Looked up by type and name."""

    def __init__(self, report_inventory: InventoryReport | None = None) -> None:
        self.revision = report_inventory.catalog if report_inventory else -1
        self.models: dict[tuple[ModelType, str], InventoryFile] = {}
        for model in report_inventory.models if report_inventory else ():
            self.models[model.type, model.name] = model
        # LoRAs are named with or without their extension.
        self._loras = {_stem(name): model for (kind, name), model in self.models.items() if kind == "lora"}

    @property
    def known(self) -> bool:
        """Whether the machine has said what it has."""
        return self.revision >= 0

    def __len__(self) -> int:
        return len(self.models)

    def find(self, kind: ModelType, name: str) -> InventoryFile | None:
        """The file of this name."""
        return self.models.get((kind, name)) or (self._loras.get(name) if kind == "lora" else None)

    def has(self, kind: ModelType, name: str) -> bool:
        """Whether a file of this name is there."""
        return self.find(kind, name) is not None

    def missing(self, needs: RequiredFiles) -> list[str]:
        """Those of the needs that are not met, in words."""
        return [
            f"{need.name} ({' or '.join(need.kinds)})"
            for need in needs.files
            if not any(self.has(kind, need.name) for kind in need.kinds)
        ]

    def meets(self, needs: RequiredFiles) -> bool:
        """Whether a job with these needs can run there."""
        return not needs.here and not self.missing(needs)


def conflicts(stocks: Iterable[tuple[str, ModelInventory]], needs: RequiredFiles) -> list[str]:
    """Files of `needs` of which two machines have different ones, in words; each stock with its machine."""
    named = list(stocks)
    keys = [(kind, need.name) for need in needs.files for kind in need.kinds]
    return [told for key in keys for told in _differences(named, key)]


def _differences(named: list[tuple[str, ModelInventory]], key: tuple[ModelType, str]) -> list[str]:
    kind, name = key
    held = [(machine, inventory.models[key]) for machine, inventory in named if key in inventory.models]
    return [
        f"{name} ({kind}) is not the same on {one} ({_told(first)}) and {other} ({_told(second)})"
        for (one, first), (other, second) in pairwise(held)
        if _differ(first, second)
    ]


def _differ(one: InventoryFile, other: InventoryFile) -> bool:
    known = one.hash is not None and other.hash is not None
    return one.size_bytes != other.size_bytes or (known and one.hash != other.hash)


def _told(model: InventoryFile) -> str:
    return f"{model.size_bytes} bytes" + (f", SHA-256 {model.hash[:12]}..." if model.hash else "")


def _stem(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in EXTENSIONS else name
