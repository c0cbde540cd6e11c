"""Models under the web UI's names: a title such as "folder/model.safetensors [0123456789]"."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from ...api.app_state import AppState
from ...errors import BadRequest
from ...models.filters import ModelFilters
from ...schemas.model_types import MAIN_TYPES, MODEL_TYPES, ModelType
from ...schemas.models import LoadRequest, ModelEntry
from .options import OptionChanges

_HASH_LENGTH = 10
_HASH_AT_END = re.compile(r"\s*\[[0-9a-fA-F]{6,64}\]$")
_MOST_NAMED = 20
# Values of sd_vae that name no file: what the model needs is picked, or it is to have none of its own.
_AUTOMATIC, _NONE = "automatic", "none"


async def list_entries(state: AppState, *kinds: ModelType) -> list[ModelEntry]:
    """The models of these types on all machines."""
    await state.catalog.take_snapshot()
    listing = await state.library.list_models(ModelFilters(), state.model.identity())
    return [entry for kind in kinds for entry in getattr(listing, MODEL_TYPES[kind].plural)]


def show_path(state: AppState, entry: ModelEntry) -> str:
    """Where its file is, or would be if it were on this machine."""
    return str(state.catalog.folders[entry.type] / entry.name)


def stem_of(name: str) -> str:
    """The name without folder and extension."""
    return PurePosixPath(name).stem


def short_hash(sha256: str | None) -> str | None:
    """As much of a hash as names show; None while it was not computed."""
    return sha256[:_HASH_LENGTH] if sha256 else None


def title_of(entry: ModelEntry) -> str:
    """What a checkpoint is chosen by."""
    return f"{entry.name} [{short_hash(entry.hash)}]" if entry.hash else entry.name


def describe(state: AppState, entry: ModelEntry) -> dict[str, Any]:
    """As GET /sd-models lists it."""
    return {
        "title": title_of(entry),
        "model_name": stem_of(entry.name),
        "hash": short_hash(entry.hash),
        "sha256": entry.hash,
        "filename": show_path(state, entry),
        "config": None,
    }


def find_by_name(field: str, wanted: str, entries: Sequence[ModelEntry]) -> ModelEntry:
    """The model that a name means: title, file name with or without folder and extension, or hash; whatever
    capital letters, and with an old hash behind it. Else the shortest title that holds it.

    Raises BadRequest naming the field and what is allowed.
    """
    text = _HASH_AT_END.sub("", wanted).strip().casefold()
    found = [entry for entry in entries if wanted.strip().casefold() == title_of(entry).casefold()]
    found = found or [entry for entry in entries if text == entry.name.casefold()]
    found = found or [entry for entry in entries if text in _names_of(entry)]
    if not found and text:
        holding = [entry for entry in entries if text in title_of(entry).casefold()]
        found = sorted(holding, key=lambda entry: len(title_of(entry)))[:1]
    if len(found) == 1:
        return found[0]
    if found:
        same = ", ".join(f"{entry.name} ({entry.type})" for entry in found)
        raise BadRequest(f"{field}: {wanted!r} may be {same}; one of them has to be renamed", field)
    allowed = ", ".join(title_of(entry) for entry in entries[:_MOST_NAMED]) or "none: there are no such files"
    more = f", and {len(entries) - _MOST_NAMED} more" if len(entries) > _MOST_NAMED else ""
    raise BadRequest(f"{field}: {wanted!r} was not found; there are {allowed}{more}", field)


def _names_of(entry: ModelEntry) -> set[str]:
    path = PurePosixPath(entry.name)
    names = {path.name, path.stem, str(path.with_suffix("")), entry.hash, short_hash(entry.hash)}
    return {name.casefold() for name in names if name}


async def find_checkpoint(state: AppState, wanted: str) -> ModelEntry:
    """The main model that a name means. Raises BadRequest."""
    return find_by_name("sd_model_checkpoint", wanted, await list_entries(state, *MAIN_TYPES))


async def find_wanted(state: AppState, changes: OptionChanges, controlnet: str | None) -> LoadRequest | None:
    """The model that options and a ControlNet ask for; None where it is the current one as it is loaded.

    Raises BadRequest, NoModelLoaded.
    """
    current = state.model.identity()
    request: LoadRequest | None = None
    if changes.sd_model_checkpoint is not None:
        entry = await find_checkpoint(state, changes.sd_model_checkpoint)
        if (entry.name, entry.type) != current:
            request = await _load_as_before(state, entry)
    if changes.sd_vae is not None:
        vae = await _find_vae(state, changes.sd_vae)
        # A model that is loaded anew has what it needs; without any model there is nothing to change.
        if vae != _AUTOMATIC or (request is None and current is not None):
            base = request or state.model.require()
            request = request if vae == base.vae else _with_vae(base, vae)
    if controlnet is not None:
        base = request or state.model.require()
        entry = find_by_name("controlnet model", controlnet, await list_entries(state, "controlnet"))
        if entry.name != base.controlnet:
            request = base.model_copy(update={"controlnet": entry.name})
    return request


async def _load_as_before(state: AppState, entry: ModelEntry) -> LoadRequest:
    """As it was loaded the last time, or with the components that it needs."""
    same_name = [one for one in await list_entries(state, *MAIN_TYPES) if one.name == entry.name]
    body = LoadRequest.model_validate({"model_name": entry.name, "model_type": entry.type})
    return await state.generations.find_model(entry.name if len(same_name) == 1 else body)


async def _find_vae(state: AppState, wanted: str) -> str | None:
    name = wanted.strip().casefold()
    if name in ("", _AUTOMATIC):
        return _AUTOMATIC
    if name == _NONE:
        return None
    return find_by_name("sd_vae", wanted, await list_entries(state, "vae")).name


def _with_vae(base: LoadRequest, vae: str | None) -> LoadRequest:
    """With another VAE; one that is automatic is left out, so that it is picked if the model needs it."""
    fields = {name: getattr(base, name) for name in base.model_fields_set if name != "vae"}
    return LoadRequest.model_validate({**fields, **({} if vae == _AUTOMATIC else {"vae": vae})})
