"""A host that does not play by the rules, one that breaks off, and a kill on this side: what the index holds then."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from bench.elsewhere import HANG_UP, POST, Elsewhere, Life, host, opened, post, running

from freehold.identity import resolver
from freehold.outside import known, reader
from freehold.outside.outside import Limits
from freehold.outside.pace import Pace
from freehold.protocol import cbor
from freehold.protocol.keys import K256Key
from freehold.store.clock import now_micros
from freehold.stream import frames
from support.nameserver import nameserver

HOUR = 3600 * 1_000_000
PATIENCE_SECONDS = 20


def texts(intake):
    """Posts that are shown, by author and key."""
    with intake.db.reading() as tx:
        rows = tx.run(
            "SELECT p.record FROM post p JOIN actor a ON a.id = p.author"
            " WHERE p.moment IS NOT NULL AND a.status IS NULL ORDER BY p.rkey"
        )
    return [cbor.decode_json(raw)["text"] for (raw,) in rows]


def held(intake):
    """How many repositories are here whole."""
    return sum(one.accounts.held for one in intake.outside.standing())


async def until(intake, seen):
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            stroke = intake.index.moved.next
            if seen():
                return
            await stroke.wait(None)


async def dropped(intake, reason):
    """Wait until something was dropped for this reason, and for no other."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not intake.reader.dropped:  # noqa: ASYNC110 - counted after the transaction, which rings its bell before
            await asyncio.sleep(0.01)
    assert {why for _, why in intake.reader.dropped} == {reason}


def write(person, key, text, **more):
    return person.commit({f"{POST}/{key}": post(text) if text is not None else None}, **more)


@asynccontextmanager
async def heard(other, intake):
    """Somebody elsewhere, whose one post was taken in; what they say from now on is heard."""
    mei = other.join()
    write(mei, "a", "one")
    async with running(intake):
        await intake.listen(other.url)
        await until(intake, lambda: texts(intake) == ["one"])
        yield mei


async def test_a_gap_is_found_and_the_repository_fetched_whole(other, intake):
    async with heard(other, intake) as mei:
        write(mei, "b", "nobody was told of this")
        other.tell("commit", write(mei, "c", "three"))
        await until(intake, lambda: texts(intake) == ["one", "nobody was told of this", "three"])
        other.tell("commit", write(mei, "d", "four"))
        await until(intake, lambda: texts(intake)[-1] == "four")
        assert other.asked == [mei.did, mei.did]
        await dropped(intake, "gap")


async def test_what_comes_while_a_repository_is_fetched_is_taken_in_afterwards(other, intake):
    async with heard(other, intake) as mei:
        other.cars[mei.did] = mei.car()  # what the host gives out lags behind its stream
        other.tell("commit", {**write(mei, "b", "two"), "tooBig": True, "ops": []})
        other.cars[mei.did] = mei.car()
        other.tell("commit", write(mei, "c", "three"))
        other.tell("commit", write(mei, "a", None))
        await until(intake, lambda: texts(intake) == ["two", "three"])


@pytest.mark.parametrize("case", ["future", "old", "unsigned", "other's", "silent", "broken", "torn"])
async def test_what_is_not_proven_is_dropped(other, intake, case):
    mei, stranger = other.join(), other.join()
    write(mei, "a", "one")
    async with running(intake):
        await intake.listen(other.url)
        await until(intake, lambda: held(intake) == 2)
        before = mei.rev
        match case:
            case "future":
                other.tell("commit", write(mei, "b", "from tomorrow", now=now_micros() + 24 * HOUR))
                reason = "future-revision"
            case "old":
                mei.rev = before
                other.tell("commit", {**write(mei, "b", "again"), "rev": before})
                reason = "old-revision"
            case "unsigned":
                mei.key = K256Key.from_raw(bytes([7]) * 32)
                other.people = {stranger.did: stranger}  # nobody says that the key is another
                other.tell("commit", write(mei, "b", "not by me"))
                reason = "bad-signature"
            case "other's":
                other.tell("commit", {**write(mei, "b", "not by me"), "repo": stranger.did})
                reason = "other-commit"
            case "silent":
                told = mei.commit({f"{POST}/b": post("told"), f"{POST}/c": post("kept silent")})
                other.tell("commit", {**told, "ops": [op for op in told["ops"] if not op["path"].endswith("c")]})
                reason = "bad-inversion"
            case "broken":
                other.send(b"\xa2 no frame")
                reason = "broken-frame"
            case _:
                told = write(mei, "b", "torn")
                other.tell("commit", {**told, "blocks": told["blocks"][:-9]})
                reason = "broken-blocks"
        await dropped(intake, reason)
        assert texts(intake) == ["one"]


