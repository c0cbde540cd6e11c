"""How many tensors of a LoRA acted is read off the engine's log."""

import pytest

from sdcpp_restapi.engine.binding.names import LOG_LEVELS
from sdcpp_restapi.engine.child.log_parser import LogParser
from sdcpp_restapi.schemas.engine import LoraFile, LoraOutcome

A, B = LoraFile(path="/l/a b.safetensors", weight=1), LoraFile(path="/l/b.gguf", weight=1)


class Engine:
    """A parser that hears lines as the engine writes them."""

    def __init__(self) -> None:
        self.parser = LogParser(lambda _report: None)

    def generate(self, *lines: str, level: str = "info") -> None:
        with self.parser.follow_video(1, 1):
            for line in lines:
                self.parser.on_log(LOG_LEVELS.index(level), f"lora.hpp:997  - {line}\n")

    def told(self, *loras: LoraFile) -> list[LoraOutcome]:
        return self.parser.loras.outcomes_of(loras)


@pytest.fixture
def engine() -> Engine:
    return Engine()


def begins(lora: LoraFile) -> str:
    return f"init from '{lora.path}', prefix = 'lora.'"


def counted(applied: int, seen: int, lora: LoraFile) -> str:
    only = "Only " if applied < seen else ""
    return f"{only}({applied} / {seen}) LoRA tensors have been applied, lora_file_path = {lora.path}"


def outcome(lora: LoraFile, applied: int, seen: int, unread: str | None = None) -> LoraOutcome:
    return LoraOutcome(path=lora.path, applied=applied, seen=seen, unread=unread)


def test_what_the_parts_of_a_model_took_at_run_time_adds_up(engine: Engine) -> None:
    engine.generate(
        begins(A), begins(A), begins(B), begins(A), "runtime_lora_models:", counted(2, 2, A), counted(3, 3, A)
    )
    assert engine.told(A, B) == [outcome(A, 5, 5), outcome(B, 0, 0)]


def test_each_part_of_a_model_is_told_of_all_tensors_that_are_merged(engine: Engine) -> None:
    engine.generate(begins(A), counted(0, 2, A), begins(A), counted(2, 2, A), begins(A), counted(0, 2, A))
    assert engine.told(A) == [outcome(A, 2, 2)]


def test_merged_loras_stay_for_the_jobs_that_follow_until_another_model_is_loaded(engine: Engine) -> None:
    engine.generate(begins(A), counted(0, 2, A))
    engine.generate("another line")
    assert engine.told(A, B) == [outcome(A, 0, 2)]
    with engine.parser.follow_load(2):
        pass
    assert engine.told(A) == []


def test_each_run_counts_anew(engine: Engine) -> None:
    for _ in range(2):
        engine.generate(begins(A), "runtime_lora_models:", counted(1, 3, A))
        assert engine.told(A) == [outcome(A, 1, 3)]
    engine.generate("runtime_lora_models:", counted(1, 3, A))
    assert engine.told(A) == [outcome(A, 1, 3)]


def test_a_file_that_is_not_read_is_told_with_the_reason(engine: Engine) -> None:
    engine.generate("unsupported dtype 'BOOL' (tensor 'b')", level="error")
    engine.generate(
        "unsupported dtype 'BOOL' (tensor 'b')",
        begins(A),
        f"init lora model loader from file failed: '{A.path}'",
        f"load lora tensors from {A.path} failed",
        begins(A),
        f"init lora model loader from file failed: '{A.path}'",
        level="error",
    )
    (told,) = engine.told(A)
    assert told.unread is not None


def test_names_that_are_no_text_are_found(engine: Engine) -> None:
    odd = LoraFile(path="/l/\udcff.gguf", weight=1)
    shown = odd.model_copy(update={"path": "/l/\ufffd.gguf"})
    engine.generate(begins(shown), counted(1, 2, shown))
    assert engine.told(odd) == [outcome(odd, 1, 2)]
