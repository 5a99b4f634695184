"""The life of an upload: temporary, named, served, gone; and what becomes of what it says beside the picture.

Source: https://atproto.com/specs/blob, https://atproto.com/guides/blob-security
"""

import asyncio

import pytest

from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.repo import car, commit
from freehold.repo.mst import Tree
from support.inside import HOUR, calling, opened
from support.network import POST, PROFILE, Person, Ref, now, refused
from support.pictures import jpeg_with_place, png

GET, LIST, UPLOAD = "com.atproto.sync.getBlob", "com.atproto.sync.listBlobs", "com.atproto.repo.uploadBlob"


def link(blob):
    return blob["ref"]["$link"]


async def listed(person, **asked):
    return (await person.get(LIST, did=person.did, **asked))["cids"]


def files(site):
    return {str(cid) for cid in site.files.cids()}


# --- temporary, named, gone


async def test_an_upload_is_out_of_reach_until_a_record_names_it(alice, site):
    blob = await alice.upload(png(10, 10))
    assert blob == {"$type": "blob", "ref": blob["ref"], "mimeType": "image/png", "size": len(png(10, 10))}
    assert files(site) == {link(blob)}
    with refused("BlobNotFound"):
        await alice.car(GET, did=alice.did, cid=link(blob))
    assert (await alice.http.get(f"/img/feed_thumbnail/{alice.did}/{link(blob)}")).status_code == 400
    assert await listed(alice) == []
    before = await alice.post("something before")
    await alice.post_picture(blob)
    assert await alice.car(GET, did=alice.did, cid=link(blob)) == png(10, 10)
    assert await listed(alice) == await listed(alice, since=before.rev) == [link(blob)]
    assert await listed(alice, since="3zzzzzzzzzzzz") == []


async def test_an_upload_that_nothing_names_is_swept(alice, site, clock):
    named, forgotten = await alice.upload(png(10, 10)), await alice.upload(png(11, 11))
    await alice.post_picture(named)
    clock.pass_by(5 * HOUR)
    await alice.renew()
    late = await alice.upload(png(12, 12))
    await site.sweep()
    assert files(site) == {link(named), link(forgotten), link(late)}
    clock.pass_by(2 * HOUR)
    await site.sweep()
    assert files(site) == {link(named), link(late)}


async def test_a_second_upload_of_the_same_file_gives_it_new_time(alice, site, clock):
    blob = await alice.upload(png(10, 10))
    clock.pass_by(5 * HOUR)
    await alice.renew()
    assert await alice.upload(png(10, 10)) == blob
    clock.pass_by(5 * HOUR)
    await alice.renew()
    await site.sweep()
    assert files(site) == {link(blob)}


async def test_a_blob_goes_with_the_last_record_that_names_it(alice, site):
    blob = await alice.upload(png(10, 10))
    first, second = await alice.post_picture(blob), await alice.post_picture(blob)
    await alice.put(PROFILE, "self", {"avatar": blob})
    image = f"/img/avatar/{alice.did}/{link(blob)}"
    assert (await alice.http.get(image)).status_code == 200
    await alice.delete(first)
    await alice.put(PROFILE, "self", {"displayName": "without a face"})
    assert await alice.car(GET, did=alice.did, cid=link(blob))
    await alice.delete(second)
    assert files(site) == set()
    assert await listed(alice) == []
    assert [path for path in (site.directory / "cache").rglob("*") if path.is_file()] == []
    assert (await alice.http.get(image)).status_code == 400
    with refused("BlobNotFound"):  # it must be uploaded again
        await alice.post_picture(blob)


async def test_a_file_stays_as_long_as_anybody_has_it(alice, bob, site):
    blob = await alice.upload(png(10, 10))
    assert await bob.upload(png(10, 10)) == blob
    hers, his = await alice.post_picture(blob), await bob.post_picture(blob)
    await alice.delete(hers)
    with refused("BlobNotFound"):
        await alice.car(GET, did=alice.did, cid=link(blob))
    assert await bob.car(GET, did=bob.did, cid=link(blob)) == png(10, 10)
    await bob.delete(his)
    assert files(site) == set()


