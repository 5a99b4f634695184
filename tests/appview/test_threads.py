"""Threads as a tree and as a list, and what their authors allow."""

from typing import Any

import pytest

from freehold.appview.asked import PostNotFound
from freehold.protocol.syntax import format_datetime
from support.parish import Parish, Person, Ref


def flat(parish: Parish, anchor: Ref, viewer: Person | None = None, **params: Any) -> list[tuple[int, str]]:
    thread = parish.ask("unspecced.getPostThreadV2", viewer, anchor=anchor.uri, **params)["thread"]
    return [(item["depth"], name(item["value"])) for item in thread]


def name(value: Any) -> str:
    return value["post"]["record"]["text"] if "post" in value else value["$type"].partition("#threadItem")[2]


def tree(node: Any) -> Any:
    if "post" not in node:
        return node["$type"].partition("#")[2]
    return (
        {node["post"]["record"]["text"]: [tree(reply) for reply in node["replies"]]}
        if "replies" in node
        else name(node)
    )


def gate(person: Person, root: Ref, **fields: Any) -> None:
    record = {"post": root.uri, "createdAt": format_datetime(person.parish.now), **fields}
    person.write("app.bsky.feed.threadgate", record, root.rkey)


@pytest.fixture
def talk(parish: Parish) -> dict[str, Any]:
    """Alice begins, Bob and Carol answer, Alice goes on."""
    alice, bob, carol = (parish.join(name) for name in ("alice", "bob", "carol"))
    root = alice.post("root")
    b1 = bob.post("b1", reply=(root, root))
    c1 = carol.post("c1", reply=(root, root))
    a1 = alice.post("a1", reply=(root, root))
    c2 = carol.post("c2", reply=(root, b1))
    a2 = alice.post("a2", reply=(root, a1))
    return {"alice": alice, "bob": bob, "carol": carol, "root": root, "b1": b1, "c1": c1, "a1": a1, "c2": c2, "a2": a2}


def test_a_thread_as_a_tree(parish: Parish, talk: dict[str, Any]):
    thread = parish.ask("feed.getPostThread", uri=talk["root"].uri)["thread"]
    assert tree(thread) == {"root": [{"a1": [{"a2": []}]}, {"b1": [{"c2": []}]}, {"c1": []}]}
    thread = parish.ask("feed.getPostThread", uri=talk["root"].uri, depth=1)["thread"]
    assert tree(thread) == {"root": ["a1", "b1", "c1"]}
    thread = parish.ask("feed.getPostThread", uri=talk["c2"].uri)["thread"]
    assert thread["parent"]["post"]["record"]["text"] == "b1"
    assert thread["parent"]["parent"]["post"]["record"]["text"] == "root"
    assert "parent" not in thread["parent"]["parent"]
    thread = parish.ask("feed.getPostThread", uri=talk["c2"].uri, parentHeight=0)["thread"]
    assert "parent" not in thread


def test_a_thread_as_a_list(parish: Parish, talk: dict[str, Any]):
    assert flat(parish, talk["root"]) == [(0, "root"), (1, "a1"), (2, "a2"), (1, "b1"), (2, "c2"), (1, "c1")]
    assert flat(parish, talk["root"], sort="newest")[3:] == [(1, "c1"), (1, "b1"), (2, "c2")]
    assert flat(parish, talk["root"], talk["carol"])[3:] == [(1, "c1"), (1, "b1"), (2, "c2")]
    assert flat(parish, talk["root"], below=1) == [(0, "root"), (1, "a1"), (1, "b1"), (1, "c1")]
    assert flat(parish, talk["c2"]) == [(-2, "root"), (-1, "b1"), (0, "c2")]
    assert flat(parish, talk["c2"], above=False) == [(0, "c2")]


def test_the_authors_own_thread_is_numbered(parish: Parish, talk: dict[str, Any]):
    thread = parish.ask("unspecced.getPostThreadV2", anchor=talk["root"].uri)["thread"]
    places = {name(item["value"]): item["value"].get("opThreadPostIndex") for item in thread}
    assert places == {"root": 1, "a1": 2, "a2": 3, "b1": None, "c2": None, "c1": None}


