"""What a pull would do: which variant suits this machine, what is there already, what is to be fetched."""

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import BadRequest, DiskFull
from ..models.catalog import Catalog
from ..models.catalog_snapshot import CatalogSnapshot
from ..schemas.addresses import hide_secrets
from ..schemas.model_sets import (
    ModelSet,
    PulledRecord,
    SetFileView,
    SetList,
    SetSummary,
    SetVariant,
    SetView,
    VariantView,
)
from .library import KnownSet, SetLibrary
from .machine_memory import MachineMemory, compute_need, judge
from .presence import LocatedFile, Presence
from .records import Records


@dataclass(frozen=True)
class PlannedVariant:
    """A variant, and its files as they are on disk now."""

    variant: SetVariant
    files: list[LocatedFile]
    view: VariantView


@dataclass(frozen=True)
class Choice:
    """The variant that a pull takes, and why."""

    of: ModelSet
    planned: PlannedVariant
    reason: str


class SetPlanner:
    """Looks at sets, this machine and its disks. No server is asked."""

    def __init__(
        self,
        *,
        sets: SetLibrary,
        catalog: Catalog,
        presence: Presence,
        records: Records,
        memory: Callable[[], MachineMemory | None],
    ) -> None:
        """`memory`: of this machine; None where no engine runs here. It is called in a thread."""
        self._sets = sets
        self._catalog = catalog
        self._presence = presence
        self._records = records
        self._memory = memory

    async def list_sets(self) -> SetList:
        """All sets, by name."""
        known, problems = await asyncio.to_thread(self._sets.read)
        pulled = await self._records.read()
        summaries = [_summarize(one, pulled) for one in known.values()]
        return SetList(sets=summaries, problems=problems or None)

    async def view(self, name: str) -> SetView:
        """A set with all its variants on this machine. Raises NotFound."""
        known = await asyncio.to_thread(self._sets.find, name)
        variants = await self._plan_all(known.set)
        chosen, reason = self._choose(variants)
        summary = _summarize(known, await self._records.read())
        return SetView(
            **summary.model_dump(),
            details=[one.view for one in variants],
            chosen=chosen.variant.name,
            reason=reason,
            free_bytes=await asyncio.to_thread(free_bytes, self._main_folder()),
            load_options=known.set.load_options,
            defaults=known.set.defaults,
            example=known.set.example,
        )

    async def choose(self, name: str, variant: str | None) -> Choice:
        """The variant that is asked for, or the best that fits. Raises NotFound, BadRequest."""
        of = (await asyncio.to_thread(self._sets.find, name)).set
        variants = await self._plan_all(of)
        if variant is None:
            chosen, reason = self._choose(variants)
            return Choice(of, chosen, reason)
        named = next((one for one in variants if one.variant.name == variant), None)
        if named is None:
            names = ", ".join(one.name for one in of.variants)
            raise BadRequest(f"variant: {variant[:60]!r} is not allowed; {name} has {names}", field="variant")
        return Choice(of, named, f"{variant} was asked for; it {named.view.why}")

    async def check_room(self, missing: Sequence[tuple[LocatedFile, int]]) -> int:
        """The bytes that are free where the main file goes. Raises DiskFull if these sizes do not fit."""
        return await asyncio.to_thread(self._check_room, missing)

    async def _plan_all(self, of: ModelSet) -> list[PlannedVariant]:
        snapshot = await self._catalog.take_snapshot()
        return await asyncio.to_thread(
            lambda: [self._plan(of, variant, snapshot, self._memory()) for variant in of.variants]
        )

    def _plan(
        self, of: ModelSet, variant: SetVariant, snapshot: CatalogSnapshot, memory: MachineMemory | None
    ) -> PlannedVariant:
        files = of.files_of(variant)
        found = self._presence.find(of, files, snapshot)
        need = compute_need(of, files)
        fits, why = judge(need, memory)
        missing = [one.file.likely_size for one in found if one.state == "missing"]
        view = VariantView(
            name=variant.name,
            size_bytes=sum(file.likely_size for file in files),
            bytes_to_fetch=sum(missing),
            memory_bytes=need.total,
            fits=fits,
            why=why,
            complete=all(one.state == "there" for one in found),
            files=[show(one) for one in found],
        )
        return PlannedVariant(variant, found, view)

    def _choose(self, variants: list[PlannedVariant]) -> tuple[PlannedVariant, str]:
        """The first that fits into memory and onto the disk; variants are ordered, best first."""
        free = free_bytes(self._main_folder())
        fitting = [one for one in variants if one.view.fits is not False]
        roomy = next((one for one in fitting if one.view.bytes_to_fetch <= free), None)
        if roomy is not None:
            better = "" if roomy is variants[0] else f"the best of {len(variants)} variants that fits: "
            return roomy, f"{better}{roomy.variant.name} {roomy.view.why}"
        smallest = min(fitting or variants, key=lambda one: one.view.size_bytes)
        if fitting:
            return smallest, f"no variant has room on the disk; {smallest.variant.name} is the smallest"
        return smallest, f"no variant fits; the smallest, {smallest.variant.name}, {smallest.view.why}"

    def _check_room(self, missing: Sequence[tuple[LocatedFile, int]]) -> int:
        folders = self._catalog.folders
        needed: dict[int, int] = {}
        places: dict[int, Path] = {}
        for one, size in missing:
            folder = _find_existing(folders[one.file.type])
            device = os.stat(folder).st_dev
            needed[device] = needed.get(device, 0) + size
            places[device] = folder
        for device, size in needed.items():
            free = free_bytes(places[device])
            if size > free:
                raise DiskFull(
                    f"The disk is too full: {size} bytes are to be fetched, {places[device]} has {free} free"
                )
        return free_bytes(self._main_folder())

    def _main_folder(self) -> Path:
        return self._catalog.folders["checkpoint"].parent


def show(found: LocatedFile) -> SetFileView:
    """A file of a set as the API shows it."""
    return SetFileView(
        part=found.file.part,
        type=found.file.type,
        name=found.name,
        source=hide_secrets(found.file.place),
        size_bytes=found.file.likely_size,
        size_is_exact=found.file.size is not None,
        state=found.state,
        note=found.note,
    )


def free_bytes(folder: Path) -> int:
    """What is free on the disk of a folder, which may not exist yet."""
    return shutil.disk_usage(_find_existing(folder)).free


def _find_existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _summarize(known: KnownSet, pulled: Mapping[str, PulledRecord]) -> SetSummary:
    of, record = known.set, pulled.get(known.set.name)
    return SetSummary(
        **of.model_dump(include={"name", "title", "summary", "makes", "architecture", "license"}),
        origin=known.origin,
        variants=[variant.name for variant in of.variants],
        pulled=record.variant if record else None,
        pulled_files=record.files if record else None,
    )
