"""A source that invents accounts without end fills nothing here, and keeps nobody from what others tell of."""

import asyncio
from collections import Counter
from typing import NamedTuple

import pytest
from bench.elsewhere import Elsewhere, host, opened, running

from freehold.outside import known, listing, newcomers, outside
from freehold.outside.fetching import TRIES_MAX
from freehold.outside.newcomers import SECOND, WON_BACK, Bounds, Newcomers
from freehold.outside.outside import Limits
from freehold.protocol.cid import Cid
from outside.test_taking_in import PATIENCE_SECONDS, held, rows, texts, until, write

INVENTED, WAITING, POINTS, A_SECOND = 100, 30, 20, 30
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


class Nobody(NamedTuple):
    """An account of which there is no more than its name."""

    did: str
    root: Cid = Cid.of_cbor(b"")
    rev: str = "3kaaaaaaaaaa2"
    status: str | None = None


def nobodies(many):
    return [Nobody("did:plc:" + LETTERS[n % 32] + LETTERS[n // 32] + "a" * 22) for n in range(many)]


class Directory(Elsewhere):
    """Takes its time where it knows nobody."""

    def __init__(self):
        super().__init__()
        self.in_vain = Counter()

    async def __call__(self, scope, receive, send):
        did = scope["path"].removeprefix("/")
        if did.startswith("did:") and did not in self.people:
            self.in_vain[did] += 1
            await asyncio.sleep(0.02)
        await super().__call__(scope, receive, send)


def new(intake, url):
    with intake.db.reading() as tx:
        return known.count_new(tx, url, 10_000)


async def turned_away(intake, url, many):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while intake.reader.dropped[url, "too-many-new"] < many:  # noqa: ASYNC110 - counted after the transaction
            await asyncio.sleep(0.01)


async def test_who_invents_accounts_has_its_share_and_no_more(tmp_path, other, monkeypatch):
    monkeypatch.setattr(listing, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(newcomers, "COUNTED_SECONDS", 0.02)
    liar, directory = Elsewhere(), Directory()
    mei, ida = other.join(), other.join()
    write(mei, "a", "mei"), write(ida, "b", "ida")
    directory.people = dict(other.people)
    other.people = {mei.did: mei}
    invented = nobodies(INVENTED)
    liar.people = {one.did: one for one in (*invented, ida)}
    bounds = Bounds(waiting=WAITING, points=POINTS, per_second=A_SECOND)
    limits = Limits(per_second=1_000, at_once=4, new=bounds)
    async with host(directory), host(liar):
        with opened(tmp_path / "here", directory.url, limits=limits) as intake:
            async with running(intake):
                began = asyncio.get_running_loop().time()
                await intake.listen(liar.url, relay=True)
                await until(intake, lambda: intake.outside.states.get(liar.url) == "listening")
                for one in nobodies(2 * INVENTED)[INVENTED:]:
                    liar.tell("identity", {"did": one.did})
                await turned_away(intake, liar.url, 1)
                await intake.listen(other.url)

                def seen(wanted):
                    assert new(intake, liar.url) <= 2 * WAITING
                    return texts(intake) == wanted

                await until(intake, lambda: seen(["mei"]))
                assert directory.in_vain.total() < INVENTED  # long before all was asked
                other.people[ida.did] = ida
                await until(intake, lambda: seen(["mei", "ida"]))  # last in the liar's list
                took = asyncio.get_running_loop().time() - began
    assert directory.in_vain.total() <= POINTS + A_SECOND * took + WON_BACK + limits.at_once
    assert set(directory.in_vain.values()) == {1}


async def test_who_was_turned_away_comes_when_there_is_room_also_after_a_restart(tmp_path, other, monkeypatch):
    full = Limits(per_second=1_000, new=Bounds(waiting=1, points=0, per_second=0))
    with opened(tmp_path / "here", other.url, limits=full) as intake:
        async with running(intake):
            await intake.listen(other.url)
            await until(intake, lambda: intake.outside.standing()[0].listed)
            people = [other.join() for _ in range(3)]
            for person, text in zip(people, "abc", strict=True):
                other.tell("commit", write(person, text, text))
            await turned_away(intake, other.url, 2)
            assert (new(intake, other.url), texts(intake), other.asked) == (1, [], [])
    monkeypatch.setattr(outside, "AGAIN_SECONDS", 0.05)
    with opened(tmp_path / "here", other.url, limits=Limits(per_second=1_000)) as intake:
        async with running(intake):
            await until(intake, lambda: sorted(texts(intake)) == ["a", "b", "c"])


async def test_of_one_source_so_many_accounts_are_here_and_no_more(tmp_path, other):
    limits = Limits(per_second=1_000, new=Bounds(accounts=2))
    with opened(tmp_path / "here", other.url, limits=limits) as intake:
        async with running(intake):
            await intake.listen(other.url)
            await until(intake, lambda: intake.outside.standing()[0].listed)
            for n in range(3):
                intake.reader.newcomers.forget(other.url)  # as if it had been counted a second ago
                other.tell("commit", write(other.join(), f"a{n}", "here"))
            await turned_away(intake, other.url, 1)
            await until(intake, lambda: held(intake) == 2)


@pytest.mark.parametrize("tries", [TRIES_MAX - 2, TRIES_MAX - 1])
async def test_who_was_never_here_is_given_up_in_the_end(other, intake, tries):
    mei = other.join()
    other.refusals[mei.did] = (500, "InternalServerError", {})

    def tried(taker):
        known.keep_listing(taker.tx, other.url, None)
        known.keep_cursor(taker.tx, other.url, 0)  # else the list is gone through once more
        known.put(taker.tx, known.met(other.url, False, mei.did, 0)._replace(tries=tries))

    await intake.index.take_in(tried)
    async with running(intake):
        await intake.listen(other.url)
        await until(intake, lambda: other.asked and not any(row.tries == tries for row in rows(intake)))
        assert [row.tries for row in rows(intake)] == ([TRIES_MAX - 1] if tries < TRIES_MAX - 1 else [])


def test_points_come_again_evenly_and_twice_for_somebody():
    now = SECOND
    budget = Newcomers(lambda: pytest.fail("nothing to count"), lambda: now)
    budget.bounds = Bounds(points=2, per_second=0.5)
    for _ in range(2):
        assert budget.may_ask("a")
        budget.spend("a")
    assert not budget.may_ask("a")
    assert budget.may_ask("b")
    now += SECOND
    assert not budget.may_ask("a")
    now += SECOND
    budget.spend("a")
    budget.win_back("a")
    budget.win_back("a")
    for _ in range(2):
        budget.spend("a")
    assert not budget.may_ask("a")  # never more than there were
