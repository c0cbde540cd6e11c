"""What the log of a server or a worker may not hold at the end of a test."""

from pathlib import Path

import pytest

from tests.support.logged_process import LoggedProcess


def ended(root: Path, *more: str) -> LoggedProcess:
    """A command that was started twice; after the first start it had logged these lines too."""
    process = LoggedProcess(root)
    for lines in (more, ()):
        process.launch("--version")
        assert process.process.wait(60) == 0
        process.stop()
        process.log += lines
    return process


@pytest.mark.parametrize(
    "line",
    [
        "2026-01-01 12:00:00 ERROR job 1: broke | Traceback (most recent call last):",
        "Traceback (most recent call last):",
        "Task exception was never retrieved",
        "<sys>:0: RuntimeWarning: coroutine 'Runner.run' was never awaited",
        "Exception ignored in: <function Connection.__del__ at 0x7f0000000000>",
    ],
)
def test_a_traceback_in_the_log_of_any_start_fails_the_test(tmp_path: Path, line: str) -> None:
    process = ended(tmp_path, line, "ValueError: told beside it")
    with pytest.raises(AssertionError, match="told beside it"), process:
        pass


def test_a_traceback_that_is_expected_fails_nothing(tmp_path: Path) -> None:
    with ended(tmp_path, "Traceback (most recent call last):") as process:
        process.expects_tracebacks = True


def test_a_failed_test_is_told_as_it_failed_and_not_by_its_log(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="the failure"), ended(tmp_path, "Traceback (most recent call last):"):
        raise KeyError("the failure")


def test_other_lines_are_nobodys_business(tmp_path: Path) -> None:
    with ended(tmp_path, "ERROR job 1: broke") as process:
        assert process.tracebacks() == []
