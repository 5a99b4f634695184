"""The index as a function of what happened: rebuilt, repeated, in any order, undone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from freehold.appview import index as index_module
from freehold.appview.index import Account, Index
from freehold.appview.schema import SCHEMA as APPVIEW
from freehold.protocol.syntax import format_datetime
from freehold.store.database import Database
from freehold.stream.log import cut
from support.ledger import ledger
from support.parish import FOLLOW, LIKE, SECOND, START, Parish, Person, Ref


def busy_day(parish: Parish) -> dict[str, Person]:
    """Some of everything, with things undone and people gone."""
    people = {name: parish.join(name) for name in ("alice", "bob", "carol", "dora", "emil")}
    alice, bob, carol, dora, emil = people.values()
    alice.profile(displayName="Alice", description="Bakes bread in 東京")
    alice.follow(bob, carol)
    bob.follow(alice)
    first = bob.post("Good morning #bread", tags=["bread"], langs=["en"])
    answer = alice.post("And to you", reply=(first, first))
    carol.post("Me too", reply=(first, answer))
    alice.like(first)
    alice.like(first)
    again = carol.like(first)
    carol.delete(again)
    carol.repost(first)
    gone = dora.post("I did not say this")
    carol.quote("Look at this", gone)
    alice.like(gone)
    dora.delete(gone)
    dora.block(emil)
    emil.post("Where is everybody?")
    emil.follow(alice, bob)
    emil.become("deleted")
    carol.mute(dora)
    carol.mute(first)
    alice.seen()
    gate = {"post": first.uri, "createdAt": format_datetime(parish.now), "allow": []}
    bob.write("app.bsky.feed.threadgate", gate, first.rkey)
    dora.become("takendown")
    lists_and_packs(alice, bob, carol, dora)
    return people


def lists_and_packs(alice: Person, bob: Person, carol: Person, dora: Person) -> None:
    shunned, friends = alice.make_list("Shunned"), alice.make_list("Friends", "referencelist")
    alice.put_on(shunned, dora, dora, bob)
    alice.delete(alice.put_on(shunned, carol))
    carol.block_list(shunned)
    carol.delete(carol.block_list(friends))
    dora.make_list("Not for long", "curatelist")
    bob.mute(shunned)
    alice.put_on(friends, bob)
    carol.profile(displayName="Carol", joinedViaStarterPack=alice.make_pack("Bakers of 東京", friends).strong)
    gone = bob.make_list("Gone")
    carol.block_list(gone)
    bob.put_on(gone, carol)
    bob.delete(gone)


def test_an_index_rebuilt_from_the_log_equals_the_one_that_followed(parish: Parish):
    busy_day(parish)
    parish.settle()
    followed = ledger(parish.index_db)
    assert len(followed["post"]) >= 5
    assert len(followed["notification"]) >= 5
    with parish._open("again.db") as db:
        again = parish._index(db)
        again.apply(parish.log.read(0), parish.log.read_private(0))
        assert ledger(db) == followed


def test_while_it_is_made_anew_it_says_how_far_it_is(parish: Parish):
    busy_day(parish)
    parish.settle()
    seen: list[int | None] = []
    accounts = list(parish.snapshot())

    def watched() -> Iterator[Account]:
        for account in accounts:
            seen.append(parish.index.made)
            yield account

    parish.index._snapshot = watched
    parish.index.rebuild()
    records = [len(list(account.records)) for account in accounts]
    assert seen == [sum(records[:n]) for n in range(len(records))]
    assert sum(records) > 5
    assert parish.index.made is None


def test_an_index_rebuilt_from_the_repositories_equals_the_one_that_followed(parish: Parish):
    busy_day(parish)
    parish.settle()
    followed = ledger(parish.index_db)
    chains = set(parish.index.memory.chains.moment)
    parish.index.rebuild()
    rebuilt = ledger(parish.index_db)
    for table in followed:
        assert rebuilt[table] == followed[table], table
    assert parish.index.seq == parish.log.last
    assert set(parish.index.memory.chains.moment) <= chains
    assert len(parish.index.memory.chains) == len(followed["feed_item"])


def test_who_speaks_at_the_same_time_stands_in_the_same_order_after_a_rebuild(parish: Parish):
    alice, bob, carol = (parish.join(name) for name in ("alice", "bob", "carol"))
    first = alice.post("The first", at=START)
    for person in (carol, alice, bob, carol, bob, alice):
        person.post("At the same time", at=START)
    carol.repost(first)
    parish.settle()
    followed = ledger(parish.index_db)["feed_item"]
    parish.index.rebuild()
    assert ledger(parish.index_db)["feed_item"] == followed


async def test_an_index_that_nobody_asks_holds_nothing_until_somebody_does(parish: Parish):
    busy_day(parish)
    parish.settle()
    followed = ledger(parish.index_db)
    parish.index.clear()
    assert not any(rows for table, rows in ledger(parish.index_db).items() if table != "state")
    assert not len(parish.index.memory.chains)
    assert parish.index.outdated
    running = asyncio.create_task(parish.index.run())
    assert await parish.index.reached(parish.log.last, timeout=5)
    running.cancel()
    assert ledger(parish.index_db)["post"] == followed["post"]


def test_applying_twice_changes_nothing(parish: Parish):
    busy_day(parish)
    parish.settle()
    once = ledger(parish.index_db)
    events, private = parish.log.read(0), parish.log.read_private(0)
    parish.index.apply(events, private)
    assert ledger(parish.index_db) == once
    parish.index.apply(events[:12])
    parish.index.apply([], private[:1])
    assert ledger(parish.index_db) == once


def test_every_event_may_be_heard_again_after_a_rebuild(parish: Parish):
    people = busy_day(parish)
    parish.index.rebuild()
    rebuilt = ledger(parish.index_db)
    records = [(person.did, parts) for person in people.values() for parts in person.sorted_records()]
    parish.index_db.write_sync(lambda tx: [parish.index._load_records(tx, did, [parts]) for did, parts in records])
    assert ledger(parish.index_db) == rebuilt


async def test_an_index_that_missed_too_much_starts_over_by_itself(parish: Parish):
    busy_day(parish)
    parish.settle()
    followed = ledger(parish.index_db)
    while parish.truth.write_sync(lambda tx: cut(tx, parish.now + SECOND, 0)):
        pass
    with parish._open("late.db") as db:
        late = parish._index(db)
        running = asyncio.create_task(late.run())
        assert await late.reached(parish.log.last, timeout=5)
        running.cancel()
        assert ledger(db) == followed


async def test_a_page_waits_for_its_own_write(parish: Parish):
    alice = parish.join("alice")
    running = asyncio.create_task(parish.index.run())
    for n in range(5):
        alice.post(f"number {n}")
        assert await parish.index.reached(parish.log.last, timeout=5)
        assert parish.views.get_author_feed(None, alice.did)["feed"][0]["post"]["record"]["text"] == f"number {n}"
        assert parish.views.repo_rev(alice.did) == alice.rev
    alice.mute(parish.join("bob"))
    assert await parish.index.reached(0, timeout=5, private_seq=1)
    assert not await parish.index.reached(parish.log.last + 1, timeout=0.01)
    running.cancel()


async def test_news_waits_for_more_but_not_while_somebody_waits_for_it(parish: Parish, monkeypatch):
    alice = parish.join("alice")
    parish.settle()
    monkeypatch.setattr(index_module, "GATHER_SECONDS", 3_600)
    running = asyncio.create_task(parish.index.run())
    await asyncio.sleep(0)  # it has looked and found nothing
    alice.post("one")
    groups = parish.index_db.counts[1]
    assert not await parish.log.bell.next.wait(0.05)
    assert parish.index_db.counts[1] == groups
    alice.post("two")
    assert await parish.index.reached(parish.log.last, timeout=5)
    assert parish.index_db.counts[1] == groups + 1
    running.cancel()


def test_the_index_goes_on_where_it_stood(parish: Parish, tmp_path: Path):
    busy_day(parish)
    parish.settle()
    seq, chains = parish.index.seq, parish.index.memory.chains
    parish.index_db.close()
    parish.index_db = parish._open("index.db")
    reopened = Index(parish.index_db, parish.log, clock=parish.clock)
    assert reopened.seq == seq
    assert reopened.whole
    assert set(reopened.memory.chains.moment) <= set(chains.moment)


def counts(parish: Parish, ref: Ref) -> tuple[int, int, int, int]:
    (post,) = parish.ask("feed.getPosts", uris=[ref.uri])["posts"]
    return post["likeCount"], post["repostCount"], post["replyCount"], post["quoteCount"]


def test_what_came_before_its_subject_counts_when_the_subject_comes(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    draft = alice.post("soon")
    alice.delete(draft)
    bob.like(draft)
    bob.repost(draft)
    bob.quote("!", draft)
    bob.post("?", reply=(draft, draft))
    assert parish.ask("feed.getPosts", uris=[draft.uri])["posts"] == []
    alice.write("app.bsky.feed.post", {"text": "soon", "createdAt": format_datetime(START)}, draft.rkey)
    assert counts(parish, draft) == (1, 1, 1, 1)
    feed = parish.ask("feed.getAuthorFeed", actor="bob.test")["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["?", "!", "soon"]


def test_taking_back_reverses_every_count(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    post = alice.post("hello")
    done = [
        bob.like(post),
        bob.repost(post),
        bob.post("re", reply=(post, post)),
        bob.quote("q", post),
        bob.follow(alice),
    ]
    assert counts(parish, post) == (1, 1, 1, 1)
    assert parish.ask("actor.getProfile", actor="alice.test")["followersCount"] == 1
    for ref in done:
        bob.delete(ref)
    assert counts(parish, post) == (0, 0, 0, 0)
    profile = parish.ask("actor.getProfile", actor="bob.test")
    assert (profile["followsCount"], profile["postsCount"]) == (0, 0)
    assert parish.ask("actor.getProfile", actor="alice.test")["followersCount"] == 0
    assert parish.ask("notification.listNotifications", alice)["notifications"] == []


def test_two_records_of_one_like_count_once(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    post = alice.post("hello")
    one, two = bob.like(post), bob.like(post)
    assert counts(parish, post)[0] == 1
    bob.delete(one)
    assert counts(parish, post)[0] == 1
    (notice,) = parish.ask("notification.listNotifications", alice)["notifications"]
    assert notice["uri"] == two.uri
    bob.delete(two)
    assert counts(parish, post)[0] == 0


def test_the_lower_key_of_two_leads_whichever_came_first(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    post = alice.post("hello")
    at = {"createdAt": format_datetime(parish.now), "subject": post.strong}
    bob.write(LIKE, at, "3zzzzzzzzzzzz")
    low = bob.write(LIKE, at, "3aaaaaaaaaaaa")
    assert counts(parish, post)[0] == 1
    (notice,) = parish.ask("notification.listNotifications", alice)["notifications"]
    assert notice["uri"] == low.uri


def test_a_deleted_account_leaves_no_trace_and_a_hidden_one_comes_back(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    post = alice.post("hello")
    bob.follow(alice)
    bob.like(post)
    answer = bob.post("re", reply=(post, post))
    bob.become("deactivated")
    assert parish.ask("feed.getPosts", uris=[answer.uri])["posts"] == []
    assert parish.ask("graph.getFollowers", actor="alice.test")["followers"] == []
    assert parish.ask("notification.listNotifications", alice)["notifications"] == []
    bob.become(None)
    assert len(parish.ask("feed.getPosts", uris=[answer.uri])["posts"]) == 1
    bob.become("deleted")
    assert counts(parish, post) == (0, 0, 0, 0)
    assert parish.ask("actor.getProfile", actor="alice.test")["followersCount"] == 0
    assert ledger(parish.index_db)["post_like"] == []


def test_a_repository_that_was_reset_is_read_anew(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    kept, lost = alice.post("kept"), alice.post("lost")
    bob.like(lost)
    parish.settle()
    del alice.records[lost.uri.split("/", 3)[3]]
    held = parish.log.last
    alice.follow(bob)
    parish.index.apply([])
    parish.tell("sync", alice.did, {"did": alice.did, "rev": "3zzzzzzzzzzzz", "blocks": b""})
    parish.index.apply([event for event in parish.log.read(held) if event.kind == "sync"])
    assert [post["uri"] for post in parish.ask("feed.getPosts", uris=[kept.uri, lost.uri])["posts"]] == [kept.uri]
    assert parish.ask("actor.getProfile", actor="alice.test")["followsCount"] == 1


def test_a_handle_moves_to_its_new_owner(parish: Parish):
    alice, bob = parish.join("alice"), parish.join("bob")
    parish.tell("identity", bob.did, {"did": bob.did, "handle": "alice.test"})
    assert parish.ask("actor.getProfile", actor="alice.test")["did"] == bob.did
    assert parish.ask("actor.getProfile", actor=alice.did)["handle"] == "handle.invalid"


def test_a_post_from_the_future_sorts_where_it_came(parish: Parish):
    alice = parish.join("alice")
    far = parish.now + 1_000 * SECOND
    alice.post("from tomorrow", at=far)
    alice.post("now")
    feed = parish.ask("feed.getAuthorFeed", actor="alice.test")["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["now", "from tomorrow"]


@pytest.mark.parametrize("subject", ["did:plc:nobody", 7, None, {"uri": "did:plc:x"}, "at://x"])
def test_a_record_that_points_nowhere_is_passed_over(parish: Parish, subject: object):
    alice = parish.join("alice")
    alice.write(LIKE, {"subject": subject, "createdAt": "yesterday"})
    alice.write(FOLLOW, {"subject": subject, "createdAt": "yesterday"})
    alice.write(
        "app.bsky.feed.post", {"text": 1, "reply": subject, "embed": subject, "facets": subject, "tags": subject}
    )
    parish.settle()
    assert parish.index.seq == parish.log.last


@pytest.mark.parametrize("change", [n for n, one in enumerate(APPVIEW) if one.name.endswith("-anew")])
def test_an_index_from_before_a_change_is_made_anew(parish: Parish, tmp_path: Path, change: int):
    with Database(tmp_path / "before.db", APPVIEW[:change], durable=False) as db:
        db.write_sync(lambda tx: tx.run("INSERT INTO state (name, value) VALUES ('seq', 0), ('private_seq', 0)"))
    alice = parish.join("alice")
    alice.like(alice.post("bread"))
    with Database(tmp_path / "before.db", APPVIEW, durable=False, clock=parish.clock) as db:
        index = Index(db, parish.log, snapshot=parish.snapshot, clock=parish.clock)
        assert index.outdated
        index.rebuild()
        assert not index.outdated
        assert index.db.write_sync(lambda tx: tx.run("SELECT count(*) FROM warm_post")) == [(1,)]
