"""The model files of one machine: types, names, sizes and hashes."""

from collections.abc import Iterable
from itertools import pairwise
from pathlib import PurePosixPath

from ..schemas.cluster import InventoryFile, InventoryReport
from ..schemas.model_types import EXTENSIONS, ModelType, lower_extension
from ..schemas.required_files import RequiredFiles


class ModelInventory:
    """Files by type and name; LoRAs also without their extension, or with it in other letters."""

    def __init__(self, report: InventoryReport | None = None) -> None:
        self.revision = report.catalog if report else -1
        self.models: dict[tuple[ModelType, str], InventoryFile] = {}
        for model in report.models if report else ():
            self.models[model.type, model.name] = model
        self._loras = {
            one: model
            for (kind, name), model in self.models.items()
            if kind == "lora"
            for one in (_strip_extension(name), lower_extension(name))
        }

    @property
    def known(self) -> bool:
        """Whether the machine's report has arrived."""
        return self.revision >= 0

    def __len__(self) -> int:
        return len(self.models)

    def find(self, kind: ModelType, name: str) -> InventoryFile | None:
        """The file of this type and name, None if there is none."""
        return self.models.get((kind, name)) or (
            self._loras.get(lower_extension(name)) if kind == "lora" else None
        )

    def has(self, kind: ModelType, name: str) -> bool:
        """Whether a file of this name is there."""
        return self.find(kind, name) is not None

    def list_missing(self, needs: RequiredFiles) -> list[str]:
        """The files of `needs` that are not there, in words: name and types."""
        return [
            f"{file.name} ({' or '.join(file.kinds)})"
            for file in needs.files
            if not any(self.has(kind, file.name) for kind in file.kinds)
        ]

    def meets(self, needs: RequiredFiles) -> bool:
        """Whether the machine has all files of a job."""
        return not needs.here and not self.list_missing(needs)


def find_conflicts(inventories: Iterable[tuple[str, ModelInventory]], needs: RequiredFiles) -> list[str]:
    """Files of `needs` of which two machines have different versions, in words.

    `inventories`: each with the name of its machine.
    """
    named = list(inventories)
    keys = [(kind, file.name) for file in needs.files for kind in file.kinds]
    return [difference for key in keys for difference in _describe_differences(named, key)]


def _describe_differences(named: list[tuple[str, ModelInventory]], key: tuple[ModelType, str]) -> list[str]:
    kind, name = key
    held = [(machine, inventory.models[key]) for machine, inventory in named if key in inventory.models]
    return [
        f"{name} ({kind}) is not the same on {one} ({_describe(first)}) and {other} ({_describe(second)})"
        for (one, first), (other, second) in pairwise(held)
        if _differ(first, second)
    ]


def _differ(one: InventoryFile, other: InventoryFile) -> bool:
    known = one.hash is not None and other.hash is not None
    return one.size_bytes != other.size_bytes or (known and one.hash != other.hash)


def _describe(model: InventoryFile) -> str:
    return f"{model.size_bytes} bytes" + (f", SHA-256 {model.hash[:12]}..." if model.hash else "")


def _strip_extension(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in EXTENSIONS else name
