"""How many nodes are computed in one go."""

import pytest

from sdcpp_restapi.engine.child.graphs import pieces as module
from sdcpp_restapi.engine.child.graphs.pieces import SECONDS, Pieces


class Clock:
    """Both clocks that pieces look at."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def monotonic(self) -> float:
        return self.wall

    def process_time(self) -> float:
        return self.cpu


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def run_pieces(clock: Clock, count: int, *, wall: float, cpu: float, wait: float = 0.0) -> int:
    """The size of the last of so many pieces whose nodes take so many seconds, each piece `wait` besides."""
    pieces, size = Pieces(), 0
    pieces.begin()
    for _ in range(count):
        size = 1
        while not pieces.count_node():
            size += 1
        clock.wall += size * wall + wait
        clock.cpu += size * cpu
        pieces.end()
    return size


@pytest.mark.parametrize("seconds", [1e-6, 76e-6, 1e-3])
def test_a_piece_takes_the_wanted_time_after_a_few(clock: Clock, seconds: float) -> None:
    size = run_pieces(clock, 10, wall=seconds, cpu=2 * seconds)
    assert size * seconds == pytest.approx(SECONDS, rel=0.1)


def test_nodes_that_take_long_are_computed_one_by_one(clock: Clock) -> None:
    assert run_pieces(clock, 5, wall=1.0, cpu=1.0) == 1


def test_waiting_for_a_processor_makes_no_smaller_pieces(clock: Clock) -> None:
    alone = run_pieces(clock, 10, wall=1e-4, cpu=1e-4)
    assert run_pieces(clock, 10, wall=1e-4, cpu=1e-4, wait=1.0) == pytest.approx(alone, abs=2)


def test_a_short_piece_at_the_end_of_a_graph_makes_no_smaller_ones(clock: Clock) -> None:
    pieces = Pieces()
    for _ in range(20):
        pieces.begin()
        for node in range(1, 1011):
            if pieces.count_node() or node == 1010:
                clock.wall += 0.005 + 1e-5
                clock.cpu += 0.005 + 1e-5
                pieces.end()
    assert pieces._size > 1010


def test_a_clock_that_stands_still_does_not_stop_it(clock: Clock) -> None:
    assert run_pieces(clock, 3, wall=0.0, cpu=0.0) > 100
