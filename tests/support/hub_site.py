"""A Hugging Face hub with any number of repositories: addresses, redirects to a CDN, gates, renamed ones.

As the addresses of a hub answer (https://huggingface.co/docs/hub/api): X-Linked-Etag and X-Linked-Size tell
of the file behind the redirect, 401 with X-Error-Code GatedRepo of terms to accept, 307 of a new name.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from tests.support.http_upstream import File, Request, Upstream, sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class HubSite:
    """Repositories of one hub, whose files lie on a CDN of another host."""

    site: Upstream
    cdn: Upstream
    files: dict[tuple[str, str], File] = field(default_factory=dict)

    def put(self, repo: str, path: str, data: bytes, *, token: str | None = None, **behaviour: Any) -> File:
        """Publish a file; with `token` only whoever sends it gets it. See File for `behaviour`."""
        blob = f"/blobs/{sha256(data)}"
        served = self.cdn.file(blob, data, **behaviour)
        self.files[repo, path] = served

        def resolve(request: Request) -> None:
            if token is not None and request.headers.get("Authorization") != f"Bearer {token}":
                restricted = f"Access to model {repo} is restricted."
                request.reply(401, X_Error_Code="GatedRepo", X_Error_Message=restricted)
                return
            request.reply(
                302,
                Location=f"{self.cdn.url}{blob}?Signature=very-secret-signature",
                X_Repo_Commit=COMMIT,
                X_Linked_Size=str(len(data)),
                X_Linked_ETag=f'"{sha256(data)}"',
            )

        self.site.routes[f"/{repo}/resolve/main/{path}"] = resolve
        return served

    def rename(self, old: str, new: str, path: str, status: int = 307, whole: bool = False) -> None:
        """A repository that has another name now: the old address leads to the new one, on the same host;
        `whole`: by its whole address."""
        target = f"{self.site.url if whole else ''}/{new}/resolve/main/{path}"
        self.site.routes[f"/{old}/resolve/main/{path}"] = lambda request: request.reply(
            status, Location=target
        )

    def fetches_of(self, data: bytes) -> int:
        """How often a file was fetched from the CDN."""
        return len(self.cdn.asked(f"/blobs/{sha256(data)}"))


def describe_set(name: str, *files: dict[str, Any], **more: Any) -> str:
    """The file of a set with one variant."""
    told = {
        "name": name,
        "title": name,
        "summary": "For tests.",
        "makes": "images",
        "license": {"name": "MIT", "url": "https://example.com/licence"},
        "variants": [{"name": "only", "files": list(files)}],
        **more,
    }
    return tomlkit.dumps(told)


def write_set(folder: Path, name: str, *files: dict[str, Any], **more: Any) -> None:
    """A set in a user's folder, with one variant."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(describe_set(name, *files, **more), "utf-8")


def of_hub(repo: str, path: str, data: bytes, **more: Any) -> dict[str, Any]:
    """A file of a set that lies on the hub."""
    return {
        "type": "lora",
        "repo_id": repo,
        "filename": path,
        "save_as": path.rpartition("/")[2],
        "size": len(data),
        "sha256": sha256(data),
        **more,
    }
