"""The table of stable-diffusion.cpp 3f8527a, of which there are builds of upstream's own, and no wheel.

Read off its public header, and never run: no library of it was at hand. What differs from 2bb7294.
"""

from ctypes import c_char_p, c_int
from dataclasses import replace

from .measurements import PIXELS_PER_LATENT
from .names import NAMES
from .revision_2bb7294 import REVISION as EARLIER

# A struct of its own there, of this one field: rules for input images; NULL leaves the defaults.
_PREPROCESS = ("image_preprocess", c_char_p)

REVISION = replace(
    EARLIER,
    commit="3f8527a",
    package="",
    was_run=False,
    names=NAMES["3f8527a"],
    fields={
        "sd_ctx_params": (*EARLIER.fields["sd_ctx_params"], ("conditioning_cache_size", c_int)),
        "sd_img_gen_params": (*EARLIER.fields["sd_img_gen_params"], _PREPROCESS),
        "sd_vid_gen_params": (*EARLIER.fields["sd_vid_gen_params"], _PREPROCESS),
    },
    struct_sizes={"sd_ctx_params": 320, "sd_img_gen_params": 552, "sd_vid_gen_params": 584},
    tile_unit=PIXELS_PER_LATENT,
    # In 2bb7294 its place is part of the padding, which is 0 there.
    defaults={
        **EARLIER.defaults,
        "sd_ctx_params": {**EARLIER.defaults["sd_ctx_params"], "conditioning_cache_size": 4},
    },
)
