"""What of Ollama's interface is not for image models: refused with a word on what to do instead."""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from ...errors import BadRequest

router = APIRouter()

CHAT = (
    "this server draws: no model of this interface chats. The language model that is configured answers at"
    " /assistant/chat, and enhances prompts at /ollama/enhance"
)
FILES = "models are files in the folders that GET /models/paths lists"
REFUSED = {
    "/chat": CHAT,
    "/embed": CHAT,
    "/embeddings": CHAT,
    "/pull": f"{FILES}; POST /models/download fetches one from Hugging Face, CivitAI or an address",
    "/push": f"{FILES}; there is no registry to send them to",
    "/create": f"{FILES}; POST /convert makes a quantized copy of one",
    "/copy": f"{FILES}; copy the file there",
    "/delete": f"{FILES}; delete the file there. POST /models/unload frees the memory of a loaded one",
}


def _refuse(operation: str, advice: str) -> Callable[[], Awaitable[None]]:
    async def refuse() -> None:
        raise BadRequest(f"/api{operation}: {advice}")

    return refuse


for _operation, _advice in REFUSED.items():
    router.add_api_route(
        _operation, _refuse(_operation, _advice), methods=["POST", "DELETE"], include_in_schema=False
    )
