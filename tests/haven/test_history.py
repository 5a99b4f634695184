"""The checker of histories sees what it is there for: each kind of wrong is planted once."""

import pytest

from support.history import (
    Call,
    History,
    assure_all_kept,
    assure_no_number_reused,
    assure_one_writer,
    assure_reads_are_fresh,
)

EPOCHS = {1: 1, 2: 2}


def written(uri: str, life: int, asked: float, answered: float, *, yes: bool = True) -> Call:
    return Call("create", uri, life, asked, answered, yes, cid=f"cid of {uri}")


def read(uri: str, life: int, asked: float, cid: str) -> Call:
    return Call("read", uri, life, asked, asked + 1, yes=True, cid=cid)


def of(*calls: Call) -> History:
    history = History()
    for call in calls:
        history.add(call)
    return history


def test_what_was_acknowledged_must_be_there_and_what_was_not_may() -> None:
    history = of(written("a", 1, 0, 1), written("", 1, 0, 1, yes=False))
    assure_all_kept(history, {"a": "cid of a"})
    assure_all_kept(history, {"a": "cid of a", "": "cid of "})
    for wrong in ({}, {"a": "another"}, {"a": "cid of a", "c": "cid of c"}):
        with pytest.raises(AssertionError):
            assure_all_kept(history, wrong)


def test_what_was_deleted_stays_deleted_and_an_unclear_deletion_may_go_either_way() -> None:
    for yes, bearable in ((True, [{}]), (False, [{}, {"a": "cid of a"}])):
        history = of(written("a", 1, 0, 1), Call("delete", "a", 1, 2, 3, yes))
        for found in bearable:
            assure_all_kept(history, found)
    with pytest.raises(AssertionError):
        assure_all_kept(of(written("a", 1, 0, 1), Call("delete", "a", 1, 2, 3, yes=True)), {"a": "cid of a"})


def test_an_older_epoch_acknowledges_nothing_that_was_asked_after_a_newer_one_began() -> None:
    new = written("a", 2, 5, 6)
    assure_one_writer(of(new, written("", 1, 5.5, 9)), EPOCHS)
    assure_one_writer(of(new, written("", 1, 7, 8, yes=False)), EPOCHS)
    with pytest.raises(AssertionError):
        assure_one_writer(of(new, written("", 1, 7, 8)), EPOCHS)


def test_a_read_finds_what_was_acknowledged_before_under_the_same_or_an_earlier_epoch() -> None:
    old, new = written("a", 1, 0, 1), written("b", 2, 5, 6)
    bearable = (read("a", 2, 7, "cid of a"), read("b", 1, 7, ""), read("a", 1, 0.5, ""))
    at_a_standby = read("a", 2, 2, "")
    assure_reads_are_fresh(of(old, new, *bearable), EPOCHS, waits=True)
    assure_reads_are_fresh(of(old, new, *bearable, at_a_standby), EPOCHS, waits=False)
    for stale in (read("a", 1, 2, ""), read("a", 2, 7, "")):
        with pytest.raises(AssertionError):
            assure_reads_are_fresh(of(old, new, stale), EPOCHS, waits=False)
    with pytest.raises(AssertionError):
        assure_reads_are_fresh(of(old, new, at_a_standby), EPOCHS, waits=True)


def test_a_number_has_one_content_wherever_it_was_heard() -> None:
    history = of()
    history.hear(7, "this")
    history.hear(7, "this")
    assure_no_number_reused(history, {7: "this", 8: "next"})
    for log in ({7: "that"}, {8: "next"}):
        heard = of()
        heard.hear(7, "this")
        with pytest.raises(AssertionError):
            assure_no_number_reused(heard, log)
