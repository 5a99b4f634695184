"""What the network's labeler says: signed, asked for by pattern, followed as a stream, taken back, running out.

Source: https://atproto.com/specs/label
"""

from base64 import b64decode

import httpx
import pytest
from websockets.asyncio.client import connect

from freehold.moderation.labels import BadLabel
from freehold.protocol import cbor
from freehold.protocol.diddoc import read as read_document
from freehold.protocol.keys import verify
from freehold.protocol.refused import Refused
from freehold.stream import frames
from support.inside import HOUR, served
from support.network import Events, Person, refused

QUERY = "com.atproto.label.queryLabels"


def putting(site):
    """Puts a label, and takes one back, as moderators will."""

    async def put(uri, val, **more):
        return await site.truth.write(lambda tx: site.labels.put(tx, uri, val, **more))

    async def take_back(uri, val, **more):
        return await site.truth.write(lambda tx: site.labels.take_back(tx, uri, val, **more))

    return put, take_back


async def label_key(http, labeler):
    document = (await http.get(f"/plc/{labeler}")).json()
    assert read_document(labeler, document).services["#atproto_labeler"]
    return read_document(labeler, document).keys["#atproto_label"]


async def test_a_label_is_signed_over_just_the_fields_that_it_has(site, http, alice):
    put, _ = putting(site)
    post = await alice.post("spam")
    await put(post.uri, "spam", cid=post.cid)
    await put(alice.did, "porn", until=site.clock() + HOUR)
    found = (await alice.get(QUERY, uriPatterns=[f"at://{alice.did}/*", alice.did]))["labels"]
    assert [set(label) for label in found] == [
        {"ver", "src", "uri", "cid", "val", "cts", "sig"},
        {"ver", "src", "uri", "val", "cts", "exp", "sig"},
    ]
    key = await label_key(http, site.services.labeler)
    for label in found:
        assert label["src"] == site.services.labeler
        signature = b64decode(label.pop("sig")["$bytes"] + "==")
        assert verify(key, cbor.encode(label), signature)
        assert not verify(key, cbor.encode(label | {"val": "nudity"}), signature)


async def test_labels_are_found_by_whole_uris_and_by_their_beginnings(site, alice, bob):
    put, _ = putting(site)
    subjects = [f"at://{who.did}/app.bsky.feed.post/{rkey}" for who in (alice, bob) for rkey in ("a", "ab", "b")]
    for uri in subjects:
        await put(uri, "spam")

    async def found(*patterns, **more):
        return [label["uri"] for label in (await alice.get(QUERY, uriPatterns=list(patterns), **more))["labels"]]

    assert await found(subjects[0]) == subjects[:1]
    assert await found(f"{subjects[0]}*") == subjects[:2]
    assert await found(f"at://{bob.did}/*", subjects[2]) == subjects[2:]
    assert await found("*") == subjects
    assert await found("*", sources=[alice.did]) == []
    assert await found("*", sources=[alice.did, site.services.labeler]) == subjects
    page = await alice.get(QUERY, uriPatterns=["*"], limit=4)
    rest = await alice.get(QUERY, uriPatterns=["*"], limit=4, cursor=page["cursor"])
    assert [label["uri"] for label in page["labels"] + rest["labels"]] == subjects
    assert "cursor" not in rest
    for bad in ({"uriPatterns": ["at://*/x"]}, {"uriPatterns": ["*"], "cursor": "x"}, {"uriPatterns": ["a"] * 51}):
        with refused("InvalidRequest"):
            await alice.get(QUERY, **bad)


async def test_what_was_taken_back_or_has_run_out_holds_no_more(site, alice, clock):
    put, take_back = putting(site)
    post = await alice.post("versions")

    async def values():
        found = (await alice.get(QUERY, uriPatterns=["*"]))["labels"]
        assert all("neg" not in label for label in found)
        return [label["val"] for label in found]

    await put(alice.did, "spam")
    await put(alice.did, "rude", until=clock() + HOUR)
    await put(post.uri, "porn", cid=post.cid)
    await put(post.uri, "porn")
    assert await values() == ["spam", "rude", "porn", "porn"]
    await take_back(alice.did, "spam")
    assert await values() == ["rude", "porn", "porn"]
    await take_back(post.uri, "porn", cid=post.cid)  # that version only
    assert await values() == ["rude", "porn"]
    clock.pass_by(HOUR)
    assert await values() == ["porn"]
    await put(alice.did, "spam")
    assert await values() == ["porn", "spam"]
    with pytest.raises(BadLabel):
        await take_back(alice.did, "never-put")
    with pytest.raises(BadLabel):
        await put(alice.did, "late", until=clock())


@pytest.mark.parametrize(
    ("uri", "val", "cid"),
    [
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "Not a value", ""),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "x" * 129, ""),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "-spam", ""),
        ("did:plc:ewvi7nxzyoun6zhxrhs64oiz", "spam", "bafyreib2rxk3rh6kzwq"),
        ("at://alice.test/app.bsky.feed.post/3k2", "spam", ""),
        ("https://example.com/", "spam", ""),
    ],
)
async def test_what_is_no_label_is_refused(site, uri, val, cid):
    put, _ = putting(site)
    with pytest.raises(Refused) as caught:
        await put(uri, val, cid=cid)
    assert caught.value.kind == "invalid"


async def test_the_stream_has_all_labels_and_goes_on(tmp_path, shared):
    async with (
        served(tmp_path / "town", shared) as site,
        httpx.AsyncClient(base_url=site.place.base_url) as http,
    ):
        alice = await Person.join(http)
        put, take_back = putting(site)
        first = await put(alice.did, "spam")
        await take_back(alice.did, "spam")
        stream = f"ws://{site.place.host}/xrpc/com.atproto.label.subscribeLabels"
        key = await label_key(http, site.services.labeler)
        async with connect(f"{stream}?cursor=0") as all_of_it, connect(stream) as live:
            everything, news = Events(all_of_it), Events(live)
            heard = [await everything.next(), await everything.next()]
            third = await put(alice.did, "rude")
            heard.append(await everything.next())
            assert (await news.next()).payload == heard[2].payload
        assert [event.kind for event in heard] == ["labels"] * 3
        assert [event.seq for event in heard] == [first.id, first.id + 1, third.id]
        [[spam], [undone], [rude]] = [event.payload["labels"] for event in heard]
        assert (spam["val"], "neg" in spam, undone["neg"], rude["val"]) == ("spam", False, True, "rude")
        for label in (spam, undone, rude):
            assert verify(key, cbor.encode({k: v for k, v in label.items() if k != "sig"}), label["sig"])
        async with connect(f"{stream}?cursor={first.id + 1}") as late:
            assert (await Events(late).next()).seq == third.id
        for cursor, name in ((third.id + 1, "FutureCursor"), ("x", "InvalidRequest")):
            async with connect(f"{stream}?cursor={cursor}") as wrong:
                assert frames.decode(await wrong.recv(decode=False))[1]["error"] == name
        with refused("UpgradeRequired", 426):
            await alice.get("com.atproto.label.subscribeLabels")
