"""Samplers and schedulers under the web UI's names."""

import pytest

from sdcpp_restapi.compat.a1111.names import SAMPLER_NAMES, SCHEDULER_NAMES, find_sampling, show_sampler
from sdcpp_restapi.engine.binding.names import SAMPLERS, SCHEDULERS
from sdcpp_restapi.errors import BadRequest


def test_everything_that_the_engine_has_is_offered_and_nothing_else() -> None:
    assert {one.engine for one in SAMPLER_NAMES} == set(SAMPLERS)
    assert {one.engine for one in SCHEDULER_NAMES} == {None, *SCHEDULERS}


@pytest.mark.parametrize(
    "name", [name for one in SAMPLER_NAMES for name in (one.label, one.engine, *one.aliases)]
)
def test_every_name_of_a_sampler_leads_to_it_whatever_its_capitals(name: str) -> None:
    for written in (name, name.upper(), f" {name} "):
        assert name in (*(found := find_sampling(written, None).sampler).aliases, found.label, found.engine)


@pytest.mark.parametrize(
    ("sampler", "scheduler", "found"),
    [
        ("DPM++ 2M Karras", None, ("dpm++2m", "karras")),
        ("DPM++ 2M SDE Exponential", "automatic", ("dpm++2m_sde", "exponential")),
        ("Euler a SGM Uniform", "Karras", ("euler_a", "sgm_uniform")),
        ("DPM2 align_your_steps", None, ("dpm2", "ays")),
        ("Euler", "Karras", ("euler", "karras")),
        ("Euler", "sgm_uniform", ("euler", "sgm_uniform")),
        ("Euler", "Normal", ("euler", "discrete")),
        ("Euler", "discrete", ("euler", "discrete")),
        ("Euler", "Automatic", ("euler", None)),
        ("LCM", None, ("lcm", None)),
    ],
)
def test_a_scheduler_is_named_beside_the_sampler_or_in_its_name(
    sampler: str, scheduler: str | None, found: tuple[str, str | None]
) -> None:
    sampling = find_sampling(sampler, scheduler)
    assert (sampling.sampler.engine, sampling.scheduler) == found


@pytest.mark.parametrize("sampler", ["UniPC", "DPM++ SDE Karras", "Euler Unknown", "", "Karras"])
def test_another_sampler_is_refused_with_those_that_are_allowed(sampler: str) -> None:
    with pytest.raises(BadRequest, match=r"sampler_name: .* is not allowed; .*Euler a") as refused:
        find_sampling(sampler, None)
    assert refused.value.field == "sampler_name"


def test_another_scheduler_is_refused_with_those_that_are_allowed() -> None:
    with pytest.raises(BadRequest, match="scheduler: 'DDIM' is not allowed; allowed are Automatic, Uniform"):
        find_sampling("Euler", "DDIM")


def test_answers_have_the_web_uis_names() -> None:
    assert show_sampler("dpm++2s_a") == "DPM++ 2S a"
