"""What search learns of new posts waits for company, and nothing is lost while it waits."""

import asyncio
from random import Random

import pytest

from freehold.appview import gathered
from support.ledger import ledger
from support.parish import Parish, Person, Ref


@pytest.fixture(autouse=True)
def in_no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "GATHER_SECONDS", 3_600)


def follow(parish: Parish) -> None:
    """Apply each event by itself, as `run` does."""
    index = parish.index
    while index.db.write_sync(lambda tx: index._apply_news(tx, at_once=False)):
        pass


def found(parish: Parish, q: str, sort: str = "latest") -> list[str]:
    return [post["record"]["text"] for post in parish.look("feed.searchPosts", q=q, sort=sort)["posts"]]


async def test_a_new_post_is_read_at_once_and_found_when_somebody_searches(parish: Parish) -> None:
    alice, bob = parish.join("alice"), parish.join("bob")
    running = asyncio.create_task(parish.index.run())
    cold, warm = alice.post("A cold river"), alice.post("A warm river")
    bob.like(warm)
    assert await parish.index.reached(parish.log.last, timeout=5)
    assert len(parish.look("feed.getAuthorFeed", actor=alice.did)["feed"]) == 2
    assert found(parish, "river") == []
    await parish.index.words_written()
    assert found(parish, "river", "top") == ["A warm river", "A cold river"]
    bob.like(cold)
    bob.repost(cold)
    bob.quote("Look", cold)
    assert await parish.index.reached(parish.log.last, timeout=5)
    await parish.index.words_written()
    assert found(parish, "river", "top") == ["A cold river", "A warm river"]
    running.cancel()


async def test_words_are_written_in_time_where_nobody_searches(parish: Parish, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathered, "GATHER_SECONDS", 0.05)
    alice = parish.join("alice")
    running = asyncio.create_task(parish.index.run())
    alice.post("A river")
    assert await parish.index.reached(parish.log.last, timeout=5)
    async with asyncio.timeout(10):
        while not found(parish, "river"):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    running.cancel()


def test_what_waited_in_a_process_that_was_killed_is_found_after_the_next_start(parish: Parish) -> None:
    alice, bob = parish.join("alice"), parish.join("bob")
    warm = alice.post("A warm river")
    bob.like(warm)
    gone = alice.post("A river that dries up")
    follow(parish)
    alice.delete(gone)
    alice.post("A cold river")
    follow(parish)
    parish.restart()  # with what is in the file
    assert found(parish, "river") == []
    asyncio.run(parish.index.words_written())
    assert found(parish, "river", "top") == ["A warm river", "A cold river"]
    followed = ledger(parish.index_db)
    parish.index.rebuild()
    rebuilt = ledger(parish.index_db)
    for table in followed:
        assert rebuilt[table] == followed[table], table


def test_a_place_that_was_held_an_edit_and_a_deletion_do_not_wait(parish: Parish) -> None:
    alice, bob = parish.join("alice"), parish.join("bob")
    late = alice.post("A late river")
    bob.like(late)
    bob.post("A lake")
    events = parish.log.read(0)
    parish.index.apply([event for event in events if event.did == bob.did])  # the post is named before it is there
    assert found(parish, "river") == []
    parish.index.db.write_sync(lambda tx: tx.run("UPDATE state SET value = 0 WHERE name = 'seq'"))
    parish.restart()
    follow(parish)
    assert found(parish, "river") == ["A late river"]
    alice.write("app.bsky.feed.post", {"text": "A late brook", "createdAt": "2026-11-22T00:00:00Z"}, late.rkey)
    follow(parish)
    assert (found(parish, "river"), found(parish, "brook")) == ([], ["A late brook"])
    alice.delete(late)
    follow(parish)
    assert not [row for row in ledger(parish.index_db)["post_search"] if row[0] == "brook"]


def test_a_batch_that_is_undone_leaves_what_waited_as_it_was(parish: Parish) -> None:
    alice = parish.join("alice")
    alice.post("A river")
    follow(parish)
    alice.post("Another river")

    def fails(tx: object) -> None:
        index._apply_news(tx, at_once=True)  # type: ignore[arg-type]
        raise InterruptedError

    index = parish.index
    with pytest.raises(InterruptedError):
        index.db.write_sync(fails)
    follow(parish)
    asyncio.run(index.words_written())
    assert found(parish, "river") == ["Another river", "A river"]


@pytest.mark.parametrize("most", [1, 4, 500])
def test_however_it_was_gathered_the_index_is_the_same(
    parish: Parish, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(gathered, "MOST", most)
    chance = Random(most)
    people = [parish.join(name) for name in ("alice", "bob", "carol")]
    posts: list[tuple[Person, str]] = []
    for number in range(60):
        one = chance.choice(people)
        act = chance.random()
        if not posts or act < 0.4:
            posts.append((one, one.post(f"river {number}").uri))
        else:
            author, uri = chance.choice(posts)
            _change(chance, one, author, uri, number)
        if chance.random() < 0.3:
            follow(parish)
        if chance.random() < 0.1:
            parish.restart()
    follow(parish)
    asyncio.run(parish.index.words_written())
    followed = ledger(parish.index_db)
    parish.index.rebuild()
    rebuilt = ledger(parish.index_db)
    for table in followed:
        assert rebuilt[table] == followed[table], table


def _change(chance: Random, one: Person, author: Person, uri: str, number: int) -> None:
    """Something that is done with a post that was written, and may be gone."""
    path = uri.split("/", 3)[3]
    held = author.records.get(path)
    if held is None:
        return
    ref = Ref(uri, str(held[0]))
    act = chance.random()
    if act < 0.5:
        one.like(ref)
    elif act < 0.7:
        one.repost(ref)
    elif act < 0.85:
        author.delete(ref)
    else:
        record = {"text": f"brook {number}", "createdAt": "2026-11-22T00:00:00Z"}
        author.write("app.bsky.feed.post", record, path.rsplit("/", 1)[1])
