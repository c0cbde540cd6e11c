"""Whether the engine ran out of memory."""

from pathlib import Path

import pytest

from sdcpp_restapi.engine.out_of_memory import OutOfMemory
from sdcpp_restapi.errors import EngineLost
from sdcpp_restapi.os_support.memory import measure_free_memory, measure_total_memory

KILLED = EngineLost("The engine process was killed by SIGKILL, as happens when memory runs out")


@pytest.mark.parametrize(
    "text",
    [
        # With the address space limited (prlimit --as), by revision 2bb7294 on the CPU.
        "ggml - ggml_aligned_malloc: insufficient memory (attempted to allocate 145.08 MB)",
        "ggml_gallocr_reserve_n_impl: failed to allocate CPU buffer of size 125845568",
        # Read in the sources of ggml's backends.
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 96.00 MiB on device 0: cudaMalloc failed: out of memory",  # noqa: E501
        "ggml_vulkan: Device memory allocation failed: vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "The engine took 900 MB of memory, more than the 800 MB that it may (engine.max_memory_mb)",
    ],
)  # fmt: skip
def test_it_is_told_by_the_words(text: str) -> None:
    assert OutOfMemory().explains(EngineLost(text))


@pytest.mark.parametrize(
    "text",
    [
        "GGML_ASSERT(a->ne[0] == b->ne[0]) failed",
        "The engine hung: no message and no CPU time for 300 s (engine.hang_after)",
        "tensor 'x' has wrong shape in model file",
    ],
)
def test_other_failures_are_none(text: str) -> None:
    assert not OutOfMemory().explains(EngineLost(text))


def test_a_kill_is_one_only_if_the_kernel_counted_it(tmp_path: Path) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("nr_free_pages 1\noom_kill 7\n")
    before = OutOfMemory(vmstat)
    assert not before.explains(KILLED)
    vmstat.write_text("nr_free_pages 1\noom_kill 8\n")
    assert before.explains(KILLED)
    assert not OutOfMemory(tmp_path / "missing").explains(KILLED)


def test_a_container_s_limit_counts_without_what_the_kernel_takes_back(tmp_path: Path) -> None:
    for name, text in {
        "memory.max": "1000000",
        "memory.current": "600000",
        "memory.stat": "anon 1\ninactive_file 100000\n",
    }.items():
        (tmp_path / name).write_text(text)
    assert measure_free_memory(tmp_path) == 500_000
    assert measure_total_memory(tmp_path) == 1_000_000
    (tmp_path / "memory.max").write_text("max")
    assert measure_free_memory(tmp_path) > 1_000_000
