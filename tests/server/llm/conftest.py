"""One server and one upstream per module."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from tests.support.llm_upstream import WEIGHTS, Upstream, upstream
from tests.support.running_server import RunningServer
from tests.support.scripted_engine import SCRIPTED
from tests.support.server_setup import ServerSetup

LOCAL = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def server_setup(root: Path) -> ServerSetup:
    """An SD1.5 model is loaded, and there is a chat model in the llm folder. Our own key is in the
    environment, as it is where somebody uses Ollama's cloud."""
    folder = root / "models" / "llm"
    folder.mkdir(parents=True)
    (folder / LOCAL).symlink_to(WEIGHTS)
    env = {"SDCPP_LLM_THREADS": "1", "SDCPP_LLM_CONTEXT": "2048"}
    return ServerSetup(scripted=True, env=env, loads=[SCRIPTED])


def put(server: RunningServer, **settings: Any) -> Any:
    """The answer of a PUT /ollama/settings that must succeed."""
    answer = server.http.put("/ollama/settings", json=settings)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def slot() -> Any:
    """A seat in this process."""
    from tests.support.llm_upstream import SETTINGS

    opened = ChatModelSlot(SETTINGS)
    yield opened
    await opened.close()
