"""The log: written beside the server, in lines that stay lines."""

import json
import logging
import os
from pathlib import Path

from sdcpp_restapi.config import Logging
from sdcpp_restapi.logs import JsonLines, LogFile, StandardError, TextLines, configure, read_tail

NASTY = "a\nb\r\x1b[31mred\x00\x85\u2028\u202eend\ud800"


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("test", logging.INFO, "", 0, "%s", (message,), None)


def test_a_reader_that_does_not_read_keeps_nobody_waiting_and_is_told_what_it_missed() -> None:
    source, sink = os.pipe()
    handler = StandardError(sink, most_waiting=10)
    handler.setFormatter(TextLines())
    for number in range(500):
        handler.handle(record(f"{number} " + "x" * 5000))
    read = b""
    while b"were dropped here" not in read:
        read += os.read(source, 65536)
    handler.handle(record("and on it goes"))
    while b"and on it goes" not in read:
        read += os.read(source, 65536)
    lines = read.decode().splitlines()
    dropped = sum(int(line.split()[0]) for line in lines if "were dropped here" in line)
    assert sum("xxx" in line for line in lines) + dropped == 500
    handler.close()
    os.close(source)
    os.close(sink)


def test_the_end_waits_for_a_stuck_reader_a_moment_only() -> None:
    source, sink = os.pipe()
    handler = StandardError(sink, most_waiting=10)
    for _ in range(50):
        handler.handle(record("x" * 5000))
    handler.close()  # would wait for ever for a reader
    os.close(source)


def test_a_reader_that_is_gone_is_no_reason_to_complain() -> None:
    source, sink = os.pipe()
    os.close(source)
    handler = StandardError(sink)
    handler.handle(record("hello"))
    handler.close()
    os.close(sink)


def test_control_characters_are_escaped_for_people() -> None:
    line = TextLines().format(record(NASTY))
    assert line.endswith(r"a\nb\r\x1b[31mred\x00\x85\u2028\u202eend" + "\ud800")


def test_a_traceback_stays_readable() -> None:
    told = record("broke")
    try:
        raise ValueError("\x1b[31m")
    except ValueError as error:
        told.exc_info = (ValueError, error, error.__traceback__)
    text = TextLines().format(told)
    assert len(text.splitlines()) > 3
    assert "\x1b" not in text


def test_control_characters_are_escaped_for_programs() -> None:
    line = JsonLines().format(record(NASTY))
    assert line.isprintable() or "\ud800" in line
    assert json.loads(line)["message"] == NASTY


def test_what_is_no_text_is_logged_all_the_same(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log", encoding="utf-8", errors="backslashreplace")
    file.setFormatter(JsonLines())
    file.handle(record(NASTY))
    file.close()
    assert "red" in (tmp_path / "log").read_text()


def test_the_tail_has_what_was_logged(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]
    try:
        configure(Logging(), tmp_path)
        logging.getLogger("sdcpp_restapi.test").info("a line%s", NASTY[:-1])
        assert read_tail(tmp_path, 5)[-1].message == "a line" + NASTY[:-1]
    finally:
        for handler in logging.getLogger().handlers[:]:
            handler.close()
        logging.getLogger().handlers[:] = before
