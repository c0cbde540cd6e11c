"""Models of other machines."""

from sdcpp_restapi.schemas.cluster import Complete, RpcRequest
from sdcpp_restapi.schemas.models import LoadRequest


def test_a_worker_looks_up_the_type_that_a_load_request_does_not_name() -> None:
    question = RpcRequest(what=Complete(request=LoadRequest(model_name="one.gguf", vae=""), whole=False))
    arrived = RpcRequest.model_validate_json(question.model_dump_json()).what
    assert isinstance(arrived, Complete)
    assert arrived.request.model_fields_set == {"model_name", "vae"}
