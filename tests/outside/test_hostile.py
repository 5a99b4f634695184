"""Hosts that lie, fail, or change their mind at a bad moment: others are heard meanwhile, and what is held is right."""

import asyncio
from copy import copy

import pytest
from bench.elsewhere import HANG_UP, Elsewhere, Person, host, opened, running

from freehold.outside import listing
from freehold.outside.outside import Limits
from freehold.outside.reader import Reader
from freehold.outside.sources import Source
from freehold.protocol.keys import K256Key
from freehold.stream import frames
from outside.test_taking_in import PATIENCE_SECONDS, heard, held, texts, until, write

QUICK = Limits(per_second=1_000)


async def looking(seen):
    """Wait for what rings no bell."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not seen():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seq", [2**63, 2**64 - 1])
async def test_a_number_that_the_index_cannot_hold_is_dropped(other, intake, seq):
    async with heard(other, intake) as mei:
        other.send(frames.encode("identity", {"did": mei.did, "seq": seq, "time": "x"}))
        other.tell("commit", write(mei, "b", "two"))
        await until(intake, lambda: texts(intake) == ["one", "two"])


async def test_of_a_host_with_several_addresses_the_one_that_answers_is_heard(other, intake, monkeypatch):
    async def addresses(host, port):
        return ["127.0.0.2", "127.0.0.1"]  # at the first one nobody is

    monkeypatch.setattr(intake.outside._client.guard, "addresses", addresses)
    async with running(intake):
        await intake.listen(other.url)
        await looking(lambda: intake.outside.states.get(other.url) == "listening")


async def test_a_fault_of_ours_with_one_host_keeps_nobody_from_another(tmp_path, other, monkeypatch, caplog):
    odd = Elsewhere()
    took = Reader.take

    async def take(self, source, frames, after):
        assert source.url != odd.url, "a fault of ours"
        return await took(self, source, frames, after)

    monkeypatch.setattr(Reader, "take", take)
    async with host(odd):
        with opened(tmp_path / "here", other.url, limits=QUICK) as intake:
            async with heard(other, intake) as mei:
                await intake.listen(odd.url)
                await looking(lambda: intake.outside.states.get(odd.url) == "listening")
                odd.send(b"anything")
                await looking(lambda: "went wrong" in intake.outside.states[odd.url])
                other.tell("commit", write(mei, "b", "two"))
                await until(intake, lambda: texts(intake) == ["one", "two"])
    assert "a fault of ours" in caplog.text


@pytest.mark.parametrize("what", ["list", "document"])
async def test_an_answer_that_nobody_can_read_ends_no_work(tmp_path, other, what):
    liar, deep = Elsewhere(), b"[" * 9_000 + b"]" * 9_000
    async with host(liar):
        with opened(tmp_path / "here", other.url, limits=QUICK) as intake:
            await intake.listen(liar.url)
            async with heard(other, intake) as mei:
                if what == "list":
                    liar.bodies[listing.METHOD] = deep
                else:
                    other.bodies[mei.did] = deep
                intake.identity.forget(mei.did)
                await looking(lambda: intake.outside.states.get(other.url) == "listening")
                await intake.outside.list_again(Source(liar.url, False))
                other.tell("identity", {"did": mei.did})
                other.tell("commit", write(mei, "b", "two"))
                await until(intake, lambda: texts(intake) == ["one", "two"])
                liar.send(HANG_UP)
                await looking(lambda: intake.outside.states.get(liar.url) != "listening")
                other.tell("commit", write(mei, "c", "three"))
                await until(intake, lambda: texts(intake) == ["one", "two", "three"])


async def test_a_frame_that_is_too_big_is_passed_over(other, intake):
    async with heard(other, intake) as mei:
        other.tell("commit", write(mei, "b", "two"))
        await until(intake, lambda: texts(intake) == ["one", "two"])
        other.send(b"\0" * (frames.MAX_FRAME_BYTES + 1))
        other.tell("commit", write(mei, "c", "three"))
        await until(intake, lambda: texts(intake) == ["one", "two", "three"])


async def test_a_host_whose_list_is_asked_for_too_often_is_left_alone(other, intake):
    other.refusals["list"] = (429, "RateLimitExceeded", {"retry-after": "120"})
    async with running(intake):
        await intake.listen(other.url)
        await looking(lambda: 100 < (intake.outside._pace.wait_for(other.url) or 0) <= 120)


async def test_who_rests_while_their_repository_is_fetched_stays_hidden(other, intake):
    async with heard(other, intake) as mei:
        other.gates[mei.did] = gate = asyncio.Event()
        other.tell("commit", {**write(mei, "b", "two"), "tooBig": True, "ops": []})
        await looking(lambda: other.asked.count(mei.did) == 2)
        other.tell("account", {"did": mei.did, "active": False, "status": "deactivated"})
        await until(intake, lambda: texts(intake) == [])
        gate.set()
        await looking(lambda: not intake.outside.fetcher._under_way)
        assert texts(intake) == []
        other.tell("account", {"did": mei.did, "active": True})
        await until(intake, lambda: texts(intake) == ["one", "two"])


async def test_who_is_deleted_and_has_no_identity_any_more_is_gone(other, intake):
    async with heard(other, intake) as mei:
        del other.people[mei.did]
        intake.identity.forget(mei.did)
        other.tell("account", {"did": mei.did, "active": False, "status": "deleted"})
        await until(intake, lambda: texts(intake) == [])


async def test_who_moves_to_another_host_that_is_listened_to_is_fetched_there(tmp_path, other):
    new = Elsewhere()
    async with host(new):
        with opened(tmp_path / "here", other.url, limits=QUICK) as intake:
            async with heard(other, intake) as mei:
                mei.pds = new.url
                new.people[mei.did] = mei
                intake.identity.forget(mei.did)
                write(mei, "b", "at the new host")
                await intake.listen(new.url)
                await until(intake, lambda: texts(intake) == ["one", "at the new host"])
                new.tell("commit", write(mei, "c", "three"))
                await until(intake, lambda: texts(intake)[-1] == "three")
                write(mei, "d", "nobody was told of this")
                new.tell("commit", write(mei, "e", "five"))
                await until(intake, lambda: texts(intake)[-1] == "five")


async def test_what_a_host_lists_of_others_makes_nobody_fetch_them(tmp_path, other):
    liar = Elsewhere()
    async with host(liar):
        with opened(tmp_path / "here", other.url, limits=QUICK) as intake:
            async with heard(other, intake) as mei:
                liar.people[mei.did] = copy(mei)
                liar.people[mei.did].rev = "7zzzzzzzzzzzz"
                lia = Person(7, liar.url)
                liar.people[lia.did] = other.people[lia.did] = lia
                await intake.listen(liar.url)
                await until(intake, lambda: held(intake) == 2)
                await looking(lambda: not intake.outside.fetcher._under_way)
                assert other.asked == [mei.did]


async def test_what_was_missed_of_accounts_is_made_good_by_the_list(other, intake):
    async with heard(other, intake):
        people = ida, rosa, noa = other.join(), other.join(), other.join()
        for one in people:
            other.tell("commit", write(one, one.handle, one.handle))
        await until(intake, lambda: held(intake) == 4)
        other.tell("account", {"did": rosa.did, "active": False, "status": "deactivated"})
        await until(intake, lambda: held(intake) == 3)
        await intake.outside.list_again(intake.outside.sources.all()[0])  # so that the list has named all of them
        await until(intake, lambda: held(intake) == 4)
        other.tell("account", {"did": rosa.did, "active": False, "status": "deactivated"})
        await until(intake, lambda: held(intake) == 3)
        del other.people[ida.did]
        noa.status = "takendown"
        other.send(frames.info_frame("OutdatedCursor", "some events are gone"))
        other.tell("identity", {"did": rosa.did})
        await until(intake, lambda: texts(intake) == ["one", rosa.handle])


@pytest.mark.parametrize("doubt", ["identity", "commit"])
async def test_a_directory_that_is_slow_for_one_host_holds_up_no_other(tmp_path, other, doubt):
    slow = Elsewhere()
    async with host(slow):
        with opened(tmp_path / "here", other.url, limits=QUICK) as intake:
            async with heard(other, intake) as mei:
                lia = Person(7, slow.url)
                slow.people[lia.did] = other.people[lia.did] = lia
                await intake.listen(slow.url)
                await until(intake, lambda: held(intake) == 2)
                intake.identity.forget(lia.did)
                other.gates[lia.did] = gate = asyncio.Event()
                lia.key = K256Key.from_raw(bytes([7]) * 32)
                told = {"identity": {"did": lia.did}, "commit": write(lia, "z", "by another key")}
                slow.tell(doubt, told[doubt])
                await looking(lambda: lia.did in intake.identity._documents._asking)
                other.tell("commit", write(mei, "b", "two"))
                await until(intake, lambda: texts(intake) == ["one", "two"])
                gate.set()
                if doubt == "commit":
                    await until(intake, lambda: texts(intake) == ["one", "two", "by another key"])
