"""When the engine is told to compute previews."""

from types import SimpleNamespace
from typing import Any, cast

from sdcpp_restapi.engine.binding.library import Library
from sdcpp_restapi.engine.child.previews import LastNotice, Previews
from sdcpp_restapi.schemas.engine import Generate, WantPreviews
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.options import BoundedPreviewSettings


class Engine:
    """What a library was told of previews."""

    def __init__(self) -> None:
        self.is_on = self.has_callback = False
        self.mode = 0
        functions = SimpleNamespace(sd_set_preview_callback=self.set_callback)
        self.library = cast("Library", SimpleNamespace(c=functions))

    def set_callback(
        self, callback: Any, mode: int, _interval: int, denoised: bool, _noisy: bool, _data: None
    ) -> None:
        self.has_callback, self.mode, self.is_on = bool(callback), mode, denoised


def command(settings: BoundedPreviewSettings) -> Generate:
    return Generate(
        id=1,
        params=Txt2ImgRequest(prompt="a cat"),
        prompt="a cat",
        negative_prompt="",
        options=LoadOptions(),
        model_name="m",
        folder="/nowhere",
        preview=settings,
    )


def test_previews_are_switched_on_and_off_as_somebody_comes_and_leaves() -> None:
    engine, last_notice = Engine(), LastNotice()
    previews = Previews(library=engine.library, last_notice=last_notice, report=lambda _report: None)
    seen = []
    with previews.follow(command(BoundedPreviewSettings(mode="proj")), 4, False):
        assert engine.has_callback
        for step, wanted in enumerate([False, False, True, False]):
            last_notice.keep(WantPreviews(wanted=wanted))
            previews.on_step(step)
            seen.append(engine.is_on)
    assert seen == [False, False, True, False]
    assert not engine.has_callback


def test_without_previews_the_engine_has_no_callback() -> None:
    engine, last_notice = Engine(), LastNotice()
    last_notice.keep(WantPreviews(wanted=True))
    previews = Previews(library=engine.library, last_notice=last_notice, report=lambda _report: None)
    for settings in (BoundedPreviewSettings(enabled=False), BoundedPreviewSettings(mode="none")):
        with previews.follow(command(settings), 4, False):
            previews.on_step(0)
            assert not engine.has_callback
