"""The HTML page that shows a folder of outputs."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from . import listing, rows
from .folder import Found, OutputFolder, fit_calendar
from .listing import Order, Sort
from .media import kind_of

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
# They are part of the page, which so needs nothing else; the policy names their hashes.
_STYLE = (_HERE / "browser.css").read_text("utf-8")
_SCRIPT = (_HERE / "browser.js").read_text("utf-8")
# A column is first sorted this way: what is new or large comes first.
_FIRST_ORDER: Mapping[Sort, Order] = {"name": "asc", "size": "desc", "date": "desc"}
_PAGES_AROUND = 2


def _hash_source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; img-src 'self' data:; media-src 'self'; style-src {_hash_source(_STYLE)};"
        f" script-src {_hash_source(_SCRIPT)}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "private, no-cache",
}


@dataclass(frozen=True, slots=True)
class View:
    """The folder, sorting and page that are shown, and the addresses of its links.

    `up` leads from the page's address to the server's root: relative, so that the page works behind any
    prefix.
    """

    up: str
    path: str
    sort: Sort = "name"
    order: Order = "asc"
    page: int = 1

    def file(self, path: str) -> str:
        """The address of a file."""
        return self._link(f"output/{quote(path)}")

    def thumb(self, path: str, version: int) -> str:
        """The address of a thumbnail; another version is another address, whatever a browser has kept."""
        frame = {"frame": "1"} if kind_of(path) == "video" else {}
        return self._link(f"thumb/{quote(path)}", v=f"{version:x}", **frame)

    def folder(self, path: str) -> str:
        """The address of a folder, sorted as this one."""
        return self._sorted(path, self.sort, self.order)

    def sorted_by(self, sort: Sort) -> str:
        """This folder by another column; by its own, the other way round."""
        other_way: Order = "desc" if self.order == "asc" else "asc"
        return self._sorted(self.path, sort, other_way if sort == self.sort else _FIRST_ORDER[sort])

    def page_number(self, page: int) -> str:
        """Another page of this folder."""
        return self._sorted(self.path, self.sort, self.order, page)

    def _sorted(self, path: str, sort: Sort, order: Order, page: int = 1) -> str:
        query: dict[str, str] = {"sort": sort, "order": order} if (sort, order) != ("name", "asc") else {}
        if page > 1:
            query["page"] = str(page)
        return self._link("/".join(["output", quote(path), ""]) if path else "output/", **query)

    def _link(self, path: str, **query: str) -> str:
        return f"{self.up}{path}" + (f"?{urlencode(query)}" if query else "")


def render(outputs: OutputFolder, folder: Found, view: View) -> str:
    """The HTML of a folder. Raises NotFound when it is gone."""
    found = listing.read(outputs, folder, view.sort, view.order, view.page)
    return _load_template().render(
        view=view,
        listing=found,
        rows=rows.make_rows(outputs, found.entries, view.path, folder.path),
        crumbs=_list_ancestors(view.path),
        page_numbers=_list_page_numbers(found.page, found.pages),
        style=_STYLE,
        script=_SCRIPT,
    )


def _list_ancestors(path: str) -> list[tuple[str, str]]:
    """(name, path) of each folder on the way here."""
    parts = path.split("/") if path else []
    return [("Output", "")] + [(part, "/".join(parts[: i + 1])) for i, part in enumerate(parts)]


def _list_page_numbers(page: int, pages: int) -> list[int]:
    """The first, the last, and those around this one; 0 where some are left out."""
    around = range(max(1, page - _PAGES_AROUND), min(pages, page + _PAGES_AROUND) + 1)
    shown = sorted({1, *around, pages})
    return [shown[0]] + [n for a, b in pairwise(shown) for n in ((b,) if b == a + 1 else (0, b))]


def _format_size(size: int) -> str:
    """A size as people read it."""
    amount, unit = float(size), "B"
    for larger in ("KB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 100 else f"{amount:.0f} {unit}"


def _to_local_time(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(fit_calendar(nanoseconds // 10**9)).astimezone()


def _format_count(number: int, one: str) -> str:
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


@cache
def _load_template() -> "Template":
    # Imported and compiled when first used: that takes 60 ms, which a start has no use for.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"size": _format_size, "date": _to_local_time, "count": _format_count}
    return environment.get_template("browser.html")
