"""The flow shift of a model that was loaded with a prediction of its own choosing.

stable-diffusion.cpp 487de75 sets its default for an architecture only together with the prediction that it
picks itself; with another one the shift stays infinite and pictures are black. The values are those of its
source, where it sets up the denoiser.
"""

from collections.abc import Mapping

from .revision import INFINITY

_FLOW, _FLUX_FLOW = "sd3_flow", "flux_flow"
# Architecture, as the engine's log names it -> its prediction and shift.
_OWN: Mapping[str, tuple[str, float]] = {
    "Wan 2.x": (_FLOW, 5.0),
    "Wan 2.2 I2V": (_FLOW, 5.0),
    "Wan 2.2 TI2V": (_FLOW, 5.0),
    "Hunyuan Video": (_FLOW, 7.0),
    "Ernie Image": (_FLOW, 4.0),
    "Boogu Image": (_FLOW, 3.16),
    "PiD": (_FLOW, 1.5),
    "Ideogram 4": (_FLOW, 1.0),
    "Flux": (_FLUX_FLOW, 1.0),
    "Flux Fill": (_FLUX_FLOW, 1.0),
    "Flux Control": (_FLUX_FLOW, 1.0),
    "Flex.2": (_FLUX_FLOW, 1.0),
    "Chroma": (_FLUX_FLOW, 1.0),
    "Chroma Radiance": (_FLUX_FLOW, 1.0),
    "Ovis Image": (_FLUX_FLOW, 1.0),
    "Flux.2": (_FLUX_FLOW, 1.0),
    "Flux.2 klein": (_FLUX_FLOW, 1.0),
    "Longcat-Image": (_FLUX_FLOW, 3.0),
    "Lens": (_FLUX_FLOW, 1.83),
    "LTXAV": (_FLUX_FLOW, 2.37),
    "Krea2": (_FLUX_FLOW, 1.15),
}
_GUIDED = 1.15
# For models that are made for another prediction.
_OTHERWISE: Mapping[str, float] = {_FLOW: 3.0, _FLUX_FLOW: _GUIDED}


def find_flow_shift(prediction: str, architecture: str, guided: bool) -> float:
    """What takes the place of a shift that is left open; infinity leaves it to the engine.

    `prediction` is the load option, empty where the engine picks it; `guided`: the model takes
    distilled_guidance, as Flux dev does and schnell does not.
    """
    if prediction not in _OTHERWISE:
        return INFINITY
    own, shift = _OWN.get(architecture, ("", 0.0))
    if own != prediction:
        return _OTHERWISE[prediction]
    return _GUIDED if guided and shift == 1.0 and own == _FLUX_FLOW else shift
