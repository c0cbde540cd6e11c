"""One server and one upstream per module."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from tests.api.scripted import serving
from tests.llm.upstream import WEIGHTS, Upstream, upstream
from tests.server import RunningServer

LOCAL = "SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def site() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    """An SD1.5 model is loaded, and there is a chat model in the llm folder. Our own key is in the
    environment, as it is where somebody uses Ollama's cloud."""
    folder = root / "models" / "llm"
    folder.mkdir(parents=True)
    (folder / LOCAL).symlink_to(WEIGHTS)
    with serving(root, llm_threads="1", llm_context="2048") as running:
        yield running


def put(server: RunningServer, **settings: Any) -> Any:
    """The answer of a PUT /ollama/settings that must succeed."""
    answer = server.http.put("/ollama/settings", json=settings)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def slot() -> Any:
    """A seat in this process."""
    from tests.llm.upstream import SETTINGS

    opened = ChatModelSlot(SETTINGS)
    yield opened
    await opened.close()
