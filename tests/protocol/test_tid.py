"""Timestamp identifiers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.protocol.syntax import InvalidSyntax, is_tid
from freehold.protocol.tid import TidClock, tid_decode, tid_encode

moments = st.integers(0, 2**53 - 1)
clocks = st.integers(0, 1023)


def test_the_tids_of_the_specification_read_as_it_says() -> None:
    assert tid_encode(0, 0) == "2222222222222"
    assert tid_decode("3jzfcijpj2z2a") == (1688137381887007, 6)
    assert tid_encode(1688137381887007, 6) == "3jzfcijpj2z2a"


@given(moments, clocks)
def test_a_tid_reads_back(micros: int, clock_id: int) -> None:
    tid = tid_encode(micros, clock_id)
    assert is_tid(tid)
    assert tid_decode(tid) == (micros, clock_id)


@given(st.tuples(moments, clocks), st.tuples(moments, clocks))
def test_tids_sort_by_time(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (tid_encode(*one) < tid_encode(*other)) == (one < other)


@given(st.lists(st.integers(0, 100), min_size=1), clocks)
def test_a_clock_rises_even_when_time_steps_back(times: list[int], clock_id: int) -> None:
    clock = TidClock(clock_id)
    given_out = [clock.next(micros) for micros in times]
    assert given_out == sorted(set(given_out))


def test_a_clock_can_be_told_what_to_surpass() -> None:
    clock = TidClock(3)
    foreign = tid_encode(5_000, 1023)
    first = clock.next(1_000, after=foreign)
    assert foreign < first < clock.next(1_000)


@pytest.mark.parametrize("text", ["", "3jzfcijpj2z2", "kjzfcijpj2z2a", "3JZFCIJPJ2Z2A", "3jzfcijpj2z2a\n"])
def test_what_is_not_a_tid_is_refused(text: str) -> None:
    with pytest.raises(InvalidSyntax):
        tid_decode(text)


@pytest.mark.parametrize(("micros", "clock_id"), [(-1, 0), (2**53, 0), (0, 1024), (0, -1)])
def test_there_is_no_tid_beyond_53_bits(micros: int, clock_id: int) -> None:
    with pytest.raises(ValueError, match="no TID"):
        tid_encode(micros, clock_id)
