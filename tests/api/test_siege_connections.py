"""Connections are counted by who holds them; heads are read in the socket, and odd ones are left to the real parser."""

import pytest

from freehold.api.siege.acceptor import head_of
from freehold.api.siege.connections import BODY_SECONDS, HEAD_SECONDS, Connections, is_slow
from freehold.net.budgets import by_edge


class Line:
    """A connection of somebody's."""

    def __init__(self, who: str, *, is_asking: bool = False) -> None:
        self.who, self.is_asking, self.ended = who, is_asking, False
        self.reading_since, self.body_bytes = 100.0, 0

    def cut_off(self) -> None:
        self.ended = True


def test_one_caller_has_so_many_and_others_their_own() -> None:
    held = Connections(100, 2)
    assert held.enter(Line("a"), trusted=False)
    line = Line("a")
    assert held.enter(line, trusted=False)
    assert not held.enter(Line("a"), trusted=False)
    assert held.enter(Line("a"), trusted=True), "a proxy of ours speaks for many"
    assert held.enter(Line("b"), trusted=False)
    held.leave(line)
    held.leave(line)
    assert len(held) == 3


def test_one_edge_has_half_of_all_at_most() -> None:
    held = Connections(10, 100)
    came = [held.enter(Line(by_edge(f"10.0.0.{n}", "paris")), trusted=False) for n in range(8)]
    assert came == [True] * 5 + [False] * 3
    assert held.enter(Line(by_edge("10.0.0.9", "oslo")), trusted=False)


def test_when_all_are_taken_the_oldest_that_waits_for_nothing_makes_room() -> None:
    held = Connections(3, 100)
    served, asking, silent = Line("a"), Line("b", is_asking=True), Line("c")
    for line in (served, asking, silent):
        held.enter(line, trusted=False)
    held.served(served)
    assert held.enter(Line("d", is_asking=True), trusted=False)
    assert (served.ended, asking.ended, silent.ended) == (False, False, True)
    assert held.enter(Line("e", is_asking=True), trusted=False)
    assert served.ended
    assert not held.enter(Line("f"), trusted=False), "all are being answered"
    assert held.cut_off == 2


def test_a_websocket_counts_for_its_caller_and_is_not_swept() -> None:
    held, line = Connections(10, 1), Line("a")
    held.enter(line, trusted=False)
    held.upgraded(line)
    assert held.follows("a")
    held.sweep(line.reading_since + 10_000)
    assert not line.ended
    assert not held.enter(Line("a"), trusted=False)
    held.socket_left("a")
    assert not held.follows("a")
    assert held.enter(Line("a"), trusted=False)


def test_slow_is_a_head_or_a_body_that_comes_in_drops() -> None:
    line = Line("a")
    assert not is_slow(line, 100 + HEAD_SECONDS)
    assert is_slow(line, 101 + HEAD_SECONDS)
    line.is_asking = True
    assert not is_slow(line, 100 + BODY_SECONDS)
    assert is_slow(line, 101 + BODY_SECONDS)
    line.body_bytes = 1_000_000
    assert not is_slow(line, 100 + 1_000)
    line.reading_since = 0.0
    assert not is_slow(line, 1e9), "a connection that waits for its next request is uvicorn's business"


def test_a_whole_head_without_a_body_is_read() -> None:
    head = head_of(b"GET /@mei?x=1 HTTP/1.1\r\nHost: town.example\r\nAccept: text/html\r\nX:  y \r\n\r\n")
    assert head == ("GET", b"/@mei?x=1", [(b"host", b"town.example"), (b"accept", b"text/html"), (b"x", b"y")])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    ],
)
def test_anything_else_is_left_to_the_parser(data: bytes) -> None:
    assert head_of(data) is None
