"""Textual inversions as the engine can take them, and which of them a model has no use for.

The engine copies their bytes as F32 whatever type they are, and drops the
word of one whose width is not that of the model's text encoder. It tells neither.
"""

import asyncio
import logging
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from ..schemas.generation import GenerationRequest
from ..schemas.inspection import Network
from ..schemas.models import LoadRequest, ModelFiles
from .catalog import Catalog
from .file_copies import FileCopies
from .header_cache import HeaderCache, read_header
from .headers.header import BadHeader, Header
from .headers.pickle_start import find_pickle_problem
from .required_files import files_of

log = logging.getLogger(__name__)

# Types that tensor_widening.py knows; it is imported when it is needed, since NumPy takes 0.1 s to come.
WIDENED = ("f32", "f64", "f16", "bf16", "f8_e4m3", "f8_e5m2")
# As ComfyUI names them; here the name alone does.
_PREFIXED = re.compile(r"\bembedding:([^\s,:()\[\]<>]{1,200})", re.IGNORECASE)


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
        widths = _find_widths(await self._list_networks(paths))
        usable = await asyncio.to_thread(self._make_usable, files.embeddings, widths)
        return files.model_copy(update={"embeddings": usable})

    async def check(self, request: GenerationRequest, model: LoadRequest) -> list[str]:
        """Warnings about embeddings that the prompts name and that will not act."""
        snapshot = await self._catalog.take_snapshot()
        known = snapshot.embeddings()
        prefixed = _warn_of_prefixes(request, known)
        named = {
            word: path
            for word, path in known.items()
            if _names(request.prompt, word) or _names(request.negative_prompt, word)
        }
        if not named:
            return prefixed
        paths = [snapshot.first_path(file.types, file.name) for file in files_of(model)]
        widths = _find_widths(await self._list_networks([path for path in paths if path]))
        return [*prefixed, *await asyncio.to_thread(_warn_of_ineffective, named, widths)]

    async def _list_networks(self, paths: Iterable[Path]) -> list[Network]:
        known = await self._headers.get_all(paths)
        return [network for facts in known.values() for network in facts.contains]

    def _make_usable(self, embeddings: Mapping[str, str], widths: frozenset[int]) -> dict[str, str]:
        usable = {}
        for word, path in embeddings.items():
            try:
                header, reason = _examine(Path(path), widths)
                if reason is None:
                    usable[word] = str(self._widen(Path(path), header))
                else:
                    log.info("embedding %s is left out: %s", path, reason)
            except OSError as error:
                log.warning("embedding %s is left out: %s", path, error)
        return usable

    def _widen(self, path: Path, header: Header | None) -> Path:
        """The file itself where it is F32 or its header is not read, else a copy that is."""
        if header is None or all(tensor.type == "f32" for tensor in header.tensors.values()):
            return path
        from .tensor_widening import widen_file

        return self._copies.get(path, "f32", partial(widen_file, path))


def _find_widths(networks: Iterable[Network]) -> frozenset[int]:
    """Those of the text encoders that take embeddings; empty where none is known."""
    return frozenset(
        network.traits["width"]
        for network in networks
        if network.kind in ("clip_l", "clip_g") and "width" in network.traits
    )


def _warn_of_prefixes(request: GenerationRequest, known: Iterable[str]) -> list[str]:
    """What becomes of `embedding:name`, where the engine reads the name only."""
    words = {word.lower() for word in known}
    warnings = []
    for field, prompt in (("prompt", request.prompt), ("negative_prompt", request.negative_prompt)):
        for found in _PREFIXED.finditer(prompt):
            path = PurePosixPath(found[1].rstrip("."))
            if {path.name.lower(), path.stem.lower()} & words:
                warnings.append(
                    f"{field}: {found[0]} acts by the embedding's name alone, the rest stays text"
                )
            else:
                warnings.append(f"{field}: {found[0]} has no effect: there is no embedding of that name")
    return list(dict.fromkeys(warnings))


def _warn_of_ineffective(named: Mapping[str, str], widths: frozenset[int]) -> list[str]:
    warnings = []
    for word, path in named.items():
        try:
            _, reason = _examine(Path(path), widths)
        except OSError as error:
            reason = str(error)
        if reason is not None:
            warnings.append(f"embedding {word} has no effect: {Path(path).name} {reason}")
    return warnings


def _examine(path: Path, widths: frozenset[int]) -> tuple[Header | None, str | None]:
    """The header, if it is read, and why the model can't take the file. Raises OSError."""
    try:
        header = read_header(path)
    except BadHeader as error:
        return None, f"can't be read: {error}"
    if header is None:
        return None, find_pickle_problem(path)
    if header.format == "gguf":
        return header, "is a GGUF file; embeddings are safetensors or pickles"
    types = {tensor.type for tensor in header.tensors.values()}
    if not types <= {"f32", *WIDENED}:
        return header, f"holds {', '.join(sorted(types - {'f32', *WIDENED}))}, which the engine does not read"
    found = {tensor.shape[-1] for tensor in header.tensors.values() if tensor.shape}
    if not found:
        return header, "holds no vectors"
    if widths and not found <= widths:
        has, needs = (" and ".join(map(str, sorted(sizes))) for sizes in (found, widths))
        return header, f"has width {has}, this model's text encoders have {needs}"
    return header, None


def _names(prompt: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", prompt, re.IGNORECASE) is not None
