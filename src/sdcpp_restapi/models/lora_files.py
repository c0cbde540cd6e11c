"""The LoRA files of a job as the engine is given them: copies, where it would not find the layers."""

import asyncio
import hashlib
import os
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..errors import JobFailed
from ..schemas.engine import LoraFile
from ..schemas.generation import GenerationRequest
from ..schemas.models import LoadRequest
from . import loras
from .catalog import Catalog
from .file_copies import FileCopies
from .hash_cache import Version
from .header_cache import read_header
from .headers.header import BadHeader, Header
from .lora_names.model_layers import TEXT_ENCODERS, ModelLayers
from .lora_names.respelling import plan_copy, write_copy
from .loras import ResolvedPrompts
from .required_files import files_of

# Models whose layers are remembered: the current one, and those of a few jobs.
MOST_REMEMBERED = 4

# The files of a model that LoRAs change.
_CHANGED = {"model", "high_noise_diffusion_model", *TEXT_ENCODERS}


class LayerReader:
    """The layers of models, read from the headers of their files once for each version of these."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._known: dict[tuple[tuple[str, Path, Version], ...], ModelLayers] = {}

    async def read(self, model: LoadRequest) -> ModelLayers:
        """All that is known of its layers; of files in formats that are not read, nothing is."""
        snapshot = await self._catalog.take_snapshot()
        files = [
            (file.role, snapshot.first_path(file.types, file.name))
            for file in files_of(model)
            if file.role in _CHANGED
        ]
        return await asyncio.to_thread(self._read, [(role, path) for role, path in files if path])

    def _read(self, files: Iterable[tuple[str, Path]]) -> ModelLayers:
        versions = tuple((role, path, version) for role, path in files if (version := _find_version(path)))
        known = self._known.get(versions)
        if known is not None:
            return known
        headers = [(role, header) for role, path, _ in versions if (header := _read_header(path))]
        layers = ModelLayers.of(headers)
        while len(self._known) >= MOST_REMEMBERED:
            self._known.pop(next(iter(self._known)), None)
        self._known[versions] = layers
        return layers


class LoraFiles:
    """Finds the LoRAs of a job. Their own files are never written to."""

    def __init__(self, catalog: Catalog, layers: LayerReader, copies: FileCopies) -> None:
        self._catalog = catalog
        self._layers = layers
        self._copies = copies

    async def resolve(self, request: GenerationRequest, model: LoadRequest | None) -> ResolvedPrompts:
        """Prompts and LoRAs as the engine takes them.

        Raises BadRequest when a LoRA is gone, JobFailed when a copy can't be written.
        """
        resolved = await loras.resolve(self._catalog, request)
        if model is None or not resolved.loras:
            return resolved
        layers = await self._layers.read(model)
        given = [await asyncio.to_thread(self._respell, lora, layers) for lora in resolved.loras]
        sources = {copy.path: lora.path for copy, lora in zip(given, resolved.loras, strict=True)}
        return replace(resolved, loras=given, sources=sources)

    def _respell(self, lora: LoraFile, layers: ModelLayers) -> LoraFile:
        path = Path(lora.path)
        header = _read_header(path)
        if header is None or header.format != "safetensors":
            return lora
        plan = plan_copy(header, layers, high_noise=lora.high_noise)
        if plan is None:
            return lora
        form = hashlib.sha256(repr(plan).encode()).hexdigest()
        try:
            copy = self._copies.get(path, form, partial(write_copy, path, plan))
        except OSError as error:
            raise JobFailed(
                f"No copy of {path.name} in the engine's spelling could be written: {error}"
            ) from error
        return lora.model_copy(update={"path": str(copy)})


def _find_version(path: Path) -> Version | None:
    try:
        return Version.of(os.stat(path))
    except OSError:
        return None


def _read_header(path: Path) -> Header | None:
    """None for what is gone by now, damaged, or of a format that is not read."""
    try:
        return read_header(path)
    except (BadHeader, OSError):
        return None