def test_what_is_liked_by_the_author_and_by_many_comes_to_the_top(parish: Parish, talk: dict[str, Any]):
    talk["alice"].like(talk["c1"])
    talk["bob"].like(talk["c1"])
    assert flat(parish, talk["root"], sort="top")[3] == (1, "c1")
    thread = parish.ask("feed.getPostThread", uri=talk["root"].uri)["thread"]
    contexts = {node["post"]["record"]["text"]: node["threadContext"] for node in thread["replies"]}
    assert contexts["c1"]["rootAuthorLike"].startswith(f"at://{talk['alice'].did}/app.bsky.feed.like/")


def test_branches_are_cut_and_say_so(parish: Parish, talk: dict[str, Any]):
    for n in range(4):
        talk["bob"].post(f"under {n}", reply=(talk["root"], talk["c1"]))
    thread = parish.ask("unspecced.getPostThreadV2", anchor=talk["root"].uri, branchingFactor=2)["thread"]
    texts = [name(item["value"]) for item in thread]
    assert texts[-3:] == ["c1", "under 0", "under 1"]
    assert thread[-3]["value"]["moreReplies"] == 2


def test_a_missing_post_is_refused_or_said(parish: Parish, talk: dict[str, Any]):
    alice = talk["alice"]
    gone = alice.post("gone")
    alice.delete(gone)
    with pytest.raises(PostNotFound) as refused:
        parish.ask("feed.getPostThread", uri=gone.uri)
    assert refused.value.name == "NotFound"
    assert flat(parish, gone) == [(0, "NotFound")]
    assert parish.ask("unspecced.getPostThreadOtherV2", anchor=gone.uri) == {"thread": []}


def test_a_deleted_parent_leaves_a_gap(parish: Parish, talk: dict[str, Any]):
    talk["bob"].delete(talk["b1"])
    thread = parish.ask("feed.getPostThread", uri=talk["c2"].uri)["thread"]
    assert thread["parent"]["$type"] == "app.bsky.feed.defs#notFoundPost"
    assert flat(parish, talk["c2"]) == [(-1, "NotFound"), (0, "c2")]
    assert (1, "b1") not in flat(parish, talk["root"])


def test_blocks_close_a_branch_both_ways(parish: Parish, talk: dict[str, Any]):
    talk["bob"].block(talk["alice"])
    for viewer in (talk["alice"], talk["carol"], None):
        assert "b1" not in dict(map(reversed, flat(parish, talk["root"], viewer)))
    assert flat(parish, talk["b1"], talk["alice"]) == [(0, "Blocked")]
    thread = parish.ask("feed.getPostThread", talk["alice"], uri=talk["b1"].uri)["thread"]
    assert thread["$type"] == "app.bsky.feed.defs#blockedPost"
    assert flat(parish, talk["c2"], talk["alice"]) == [(-1, "Blocked"), (0, "c2")]


def test_a_gate_lets_in_whom_it_names(parish: Parish, talk: dict[str, Any]):
    alice, bob, carol, root = (talk[key] for key in ("alice", "bob", "carol", "root"))
    gate(alice, root, allow=[])
    assert flat(parish, root) == [(0, "root"), (1, "a1"), (2, "a2")]
    answer = parish.ask("unspecced.getPostThreadV2", bob, anchor=root.uri)
    assert answer["threadgate"]["record"]["allow"] == []
    assert answer["thread"][0]["value"]["post"]["viewer"]["replyDisabled"] is True
    gate(alice, root, allow=[{"$type": "app.bsky.feed.threadgate#followingRule"}])
    alice.follow(bob)
    assert [text for _, text in flat(parish, root)] == ["root", "a1", "a2", "b1"]
    gate(alice, root, allow=[{"$type": "app.bsky.feed.threadgate#followerRule"}])
    carol.follow(alice)
    assert [text for _, text in flat(parish, root)] == ["root", "a1", "a2", "c1"]


def test_a_gate_by_mention(parish: Parish, talk: dict[str, Any]):
    alice, bob, carol = (talk[key] for key in ("alice", "bob", "carol"))
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": bob.did}
    root = alice.post("@bob", facets=[{"index": {"byteStart": 0, "byteEnd": 4}, "features": [mention]}])
    gate(alice, root, allow=[{"$type": "app.bsky.feed.threadgate#mentionRule"}])
    bob.post("asked", reply=(root, root))
    carol.post("not asked", reply=(root, root))
    assert [text for _, text in flat(parish, root)] == ["@bob", "asked"]


