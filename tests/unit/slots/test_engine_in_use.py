"""What the engine at hand knows decides what may be asked for."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sdcpp_restapi.engine.binding.names import DEFAULT_REVISION, NAMES, EngineNames
from sdcpp_restapi.errors import BadRequest
from sdcpp_restapi.schemas.base import Request
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions, LoadRequest
from sdcpp_restapi.slots.engine_in_use import EngineInUse
from sdcpp_restapi.slots.engine_slot import EngineSlot

OLD, NEW = "487de75", "2bb7294"
LATER: dict[str, Any] = {"prompt": "a cat", "scheduler": "llada_image"}


def of(*commits: str, workers: tuple[str, ...] = (), names: EngineNames | None = None) -> EngineInUse:
    """Slots of this machine whose engines came up, and workers."""
    hellos = [SimpleNamespace(commit=one, names=names or NAMES.get(one, NAMES[NEW])) for one in commits]
    slots = [SimpleNamespace(child=SimpleNamespace(hello=one), engine=one.commit) for one in hellos]
    return EngineInUse(cast("list[EngineSlot]", slots), lambda: workers)


def refusal(engine: EngineInUse, wanted: str) -> str:
    with pytest.raises(BadRequest) as caught:
        engine.resolve(wanted)
    return str(caught.value)


def test_before_an_engine_came_up_the_names_are_those_of_the_default_revision() -> None:
    nobody = of()
    assert (nobody.revision, nobody.names) == (None, NAMES[DEFAULT_REVISION])


def test_the_names_are_those_that_the_engine_here_reports() -> None:
    own = EngineNames(samplers=("euler",))
    assert of("abcdef0", workers=(NEW,), names=own).names is own


def test_a_server_without_an_engine_knows_what_its_workers_know() -> None:
    engine = of(workers=(OLD, NEW))
    assert (engine.revision, engine.names) == (OLD, NAMES[OLD])


def test_a_name_that_only_a_later_revision_knows_is_refused_with_what_is_allowed() -> None:
    of(NEW).check(Txt2ImgRequest(**LATER))
    with pytest.raises(
        BadRequest, match=r"^scheduler: 'llada_image' is not known .* it knows discrete, "
    ) as it:
        of(OLD).check(Txt2ImgRequest(**LATER))
    assert it.value.field == "scheduler"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Txt2ImgRequest(prompt="a cat", noise_sampler="iid"), "noise_sampler"),
        (Txt2ImgRequest(prompt="a cat", lms_max_order=2), "lms_max_order"),
        (LoadRequest(model_name="m", audio_encoder="a"), "audio_encoder"),
    ],
)
def test_a_field_that_only_a_later_revision_has_is_refused(request_: Request, field: str) -> None:
    of(NEW).check(request_)
    of(OLD).check(Txt2ImgRequest(prompt="a cat", noise_sampler=""))
    with pytest.raises(BadRequest, match=f"^{field}: this revision of the engine does not have it") as it:
        of(OLD).check(request_)
    assert it.value.field == field


def test_a_name_in_the_options_of_a_load_is_refused_too() -> None:
    request = LoadRequest(model_name="m", options=LoadOptions(prediction="sensenova_u1_flow"))
    of(NEW).check(request)
    with pytest.raises(BadRequest, match=r"^options\.prediction: 'sensenova_u1_flow' is not known"):
        of(OLD).check(request)


def test_a_revision_that_is_named_is_asked_for_its_own_names() -> None:
    of(OLD, workers=(NEW,)).check(Txt2ImgRequest(**LATER), NEW)
    with pytest.raises(BadRequest):
        of(NEW, workers=(OLD,)).check(Txt2ImgRequest(**LATER), OLD)


@pytest.mark.parametrize(
    ("engine", "wanted", "resolved"),
    [
        (of(NEW), "any", "any"),
        (of(NEW, workers=(OLD,)), "same", NEW),
        (of(workers=(OLD, NEW)), "same", OLD),
        (of(NEW, workers=(OLD,)), OLD, OLD),
        (of(NEW), NEW + "0123", NEW + "0123"),
        (of(), OLD, OLD),
    ],
)
def test_what_is_wanted_becomes_a_commit(engine: EngineInUse, wanted: str, resolved: str) -> None:
    assert engine.resolve(wanted) == resolved


def test_a_revision_that_is_not_here_is_refused_with_those_that_are() -> None:
    assert refusal(of(NEW, workers=(NEW,)), OLD) == (
        f"engine: '{OLD}' is not allowed, since no engine of this revision is here; there is {NEW}"
    )
    assert "no engine has come up yet" in refusal(of(), "same")
