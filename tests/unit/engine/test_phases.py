"""Every line of the engine's log makes the transition that the table of phases says."""

import pytest

from sdcpp_restapi.engine.binding.log_patterns import Line, match_line
from sdcpp_restapi.engine.child.phases import Phase, PhaseTracker

SPOKEN = {
    "Version: SD 1.x": Line.VERSION,
    "flux: depth = 1, depth_single_blocks = 1, guidance_embed = true, context_in_dim = 64": Line.GUIDED,
    "Using pruned modulation (Chroma)": Line.CHROMA,
    "generating image: 1/2 - seed 7": Line.IMAGE_BEGINS,
    "generate_video 64x64x5": Line.VIDEO_BEGINS,
    "sampling(high noise) completed, taking 0.10s": Line.HIGH_NOISE_ENDS,
    "sampling completed, taking 0.10s": Line.SAMPLING_ENDS,
    "sampling for image 1/2 failed after 0.10s": Line.SAMPLING_ENDS,
    "hires fix: upscaling to 128x128": Line.SECOND_PASS_BEGINS,
    "hires sampling 1/2 completed, taking 0.10s": Line.SECOND_PASS_IMAGE_ENDS,
    "hires fix completed, taking 0.10s": Line.SECOND_PASS_ENDS,
    "processing 4 tiles": Line.TILES_BEGIN,
    "loading 3/9 tensors from /models/a.gguf": Line.WEIGHTS_BEGIN,
    "loading tensors completed, taking 0.10s": Line.WEIGHTS_END,
    "init from '/models/a b.gguf', prefix = 'lora.'": Line.LORA_BEGINS,
    "model manager prepared params backend buffers (  0.01 MB, 2 tensors, 1 blocks, RAM) on CPU": (
        Line.WEIGHTS_END
    ),
    "cannot register LoRA source '/models/a.gguf'": Line.LORA_UNREAD,
    "init lora model loader from file failed: '/models/a.gguf'": Line.LORA_UNREAD,
    "runtime_lora_models:": Line.LORA_COUNTS_BEGIN,
    "(2 / 2) LoRA tensors have been applied, lora_file_path = /models/a.gguf": Line.LORA_COUNTED,
    "Only (0 / 2) LoRA tensors have been applied, lora_file_path = /models/a.gguf": Line.LORA_COUNTED,
}


@pytest.mark.parametrize(("message", "line"), SPOKEN.items())
def test_a_message_is_of_one_kind(message: str, line: Line) -> None:
    matched = match_line(message)
    assert matched is not None
    assert matched[0] == line


def test_every_kind_of_line_is_known_by_a_message() -> None:
    assert set(SPOKEN.values()) == set(Line)
    assert match_line("decoding 1 latents") is None


@pytest.mark.parametrize(
    ("lines", "phase"),
    [
        ([], Phase.PREPARING),
        ([Line.IMAGE_BEGINS], Phase.SAMPLING),
        ([Line.VIDEO_BEGINS], Phase.SAMPLING),
        ([Line.VIDEO_BEGINS, Line.HIGH_NOISE_ENDS], Phase.SAMPLING),
        ([Line.IMAGE_BEGINS, Line.SAMPLING_ENDS], Phase.PREPARING),
        ([Line.IMAGE_BEGINS, Line.SAMPLING_ENDS, Line.IMAGE_BEGINS], Phase.SAMPLING),
        ([Line.SECOND_PASS_BEGINS], Phase.RESAMPLING),
        ([Line.SECOND_PASS_BEGINS, Line.SECOND_PASS_IMAGE_ENDS], Phase.RESAMPLING),
        ([Line.SECOND_PASS_BEGINS, Line.SECOND_PASS_ENDS], Phase.PREPARING),
        ([Line.TILES_BEGIN], Phase.TILING),
        ([Line.WEIGHTS_BEGIN], Phase.READING_WEIGHTS),
        ([Line.WEIGHTS_BEGIN, Line.WEIGHTS_END], Phase.PREPARING),
        ([Line.IMAGE_BEGINS, Line.WEIGHTS_BEGIN], Phase.READING_WEIGHTS),
        ([Line.IMAGE_BEGINS, Line.WEIGHTS_BEGIN, Line.WEIGHTS_BEGIN, Line.WEIGHTS_END], Phase.SAMPLING),
        ([Line.SECOND_PASS_BEGINS, Line.WEIGHTS_BEGIN, Line.WEIGHTS_END], Phase.RESAMPLING),
        ([Line.TILES_BEGIN, Line.WEIGHTS_BEGIN], Phase.READING_WEIGHTS),
        ([Line.TILES_BEGIN, Line.WEIGHTS_BEGIN, Line.WEIGHTS_END], Phase.TILING),
        ([Line.WEIGHTS_BEGIN, Line.IMAGE_BEGINS, Line.WEIGHTS_END], Phase.SAMPLING),
        ([Line.IMAGE_BEGINS, Line.WEIGHTS_END], Phase.SAMPLING),
        ([Line.VERSION], Phase.PREPARING),
    ],
)
def test_lines_of_a_generation_lead_to_a_phase(lines: list[Line], phase: Phase) -> None:
    tracker = PhaseTracker(Phase.PREPARING)
    for line in lines:
        tracker.follow(line)
    assert tracker.phase == phase


def test_after_its_last_tile_the_phase_goes_on() -> None:
    tracker = PhaseTracker(Phase.PREPARING)
    tracker.follow(Line.SECOND_PASS_BEGINS)
    tracker.follow(Line.TILES_BEGIN)
    tracker.end_interruption(Phase.TILING)
    assert tracker.phase == Phase.RESAMPLING


@pytest.mark.parametrize("phase", [Phase.IDLE, Phase.LOADING, Phase.CONVERTING])
@pytest.mark.parametrize("line", Line)
def test_no_line_changes_the_phase_of_other_calls(phase: Phase, line: Line) -> None:
    tracker = PhaseTracker(phase)
    tracker.follow(line)
    assert tracker.phase == phase
