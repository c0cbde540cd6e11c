"""Textual inversions as the engine can take them, and which of them a model has no use for.

The engine (stable-diffusion.cpp 487de75) copies their bytes as F32 whatever type they are, drops the word of
one whose width is not that of the model's text encoder, and ends its process if one of two encoders gets
nothing. It tells none of it. Only its `FrozenCLIPEmbedderWithCustomWords` reads them: SD1, SD2 and SDXL.
"""

import asyncio
import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..schemas.generation import GenerationRequest
from ..schemas.inspection import Network
from ..schemas.models import LoadRequest, ModelFiles
from .catalog import Catalog
from .embedding_words import find_words, has_word, may_find, warn_of_prefixes
from .file_copies import FileCopies
from .header_cache import HeaderCache, read_header
from .headers.header import BadHeader, Tensor
from .headers.pickle_start import find_pickle_problem
from .headers.torch_pickle import read_torch_pickle
from .lora_tags import strip_tags
from .required_files import files_of
from .tensor_files import WIDENED_TYPES

log = logging.getLogger(__name__)


# The architectures with one text encoder and with two that read embeddings.
_SINGLE = ("SD1.5", "SD2.x", "SDXS")
_DOUBLE = ("SDXL",)

# Bytes. The engine holds an embedding in 100 MiB and ends its process if it is larger.
MOST_BYTES = 2**26


class _Encoders(NamedTuple):
    """What of a model reads embeddings; `widths` is empty where it is not known."""

    architecture: str | None
    widths: frozenset[int]

    @classmethod
    def of(cls, networks: Iterable[Network]) -> "_Encoders":
        networks = list(networks)
        architecture = next((one.name for one in networks if one.kind == "diffusion" and one.name), None)
        kinds = ("clip_l",) if architecture in _SINGLE else ("clip_l", "clip_g")
        widths = (one.traits.get("width") for one in networks if one.kind in kinds)
        return cls(architecture, frozenset(width for width in widths if width))


class _Contents(NamedTuple):
    """The tensors of a file that can be read."""

    tensors: Mapping[str, Tensor]
    is_pickle: bool


