"""Answers that are given again without their route."""

from starlette.types import Message, Receive, Scope, Send

from sdcpp_restapi.api.response_cache import ReadyAnswer, ReadyAnswers, ResponseCache
from sdcpp_restapi.requester import REQUESTER, Requester
from sdcpp_restapi.schemas.models import Done


class Site:
    """A route behind the middleware, and what it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.revision = 0
        self.fresh = True
        self.cache = ResponseCache()
        self.ready = ReadyAnswers(self._answer)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        answer = await self.cache.answer(lambda: "key", lambda: self.revision, self._make, lambda: self.fresh)
        await answer(scope, receive, send)

    async def _make(self) -> Done:
        return Done(message=f"revision {self.revision}")

    async def get(
        self, query: bytes = b"", method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {
            "type": "http", "method": method, "path": "/page", "query_string": query,
            "headers": list(headers),
        }  # fmt: skip
        await self.ready(scope, receive, send)
        return sent


async def test_the_second_answer_is_the_first_one_without_the_route() -> None:
    site = Site()
    assert await site.get() == await site.get()
    assert site.asked == 1


async def test_a_change_reaches_the_next_who_asks() -> None:
    site = Site()
    await site.get()
    site.revision = 1
    assert b"revision 1" in (await site.get())[1]["body"]
    assert b"revision 1" in (await site.get())[1]["body"]
    assert site.asked == 2


async def test_another_query_method_or_a_body_is_for_the_route() -> None:
    site = Site()
    await site.get()
    await site.get(query=b"limit=1")
    await site.get(method="HEAD")
    await site.get(headers=((b"content-length", b"3"),))
    assert site.asked == 4


async def test_what_may_be_stale_is_for_the_route() -> None:
    site = Site()
    await site.get()
    site.fresh = False
    await site.get()
    assert site.asked == 2


async def test_the_bytes_that_are_kept_are_bounded() -> None:
    cache = ResponseCache()

    async def make() -> bytes:
        return b"x" * 2**20

    for number in range(100):
        await cache.answer(lambda number=number: number, lambda: 0, make)  # type: ignore[misc]
    assert sum(len(kept.body) for kept in cache._kept.values()) <= 64 * 2**20


def test_a_ready_answer_without_the_middleware_is_an_answer() -> None:
    answer = ReadyAnswer(b"{}", lambda: None)
    assert answer.headers["content-type"] == "application/json"


async def test_what_one_user_is_shown_is_not_shown_to_another() -> None:
    site = Site()
    for number, user in enumerate(("anna", "bert", "", None), 1):
        token = REQUESTER.set(Requester(user=user or "", sees=user))
        assert await site.get() == await site.get()
        assert site.asked == number
        REQUESTER.reset(token)
