"""Lists: what they show, what they hide, who may answer by them; equal to what a slow reader of the truth finds."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.appview.asked import BlockedByActor, SignInNeeded, UnknownList
from freehold.appview.declarations import GENERATOR
from freehold.appview.labelled import NO_LABELERS, Labelers, Said
from freehold.protocol import cbor
from freehold.protocol.syntax import format_datetime
from support.parish import BLOCK, FOLLOW, ITEM, LIST, LIST_BLOCK, POST, Parish, Person, Ref


@pytest.fixture
def circle(parish: Parish) -> list[Person]:
    return [parish.join(name) for name in ("alice", "bob", "carol", "dora")]


def texts(answer: Any) -> list[str]:
    return [item["post"]["record"]["text"] for item in answer["feed"]]


def names(people: list[Any]) -> list[str]:
    return [one["handle"].removesuffix(".test") for one in people]


def test_a_list_shows_who_is_on_it_page_by_page_and_each_once(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    bakers = alice.make_list("Bakers", "curatelist", description="They rise early")
    alice.put_on(bakers, bob, carol, dora, bob)
    bob.write(ITEM, {"list": bakers.uri, "subject": alice.did, "createdAt": format_datetime(parish.now)})
    first = parish.ask("graph.getList", list=bakers.uri, limit=2)
    rest = parish.ask("graph.getList", list=bakers.uri.replace(alice.did, "alice.test"), cursor=first["cursor"])
    shown = [item["subject"] for item in first["items"] + rest["items"]]
    assert names(shown) == ["dora", "carol", "bob"]
    assert (first["list"]["listItemCount"], first["list"]["description"]) == (3, "They rise early")
    assert first["list"]["creator"]["handle"] == "alice.test"
    alice.delete(bakers)
    with pytest.raises(UnknownList):
        parish.ask("graph.getList", list=bakers.uri)
    with pytest.raises(UnknownList):
        parish.ask("feed.getListFeed", list=bakers.uri)


def test_lists_of_an_actor_are_those_that_are_for_others_and_are_counted_on_the_profile(
    parish: Parish, circle: list[Person]
):
    alice, bob, *_ = circle
    mods, reads = alice.make_list("No", "modlist"), alice.make_list("Yes", "curatelist")
    alice.make_list("Behind a starter pack", "referencelist")
    item = alice.put_on(mods, bob)
    both = parish.ask("graph.getLists", actor="alice.test")["lists"]
    assert [one["uri"] for one in both] == [reads.uri, mods.uri]
    only = parish.ask("graph.getLists", actor="alice.test", purposes=["modlist"])["lists"]
    assert [one["uri"] for one in only] == [mods.uri]
    assert parish.ask("actor.getProfile", actor="alice.test")["associated"]["lists"] == 2
    mine = parish.ask("graph.getListsWithMembership", alice, actor="bob.test")["listsWithMembership"]
    assert [one.get("listItem", {}).get("uri") for one in mine] == [None, item.uri]
    page = parish.ask("graph.getLists", actor="alice.test", limit=1)
    assert parish.ask("graph.getLists", actor="alice.test", cursor=page["cursor"])["lists"] == [both[1]]


def test_a_list_for_moderation_and_ones_own_show_whom_a_block_is_between(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    shunned, read = alice.make_list("Shunned", "modlist"), alice.make_list("Read", "curatelist")
    for one in (shunned, read):
        alice.put_on(one, bob, carol)
    alice.block_list(shunned)

    def shown(to: Person, ref: Ref) -> list[str]:
        items = parish.ask("graph.getList", to, list=ref.uri)["items"]
        return names([item["subject"] for item in items])

    assert shown(alice, shunned) == shown(alice, read) == ["carol", "bob"], "who keeps a list must see it"
    assert shown(dora, shunned) == ["carol", "bob"]
    assert shown(dora, read) == []
    assert shown(bob, shunned) == ["carol", "bob"], "so that bob can let go of it, if he blocks by it himself"
    with pytest.raises(UnknownList):
        shown(bob, read)


def test_lists_feeds_and_packs_say_what_labelers_say_of_them(parish: Parish, circle: list[Person]):
    alice, *_ = circle
    src, at = "did:plc:labeler2222222222222222", format_datetime(parish.now)
    bakers = alice.make_list("Bakers", "curatelist")
    pack = alice.make_pack("Bakers", bakers)
    feed = alice.write(GENERATOR, {"did": "did:web:feeds.test", "displayName": "Bread", "createdAt": at})
    said = {
        ref.uri: [Said(src, {"src": src, "uri": ref.uri, "val": "spam", "cts": at}, ref.cid, None)]
        for ref in (bakers, pack, feed)
    }
    parish.index.memory.labels_of = lambda tx, subjects: {uri: said[uri] for uri in subjects if uri in said}
    parish.views.labelers = Labelers(heard=frozenset({src}))
    views = [
        parish.ask("graph.getList", list=bakers.uri)["list"],
        parish.ask("graph.getStarterPack", starterPack=pack.uri)["starterPack"],
        parish.ask("feed.getActorFeeds", actor=alice.did)["feeds"][0],
    ]
    assert [[label["val"] for label in view["labels"]] for view in views] == [["spam"]] * 3
    parish.views.labelers = NO_LABELERS
    assert parish.ask("graph.getList", list=bakers.uri)["list"]["labels"] == []


def test_whoever_is_on_a_muted_list_is_muted_until_the_list_or_the_mute_ends(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    post = alice.post("hello")
    alice.follow(bob)
    shunned = carol.make_list()
    item = carol.put_on(shunned, bob)
    carol.put_on(shunned, alice)
    bob.post("from bob")
    bob.like(post)
    alice.mute(shunned)
    assert texts(parish.ask("feed.getTimeline", alice)) == ["hello"]
    assert parish.ask("notification.listNotifications", alice)["notifications"] == []
    viewer = parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]
    assert viewer["muted"] is True
    assert viewer["mutedByList"]["uri"] == shunned.uri
    (muted,) = parish.ask("graph.getListMutes", alice)["lists"]
    assert (muted["uri"], muted["viewer"]) == (shunned.uri, {"muted": True})
    assert parish.ask("graph.getListMutes", dora)["lists"] == []
    carol.delete(item)
    assert texts(parish.ask("feed.getTimeline", alice)) == ["from bob", "hello"]
    carol.put_on(shunned, bob)
    assert texts(parish.ask("feed.getTimeline", alice)) == ["hello"]
    alice.mute(shunned, on=False)
    assert texts(parish.ask("feed.getTimeline", alice)) == ["from bob", "hello"]


def test_a_list_that_is_muted_before_anybody_here_has_heard_of_it_works_when_it_comes(
    parish: Parish, circle: list[Person]
):
    alice, bob, carol, _ = circle
    alice.follow(bob)
    bob.post("from bob")
    shunned = carol.make_list()
    carol.delete(shunned)
    alice.mute(shunned)
    assert texts(parish.ask("feed.getTimeline", alice)) == ["from bob"]
    carol.put_on(shunned, bob)
    record = {"name": "again", "purpose": "app.bsky.graph.defs#modlist", "createdAt": format_datetime(parish.now)}
    carol.write(LIST, record, shunned.rkey)
    assert texts(parish.ask("feed.getTimeline", alice)) == []


def test_a_blocked_list_stands_between_its_members_and_whoever_blocks_it(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    post = alice.post("hello")
    shunned = carol.make_list("Shunned")
    carol.put_on(shunned, bob, alice)
    answer = bob.post("re", reply=(post, post))
    block = alice.block_list(shunned)
    viewer = parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]
    assert viewer["blocking"] == block.uri
    assert viewer["blockingByList"]["viewer"] == {"muted": False, "blocked": block.uri}
    theirs = parish.ask("actor.getProfile", bob, actor="alice.test")["viewer"]
    assert theirs["blockedBy"] is True
    assert "blockingByList" not in theirs
    with pytest.raises(BlockedByActor):
        parish.ask("feed.getAuthorFeed", bob, actor="alice.test")
    thread = parish.ask("feed.getPostThread", carol, uri=post.uri)["thread"]
    assert thread["replies"] == []
    assert parish.ask("feed.getPostThread", carol, uri=answer.uri)["thread"]["parent"]["blocked"] is True
    (found,) = parish.ask("graph.getRelationships", actor="alice.test", others=["bob.test"])["relationships"]
    assert found["blockingByList"] == block.uri
    (blocked,) = parish.ask("graph.getListBlocks", alice)["lists"]
    assert blocked["uri"] == shunned.uri
    assert texts(parish.ask("feed.getAuthorFeed", alice, actor="alice.test")) == ["hello"], "one's own stays"
    alice.delete(block)
    assert len(parish.ask("feed.getPostThread", carol, uri=post.uri)["thread"]["replies"]) == 1


def test_a_list_for_reading_neither_mutes_nor_blocks(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    alice.follow(bob)
    bob.post("from bob")
    friends = carol.make_list("Friends", "curatelist")
    carol.put_on(friends, bob)
    alice.mute(friends)
    alice.block_list(friends)
    assert texts(parish.ask("feed.getTimeline", alice)) == ["from bob"]
    assert parish.ask("actor.getProfile", alice, actor="bob.test")["viewer"]["muted"] is False


def test_the_feed_of_a_list_is_what_its_members_wrote_replies_too_and_no_reposts(parish: Parish, circle: list[Person]):
    alice, bob, carol, dora = circle
    friends = alice.make_list("Friends", "curatelist")
    alice.put_on(friends, bob, carol)
    strange = dora.post("from dora")
    bob.repost(strange)
    first = bob.post("one")
    carol.repost(first)
    carol.post("two", reply=(strange, strange))
    bob.post("three")
    assert texts(parish.ask("feed.getListFeed", list=friends.uri)) == ["three", "two", "one"]
    page = parish.ask("feed.getListFeed", list=friends.uri, limit=2)
    assert texts(parish.ask("feed.getListFeed", list=friends.uri, cursor=page["cursor"])) == ["one"]
    dora.mute(bob)
    assert texts(parish.ask("feed.getListFeed", dora, list=friends.uri)) == ["two"]


def test_a_gate_lets_those_on_a_list_answer(parish: Parish, circle: list[Person]):
    alice, bob, carol, _ = circle
    friends = alice.make_list("Friends", "curatelist")
    alice.put_on(friends, bob)
    post = alice.post("friends only")
    rule = {"$type": "app.bsky.feed.threadgate#listRule", "list": friends.uri}
    gate = {"post": post.uri, "createdAt": format_datetime(parish.now), "allow": [rule]}
    alice.write("app.bsky.feed.threadgate", gate, post.rkey)
    bob.post("from a friend", reply=(post, post))
    carol.post("from another", reply=(post, post))
    answer = parish.ask("feed.getPostThread", carol, uri=post.uri)
    assert [one["post"]["record"]["text"] for one in answer["thread"]["replies"]] == ["from a friend"]
    assert [one["name"] for one in answer["threadgate"]["lists"]] == ["Friends"]
    assert answer["thread"]["post"]["viewer"]["replyDisabled"] is True
    (view,) = parish.ask("feed.getPosts", bob, uris=[post.uri])["posts"]
    assert view["viewer"]["replyDisabled"] is False


def test_a_post_can_show_a_list(parish: Parish, circle: list[Person]):
    alice, bob, *_ = circle
    friends = alice.make_list("Friends", "curatelist")
    bob.quote("see who is there", friends)
    (view,) = parish.ask("feed.getAuthorFeed", actor="bob.test")["feed"]
    assert view["post"]["embed"]["record"]["name"] == "Friends"
    alice.become("takendown")
    (view,) = parish.ask("feed.getAuthorFeed", actor="bob.test")["feed"]
    assert view["post"]["embed"]["record"]["notFound"] is True


def test_a_list_of_somebody_across_a_block_is_not_shown(parish: Parish, circle: list[Person]):
    alice, bob, *_ = circle
    friends = alice.make_list("Friends", "curatelist")
    alice.block(bob)
    with pytest.raises(UnknownList):
        parish.ask("graph.getList", bob, list=friends.uri)
    assert parish.ask("graph.getLists", bob, actor="alice.test")["lists"] == []


def test_strangers_mute_and_block_no_lists(parish: Parish, circle: list[Person]):
    for call in ("graph.getListMutes", "graph.getListBlocks"):
        with pytest.raises(SignInNeeded):
            parish.ask(call)
    with pytest.raises(SignInNeeded):
        parish.ask("graph.getListsWithMembership", actor="alice.test")


# -- against a slow reference that reads the truth ---------------------------------------------------------------------


class Truth:
    """Who mutes and blocks whom, found by going through every record and private event."""

    def __init__(self, parish: Parish) -> None:
        self.records = [
            (did, path.partition("/")[0], f"at://{did}/{path}", cbor.decode_json(raw))
            for did, person in parish.people.items()
            for path, _, raw in person.sorted_records()
        ]
        self.muted_by = parish.muted_by

    def of(self, collection: str) -> Iterator[tuple[str, str, Any]]:
        return ((did, uri, record) for did, kind, uri, record in self.records if kind == collection)

    def on_list(self, uri: str, member: str) -> bool:
        there = any(at == uri and one["purpose"].endswith("#modlist") for _, at, one in self.of(LIST))
        return there and any(
            one["list"] == uri and one["subject"] == member and uri.startswith(f"at://{did}/")
            for did, _, one in self.of(ITEM)
        )

    def mutes(self, who: str, whom: str) -> bool:
        subjects = [subject for subject, _ in self.muted_by(who)]
        return whom in subjects or (who != whom and any(self.on_list(subject, whom) for subject in subjects))

    def blocks(self, who: str, whom: str) -> bool:
        by_name = any(did == who and one["subject"] == whom for did, _, one in self.of(BLOCK))
        lists = (one["subject"] for did, _, one in self.of(LIST_BLOCK) if did == who)
        return by_name or (who != whom and any(self.on_list(uri, whom) for uri in lists))

    def walled(self, one: str, other: str) -> bool:
        return self.blocks(one, other) or self.blocks(other, one)

    def home(self, viewer: str) -> set[str]:
        """The posts, none of them replies, that a reader's timeline shows."""
        known = {viewer} | {one["subject"] for did, _, one in self.of(FOLLOW) if did == viewer}
        return {
            uri
            for did, uri, _ in self.of(POST)
            if did in known and not self.mutes(viewer, did) and not self.walled(viewer, did)
        }


