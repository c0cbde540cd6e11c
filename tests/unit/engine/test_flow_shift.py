"""The flow shift of a chosen prediction: the architecture's where it is its own, else the prediction's."""

import pytest

from sdcpp_restapi.engine.binding.flow_shift import find_flow_shift
from sdcpp_restapi.engine.binding.names import PREDICTIONS
from sdcpp_restapi.engine.binding.revision import INFINITY
from tests.unit.models.test_architectures import ENGINE_NAMES


@pytest.mark.parametrize(
    ("prediction", "architecture", "guided", "shift"),
    [
        ("flux_flow", "Flux", False, 1.0),
        ("flux_flow", "Flux", True, 1.15),
        ("flux_flow", "Longcat-Image", True, 3.0),
        ("flux_flow", "Z-Image", False, 1.15),
        ("flux_flow", "SD 1.x", False, 1.15),
        ("sd3_flow", "SD3.x", False, 3.0),
        ("sd3_flow", "Wan 2.x", False, 5.0),
        ("sd3_flow", "Ideogram 4", True, 1.0),
        ("sd3_flow", "Flux", True, 3.0),
        ("", "Flux", True, INFINITY),
        ("eps", "Flux", True, INFINITY),
        ("minit2i_flow", "MiniT2I", False, INFINITY),
    ],
)
def test_the_shift_is_the_architectures_for_its_own_prediction(
    prediction: str, architecture: str, guided: bool, shift: float
) -> None:
    assert find_flow_shift(prediction, architecture, guided) == shift


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_no_shift_is_left_open_where_the_engine_has_none(prediction: str) -> None:
    shifts = [find_flow_shift(prediction, name, guided) for name in ENGINE_NAMES for guided in (True, False)]
    assert all((shift < INFINITY) == (prediction in ("sd3_flow", "flux_flow")) for shift in shifts)
