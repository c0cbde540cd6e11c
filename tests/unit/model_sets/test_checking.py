"""`sdcpp sets check`: what the sites publish is compared and written down, and comments stay."""

from sdcpp_restapi.downloads.sources.source import Origin
from sdcpp_restapi.errors import NotFound
from sdcpp_restapi.model_sets.checking import SetCheck
from sdcpp_restapi.schemas.downloads import DownloadRequest
from tests.unit.model_sets.test_reading import GOOD

SHA = "c" * 64


class FakeSources:
    """Publishes one file, or none."""

    def __init__(self, origin: Origin | None) -> None:
        self.origin = origin

    async def check(self, request: DownloadRequest) -> tuple[DownloadRequest, list[str]]:
        return request, []

    async def find_origin(self, request: DownloadRequest) -> Origin:
        if self.origin is None:
            raise NotFound("org/name has no file a.gguf")
        return self.origin


async def test_what_is_not_stated_is_written_and_comments_stay() -> None:
    text = GOOD.replace("size = 5", "about = 5  # rounded\n# a comment")
    check = SetCheck(FakeSources(Origin(url="https://x", sha256=SHA.upper(), size=7)))
    checked = await check.check(text)
    assert [(one.sentence, one.is_wrong) for one in checked.findings] == [
        ("a.gguf: size is 7, not stated", False),
        (f"a.gguf: sha256 is {SHA}, not stated", False),
    ]
    assert "# a comment" in checked.text
    assert "size = 7" in checked.text
    assert f'sha256 = "{SHA}"' in checked.text
    assert "about" not in checked.text


async def test_what_differs_is_wrong() -> None:
    checked = await SetCheck(FakeSources(Origin(url="https://x", size=7))).check(GOOD)
    assert [one.sentence for one in checked.findings] == ["a.gguf: size is 7, the set states 5"]
    assert checked.findings[0].is_wrong


async def test_a_file_that_is_gone_is_wrong_and_the_text_stays() -> None:
    checked = await SetCheck(FakeSources(None)).check(GOOD)
    assert [one.sentence for one in checked.findings] == ["a.gguf: org/name has no file a.gguf"]
    assert checked.text == GOOD