async def test_a_blob_of_somebody_else_cannot_be_named(alice, bob):
    blob = await alice.upload(png(10, 10))
    await alice.post_picture(blob)
    with refused("BlobNotFound"):
        await bob.post_picture(blob)


async def test_one_call_can_move_a_blob_from_record_to_record(alice, site):
    blob = await alice.upload(png(10, 10))
    old = await alice.post_picture(blob)
    embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}
    value = {"$type": POST, "text": "moved", "createdAt": now(), "embed": embed}
    await alice.apply(
        {"do": "delete", "collection": POST, "rkey": old.rkey}, {"do": "create", "collection": POST, "value": value}
    )
    assert await listed(alice) == [link(blob)]
    assert files(site) == {link(blob)}


async def test_uploads_and_deletions_of_one_file_at_once_never_lose_it(alice, site):
    async def come_and_go():
        post = await alice.post_picture(await alice.upload(png(10, 10)))
        await alice.delete(post)

    await asyncio.gather(*(come_and_go() for _ in range(8)), return_exceptions=True)
    blob = await alice.upload(png(10, 10))
    await alice.post_picture(blob)
    assert await alice.car(GET, did=alice.did, cid=link(blob)) == png(10, 10)


# --- what is refused


async def test_a_record_must_tell_the_truth_about_its_blob(alice):
    blob = await alice.upload(png(10, 10))
    for lie in ({"size": blob["size"] + 1}, {"mimeType": "image/jpeg"}):
        with refused("InvalidBlob"):
            await alice.post_picture(blob | lie)
    with refused("InvalidRequest"):  # the lexicon takes images only
        await alice.post_picture(blob | {"mimeType": "text/plain"})
    with refused("InvalidRequest"):
        await alice.post_picture(blob | {"size": 2_000_001})


async def test_an_upload_has_a_limit(tmp_path, shared):
    with opened(tmp_path / "town", shared, blob_max_bytes=1000) as site:
        async with calling(site) as http:
            alice = await Person.join(http)
            with refused("BlobTooLarge", 413):
                await alice.upload(b"x" * 1001, "application/x-anything")
            assert files(site) == set()
            assert list((site.directory / "blobs" / "incoming").iterdir()) == []
            assert (await alice.upload(b"x" * 1000, "application/x-anything"))["size"] == 1000


async def test_an_upload_needs_a_member_and_a_type(alice):
    sent = await alice.http.post(f"/xrpc/{UPLOAD}", content=b"x", headers={"content-type": "image/png"})
    assert (sent.status_code, sent.json()["error"]) == (401, "AuthMissing")
    headers = {"authorization": f"Bearer {alice.token}"}
    sent = await alice.http.post(f"/xrpc/{UPLOAD}", content=b"x", headers=headers)
    assert (sent.status_code, sent.json()["error"]) == (400, "InvalidRequest")


async def test_a_picture_that_is_cut_off_gives_nothing_away_and_is_not_shown(alice, site):
    for length in (100, 200, 400):
        blob = await alice.upload(jpeg_with_place()[:length], "image/jpeg")
        await alice.post_picture(blob)
        assert b"Camera Works" not in await alice.car(GET, did=alice.did, cid=link(blob))
    shown = await alice.http.get(f"/img/feed_thumbnail/{alice.did}/{link(blob)}")
    assert (shown.status_code, shown.json()["error"]) == (400, "InvalidImage")


# --- what is served


async def test_a_blob_can_do_nothing_in_a_browser(alice):
    page = b"<html><script>alert(1)</script></html>"
    served = {}
    for mime, data in (("image/png", png(9, 9)), ("text/html", page), ("image/jpeg", page), ("text/plain", b"")):
        blob = await alice.upload(data, mime)
        await alice.create("example.town.file", {"file": blob})
        answer = await alice.ask(GET, did=alice.did, cid=link(blob))
        assert answer.content == data
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-length"] == str(len(data))
        served[mime] = answer.headers["content-type"].partition(";")[0]
    assert served["image/png"] == "image/png"
    assert not {"text/html", "image/jpeg"} & set(served.values())


