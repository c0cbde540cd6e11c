"""Ctrl-C that a library turns into an error of its own."""

import signal

import pytest

from sdcpp_restapi.os_support.interrupts import raise_on_interrupt


def build_schema() -> None:
    """As pydantic's core does: the interrupt becomes an error."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt as interrupt:
        raise ValueError("cannot build a schema") from interrupt


def test_an_interrupt_leaves_as_itself_whatever_a_library_makes_of_it() -> None:
    with pytest.raises(KeyboardInterrupt), raise_on_interrupt():
        build_schema()


def test_an_error_without_an_interrupt_stays_what_it_is() -> None:
    with pytest.raises(ValueError, match="a real one"), raise_on_interrupt():
        raise ValueError("a real one")


def test_the_handler_from_before_is_back_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT)
    with raise_on_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
