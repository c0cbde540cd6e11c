"""What a variant needs, and whether a machine has it."""

import pytest

from sdcpp_restapi.model_sets.library import read_built_in
from sdcpp_restapi.model_sets.machine_memory import MachineMemory, MemoryNeed, compute_need, judge

GB = 10**9
SETS = {one.name: one for one in read_built_in()}


def test_text_encoders_are_counted_apart_from_what_draws() -> None:
    of = SETS["z-image-turbo"]
    need = compute_need(of, of.files_of(of.variants[-1]))
    assert need.text == 2_497_281_120
    assert need.drawing == 3_683_370_944 + 335_304_388 + 1024 * 1024 * 6656


def test_files_that_no_load_names_count_with_their_size() -> None:
    of = SETS["realesrgan-x4plus-anime"]
    assert compute_need(of, of.files_of(of.variants[0])).total == 17_938_799


def test_videos_need_memory_for_all_frames_at_once() -> None:
    of = SETS["wan21-t2v-1.3b"]
    files = of.files_of(of.variants[0])
    need = compute_need(of, files)
    weights = sum(file.likely_size for file in files)
    assert need.total == weights + 832 * 480 * (42_900 + 336 * 33)


@pytest.mark.parametrize(
    ("memory", "fits", "told"),
    [
        (MachineMemory(32 * GB), True, "needs 12.0 GB; there are 32.0 GB RAM"),
        (MachineMemory(16 * GB), True, "needs 12.0 GB; there are 16.0 GB RAM"),
        (MachineMemory(15 * GB), False, "needs 12.0 GB; of 15.0 GB RAM 11.2 GB may be used"),
        (MachineMemory(32 * GB, 8 * GB), True, "needs 12.0 GB; there are 8.0 GB on the GPU and 32.0 GB RAM"),
        (MachineMemory(32 * GB, 7 * GB), False, "needs 8.0 GB on the GPU, which has 7.0 GB"),
        (None, None, "no engine runs on this machine; what its workers have is not known"),
    ],
)
def test_a_variant_fits_into_ram_and_what_draws_onto_the_gpu(
    memory: MachineMemory | None, fits: bool | None, told: str
) -> None:
    assert judge(MemoryNeed(drawing=8 * GB, text=4 * GB), memory) == (fits, told)
