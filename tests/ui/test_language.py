"""Language models on the page: better prompts, and an assistant whose proposals are buttons."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Response, expect

from tests.support.llm_upstream import CANNED, REAL, Upstream, upstream
from tests.support.running_server import RunningServer
from tests.ui.conftest import OpenUi


@pytest.fixture(scope="module")
def model(server: RunningServer) -> Iterator[Upstream]:
    """A language model that says what a test has it say."""
    with upstream() as running:
        ours = {"provider": "ollama", "base_url": running.url}
        server.http.put("/ollama/settings", json={**ours, "model": "canned"})
        server.http.put("/assistant/settings", json={**ours, "model": "calling_by_script"})
        yield running


def propose(model: Upstream, saying: str, name: str, **arguments: object) -> None:
    """The next answer of the assistant's model."""
    call = {"function": {"name": name, "arguments": arguments}}
    model.script.append({"content": saying, "tool_calls": [call]})


def test_a_prompt_is_enhanced_and_the_one_before_comes_back(open_ui: OpenUi, model: Upstream) -> None:
    page = open_ui()
    prompt = page.get_by_label("Prompt", exact=True)
    prompt.fill("a cat")
    page.get_by_role("button", name="Enhance").click()
    expect(prompt).to_have_value(CANNED)
    page.get_by_role("button", name="Undo").click()
    expect(prompt).to_have_value("a cat")
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_earlier_prompts_are_found_and_used_again(
    open_ui: OpenUi, model: Upstream, server: RunningServer
) -> None:
    server.post("/ollama/enhance", {"prompt": "a dog"})
    server.make(prompt="drawn before", width=64, height=64, steps=1)
    page = open_ui()
    page.get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name=CANNED).first).to_be_visible()
    dialog.get_by_label("Search prompts").fill("drawn bef")
    expect(dialog.get_by_role("button", name=CANNED)).to_have_count(0)
    dialog.get_by_role("button", name="drawn before").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("drawn before")


def test_a_proposal_of_the_assistant_is_carried_out_by_its_button(
    open_ui: OpenUi, model: Upstream, server: RunningServer
) -> None:
    propose(model, "Shall I draw that?", "generate", prompt="a fox", width=64, height=64, steps=1)
    page = open_ui("assistant")
    page.get_by_label("Ask the assistant").fill("Draw a fox")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log", name="Conversation")).to_contain_text("Shall I draw that?")
    assert "a fox" not in str(server.get("/queue", limit=5))
    page.get_by_role("button", name="a fox").click()
    expect(page.locator(".stage a img")).to_have_attribute("alt", "a fox")
    # The conversation is the server's.
    page.get_by_role("link", name="Assistant").click()
    expect(page.get_by_role("log", name="Conversation")).to_contain_text("Draw a fox")


def is_put(answer: Response) -> bool:
    return answer.request.method == "PUT"


def test_each_language_model_has_its_own_settings(
    open_ui: OpenUi, model: Upstream, server: RunningServer
) -> None:
    page = open_ui("system")
    panel = page.locator("section", has_text="Language model of the assistant")
    expect(panel).to_contain_text("connected")
    panel.get_by_label("Max history").fill("7")
    with page.expect_response(is_put):
        page.keyboard.press("Tab")
    assert server.get("/assistant/settings")["max_history"] == 7
    assert server.get("/ollama/settings")["max_history"] == 100
    with page.expect_response(is_put):
        panel.get_by_label("Model", exact=True).select_option(REAL)
    assert server.get("/assistant/settings")["model"] == REAL
