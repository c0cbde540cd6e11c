"""Graphs are read and checked as ComfyUI checks them."""

from typing import Any

import pytest

from sdcpp_restapi.compat.comfyui.graph import MOST_NODES, Link, read_graph
from sdcpp_restapi.compat.comfyui.refusals import GraphRefused
from tests.support.comfyui_graphs import Graph, node, text_to_image

CHOICES = {"checkpoints": ["sd1.gguf"], "loras": ["a.safetensors"]}


def refused(prompt: object) -> dict[str, Any]:
    """The answer for a graph that is refused."""
    with pytest.raises(GraphRefused) as refusal:
        read_graph(prompt, CHOICES)
    return refusal.value.show()


def errors_of(prompt: object, node_id: str) -> list[dict[str, Any]]:
    errors: list[dict[str, Any]] = refused(prompt)["node_errors"][node_id]["errors"]
    return errors


def changed(node_id: str, **inputs: Any) -> Graph:
    """The usual graph with other inputs of a node; None takes one away."""
    graph = text_to_image()
    given = {**graph[node_id]["inputs"], **inputs}
    graph[node_id]["inputs"] = {name: value for name, value in given.items() if value is not None}
    return graph


def test_nodes_come_behind_those_that_they_need() -> None:
    graph = read_graph(text_to_image(), CHOICES)
    order = list(graph.nodes)
    for one in graph.nodes.values():
        assert all(order.index(link.node_id) < order.index(one.id) for link in one.links())
    assert [end.id for end in graph.ends] == ["9"]
    assert graph.nodes["3"].inputs["positive"] == Link("6", 0)


def test_nodes_that_no_end_needs_are_left_out() -> None:
    graph = {**text_to_image(), "20": node("EmptyLatentImage", width=-1, height=1, batch_size=1)}
    assert "20" not in read_graph(graph, CHOICES).nodes


def test_numbers_may_come_as_text() -> None:
    sampler = read_graph(changed("3", steps="4", cfg="2.5", seed=3.0), CHOICES).nodes["3"]
    assert (sampler.integer("steps"), sampler.number("cfg"), sampler.integer("seed")) == (4, 2.5, 3)


def test_a_node_that_is_not_known_is_named_with_those_that_are() -> None:
    answer = refused({**text_to_image(), "30": node("ControlNetApply", strength=1)})
    assert answer["error"]["type"] == "missing_node_type"
    assert "ControlNetApply" in answer["error"]["message"]
    assert "#30" in answer["error"]["details"]
    assert "KSampler" in answer["error"]["details"]
    assert answer["node_errors"]["30"]["class_type"] == "ControlNetApply"


@pytest.mark.parametrize("prompt", [None, [], {}, "x", 3])
def test_a_prompt_is_an_object_of_nodes(prompt: object) -> None:
    assert refused(prompt)["error"]["type"] == "no_prompt"


@pytest.mark.parametrize("body", [None, 3, {}, {"class_type": 3}, {"class_type": "KSampler", "inputs": 3}])
def test_a_node_has_a_type_and_inputs(body: object) -> None:
    answer = refused({"1": body})
    assert answer["error"]["type"] == "invalid_prompt"
    assert "#1" in answer["error"]["details"]


def test_a_graph_without_an_end_is_refused() -> None:
    graph = text_to_image()
    del graph["9"]
    assert refused(graph)["error"]["type"] == "prompt_no_outputs"


def test_a_graph_may_not_be_endless_or_huge() -> None:
    graph = text_to_image()
    graph["5"] = node("VAEEncode", pixels=["8", 0], vae=["4", 2])
    assert refused(graph)["error"]["type"] == "dependency_cycle"
    many = {str(i): node("EmptyLatentImage") for i in range(MOST_NODES + 1)}
    assert str(MOST_NODES) in refused(many)["error"]["details"]


def test_a_long_chain_of_nodes_is_no_matter() -> None:
    graph = text_to_image()
    for number in range(100, 100 + MOST_NODES - len(graph)):
        before = ["4", 0] if number == 100 else [str(number - 1), 0]
        graph[str(number)] = node(
            "LoraLoaderModelOnly", model=before, lora_name="a.safetensors", strength_model=1
        )
    graph["3"]["inputs"]["model"] = [max(graph, key=int), 0]
    assert len(read_graph(graph, CHOICES).nodes) == MOST_NODES


@pytest.mark.parametrize(
    ("inputs", "kind", "name"),
    [
        ({"steps": None}, "required_input_missing", "steps"),
        ({"positive": None}, "required_input_missing", "positive"),
        ({"sampler_name": "best"}, "value_not_in_list", "best"),
        ({"scheduler": 3}, "value_not_in_list", "scheduler"),
        ({"steps": 0}, "value_smaller_than_min", "steps"),
        ({"steps": 100_000}, "value_bigger_than_max", "steps"),
        ({"cfg": "much"}, "invalid_input_type", "cfg"),
        ({"cfg": float("nan")}, "invalid_input_type", "cfg"),
        ({"cfg": float("inf")}, "invalid_input_type", "cfg"),
        ({"seed": float("inf")}, "invalid_input_type", "seed"),
        ({"steps": True}, "invalid_input_type", "steps"),
        ({"steps": ["5", 0]}, "invalid_input_type", "steps"),
        ({"steps": {"a": 1}}, "invalid_input_type", "steps"),
        ({"seed": 2**64}, "value_bigger_than_max", "seed"),
        ({"model": "sd1"}, "bad_linked_input", "model"),
        ({"model": ["4"]}, "bad_linked_input", "model"),
        ({"model": ["44", 0]}, "bad_linked_input", "44"),
        ({"model": ["4", 1]}, "return_type_mismatch", "CLIP"),
        ({"model": ["4", 9]}, "return_type_mismatch", "nothing"),
        ({"model": ["4", -1]}, "return_type_mismatch", "nothing"),
    ],
)
def test_a_bad_input_is_named_with_its_node(inputs: dict[str, Any], kind: str, name: str) -> None:
    (error,) = errors_of(changed("3", **inputs), "3")
    assert error["type"] == kind
    assert name in error["details"]
    assert error["extra_info"]["input_name"] == next(iter(inputs))


def test_all_faults_are_told_at_once() -> None:
    graph = changed("3", steps=0, cfg=-1)
    graph["4"]["inputs"]["ckpt_name"] = "other"
    answer = refused(graph)
    assert set(answer["node_errors"]) == {"3", "4"}
    assert len(answer["node_errors"]["3"]["errors"]) == 2
    assert answer["node_errors"]["3"]["dependent_outputs"] == ["9"]
    assert answer["error"]["type"] == "prompt_outputs_failed_validation"
    assert "sd1.gguf" in answer["error"]["details"]


def test_an_input_that_is_not_known_is_told() -> None:
    graph = read_graph(changed("3", sigma=1, control_after_generate="fixed"), CHOICES)
    assert graph.warnings == ("node 3 (KSampler): unknown input 'sigma' was ignored",)
