"""Errors have codes, and come out of another process as what they were."""

import sdcpp_restapi.downloads.failures
from sdcpp_restapi import errors
from sdcpp_restapi.api.error_handlers import respond_to
from sdcpp_restapi.errors import BadRequest, LoraNotFound, NoModelLoaded, PicturesBusy, SdcppError, error_of
from sdcpp_restapi.schemas.errors import ErrorInfo


def all_errors(kind: type[SdcppError] = SdcppError) -> list[type[SdcppError]]:
    return [one for child in kind.__subclasses__() for one in (child, *all_errors(child))]


def test_a_code_is_the_name_of_the_class_in_snake_case() -> None:
    assert (NoModelLoaded.code, LoraNotFound.code, BadRequest.code) == (
        "no_model_loaded",
        "lora_not_found",
        "bad_request",
    )


def test_no_two_errors_share_a_code() -> None:
    assert sdcpp_restapi.downloads.failures
    codes = [kind.code for kind in all_errors()]
    assert len(codes) == len(set(codes))


def test_an_error_crosses_a_border_and_is_the_same_afterwards() -> None:
    sent = BadRequest("steps: 0 is not allowed", field="steps").info
    back = error_of(ErrorInfo.model_validate_json(sent.model_dump_json()))
    assert (type(back), str(back), back.field) == (BadRequest, "steps: 0 is not allowed", "steps")


def test_an_error_of_a_later_release_is_one_of_ours_all_the_same() -> None:
    back = error_of(ErrorInfo(code="moon_is_full", message="The moon is full"))
    assert (type(back), str(back)) == (SdcppError, "The moon is full")


def test_the_prefix_of_the_document_is_no_part_of_the_message() -> None:
    assert str(errors.ModelNotFound()) == "Model not found"
    assert errors.ModelNotFound.answer_prefix == "Internal error: "


def test_an_answer_says_when_to_try_again_where_that_helps() -> None:
    answer = respond_to(PicturesBusy())
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "10")
    assert "retry-after" not in respond_to(BadRequest()).headers


def test_a_secret_in_an_address_is_in_no_answer() -> None:
    answer = respond_to(BadRequest("url: 'https://me:hidden@h/?token=hidden' is not allowed"))
    assert b"hidden" not in answer.body
    assert b"https://***@h/?token=***" in answer.body