async def test_a_key_that_was_replaced_is_asked_for_once(other, intake):
    async with heard(other, intake) as mei:
        mei.key = K256Key.from_raw(bytes([7]) * 32)
        intake.identity.forget(mei.did)  # as if it had been learnt an hour ago: doubts are heeded once a minute
        other.tell("commit", write(mei, "b", "by my new key"))
        await until(intake, lambda: texts(intake) == ["one", "by my new key"])
        assert not intake.reader.dropped


async def test_a_host_speaks_for_nobody_who_lives_elsewhere_and_a_relay_for_all(tmp_path, other):
    mei, relay = other.join(), Elsewhere()
    write(mei, "a", "one")
    async with host(relay):
        for trusted in (False, True):
            with opened(tmp_path / str(trusted), other.url, limits=Limits(per_second=1_000)) as intake:
                async with running(intake):
                    await intake.listen(relay.url, relay=trusted)
                    await until(intake, lambda intake=intake: intake.outside.standing()[0].listed)
                    relay.tell("commit", write(mei, f"b{trusted}", "two"))
                    if trusted:
                        await until(intake, lambda intake=intake: "one" in texts(intake))
                    else:
                        await dropped(intake, "not-its-host")
                        assert texts(intake) == []


def handle_of(intake, person):
    with intake.db.reading() as tx:
        row = tx.one("SELECT handle FROM actor WHERE did = :did", did=person.did)
    return row and row[0]


async def test_a_handle_counts_while_both_sides_say_so(tmp_path, other):
    mei, ida = other.join(), other.join()
    said = {f"_atproto.{one.handle}": [f'"did={one.did}"'] for one in (mei, ida)}
    said |= {"_atproto.new.example.com": [f'"did={mei.did}"'], "_atproto.taken.example.com": [f'"did={ida.did}"']}
    async with nameserver(said) as dns:
        with opened(tmp_path / "here", other.url, limits=Limits(per_second=1_000), dns=dns) as intake:
            async with running(intake):
                await intake.listen(other.url)
                for handle, shown in (
                    (mei.handle, mei.handle),
                    ("new.example.com", "new.example.com"),
                    ("taken.example.com", None),
                ):
                    mei.handle = handle
                    intake.identity.forget(mei.did)  # as if it had been learnt more than a minute ago
                    other.tell("identity", {"did": mei.did})
                    await until(intake, lambda shown=shown: held(intake) == 2 and handle_of(intake, mei) == shown)


async def test_a_change_soon_after_one_was_asked_about_is_not_lost(tmp_path, other, monkeypatch):
    monkeypatch.setattr(resolver, "AGAIN_AFTER", 200_000)
    monkeypatch.setattr(reader, "LATER_SECONDS", 0.05)
    mei = other.join()
    said = {f"_atproto.{handle}": [f'"did={mei.did}"'] for handle in (mei.handle, "new.example.com")}
    async with nameserver(said) as dns:
        with opened(tmp_path / "here", other.url, limits=Limits(per_second=1_000), dns=dns) as intake:
            async with running(intake):
                await intake.listen(other.url)
                await until(intake, lambda: handle_of(intake, mei) == mei.handle)
                old, mei.handle = mei.handle, "new.example.com"
                other.tell("identity", {"did": mei.did})
                await until(intake, lambda: handle_of(intake, mei) != old)
                assert handle_of(intake, mei) == mei.handle


