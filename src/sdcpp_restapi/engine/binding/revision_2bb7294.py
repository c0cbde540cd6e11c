"""The table of stable-diffusion.cpp 2bb7294, which cyllama 0.5.0 to 0.7.0 and inferna 0.7.0 ship.

What differs from 487de75. Sizes, defaults and printed lines were read off the library.
"""

from collections.abc import Mapping
from ctypes import c_bool, c_char_p, c_float
from dataclasses import replace

from .call_structs import CONTEXT_FIELDS, Fields, insert_after, rename
from .names import NAMES
from .revision_487de75 import REVISION as EARLIER

_GROWN = insert_after(CONTEXT_FIELDS, "audio_vae_path", ("audio_encoder_path", c_char_p))
_RENAMED = rename(_GROWN, "stream_layers", "disable_prefetch")
CONTEXT: Fields = (
    *_RENAMED,
    ("disable_segmented_compute", c_bool),
    ("linear_scale", c_float),
    ("attn_scale", c_float),
    ("tokenizer", c_char_p),
    ("sage_attn", c_bool),
)

CONTEXT_DEFAULTS: Mapping[str, object] = {
    **EARLIER.defaults["sd_ctx_params"],
    "auto_fit": True,
    "audio_encoder_path": None,
    "disable_prefetch": False,
    "disable_segmented_compute": False,
    "linear_scale": 0.0,
    "attn_scale": 0.0,
    "tokenizer": None,
    "sage_attn": False,
}
CONTEXT_SENTINELS: Mapping[str, tuple[object, str]] = {
    **EARLIER.sentinels["sd_ctx_params"],
    "audio_encoder_path": (b"<audio_encoder_path>", "\naudio_encoder_path: <audio_encoder_path>\n"),
    "tokenizer": (b"<tokenizer>", "\ntokenizer: <tokenizer>\n"),
    "disable_prefetch": (True, "\ndisable_prefetch: true\n"),
    "disable_segmented_compute": (True, "\ndisable_segmented_compute: true\n"),
    "linear_scale": (0.5, "\nlinear_scale: 0.5\n"),
    "attn_scale": (0.25, "\nattn_scale: 0.25\n"),
    "sage_attn": (True, "\nsage_attn: true\n"),
}

REVISION = replace(
    EARLIER,
    commit="2bb7294",
    package="cyllama==0.7.0",
    names=NAMES["2bb7294"],
    fields={**EARLIER.fields, "sd_ctx_params": CONTEXT},
    struct_sizes={**EARLIER.struct_sizes, "sd_ctx_params": 320},
    video_tells_fps=True,
    # "verbose" is between the first two.
    log_levels=("debug", "debug", "info", "warning", "error"),
    defaults={**EARLIER.defaults, "sd_ctx_params": CONTEXT_DEFAULTS},
    sentinels={**EARLIER.sentinels, "sd_ctx_params": CONTEXT_SENTINELS},
)
