"""A server with a scripted engine, and a language model that says what a test has it say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.llm_upstream import Upstream, upstream
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import MODEL, SCRIPTED
from tests.support.server_setup import ServerSetup

ESRGAN = "x4.pth"
CALLING, WRITING = "calling_by_script", "writing_by_script"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def server_setup() -> ServerSetup:
    """A model is loaded, and there is an upscaler."""
    return ServerSetup(scripted=True, files=[f"esrgan/{ESRGAN}"], loads=[SCRIPTED])


@pytest.fixture
def assistant(server: RunningServer, site: Upstream) -> "Assistant":
    """The assistant without memories, by a model that takes tools."""
    found = Assistant(server, site)
    site.script.clear()
    found.set(
        enabled=True, provider="ollama", base_url=site.url, model=CALLING, timeout_seconds=60,
        max_history=50, api_key="", system_prompt="",
    )  # fmt: skip
    server.http.delete("/assistant/history")
    if server.get("/health")["model_name"] != MODEL:
        server.post("/models/load", {"model_name": MODEL})
    return found


class Assistant:
    """Both ends of the conversation."""

    def __init__(self, server: RunningServer, site: Upstream) -> None:
        self.server = server
        self.site = site

    def set(self, **settings: Any) -> Any:
        """The answer of a PUT /assistant/settings that must succeed."""
        answer = self.server.http.put("/assistant/settings", json=settings)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def will_call(self, *calls: tuple[str, dict[str, Any]], saying: str = "") -> None:
        """The model's next answer: tool calls."""
        asked = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
        self.site.script.append({"content": saying, "tool_calls": asked})

    def will_say(self, text: str) -> None:
        """The model's next answer: words."""
        self.site.script.append({"content": text})

    def will_propose(self, *actions: dict[str, Any], saying: str = "I propose that.") -> None:
        """The next answer of a model that takes no tools."""
        self.will_say(json.dumps({"message": saying, "actions": actions}))

    def chat(self, message: str = "Do it", expect: int = 200, **fields: Any) -> Any:
        """The answer of POST /assistant/chat."""
        return self.server.post("/assistant/chat", {"message": message, **fields}, expect)

    def asked(self) -> dict[str, Any]:
        """What the model was last asked."""
        return self.site.last("/api/chat").body

    def history(self) -> Any:
        """GET /assistant/history."""
        return self.server.get("/assistant/history")["messages"]