class Embeddings:
    """The embeddings of this machine. `copies` holds widened ones."""

    def __init__(self, *, catalog: Catalog, headers: HeaderCache, copies: FileCopies) -> None:
        self._catalog = catalog
        self._headers = headers
        self._copies = copies

    async def prepare(self, files: ModelFiles) -> ModelFiles:
        """The files with those embeddings that the model takes, all of them in F32."""
        if not files.embeddings:
            return files
        paths = [Path(path) for path in (files.main, *files.components.values())]
        encoders = _Encoders.of(await self._list_networks(paths))
        usable = await asyncio.to_thread(self._make_usable, files.embeddings, encoders)
        return files.model_copy(update={"embeddings": usable})

    async def check(self, request: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about embeddings that the prompts name and that will not act, or act otherwise."""
        snapshot = await self._catalog.take_snapshot()
        known = snapshot.embeddings()
        prompts = [strip_tags(prompt)[0] for prompt in (request.prompt, request.negative_prompt)]
        prefixed = [warning for prompt in prompts for warning in warn_of_prefixes(prompt, known)]
        named = {
            name: path
            for name, path in known.items()
            if any(has_word(prompt, name) or may_find(prompt, name) for prompt in prompts)
        }
        if not named:
            return prefixed
        paths = [snapshot.first_path(file.types, file.name) for file in files_of(model)]
        encoders = _Encoders.of(await self._list_networks([path for path in paths if path]))
        return [*prefixed, *await asyncio.to_thread(_warn, prompts, named, encoders)]

    async def _list_networks(self, paths: Iterable[Path]) -> list[Network]:
        known = await self._headers.get_all(paths)
        return [network for facts in known.values() for network in facts.contains]

    def _make_usable(self, embeddings: Mapping[str, str], encoders: _Encoders) -> dict[str, str]:
        usable = {}
        for name, path in embeddings.items():
            try:
                reason = _find_reason(Path(path), encoders)
                if reason is None:
                    usable[name] = str(self._widen(Path(path)))
                else:
                    log.info("embedding %s is left out: %s", path, reason)
            except (OSError, BadHeader) as error:
                log.warning("embedding %s is left out: %s", path, error)
        return usable

    def _widen(self, path: Path) -> Path:
        """The file itself where it is safetensors in F32, else a copy that is."""
        contents = _read(path)
        if not contents.is_pickle and all(tensor.type == "f32" for tensor in contents.tensors.values()):
            return path
        from .tensor_widening import widen_file, widen_pickle

        write = widen_pickle if contents.is_pickle else widen_file
        return self._copies.get(path, "f32", partial(write, path))


def _warn(prompts: Iterable[str], named: Mapping[str, str], encoders: _Encoders) -> list[str]:
    reasons = {name: _find_reason(Path(path), encoders) for name, path in named.items()}
    usable = [name for name, reason in reasons.items() if reason is None]
    warnings: list[str] = []
    for prompt in prompts:
        for name, reason in reasons.items():
            if reason is not None and has_word(prompt, name):
                warnings.append(f"embedding {name} has no effect: {Path(named[name]).name} {reason}")
        warnings += _warn_of_reading(prompt, usable, encoders)
    return list(dict.fromkeys(warnings))


def _warn_of_reading(prompt: str, usable: Iterable[str], encoders: _Encoders) -> Iterator[str]:
    """What the engine makes of the names of embeddings that it has."""
    read = list(find_words(prompt, usable))
    for name, inside in read:
        if inside:
            yield f"embedding {name} acts inside '{inside}': the engine finds its name in longer words too"
        if len(encoders.widths) > 1:
            yield (
                f"embedding {name}: the engine gives its vectors for CLIP-G to both text encoders, and reads"
                " it twice at its first use after a load: the same seed draws another picture later"
            )
    for name in usable:
        if has_word(prompt, name) and name not in {one.name for one in read}:
            other = next((one.name for one in read if one.name.lower() in name.lower()), None)
            yield f"embedding {name} has no effect: " + (
                f"the engine reads {other} in its name; rename one of them"
                if other
                else "the engine does not find its name; brackets in it need a backslash each"
            )


def _find_reason(path: Path, encoders: _Encoders) -> str | None:
    """Why the model can't take a file, as the end of a sentence about it."""
    if encoders.architecture and encoders.architecture not in _SINGLE + _DOUBLE:
        return f"is for the text encoders of SD1, SD2 and SDXL, this model is {encoders.architecture}"
    try:
        if os.path.getsize(path) > MOST_BYTES:
            return f"is larger than {MOST_BYTES >> 20} MiB"
        contents = _read(path)
    except OSError as error:
        return f"can't be read: {error.strerror or error}"
    except BadHeader as error:
        return str(error)
    return _find_unreadable(contents.tensors) or _find_mismatch(contents.tensors, encoders)


def _find_unreadable(tensors: Mapping[str, Tensor]) -> str | None:
    """What no model takes."""
    unknown = {tensor.type for tensor in tensors.values()} - WIDENED_TYPES
    if unknown:
        return f"holds {', '.join(sorted(unknown))}, which the engine does not read"
    if not tensors or any(math.prod(tensor.shape) == 0 or not tensor.shape for tensor in tensors.values()):
        return "holds no vectors"
    if any(math.prod(tensor.shape[:-2]) != 1 for tensor in tensors.values()):
        return "holds a tensor of more than two dimensions"
    return None


def _find_mismatch(tensors: Mapping[str, Tensor], encoders: _Encoders) -> str | None:
    """How the vectors differ from those that the text encoders take."""
    shapes = [tensor.shape for tensor in tensors.values()]
    counts = {shape[-1]: math.prod(shape[:-1]) for shape in shapes}
    has, needs = (" and ".join(map(str, sorted(sizes))) for sizes in (counts, encoders.widths))
    if len(counts) < len(shapes):
        return "holds several tensors for one text encoder, of which the engine reads one"
    if encoders.widths and set(counts) != encoders.widths:
        return f"has width {has}, this model's text encoders have {needs}"
    if len(set(counts.values())) > 1:
        rows = " and ".join(str(counts[width]) for width in sorted(counts))
        return f"has {rows} vectors of width {has}, each text encoder needs as many as the other"
    return None


def _read(path: Path) -> _Contents:
    """Raises OSError, and BadHeader whose text is the end of a sentence about the file."""
    try:
        header = read_header(path)
    except BadHeader as error:
        raise BadHeader(f"can't be read: {error}") from error
    if header is not None:
        if header.format == "gguf":
            raise BadHeader("is a GGUF file; embeddings are safetensors or pickles")
        return _Contents(header.tensors, is_pickle=False)
    problem = find_pickle_problem(path)
    if problem:
        raise BadHeader(problem)
    try:
        pickled = read_torch_pickle(path)
    except BadHeader as error:
        raise BadHeader(f"can't be read: {error}; save it as safetensors") from error
    return _Contents({name: Tensor(one.shape, one.type) for name, one in pickled.items()}, is_pickle=True)
