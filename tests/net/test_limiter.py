"""The limiter's rules, on whatever comes: never too many, never too much of the time, never shut for good."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.net.limiter import LONGEST_REST_SECONDS, SAVED_SECONDS, Lane, Limiter

LANE = Lane("some", most=8, each=2, share=0.1, patience=0.05, least=0.2)
seconds = st.floats(0, 0.2, allow_nan=False)
events = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from("abcdefgh")),
        st.tuples(st.just("leave"), st.integers(0, 99)),
        st.tuples(st.just("pass"), seconds),
        st.tuples(st.just("adapt"), seconds),
    ),
    max_size=200,
)


@given(events)
def test_never_more_are_inside_than_the_lane_and_each_caller_have(happened):
    limiter, inside, now = Limiter(LANE), [], 0.0
    for what, value in happened:
        if what == "enter" and limiter.enter(value, now):
            inside.append(value)
            assert inside.count(value) <= LANE.each
            assert len(inside) <= max(1, int(LANE.most * limiter.part))
        elif what == "leave" and inside:
            limiter.leave(inside.pop(value % len(inside)))
        elif what == "pass":
            now += value
        elif what == "adapt":
            limiter.adapt(value)
        assert limiter.inside == len(inside)
        assert LANE.least <= limiter.part <= 1


@given(st.lists(st.tuples(st.floats(0.0001, 0.1), st.floats(0, 0.1)), min_size=20, max_size=120))
def test_a_lane_takes_its_share_of_the_time_and_no_more(tasks):
    limiter, now, spent = Limiter(LANE), 0.0, 0.0
    for took, pause in tasks:
        now += pause
        if limiter.enter("a", now):
            now, spent = now + took, spent + took
            limiter.spent(took, now)
            limiter.leave("a")
    longest = max(took for took, _ in tasks)
    assert spent <= LANE.share * (now + SAVED_SECONDS) + longest


@given(st.lists(seconds, max_size=50), st.floats(0, 60))
def test_nobody_is_shut_out_for_good(late, took):
    limiter, now = Limiter(LANE), 100.0
    for each in late:
        limiter.adapt(each)
    assert limiter.enter("a", now)
    limiter.spent(took, now)
    limiter.leave("a")
    assert limiter.enter("b", now + LONGEST_REST_SECONDS)


def test_a_late_loop_narrows_the_lane_and_an_idle_one_widens_it_only_for_those_who_ask():
    limiter = Limiter(LANE)
    for _ in range(3):
        limiter.adapt(1.0)
    narrow = limiter.part
    assert narrow < 0.4
    limiter.adapt(0.0)
    assert limiter.part == narrow
    for number in range(9):
        limiter.enter(f"{number}", 1.0)
    limiter.adapt(0.0)
    assert limiter.part > narrow


def test_who_was_let_in_lately_waits_until_others_had_their_turn():
    limiter = Limiter(LANE._replace(again_seconds=5.0))
    assert limiter.enter("a", 10.0)
    limiter.leave("a")
    assert not limiter.enter("a", 12.0)
    assert limiter.enter("b", 12.0)
    assert limiter.enter("a", 15.0)
