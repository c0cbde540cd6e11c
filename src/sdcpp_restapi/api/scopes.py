"""What each address needs: one table for the whole server, which the guard asks before any route.

The first row that fits decides. In a path `{}` stands for one part and a `*` at the end for all that follows.
HEAD counts as GET, and a WebSocket as a GET too. An address without a row needs `read` for GET and `generate`
for the rest; that is for addresses that do not exist, and a test holds every route to a row.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

from ..requester import Requester
from ..schemas.access import KeyScope

# own: generate for keys of a user, who reaches only what is the user's; manage for all others.
Needed = KeyScope | Literal["public", "own"]


class ScopeRow(NamedTuple):
    """A row of the table; no methods = all."""

    methods: tuple[str, ...]
    path: str
    needed: Needed


def _rows(needed: Needed, *entries: str) -> list[ScopeRow]:
    """Rows of one scope, each written as METHOD,METHOD /path, or as /path for all methods."""
    split = [entry.rpartition(" ") for entry in entries]
    return [
        ScopeRow(tuple(methods.split(",")) if methods else (), path, needed) for methods, _, path in split
    ]


def _below(place: str, *entries: str) -> list[str]:
    """Addresses below a place, each written as METHOD ADDRESS."""
    return [entry.replace(" ", f" {place}/") for entry in entries]


def _comfyui(*entries: str) -> list[str]:
    """Each is there with and without /api before it."""
    return [*_below("/comfyui", *entries), *_below("/comfyui/api", *entries)]


TABLE: tuple[ScopeRow, ...] = (
    *_rows(
        # Descriptions, the page and the way in are no secrets, and a browser has no key for assets.
        "public",
        "OPTIONS *",
        "GET /",
        "GET /ui",
        "/ui/*",
        "GET /docs",
        "GET /docs/oauth2-redirect",
        "GET /redoc",
        "GET /openapi.json",
        "/static-offline-docs/*",
        *(f"GET {place}/openapi.json" for place in ("/v1", "/sdapi/v1", "/controlnet", "/api", "/comfyui")),
        "GET /favicon.ico",
        # It tells nothing but that somebody answers; a supervisor needs no key for that.
        "GET /health/live",
        "GET,POST /login",
        "POST /logout",
    ),
    *_rows(
        # The model and settings of all, files on this machine, and what tells of others.
        "manage",
        "POST /models/load",
        "POST /models/unload",
        "POST /models/download",
        "GET /models/civitai/{}",
        "GET /models/huggingface",
        "GET,POST /models/resolve",
        "POST /models/pull",
        "POST /models/sets/update",
        "DELETE /models/sets/{}",
        "GET /models/search",
        "GET /models/search/preview",
        "GET /models/updates",
        "GET /models/trash",
        "DELETE /models/trash",
        "POST /models/trash/restore",
        "PATCH,DELETE /models/{}/*",
        "PUT /models/*",
        "POST /queue/pause",
        "POST /queue/resume",
        "POST /queue/drain",
        "POST /upscaler/load",
        "POST /upscaler/unload",
        "POST /convert",
        "PUT /preview/settings",
        "GET /log",
        "PUT /ollama/settings",
        "GET,DELETE /ollama/history",
        "GET,DELETE /ollama/history/{}",
        # One conversation for the whole server, and its actions load models.
        "POST /assistant/chat",
        "GET,DELETE /assistant/history",
        "PUT /assistant/settings",
        "GET,POST /users",
        "PUT,DELETE /users/{}",
    ),
    *_rows("read", "GET /keys/self"),
    *_rows("manage", "GET,POST /keys", "DELETE /keys/{}", "GET /keys/sessions", "DELETE /keys/sessions/{}"),
    *_rows("own", "DELETE /queue/jobs", "POST /queue/restore", "DELETE /v1/videos/{}"),
    *_rows(
        # Jobs, what becomes of them, and what costs this machine time.
        "generate",
        "POST /txt2img",
        "POST /img2img",
        "POST /txt2vid",
        "POST /upscale",
        "POST /plan",
        "DELETE /queue/{}",
        "POST /queue/{}/pause",
        "POST /queue/{}/resume",
        "POST /models/refresh",
        "GET /models/hash/*",
        "POST /ollama/enhance",
        "POST /output/links",
    ),
    *_rows(
        "read",
        "GET /health",
        "GET /health/ready",
        "GET /options",
        "GET /architectures",
        "GET /models",
        "GET /models/paths",
        "GET /models/duplicates",
        "GET /models/sets",
        "GET /models/sets/{}",
        "GET /metrics",
        "GET /models/inspect/*",
        "GET /models/thumb/*",
        "GET /queue",
        "GET /queue/{}",
        "GET /queue/{}/wait",
        "GET /queue/{}/lineage",
        "GET /workers",
        "GET /events",
        "GET /ws",
        "GET /preview/settings",
        "GET /output",
        "GET /output/*",
        "GET /thumb/*",
        "GET /ollama/status",
        "GET /ollama/models",
        "GET /ollama/settings",
        "GET /assistant/status",
        "GET /assistant/models",
        "GET /assistant/settings",
    ),
    # Interfaces of other programs.
    *_rows("read", "/mcp"),  # each tool asks as any client does
    *_rows(
        "read",
        *_below("/v1", "GET models", "GET models/*", "GET videos", "GET videos/{}", "GET videos/{}/content"),
    ),
    *_rows(
        "generate",
        *_below("/v1", "POST images/generations", "POST images/edits", "POST images/variations"),
        *_below("/v1", "POST chat/completions", "POST completions", "POST responses"),
        *_below(
            "/v1", "POST videos", "POST videos/edits", "POST videos/extensions", "POST videos/characters"
        ),
        *_below("/v1", "POST videos/{}/remix"),
    ),
    *_rows(
        "read",
        *_below("/sdapi/v1", "GET samplers", "GET schedulers", "GET hypernetworks", "GET face-restorers"),
        *_below("/sdapi/v1", "GET prompt-styles", "GET extensions", "GET scripts", "GET script-info"),
        *_below("/sdapi/v1", "GET cmd-flags", "GET memory", "GET progress", "GET options", "GET sd-models"),
        *_below("/sdapi/v1", "GET sd-vae", "GET loras", "GET embeddings", "GET upscalers"),
        *_below("/sdapi/v1", "GET realesrgan-models", "GET latent-upscale-modes", "POST png-info"),
        *_below("/controlnet", "GET version", "GET model_list", "GET module_list", "GET control_types"),
        *_below("/controlnet", "GET settings"),
    ),
    *_rows(
        "generate",
        *_below(
            "/sdapi/v1", "POST txt2img", "POST img2img", "POST interrupt", "POST skip", "POST interrogate"
        ),
        *_below("/sdapi/v1", "POST extra-single-image", "POST extra-batch-images"),
        *_below("/sdapi/v1", "POST refresh-checkpoints", "POST refresh-vae", "POST refresh-loras"),
        *_below("/sdapi/v1", "POST refresh-embeddings"),
        *_below("/controlnet", "POST detect"),
    ),
    *_rows(
        "manage", *_below("/sdapi/v1", "POST options", "POST unload-checkpoint", "POST reload-checkpoint")
    ),
    *_rows("read", *_below("/api", "GET version", "GET tags", "GET ps", "POST show")),
    *_rows("generate", *_below("/api", "POST generate")),
    # Refused, with a word on what to do instead.
    *_rows("generate", *_below("/api", "POST,DELETE chat", "POST,DELETE embed", "POST,DELETE embeddings")),
    *_rows("generate", *_below("/api", "POST,DELETE pull", "POST,DELETE push", "POST,DELETE create")),
    *_rows("generate", *_below("/api", "POST,DELETE copy", "POST,DELETE delete")),
    *_rows(
        "read", *_comfyui("GET prompt", "GET queue", "GET history", "GET history/{}", "GET view", "GET ws")
    ),
    *_rows("read", *_comfyui("GET object_info", "GET object_info/{}", "GET models", "GET models/{}")),
    *_rows("read", *_comfyui("GET embeddings", "GET system_stats")),
    *_rows("generate", *_comfyui("POST prompt", "POST queue", "POST history", "POST interrupt")),
    *_rows("generate", *_comfyui("POST upload/image", "POST upload/mask")),
    *_rows("manage", *_comfyui("POST free")),
)


def _compile(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\}", "[^/]+").replace(r"\*", ".*"), re.DOTALL)


_PATTERNS = [(row, _compile(row.path)) for row in TABLE]


def find_row(method: str, path: str) -> ScopeRow | None:
    """What the table says of a request; None where no row fits."""
    asked, bare = "GET" if method == "HEAD" else method, path.rstrip("/") or "/"
    for row, pattern in _PATTERNS:
        if (not row.methods or asked in row.methods) and (pattern.fullmatch(bare) or pattern.fullmatch(path)):
            return row
    return None


@lru_cache(maxsize=4096)
def find_needed(method: str, path: str) -> Needed:
    """What a request needs."""
    row = find_row(method, path)
    return row.needed if row is not None else ("read" if method in ("GET", "HEAD") else "generate")


def scope_for(needed: Needed, requester: Requester) -> KeyScope | None:
    """The scope that this requester must have; None = anybody may."""
    if needed == "public":
        return None
    if needed == "own":
        return "generate" if requester.user else "manage"
    return needed
