"""Links as people paste them, taken apart as far as all sources have it in common."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from ...errors import BadRequest
from ...schemas.addresses import hide_secrets

LONGEST = 4096
# urn:air:{ecosystem}:{type}:{source}:{id}[@{version}][+{file}][.{format}], of which the first words
# may be left out (https://developer.civitai.com/site/guide/air); older ones name a layer before the format.
_AIR = re.compile(
    r"(?:urn:)?air:(?:[\w.-]+:){0,2}(?P<source>[\w-]+):(?P<id>[\w./-]+?)"
    r"(?:@(?P<version>[\w-]+))?(?:\+(?P<file>\d+))?(?::[\w-]+)?"
    r"(?:\.(?:safetensors?|ckpt|diffusers?|gguf|pt|other))?",
    re.IGNORECASE,
)


class LinkAddress(NamedTuple):
    """An http(s) address: `host` in small letters and without `www.`, `place` with the port, `parts` of the
    path, unquoted."""

    host: str
    place: str
    parts: Sequence[str]
    query: Mapping[str, Sequence[str]]


class Air(NamedTuple):
    """An AI Resource Identifier: the source in small letters, and what it calls the model."""

    source: str
    id: str
    version: str | None
    file: str | None


@dataclass(frozen=True)
class PastedLink:
    """A link: an address, an AIR, or `scheme:rest` of a source."""

    text: str
    scheme: str
    rest: str
    address: LinkAddress | None = None
    air: Air | None = None

    def refuse(self, reason: str) -> BadRequest:
        """The answer for this link."""
        return BadRequest(f"link: {hide_secrets(self.text)[:100]!r} is not allowed: {reason}", field="link")


def parse_link(text: str) -> PastedLink:
    """Take a link apart; an address may lack its https://. Raises BadRequest."""
    text = text.strip()
    scheme, _, rest = text.partition(":")
    link = PastedLink(text, scheme.lower(), rest)
    if not text or len(text) > LONGEST or re.search(r"\s", text):
        raise link.refuse(f"a link has 1 to {LONGEST} characters and no spaces")
    if link.scheme in ("urn", "air"):
        return PastedLink(text, "air", rest, air=_parse_air(link))
    if link.scheme in ("http", "https"):
        return PastedLink(text, link.scheme, rest, address=_parse_address(link))
    if re.match(r"[\w-]+(\.[\w-]+)+(:\d+)?/", text):
        return parse_link(f"https://{text}")
    return link


def _parse_air(link: PastedLink) -> Air:
    found = _AIR.fullmatch(link.text)
    if found is None:
        raise link.refuse("an AIR is written urn:air:ECOSYSTEM:TYPE:SOURCE:ID@VERSION")
    return Air(found["source"].lower(), found["id"], found["version"], found["file"])


def _parse_address(link: PastedLink) -> LinkAddress:
    try:
        address = urlsplit(link.text)
        host = (address.hostname or "").removeprefix("www.")
    except ValueError:
        raise link.refuse("this is not an address") from None
    parts = [unquote(part) for part in address.path.split("/") if part]
    return LinkAddress(host, address.netloc, parts, parse_qs(address.query))