def test_hidden_and_muted_replies_are_kept_for_those_who_ask(parish: Parish, talk: dict[str, Any]):
    alice, bob, root = talk["alice"], talk["bob"], talk["root"]
    gate(alice, root, hiddenReplies=[talk["b1"].uri])
    alice.mute(talk["carol"])
    answer = parish.ask("unspecced.getPostThreadV2", alice, anchor=root.uri)
    assert [name(item["value"]) for item in answer["thread"]] == ["root", "a1", "a2"]
    assert answer["hasOtherReplies"] is True
    others = parish.ask("unspecced.getPostThreadOtherV2", alice, anchor=root.uri)["thread"]
    assert [(name(item["value"]), item["value"]["hiddenByThreadgate"]) for item in others] == [
        ("c1", False),
        ("b1", True),
    ]
    assert (1, "b1") in flat(parish, root, bob)


def test_the_post_that_is_looked_at_says_who_of_those_one_follows_likes_it(parish: Parish, talk: dict[str, Any]):
    root, bob, carol = talk["root"], talk["bob"], talk["carol"]
    for person in (bob, carol):
        person.like(root)
    bob.follow(carol)

    def likers(anchor: Ref, reader: Person | None) -> Any:
        items = parish.ask("unspecced.getPostThreadV2", reader, anchor=anchor.uri)["thread"]
        (post,) = [item["value"]["post"] for item in items if item["uri"] == root.uri]
        known = post.get("viewer", {}).get("knownLikers")
        return known and (known["count"], [one["did"] for one in known["actors"]])

    assert likers(root, bob) == (1, [carol.did])
    assert [likers(root, carol), likers(root, None)] == [None, None]
    assert likers(talk["b1"], bob) is None, "only of the post that is looked at"
    carol.block(talk["alice"])
    assert likers(root, bob) == (1, []), "a like across a block is not shown"


def test_a_reply_that_is_but_a_pin_is_kept_for_those_who_ask(parish: Parish, talk: dict[str, Any]):
    root, bob, carol = talk["root"], talk["bob"], talk["carol"]
    pin = bob.post(" \N{PUSHPIN} ", reply=(root, root))
    bob.post("\N{PUSHPIN} and words", reply=(root, root))
    shown = [text for depth, text in flat(parish, root, carol, below=1) if depth == 1]
    assert "\N{PUSHPIN} and words" in shown
    assert " \N{PUSHPIN} " not in shown
    others = parish.ask("unspecced.getPostThreadOtherV2", carol, anchor=root.uri)["thread"]
    assert [item["uri"] for item in others] == [pin.uri]
    assert " \N{PUSHPIN} " in [text for _, text in flat(parish, root, bob, below=1)], "one's own is always shown"


def test_nobody_answers_below_a_reply_that_the_gate_does_not_admit(parish: Parish, talk: dict[str, Any]):
    root, alice, bob = talk["root"], talk["alice"], talk["bob"]
    gate(alice, root, allow=[])
    reply = bob.post("nevertheless", reply=(root, root))

    def disabled(ref: Ref) -> bool:
        (post,) = parish.ask("feed.getPosts", alice, uris=[ref.uri])["posts"]
        return bool(post["viewer"]["replyDisabled"])

    assert (disabled(root), disabled(talk["a1"]), disabled(reply)) == (False, False, True)


def test_strangers_see_no_one_who_asked_for_that(parish: Parish, talk: dict[str, Any]):
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "!no-unauthenticated"}]}
    talk["bob"].profile(labels=labels)
    assert (1, "b1") not in flat(parish, talk["root"])
    assert (1, "b1") in flat(parish, talk["root"], talk["carol"])
    assert flat(parish, talk["b1"]) == [(-1, "root"), (0, "NoUnauthenticated"), (1, "c2")]


def test_a_reply_that_names_another_root_does_not_get_in(parish: Parish, talk: dict[str, Any]):
    elsewhere = talk["carol"].post("elsewhere")
    talk["carol"].post("smuggled", reply=(elsewhere, talk["root"]))
    assert (1, "smuggled") not in flat(parish, talk["root"])


def test_a_long_chain_is_read_without_end(parish: Parish):
    alice = parish.join("alice")
    root = last = alice.post("0")
    for n in range(1, 130):
        last = alice.post(str(n), reply=(root, last))
    thread = flat(parish, last, alice)
    assert thread[0] == (-100, "29")
    answer = parish.ask("unspecced.getPostThreadV2", anchor=last.uri)
    assert answer["thread"][0]["value"]["moreParents"] is True
    assert answer["thread"][-1]["value"]["opThreadPostCount"] == 130
    assert len(flat(parish, root, below=20)) == 21
