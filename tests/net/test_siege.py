"""A flood is noticed, a busy minute is none, and it is over when it is over."""

from freehold.net.siege import CALM_SECONDS, LATE_TICKS, TICK_SECONDS, WAITING_LEAST, WAITING_SECONDS, Siege


class Loop:
    """A loop that is late by so much while so many ask, until told otherwise."""

    def __init__(self, mode="auto"):
        self.siege, self.now = Siege(mode), 1000.0
        self.siege.tick(0.0, self.now)

    def go(self, ticks, late, asked, strangers=0):
        for _ in range(ticks):
            self.now += TICK_SECONDS + late
            for _ in range(asked):
                self.siege.came(self.now)
                self.siege.waiting -= 1
            for _ in range(strangers):
                self.siege.asks("stranger")
            self.siege.tick(late, self.now)
        return self.siege.on


def test_a_loop_that_is_late_while_many_ask_is_a_flood():
    loop = Loop()
    assert not loop.go(LATE_TICKS - 1, 0.1, asked=20)
    assert loop.go(1, 0.1, asked=20)
    assert loop.siege.begun == 1


def test_a_late_loop_alone_is_none_nor_are_many_requests():
    loop = Loop()
    assert not loop.go(100, 0.5, asked=1)
    assert not loop.go(100, 0.001, asked=100)


def test_pauses_now_and_then_are_none():
    loop = Loop()
    for _ in range(20):
        loop.go(LATE_TICKS - 1, 0.3, asked=50)
        assert not loop.go(20, 0.005, asked=50)


def test_a_loop_that_has_no_time_left_is_one_however_few_wait_at_once():
    uneven = (0.051, 0.031, 0.008, 0.009, 0.093, 0.028, 0.006, 0.004, 0.0, 0.026)  # as sixty strangers make it
    loop, ticks = Loop(), 0
    while not any(loop.go(1, late, asked=30) for late in uneven):
        ticks += len(uneven)
        assert ticks < 1 / TICK_SECONDS
    few = Loop()
    assert not any(few.go(1, late, asked=0) for late in 10 * uneven)


def test_too_many_at_once_begin_a_siege_before_the_loop_is_late():
    siege, now = Siege(), 5.0
    for _ in range(200):  # the pace: one in 10 ms
        siege.came(now)
        siege.came(now)
        siege.turn(now)
        siege.turn(now + 0.01)
        now += 0.02
    assert not siege.on
    for _ in range(int(WAITING_SECONDS / 0.01) + WAITING_LEAST):
        siege.came(now)
    assert siege.on


def test_a_handful_of_slow_requests_begins_none():
    siege, now = Siege(), 5.0
    for _ in range(WAITING_LEAST - 1):
        siege.came(now)
    for _ in range(WAITING_LEAST - 1):
        now += 1.0
        siege.turn(now)
        siege.came(now)
    assert not siege.on


def test_it_ends_when_all_that_strangers_ask_for_would_fit():
    loop = Loop()
    loop.go(LATE_TICKS, 0.1, asked=20)
    ticks = int(2 * CALM_SECONDS / TICK_SECONDS)
    assert loop.go(ticks, 0.0, asked=20, strangers=10), "200 a second would not fit"
    loop.siege.cost(0.0)
    assert not loop.go(ticks, 0.0, asked=20, strangers=1)


def test_while_it_lasts_strangers_get_less_first_and_members_last():
    loop = Loop("always")
    loop.go(40, 0.07, asked=1)
    part = {kind: limiter.part for kind, limiter in loop.siege.lanes.items()}
    assert part["stranger"] < 1
    assert part["proven"] < 1
    assert part["familiar"] == part["member"] == 1
    loop.go(40, 0.3, asked=1)
    assert loop.siege.lanes["familiar"].part < 1
    assert loop.siege.lanes["member"].part == 1


def test_where_it_shall_never_be_it_never_is():
    loop = Loop("never")
    assert not loop.go(100, 0.5, asked=1_000)
