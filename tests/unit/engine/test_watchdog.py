"""When a silent engine counts as hung. Times are told, nothing waits."""

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from sdcpp_restapi.config import Engine
from sdcpp_restapi.engine.client import EngineChild
from sdcpp_restapi.engine.watchdog import IdleTimer, choose_idle_timeout, choose_memory_bound, watch_memory
from sdcpp_restapi.schemas.engine import Generate, Step
from sdcpp_restapi.schemas.generation import Txt2ImgRequest
from sdcpp_restapi.schemas.models import LoadOptions
from sdcpp_restapi.schemas.options import BoundedPreviewSettings
from tests.support.scripted_engine import CHILD


def test_silence_lasts_until_the_child_speaks() -> None:
    idle_timer = IdleTimer(now=100, cpu=5)
    assert idle_timer.measure(now=130, last_report_at=90, cpu=5) == 30
    assert idle_timer.measure(now=140, last_report_at=135, cpu=5) == 0
    assert idle_timer.measure(now=150, last_report_at=135, cpu=5) == 10


def test_a_child_that_works_without_a_word_is_not_silent() -> None:
    idle_timer = IdleTimer(now=100, cpu=5)
    assert idle_timer.measure(now=200, last_report_at=90, cpu=9) == 0
    # What waking up costs does not count as work.
    assert idle_timer.measure(now=300, last_report_at=90, cpu=9.04) == 100


@pytest.mark.parametrize(
    ("hang_after", "devices", "slowest_step", "seconds"),
    [
        (300, ["CPU\tIntel"], 0, 300),
        (300, ["CPU\tIntel"], 1000, 300),
        (300, [], 0, 300),
        (300, ["CUDA0\tA card", "CPU\tIntel"], 0, 1800),
        (300, ["Vulkan0\tA card"], 89, 1800),
        (300, ["CUDA0\tA card"], 100, 2000),
        (7200, ["CUDA0\tA card"], 100, 7200),
    ],
)
def test_a_gpu_gets_half_an_hour_and_twenty_of_its_slowest_steps(
    hang_after: float, devices: list[str], slowest_step: float, seconds: float
) -> None:
    assert choose_idle_timeout(hang_after, devices, slowest_step) == seconds


async def test_the_slowest_step_of_a_child_is_known(tmp_path: Path) -> None:
    child = await EngineChild.start(Engine(command=[sys.executable, str(CHILD), "good", str(tmp_path)]))
    params = Txt2ImgRequest(prompt="a cat", steps=4, seed=1)
    generate = Generate(
        id=1,
        params=params,
        prompt=params.prompt,
        negative_prompt="",
        options=LoadOptions(),
        model_name="any",
        folder=str(tmp_path),
        preview=BoundedPreviewSettings(),
    )
    heard = [report async for report in child.call(generate, 1)]
    await child.close()
    assert sum(isinstance(report, Step) for report in heard) == 4
    assert child.slowest_step > 0


def test_the_bound_on_memory_is_the_setting_or_a_share_of_the_machine() -> None:
    assert choose_memory_bound(100) == 100 * 2**20
    assert 0 < choose_memory_bound(None) <= 0.9 * psutil.virtual_memory().total


async def test_a_child_that_takes_too_much_memory_is_ended_with_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, str(CHILD), "obeys", str(tmp_path)]
    child = await EngineChild.start(Engine(command=command))
    try:
        assert 0 < child.memory_bytes() < 2**30
        await asyncio.wait_for(watch_memory(child, 2**20), 10)
        await asyncio.wait_for(child.gone.wait(), 10)
        assert "more than the 1 MB that it may (engine.max_memory_mb)" in child.reason
    finally:
        await child.close()
