"""What CivitAI and Hugging Face answer to look-ups and searches, on local servers (http_upstream.py)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http_upstream import Request, Upstream, sha256

# The smallest pictures that are what their first bytes say.
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 100


def version(site: Upstream, number: int, files: Mapping[str, bytes], **fields: Any) -> dict[str, Any]:
    """A version of a model on CivitAI; its files are served at a path of their own."""
    listed = []
    for position, (name, data) in enumerate(files.items()):
        path = f"/api/download/models/{number}" + (f"/{position}" if position else "")
        site.file(path, data)
        listed.append(
            {
                "id": number * 10 + position,
                "name": name,
                "sizeKB": len(data) / 1024,
                "type": "Model",
                "primary": position == 0,
                "hashes": {"SHA256": sha256(data).upper()},
                "downloadUrl": f"{site.url}{path}",
            }
        )
    return {
        "id": number,
        "name": f"v{number}",
        "baseModel": "SDXL 1.0",
        "trainedWords": ["ohwx cat"],
        "publishedAt": f"2025-01-01T00:00:{number % 60:02}.000Z",
        "files": listed,
        "images": [],
        **fields,
    }


def model(site: Upstream, number: int, *versions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A model on CivitAI, at all addresses that lead to it; what a search shows of it."""
    shown = {
        "id": number,
        "name": f"Model {number}",
        "type": "LORA",
        "nsfw": False,
        "creator": {"username": "somebody"},
        "stats": {"downloadCount": 10, "thumbsUpCount": 5},
        "tags": ["cat"],
        "allowCommercialUse": ["Image"],
        "allowNoCredit": False,
        "allowDerivatives": True,
        "modelVersions": list(versions),
        **fields,
    }
    site.json(f"/api/v1/models/{number}", shown)
    for one in versions:
        about = {"name": shown["name"], "type": shown["type"], "nsfw": shown["nsfw"]}
        whole = {**one, "modelId": number, "model": about}
        site.json(f"/api/v1/model-versions/{one['id']}", whole)
        for file in one["files"]:
            site.json(f"/api/v1/model-versions/by-hash/{file['hashes']['SHA256'].lower()}", whole)
    return shown


def search_pages(site: Upstream, path: str, pages: Sequence[list[Any]]) -> None:
    """Pages of a search as CivitAI links them: by `cursor` and `metadata.nextCursor`."""

    def answer(request: Request) -> None:
        number = int(query_of(request.path).get("cursor", "page-0").partition("-")[2])
        following = {"nextCursor": f"page-{number + 1}"} if number + 1 < len(pages) else {}
        _send_json(request, {"items": pages[number], "metadata": following})

    site.routes[path] = answer


def repository(
    hub: Upstream, cdn: Upstream, name: str, files: Mapping[str, bytes], revision: str = "main", **fields: Any
) -> dict[str, Any]:
    """A repository on a hub, whose files lie on a CDN; what a search shows of it."""
    shown = {
        "id": name,
        "author": name.partition("/")[0],
        "gated": False,
        "downloads": 10,
        "likes": 5,
        "lastModified": "2025-01-01T00:00:00.000Z",
        "tags": ["diffusers"],
        **fields,
    }
    siblings: list[dict[str, Any]] = [
        {"rfilename": file, "size": len(data), "lfs": {"sha256": sha256(data), "size": len(data)}}
        for file, data in files.items()
    ]
    where = f"/api/models/{name}/revision/{revision}"
    hub.json(where, {**shown, "siblings": [{"rfilename": "README.md", "size": 10}, *siblings]})
    for file, data in files.items():
        hub.redirect(f"/{name}/resolve/{revision}/{file}", f"{cdn.url}/blobs/{sha256(data)}?Signature=secret")
        cdn.file(f"/blobs/{sha256(data)}", data)
    return shown


def repository_pages(hub: Upstream, pages: Sequence[list[Any]]) -> None:
    """Pages of a search as a hub links them: by `cursor` and the header Link."""

    def answer(request: Request) -> None:
        number = int(query_of(request.path).get("cursor", "0"))
        target = f"<{hub.url}/api/models?cursor={number + 1}>"
        link = {"Link": f'{target}; rel="next"'} if number + 1 < len(pages) else {}
        _send_json(request, pages[number], **link)

    hub.routes["/api/models"] = answer


def query_of(path: str) -> dict[str, str]:
    """The query of a request, the last value of each name."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(path).query).items()}


def _send_json(request: Request, document: object, **headers: str) -> None:
    request.reply(200, json.dumps(document).encode(), Content_Type="application/json", **headers)
