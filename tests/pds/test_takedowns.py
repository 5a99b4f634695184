"""Single records and blobs taken down: nobody is served them, the repository keeps them, and they can be put back.

Source: lexicons com.atproto.admin.updateSubjectStatus, com.atproto.admin.getSubjectStatus
"""

from freehold.protocol.cid import Cid
from support.inside import calling, opened
from support.network import POST, PROFILE, Operator, Person, refused
from support.pictures import jpeg_with_place

UPDATE, STATUS = "com.atproto.admin.updateSubjectStatus", "com.atproto.admin.getSubjectStatus"


def record(ref):
    return {"$type": "com.atproto.repo.strongRef", **ref.strong}


def blob_of(person, blob):
    return {"$type": "com.atproto.admin.defs#repoBlobRef", "did": person.did, "cid": blob["ref"]["$link"]}


async def take_down(operator, subject, applied=True, **more):
    return await operator.do(UPDATE, subject=subject, takedown={"applied": applied, **more})


async def listed(person, **more):
    """The record keys of a member's posts, page by page."""
    keys, cursor = [], {}
    while True:
        page = await person.get("com.atproto.repo.listRecords", repo=person.did, collection=POST, **more, **cursor)
        keys += [one["uri"].rsplit("/", 1)[1] for one in page["records"]]
        if "cursor" not in page:
            return keys
        cursor = {"cursor": page["cursor"]}


async def test_a_record_that_is_down_is_served_nowhere_and_still_proven(operator, alice, bob, verified):
    first, bad, last = [await alice.post(text) for text in ("first", "bad", "last")]
    answer = await bob.reply("to the bad one", bad)
    await bob.like(bad)
    await bob.follow(alice)
    get = {"repo": alice.did, "collection": POST, "rkey": bad.rkey}
    said = await take_down(operator, record(bad), ref="case-7")
    assert said == {"subject": record(bad), "takedown": {"applied": True, "ref": "case-7"}}

    with refused("RecordNotFound"):
        await alice.get("com.atproto.repo.getRecord", **get)
    assert await listed(alice) == [last.rkey, first.rkey]
    assert await listed(alice, limit=1, reverse="true") == [first.rkey, last.rkey]
    with refused("NotFound"):
        await bob.get("app.bsky.feed.getPostThread", uri=bad.uri)
    assert (await bob.get("app.bsky.feed.getPosts", uris=[bad.uri]))["posts"] == []
    timeline = await bob.get("app.bsky.feed.getTimeline")
    assert bad.uri not in [item["post"]["uri"] for item in timeline["feed"]]
    assert (await bob.get("app.bsky.actor.getProfile", actor=alice.did))["postsCount"] == 2
    thread = (await bob.get("app.bsky.feed.getPostThread", uri=answer.uri))["thread"]
    assert thread["parent"]["$type"] == "app.bsky.feed.defs#notFoundPost"
    assert (await bob.get("app.bsky.feed.searchPosts", q="bad"))["posts"][0]["uri"] == answer.uri
    assert str((await verified(alice)).records[bad.path]) == bad.cid

    assert await operator.get(STATUS, uri=bad.uri) == {
        "subject": record(bad),
        "takedown": {"applied": True, "ref": "case-7"},
    }
    await take_down(operator, record(bad), applied=False)
    assert (await alice.get("com.atproto.repo.getRecord", **get))["cid"] == bad.cid
    assert await listed(alice) == [last.rkey, bad.rkey, first.rkey]
    [post] = (await bob.get("app.bsky.feed.getPosts", uris=[bad.uri]))["posts"]
    assert (post["likeCount"], post["replyCount"]) == (1, 1)
    assert (await bob.get("app.bsky.actor.getProfile", actor=alice.did))["postsCount"] == 3
    assert (await operator.get(STATUS, uri=bad.uri))["takedown"] == {"applied": False}


async def test_a_profile_stays_down_when_its_owner_writes_it_again(operator, alice):
    await alice.put(PROFILE, "self", {"displayName": "Something bad"})
    ref = await alice.put(PROFILE, "self", {"displayName": "Something worse"})
    await take_down(operator, record(ref))
    assert "displayName" not in await alice.get("app.bsky.actor.getProfile", actor=alice.did)
    await alice.put(PROFILE, "self", {"displayName": "Something bad again"})
    assert "displayName" not in await alice.get("app.bsky.actor.getProfile", actor=alice.did)
    await take_down(operator, record(ref), applied=False)
    profile = await alice.get("app.bsky.actor.getProfile", actor=alice.did)
    assert profile["displayName"] == "Something bad again"


async def test_a_blob_that_is_down_is_neither_served_nor_taken_again(operator, alice):
    picture = jpeg_with_place()
    blob = await alice.upload(picture, "image/jpeg")
    post = await alice.post_picture(blob)
    cid = blob["ref"]["$link"]
    get = {"did": alice.did, "cid": cid}
    small = f"/img/feed_thumbnail/{alice.did}/{cid}"
    assert (await alice.http.get(small)).status_code == 200
    await take_down(operator, blob_of(alice, blob))
    with refused("BlobNotFound"):
        await alice.ask("com.atproto.sync.getBlob", **get)
    assert (await alice.http.get(small)).status_code == 400
    with refused("BlobTakenDown"):
        await alice.upload(picture, "image/jpeg")
    status = await operator.get(STATUS, did=alice.did, blob=cid)
    assert (status["subject"], status["takedown"]["applied"]) == (blob_of(alice, blob), True)
    assert (await alice.get("com.atproto.repo.getRecord", repo=alice.did, collection=POST, rkey=post.rkey))["value"]
    await take_down(operator, blob_of(alice, blob), applied=False)
    served = await alice.ask("com.atproto.sync.getBlob", **get)
    assert str(Cid.of_raw(served.content)) == cid


async def test_what_is_not_here_cannot_be_taken_down(operator, alice):
    post = await alice.post("gone soon")
    nowhere = {"$type": "com.atproto.repo.strongRef", "uri": f"at://{alice.did}/{POST}/3kzzzzzzzzzz2", "cid": post.cid}
    with refused("NotFound"):
        await take_down(operator, nowhere)
    await alice.delete(post)
    with refused("NotFound"):
        await operator.get(STATUS, uri=post.uri)
    with refused("NotFound"):
        await take_down(operator, {**blob_of(alice, {"ref": {"$link": post.cid}})})
    with refused("InvalidRequest"):
        await operator.get(STATUS)
    with refused("AuthMissing", 401):
        await alice.do(UPDATE, subject=nowhere, takedown={"applied": True})


async def test_what_is_down_stays_down_over_a_restart_and_a_rebuild(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice, operator = await Person.join(http, "alice"), Operator(http)
            bad, good = await alice.post("bad"), await alice.post("good")
            await take_down(operator, record(bad))
    with opened(tmp_path / "town", shared) as site:
        site.index.rebuild()
        async with calling(site) as http:
            caller = Operator(http)
            with refused("RecordNotFound"):
                await caller.get("com.atproto.repo.getRecord", repo=alice.did, collection=POST, rkey=bad.rkey)
            uris = [bad.uri, good.uri]
            shown = (await Person.get(alice_again(http, alice), "app.bsky.feed.getPosts", uris=uris))["posts"]
            assert [post["uri"] for post in shown] == [good.uri]
            await take_down(caller, record(bad), applied=False)
            shown = (await Person.get(alice_again(http, alice), "app.bsky.feed.getPosts", uris=uris))["posts"]
            assert [post["uri"] for post in shown] == uris


def alice_again(http, alice):
    alice.http = http
    return alice