async def test_an_index_that_is_emptied_is_filled_again(other, intake):
    async with heard(other, intake):
        await asyncio.to_thread(intake.index.rebuild)
        assert texts(intake) == []
        await intake.outside.list_again(intake.outside.sources.all()[0])
        await until(intake, lambda: texts(intake) == ["one"])


async def test_a_host_that_says_too_much_is_left_alone(other, intake):
    mei = other.join()
    other.refusals[mei.did] = (429, "RateLimitExceeded", {"retry-after": "120"})
    async with running(intake):
        await intake.listen(other.url)
        await until(intake, lambda: any(row.tries for row in rows(intake)))
        pace: Pace = intake.outside._pace
        assert 100 < pace.wait_for(other.url) <= 120
    assert other.asked == [mei.did]


def rows(intake):
    with intake.db.reading() as tx:
        (url,) = (source.url for source in intake.outside.sources.all())
        return known.due(tx, url, now_micros() + 24 * HOUR, 10, new=True)


async def test_after_a_pause_the_stream_goes_on_where_it_was_left(tmp_path, other):
    mei = other.join()
    write(mei, "a", "one")
    for text in ("two", "three"):
        with opened(tmp_path / "here", other.url, limits=Limits(per_second=1_000)) as intake:
            async with running(intake):
                await intake.listen(other.url)
                await until(intake, lambda intake=intake: texts(intake) != [])
                await until(intake, lambda intake=intake: intake.outside.states.get(other.url) == "listening")
                other.tell("commit", write(mei, f"b{text}", text))
                await until(intake, lambda intake=intake, text=text: text in texts(intake))
        other.tell("commit", write(mei, f"c{text}", f"after {text}"))
    with opened(tmp_path / "here", other.url) as intake:
        async with running(intake):
            await until(intake, lambda: "after three" in texts(intake))
    assert other.asked == [mei.did]


async def test_what_is_said_while_nobody_listens_is_found_before_the_first_message_too(other, intake):
    async with heard(other, intake) as mei:
        await until(intake, lambda: intake.outside.standing()[0].listed)
        other.send(HANG_UP)
        write(mei, "b", "two")
        await until(intake, lambda: texts(intake) == ["one", "two"])


CHILD = """
import asyncio, sys
from pathlib import Path
from bench.elsewhere import opened, running
from freehold.outside.outside import Limits

async def main(folder, url):
    with opened(Path(folder), url, limits=Limits(per_second=1000, at_once=1)) as intake:
        async with running(intake):
            await intake.listen(url)
            while intake.outside.fetcher.repositories < 3:
                await asyncio.sleep(0.005)
            print("some", flush=True)
            await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_kill_in_the_middle_of_the_fetching_costs_what_was_under_way(tmp_path, other):
    people = [other.join() for _ in range(20)]
    life = Life(people)
    for person in people:
        person.commit(dict(life.record(person) for _ in range(30)))
    folder = tmp_path / "here"
    path = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CHILD,
        str(folder),
        other.url,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await child.stdout.readline() == b"some\n"
    finally:
        child.send_signal(signal.SIGKILL)
        await child.wait()
    with opened(folder, other.url, limits=Limits(per_second=1_000)) as intake:
        with intake.db.reading() as tx:
            done = known.count(tx, other.url).held
        async with running(intake):
            await until(intake, lambda: held(intake) == 20)
        assert 3 <= done < 20
        assert len(other.asked) <= 20 + 1  # the one that was under way
        whole = sum(path.startswith(POST) for person in people for path, _ in person.tree.items())
        assert len(texts(intake)) == whole


async def test_a_host_whose_stream_began_anew_is_heard_from_then_on(other, intake):
    async with heard(other, intake) as mei:
        other.send(frames.error_frame("FutureCursor", "that is ahead of this stream"))
        await until(intake, lambda: "FutureCursor" in intake.outside.states.get(other.url, ""))
        other.events.clear()
        write(mei, "b", "in the listing")
        await until(intake, lambda: texts(intake) == ["one", "in the listing"])
        other.tell("commit", write(mei, "c", "in the new stream"))
        await until(intake, lambda: texts(intake) == ["one", "in the listing", "in the new stream"])
