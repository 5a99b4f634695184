"""The comparison with the official AppView: two answers are put into shared names, and differ where they do."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import pytest
from bench.answers.__main__ import build, text
from bench.answers.asked import Asked, questions
from bench.answers.compared import Difference, Names, differences
from bench.answers.hamlet import Hamlet
from bench.answers.known import why
from bench.network import Member, Server
from bench.ports import free_port
from bench.reading import Place

ASKED = Asked("bob", "app.bsky.feed.getPosts", {"uris": "$hello"})


class Named(Hamlet):
    """A hamlet of one, who said one thing."""

    def __init__(self, did: str) -> None:
        self.people = {"alice": Member(did, "")}
        self.refs = {"hello": {"uri": f"at://{did}/app.bsky.feed.post/1", "cid": f"cid{did}"}}


def test_answers_of_two_servers_are_alike_in_names():
    there, here = (Names(Named(f"did:plc:{letter * 24}")) for letter in "ab")
    assert there.filled(["@alice", "$hello", True]) == [
        f"did:plc:{'a' * 24}",
        f"at://did:plc:{'a' * 24}/app.bsky.feed.post/1",
        "true",
    ]
    answers = [
        {
            "posts": [
                {"uri": f"at://{did}/app.bsky.feed.post/1", "cid": f"cid{did}", "indexedAt": did, "by": f"of {did}"}
            ]
        }
        for did in (f"did:plc:{'a' * 24}", f"did:plc:{'b' * 24}")
    ]
    put = [names.put(answer) for names, answer in zip((there, here), answers, strict=True)]
    assert put[0] == put[1]
    assert put[0]["posts"][0] == {
        "uri": "$hello",
        "cid": "cid of hello",
        "indexedAt": "some indexedAt",
        "by": "of @alice",
    }


A, B = {"uri": "$a"}, {"uri": "$b"}
PERSON = {"did": "@a", "handle": "a.test"}


@pytest.mark.parametrize(
    ("official", "ours", "place", "what"),
    [
        ({"feed": []}, {"error": "NotFound"}, "feed.getPosts.error", "none there, NotFound here"),
        ({"posts": [A]}, {"posts": []}, "feed.getPosts.posts[]", "only official: $a"),
        ({"posts": [A, B]}, {"posts": [B, A]}, "feed.getPosts.posts[]", "in another order"),
        ({"by": PERSON | {"muted": True}}, {"by": PERSON}, "profile.muted", "only official: true"),
        ({"one": {"$type": "x", "a": 1}}, {"one": {"$type": "y"}}, "feed.getPosts.one.$type", "x there, y here"),
        ({"count": 1}, {"count": 2}, "feed.getPosts.count", "1 there, 2 here"),
    ],
)
def test_a_difference_says_where_and_what(official, ours, place, what):
    assert list(differences(ASKED, official, ours)) == [Difference(place, what, ASKED)]


def test_what_is_meant_is_counted_by_its_reason_and_the_rest_is_listed():
    meant = Difference("post.bookmarkCount", "only official: 1", ASKED)
    new = Difference("post.likeCount", "1 there, 2 here", ASKED)
    assert (why(meant) != "", why(new)) == (True, "")
    said = text(7, [meant, new, new])
    assert said.startswith("7 questions, 3 differences, 2 of them not known")
    assert "2  post.likeCount: 1 there, 2 here" in said
    assert "app.bsky.feed.getPosts asked by bob: uris=$hello" in said


@pytest.mark.long
def test_everything_that_is_asked_is_answered_here(tmp_path):
    async def refused(place: Place) -> Counter[str]:
        async with AsyncExitStack() as stack:
            hamlet = await build(place, stack, 1_700_000_000_000_000)
            names = Names(hamlet)
            asked = [(one, names.filled(list(one.params.values()))) for one in questions(hamlet)]
            answers = [
                await hamlet.ask(one.who, one.nsid, dict(zip(one.params, given, strict=True))) for one, given in asked
            ]
        return Counter(answer["error"] for answer in answers if "error" in answer)

    place = Place(Server(tmp_path / "ours", free_port()))
    try:
        errors = asyncio.run(refused(place))
    finally:
        place.stop()
    known = {"InvalidRequest", "AccountDeactivated", "BlockedActor", "BlockedByActor", "NotFound", "UnknownList"}
    assert errors.keys() <= known | {"AuthMissing", "MethodNotImplemented", "BadQueryString"}, errors
    assert errors["MethodNotImplemented"] == 1
