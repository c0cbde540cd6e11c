"""Every field of every request is shown to act by a test, and docs/parameters.md says by which."""

import pytest

from tests.proofs.fields import Field, fields
from tests.proofs.markers import Proof, proofs
from tests.proofs.page import PAGE, render


@pytest.fixture(scope="module")
def known() -> list[Field]:
    return fields()


@pytest.fixture(scope="module")
def shown() -> list[Proof]:
    return proofs()


def test_every_field_is_shown_to_act(known: list[Field], shown: list[Proof]) -> None:
    unproven = {field.name for field in known} - {proof.field for proof in shown}
    assert not unproven, "mark a test with @pytest.mark.proves"


def test_a_marker_names_fields_that_exist(known: list[Field], shown: list[Proof]) -> None:
    assert {proof.field for proof in shown} <= {field.name for field in known}


def test_the_page_is_up_to_date(known: list[Field], shown: list[Proof]) -> None:
    assert PAGE.read_text("utf-8") == render(known, shown), "run scripts/parameters"


def test_a_field_is_written_with_its_type_bounds_and_default(known: list[Field]) -> None:
    found = {field.name: (field.kind, field.default) for field in known}
    assert found["txt2img.prompt"] == ("string", "required")
    assert found["txt2img.slg_end"] == ("number ≥ 0 ≤ 1", "0.2")
    assert found["txt2img.skip_layers"] == ("list of (integer ≥ 0 ≤ 1000), at most 200", "[7, 8, 9]")
    assert found["load.rng_type"] == ("std_default, cuda, cpu", '"cuda"')
