"""When records came to be, and how times are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.appview.moments import came_and_sorts, created_at, moment_of, text_of
from freehold.protocol.syntax import format_datetime
from freehold.protocol.tid import tid_encode

NOW = 1_795_000_000_000_000


@given(st.integers(0, 2**52))
def test_times_are_written_as_everywhere_else(micros: int):
    assert text_of(micros) == format_datetime(micros)


@pytest.mark.parametrize(
    ("tid_at", "created", "came", "sorts"),
    [
        (NOW - 5, NOW - 9, NOW - 5, NOW - 9),
        (NOW - 9, NOW - 5, NOW - 9, NOW - 9),
        (NOW + 9, NOW - 5, NOW, NOW - 5),
        (NOW + 9, NOW + 9, NOW, NOW),
        (None, NOW - 5, NOW - 5, NOW - 5),
        (None, NOW + 5, NOW, NOW),
        (None, None, NOW, NOW),
    ],
)
def test_nothing_comes_from_the_future(tid_at: int | None, created: int | None, came: int, sorts: int):
    rkey = "self" if tid_at is None else tid_encode(tid_at, 0)
    record = {} if created is None else {"createdAt": f"{format_datetime(created)[:-4]}{created % 1_000_000:06}Z"}
    assert came_and_sorts(rkey, record, NOW) == (came, sorts)


@pytest.mark.parametrize(
    "text", [None, 7, "", "yesterday", "2026-11-21", "2026-11-21T20:02:11", "2026-13-01T00:00:00Z"]
)
def test_what_is_no_time_is_none(text: object):
    assert created_at({"createdAt": text}) is None


def test_a_time_with_a_zone_is_the_same_moment():
    texts = ("2026-11-21T20:02:11.5Z", "2026-11-21T21:02:11.500+01:00")
    assert len({created_at({"createdAt": text}) for text in texts}) == 1


def test_records_of_one_time_stand_in_the_order_of_their_keys():
    keys = [tid_encode(NOW - NOW % 1024 + micros, 0) for micros in range(200)]
    moments = [moment_of(NOW, key) for key in keys]
    assert moments == sorted(set(moments))
    assert moment_of(NOW, keys[0]) != moment_of(NOW, tid_encode(NOW - NOW % 1024, 7))
    assert moment_of(NOW, "self") == moment_of(NOW, "self")
    assert moment_of(NOW, "self") < moment_of(NOW + 1, keys[0])
