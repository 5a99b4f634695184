"""Counting different things within an hour, in bounded memory."""

import sys

import pytest

from freehold.net.distinct import FEW, QUARTER_MICROS, Readers

QUARTER = QUARTER_MICROS


class Clock:
    def __init__(self) -> None:
        self.now = 1_900_000 * QUARTER

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def readers(clock: Clock) -> Readers:
    return Readers(clock)


def read(readers: Readers, first: int, last: int, who: str = "mei") -> int:
    for n in range(first, last):
        readers.note(who, f"did:plc:{n}")
    return readers.note(who, f"did:plc:{first}").count


def test_the_same_thing_counts_once_however_often_it_is_read(readers):
    for _ in range(50):
        assert read(readers, 0, FEW) == FEW


@pytest.mark.parametrize("many", [60, 200, 1_000, 4_000, 40_000])
def test_many_things_are_counted_to_a_few_per_cent(readers, many):
    assert abs(read(readers, 0, many) - many) < 0.12 * many


def test_what_was_read_an_hour_ago_counts_no_more(readers, clock):
    assert read(readers, 0, 2_000) > 1_700
    clock.now += 2 * QUARTER
    assert 2_500 < read(readers, 2_000, 3_000) < 3_500
    clock.now += 2 * QUARTER
    assert 880 < read(readers, 2_000, 2_001) < 1_120
    clock.now += 8 * QUARTER
    assert read(readers, 0, 1) <= 2


def test_a_few_things_slide_out_of_the_hour_too(readers, clock):
    for n in range(200):
        clock.now += QUARTER // 4
        count = readers.note("mei", f"did:plc:{n}").count
    assert count <= FEW


def test_readers_are_bounded_in_number_and_those_silent_longest_go_first(clock):
    readers = Readers(clock, most=3)
    for who in ("a", "b", "c"):
        read(readers, 0, 5, who)
    read(readers, 0, 1, "a")
    read(readers, 0, 1, "d")
    assert len(readers) == 3
    assert readers.note("a", "did:plc:0").count == 5
    assert readers.note("b", "did:plc:9").count == 1


def test_one_reader_takes_a_few_kilobytes_whatever_it_reads(readers):
    read(readers, 0, 100_000)
    rows = readers.note("mei", "one")._rows
    assert sum(map(sys.getsizeof, rows)) < 5_000
