"""Records with something wrong in them: what fits no lexicon is not indexed, and nothing of it breaks a view."""

import copy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from freehold.protocol.cbor import BadCbor
from support.parish import METHODS, Parish, catalog

AT = "2026-11-21T20:02:11.123Z"
BLOB = {
    "$type": "blob",
    "ref": {"$link": "bafkreifskvh5tebejswctoq667cukg3kckiyelpvczalte7rc6frdyh3ku"},
    "mimeType": "image/jpeg",
    "size": 1,
}
JUNK = [
    None, 0, -1, "", [], {}, "x", True, ["x"], {"a": 1}, [None], {"$type": 1}, "at://did:plc:x/y/z", [[]], 2**53 - 1,
    "\0", "😀" * 10, {"uri": 5, "cid": 5}, "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "https://[", "http://a:99999/",
]  # fmt: skip


def samples(did: str, post: dict[str, str]) -> list[tuple[str, dict[str, Any]]]:
    strong, uri = post, post["uri"]
    index = {"byteStart": 0, "byteEnd": 1}
    features = [
        {"$type": "app.bsky.richtext.facet#mention", "did": did},
        {"$type": "app.bsky.richtext.facet#link", "uri": "https://a.example/c"},
        {"$type": "app.bsky.richtext.facet#tag", "tag": "q"},
    ]
    media = {
        "$type": "app.bsky.embed.images",
        "images": [{"alt": "a", "image": BLOB, "aspectRatio": {"width": 1, "height": 1}}],
    }
    quote = {"$type": "app.bsky.embed.record", "record": strong}
    both = {"$type": "app.bsky.embed.recordWithMedia", "record": quote, "media": media}
    card = {"external": {"uri": "https://x.example/z", "title": "t", "description": "d", "thumb": BLOB}}
    rich = {"text": "hi", "langs": ["en"], "tags": ["x"], "facets": [{"index": index, "features": features}]}
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]}
    rule = {"$type": "app.bsky.feed.threadgate#mentionRule"}
    return [
        ("app.bsky.feed.post", {**rich, "reply": {"root": strong, "parent": strong}, "labels": labels, "embed": both}),
        ("app.bsky.feed.post", {"text": "hi", "embed": {"$type": "app.bsky.embed.external", **card}}),
        ("app.bsky.feed.post", {"text": "hi", "embed": {"$type": "app.bsky.embed.video", "video": BLOB, "alt": "x"}}),
        ("app.bsky.actor.profile", {"displayName": "B", "avatar": BLOB, "pinnedPost": strong, "labels": labels}),
        ("app.bsky.feed.threadgate", {"post": uri, "allow": [rule], "hiddenReplies": [uri]}),
        ("app.bsky.feed.postgate", {"post": uri, "detachedEmbeddingUris": [uri]}),
        ("app.bsky.feed.generator", {"did": did, "displayName": "f", "description": "d", "avatar": BLOB}),
        ("app.bsky.feed.like", {"subject": strong}),
        ("app.bsky.graph.follow", {"subject": did}),
        ("chat.bsky.actor.declaration", {"allowIncoming": "all"}),
        ("app.bsky.labeler.service", {"policies": {"labelValues": ["a"]}}),
    ]


def paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*above, key)
        yield from paths(item, (*above, key))


def spoilt(record: dict[str, Any], random: Random) -> dict[str, Any]:
    record = copy.deepcopy(record)
    *way, last = random.choice(list(paths(record)))
    place: Any = record
    for key in way:
        place = place[key]
    place[last] = copy.deepcopy(random.choice(JUNK))
    return record


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_no_record_breaks_the_index_or_a_view(tmp_path: Path, seed: int, checked: bool):
    random = Random(seed)
    parish = Parish(tmp_path, catalog=catalog() if checked else None)
    alice, bob = parish.join("alice"), parish.join("bob")
    alice.follow(bob)
    post = bob.post("x")
    for _ in range(60):
        collection, record = random.choice(samples(alice.did, post.strong))
        rkey = "self" if collection.endswith(("profile", "declaration", "service")) else None
        record = spoilt({**record, "createdAt": AT}, random)
        try:
            written = bob.write(collection, record, post.rkey if "gate" in collection else rkey)
        except BadCbor:  # not even a record
            continue
        parish.settle()
        if random.random() < 0.3:
            bob.delete(written)
    for name, params in (
        ("feed.getTimeline", {}),
        ("feed.getAuthorFeed", {"actor": bob.did, "includePins": True}),
        ("actor.getProfile", {"actor": "bob.test"}),
        ("feed.getPostThread", {"uri": post.uri}),
        ("unspecced.getPostThreadV2", {"anchor": post.uri}),
        ("notification.listNotifications", {}),
        ("feed.getActorFeeds", {"actor": bob.did}),
        ("labeler.getServices", {"dids": [bob.did], "detailed": True}),
        ("feed.searchPosts", {"q": "hi"}),
    ):
        if checked:
            parish.ask(name, alice, **params)
        else:
            METHODS[name](parish.views, alice.did, **params)
    parish.close()


def test_a_record_that_fits_no_lexicon_is_not_shown(tmp_path: Path):
    parish = Parish(tmp_path, catalog=catalog())
    alice = parish.join("alice")
    alice.post("fits")
    spoils = alice.post("fitted once")
    alice.write("app.bsky.feed.post", {"text": 7, "createdAt": AT}, spoils.rkey)
    feed = parish.ask("feed.getAuthorFeed", actor="alice.test")["feed"]
    assert [item["post"]["record"]["text"] for item in feed] == ["fits"]
    parish.close()
