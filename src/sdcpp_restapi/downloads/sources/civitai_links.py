"""Links to CivitAI: which model and version they mean."""

import re
from dataclasses import dataclass, replace

from .links import LinkAddress, PastedLink

# The same models under the same numbers; .com has lost those that are not for everybody
# (https://github.com/Confuzu/CivitAI_Image_grabber/issues/67).
HOSTS = ("civitai.com", "civitai.red", "civitai.green")
_NUMBER = re.compile(r"\d{1,18}")
_ID = re.compile(r"(\d{1,18})(?:[:@](\d{1,18}))?")


@dataclass(frozen=True)
class CivitaiLink:
    """A model, one of its versions, or both; `file` is the number of a file of the version."""

    model: str | None
    version: str | None = None
    file: str | None = None


def read_civitai_link(link: PastedLink, own_place: str) -> CivitaiLink | None:
    """The model that a link means; None for a link to elsewhere. `own_place`: host and port of the setting.

    Raises BadRequest for a page of CivitAI that is not of a model.
    """
    if link.scheme == "civitai":
        return _read_id(link, link.rest)
    if link.air is not None and link.air.source == "civitai":
        found = _read_id(link, "@".join(filter(None, (link.air.id, link.air.version))))
        return replace(found, file=link.air.file)
    address = link.address
    if address is not None and (address.host in HOSTS or address.place == own_place):
        return _read_address(link, address)
    return None


def _read_id(link: PastedLink, number: str) -> CivitaiLink:
    found = _ID.fullmatch(number)
    if found is None:
        raise link.refuse("a model of CivitAI is 123456, or 123456:789012 with a version")
    return CivitaiLink(found[1], found[2])


def _read_address(link: PastedLink, address: LinkAddress) -> CivitaiLink:
    parts = list(address.parts)
    if parts[:2] == ["api", "v1"]:
        parts = parts[2:]
    match parts:
        case ["models", model, *_] if _NUMBER.fullmatch(model):
            version = next(iter(address.query.get("modelVersionId", ())), "")
            return CivitaiLink(model, version if _NUMBER.fullmatch(version) else None)
        case ["model-versions", version] | ["api", "download", "models", version]:
            if _NUMBER.fullmatch(version):
                return CivitaiLink(None, version)
    raise link.refuse(
        "this is no address of a model on CivitAI: it is /models/123456, or /api/download/models/789012"
    )