async def test_a_picture_is_known_by_its_bytes_whatever_it_is_called(alice):
    blob = await alice.upload(png(9, 9), "application/octet-stream")
    assert blob["mimeType"] == "image/png"
    await alice.post_picture(blob)


# --- metadata


async def test_where_a_picture_was_taken_is_cut_out_and_the_cid_is_that_of_what_is_stored(alice):
    taken = jpeg_with_place()
    assert b"Camera Works" in taken
    blob = await alice.upload(taken, "image/jpeg")
    await alice.post_picture(blob)
    stored = await alice.car(GET, did=alice.did, cid=link(blob))
    assert b"Camera Works" not in stored
    assert b"Exif" not in stored
    assert (link(blob), blob["size"]) == (str(Cid.of_raw(stored)), len(stored))
    assert Cid.of_raw(taken) != Cid.of_raw(stored)


async def test_a_picture_without_metadata_keeps_every_byte(alice):
    blob = await alice.upload(png(33, 7))
    assert link(blob) == str(Cid.of_raw(png(33, 7)))


async def test_a_picture_that_a_moved_in_record_names_stays_untouched_and_only_what_is_shown_is_clean(alice, site):
    taken = jpeg_with_place()
    cid = Cid.of_raw(taken)
    blob = {"$type": "blob", "ref": {"$link": str(cid)}, "mimeType": "image/jpeg", "size": len(taken)}
    await move_in(alice, site, {"$type": PROFILE, "avatar": blob})
    missing = await alice.get("com.atproto.repo.listMissingBlobs")
    assert missing["blobs"] == [{"cid": str(cid), "recordUri": f"at://{alice.did}/{PROFILE}/self"}]
    assert await alice.upload(taken, "image/jpeg") == blob
    assert (await alice.get("com.atproto.repo.listMissingBlobs"))["blobs"] == []
    assert await alice.car(GET, did=alice.did, cid=str(cid)) == taken
    assert await listed(alice) == [str(cid)]
    since = await alice.get("com.atproto.sync.listBlobs", did=alice.did, since="3kaaaaaaaaaa2")
    assert since["cids"] == [str(cid)]
    shown = await alice.http.get(f"/img/avatar/{alice.did}/{cid}")
    assert shown.headers["content-type"].startswith("image/")
    assert b"Camera Works" not in shown.content
    assert b"GPS" not in shown.content
    await alice.delete(Ref(f"at://{alice.did}/{PROFILE}/self", ""))
    assert files(site) == set()


async def move_in(person, site, profile):
    """Import a repository with this profile, exported by a host that had its blobs."""
    data = cbor.encode_json(profile)
    tree = Tree.empty().put(f"{PROFILE}/self", Cid.of_cbor(data))
    key = site.key_of(site.accounts.one(person.did))
    root, block = commit.sign(key, person.did, "3kaaaaaaaaaa2", tree.root)
    blocks = {root: block, **dict(tree.nodes()), Cid.of_cbor(data): data}
    await person.send("com.atproto.repo.importRepo", car.write_car([root], blocks), "application/vnd.ipld.car")


@pytest.mark.parametrize("kind", ["avatar", "avatar_thumbnail", "banner", "feed_thumbnail", "feed_fullsize"])
async def test_every_displayed_size_is_served_and_kept_from_harm(alice, kind):
    blob = await alice.upload(png(1200, 900))
    await alice.post_picture(blob)
    shown = await alice.http.get(f"/img/{kind}/{alice.did}/{link(blob)}")
    assert shown.status_code == 200
    assert shown.headers["content-type"] in ("image/jpeg", "image/webp")
    assert shown.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert (await alice.http.get(f"/img/anything/{alice.did}/{link(blob)}")).status_code in (400, 404)
