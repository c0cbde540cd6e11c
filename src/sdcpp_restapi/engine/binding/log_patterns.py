"""Log lines of stable-diffusion.cpp that tell what it is doing, and thus what it counts.

All of them were read off the logs of 487de75 and 2bb7294; where these differ, a pattern knows both. Lines
that it prints when something fails end a phase as well.
"""

import re
from enum import Enum, auto

# How a line begins: "file.cpp:123 - ".
SOURCE = re.compile(r"^[\w.+-]+\.(?:c|h|cc|cpp|hpp|cu|m)\s*:\d+\s+-\s+")


class Line(Enum):
    """The kinds of lines that matter; what a kind captures is said in PATTERNS."""

    VERSION = auto()
    GUIDED = auto()
    CHROMA = auto()
    IMAGE_BEGINS = auto()
    VIDEO_BEGINS = auto()
    HIGH_NOISE_ENDS = auto()
    SAMPLING_ENDS = auto()
    SECOND_PASS_BEGINS = auto()
    SECOND_PASS_IMAGE_ENDS = auto()
    SECOND_PASS_ENDS = auto()
    TILES_BEGIN = auto()
    WEIGHTS_BEGIN = auto()
    WEIGHTS_END = auto()
    LORA_BEGINS = auto()
    LORA_UNREAD = auto()
    LORA_COUNTS_BEGIN = auto()
    LORA_COUNTED = auto()


PATTERNS = {
    Line.VERSION: re.compile(r"Version: (.+)"),  # the architecture, e.g. "SD 1.x"
    Line.GUIDED: re.compile(r"flux: depth = .* guidance_embed = true"),
    Line.CHROMA: re.compile(r"Using pruned modulation \(Chroma\)"),  # whose version is called Flux
    Line.IMAGE_BEGINS: re.compile(r"generating image: (\d+)/\d+ - seed"),  # 1 = the first of the call
    Line.VIDEO_BEGINS: re.compile(r"generate_video \d+x\d+x\d+"),
    Line.HIGH_NOISE_ENDS: re.compile(r"sampling\(high noise\) completed"),
    Line.SAMPLING_ENDS: re.compile(r"sampling completed|sampling for image \d+/\d+ failed"),
    Line.SECOND_PASS_BEGINS: re.compile(r"hires fix: upscaling to"),
    Line.SECOND_PASS_IMAGE_ENDS: re.compile(r"hires sampling (\d+)/\d+ completed"),  # 1 = the first
    Line.SECOND_PASS_ENDS: re.compile(r"hires fix completed"),
    Line.TILES_BEGIN: re.compile(r"processing \d+ tiles"),
    Line.WEIGHTS_BEGIN: re.compile(r"loading \d+/\d+ tensors from (.+)"),  # the file; once for each file
    # Once, after all files. The first is missing after a LoRA that is read during the sampling (2bb7294).
    Line.WEIGHTS_END: re.compile(r"loading tensors completed|model manager prepared params backend buffer"),
    # The file; once for each part of the model.
    Line.LORA_BEGINS: re.compile(r"init from '(.+)', prefix = 'lora\.'"),
    Line.LORA_UNREAD: re.compile(
        r"(?:init lora model loader from file failed:|cannot register LoRA source) '(.+)'"
    ),
    Line.LORA_COUNTS_BEGIN: re.compile(r"runtime_lora_models:"),  # after a run, where LoRAs are not merged
    # Applied, of how many, file. Once for each part of the model of which the file has anything.
    Line.LORA_COUNTED: re.compile(
        r"(?:Only )?\((\d+) / (\d+)\) LoRA tensors have been applied, lora_file_path = (.+)"
    ),
}


def match_line(message: str) -> tuple[Line, re.Match[str]] | None:
    """The kind of a log line without its SOURCE; None for those that tell nothing."""
    for line, pattern in PATTERNS.items():
        if match := pattern.match(message):
            return line, match
    return None