PEOPLE = 4
person = st.integers(0, PEOPLE - 1)
ACTS = st.one_of(
    st.tuples(st.just("put on"), person, person),
    st.tuples(st.sampled_from(("mute", "unmute", "block", "unblock")), person, person),
    st.tuples(st.sampled_from(("mute list", "unmute list", "block list", "unblock list")), person, person),
    st.tuples(st.sampled_from(("take off", "change purpose", "drop list", "make list")), person, person),
)


class Network:
    """Four people who follow each other; each has written one post, answered by all, and made one list."""

    def __init__(self, parish: Parish) -> None:
        self.parish = parish
        self.people = [parish.join(f"p{n}") for n in range(PEOPLE)]
        self.lists: list[Ref] = [one.make_list() for one in self.people]
        self.undone: dict[tuple[str, int, int], Ref] = {}
        self.posts = [one.post(f"from {one.name}") for one in self.people]
        for one in self.people:
            one.follow(*(other for other in self.people if other is not one))
            for post in self.posts:
                one.like(post)

    def do(self, act: str, one: int, other: int) -> None:
        me, them, theirs = self.people[one], self.people[other], self.lists[other]
        match act:
            case "mute" | "unmute" if me is not them:
                me.mute(them, on=act == "mute")
            case "mute list" | "unmute list":
                me.mute(theirs, on=act == "mute list")
            case "block" if me is not them:
                self._begin(act, one, other, lambda: me.block(them))
            case "block list":
                self._begin(act, one, other, lambda: me.block_list(theirs))
            case "put on":
                self._begin(act, one, other, lambda: me.put_on(self.lists[one], them))
            case "unblock" | "unblock list" | "take off":
                begun = {"unblock": "block", "unblock list": "block list", "take off": "put on"}[act]
                if (ref := self.undone.pop((begun, one, other), None)) is not None:
                    me.delete(ref)
            case "drop list" if self._path(one) in me.records:
                me.delete(self.lists[one])
            case "make list" | "change purpose":
                purpose = "modlist" if act == "make list" else "curatelist"
                record = {"name": "x", "purpose": f"app.bsky.graph.defs#{purpose}"}
                at = format_datetime(self.parish.now)
                me.write(LIST, {**record, "createdAt": at}, self.lists[one].rkey)

    def _begin(self, act: str, one: int, other: int, write: Any) -> None:
        if (act, one, other) not in self.undone:
            self.undone[act, one, other] = write()

    def _path(self, one: int) -> str:
        return self.lists[one].uri.split("/", 3)[3]

    def check(self) -> None:
        truth = Truth(self.parish)
        for viewer in self.people:
            for other in self.people:
                state = self.parish.ask("actor.getProfile", viewer, actor=other.did)["viewer"]
                assert state["muted"] == truth.mutes(viewer.did, other.did)
                assert state["blockedBy"] == truth.blocks(other.did, viewer.did)
                assert ("blocking" in state) == truth.blocks(viewer.did, other.did)
            feed = self.parish.ask("feed.getTimeline", viewer)["feed"]
            assert {item["post"]["uri"] for item in feed} == truth.home(viewer.did)
            heard = self.parish.ask("notification.listNotifications", viewer)["notifications"]
            assert {note["author"]["did"] for note in heard} == {
                other.did
                for other in self.people
                if other is not viewer
                and not truth.mutes(viewer.did, other.did)
                and not truth.walled(viewer.did, other.did)
            }


@contextmanager
def network() -> Iterator[Network]:
    with TemporaryDirectory() as folder:
        parish = Parish(Path(folder))
        try:
            yield Network(parish)
        finally:
            parish.close()


def play(acts: list[tuple[str, int, int]]) -> None:
    with network() as here:
        for place, act in enumerate(acts):
            here.do(*act)
            if place % 3 == 0:
                here.check()
        here.check()
        here.parish.index.rebuild()
        here.check()


CALM = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@settings(max_examples=12, **CALM)
@given(st.lists(ACTS, min_size=4, max_size=14))
def test_views_agree_with_the_truth_on_who_mutes_and_blocks_whom(acts: list[tuple[str, int, int]]):
    play(acts)


@pytest.mark.long
@settings(max_examples=300, **CALM)
@given(st.lists(ACTS, min_size=4, max_size=40))
def test_views_agree_with_the_truth_on_who_mutes_and_blocks_whom_for_long(acts: list[tuple[str, int, int]]):
    play(acts)
