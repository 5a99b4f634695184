"""Records as anybody reads them: by key, by version, page by page."""

import pytest

from support.network import POST, Person, now, refused

GET, LIST = "com.atproto.repo.getRecord", "com.atproto.repo.listRecords"


@pytest.fixture
async def alice(http):
    return await Person.join(http)


def texts(page):
    return [record["value"]["text"] for record in page["records"]]


async def test_what_is_read_twice_is_the_newest_each_time_and_nothing_once_deleted(alice):
    note = await alice.post("one")
    asked = {"repo": alice.did, "collection": POST, "rkey": note.rkey}
    for text in ("two", "three"):
        before = await alice.get(GET, **asked)
        assert before == await alice.get(GET, **asked)
        await alice.put(POST, note.rkey, {"text": text, "createdAt": now()})
        after = await alice.get(GET, **asked)
        assert after["value"]["text"] == text
        assert after["uri"] == before["uri"]
        assert after["cid"] != before["cid"]
        with refused("RecordNotFound"):
            await alice.get(GET, **asked, cid=before["cid"])
    await alice.delete(note)
    with refused("RecordNotFound"):
        await alice.get(GET, **asked)
    assert (await alice.get(LIST, repo=alice.did, collection=POST))["records"] == []


async def test_pages_hold_every_record_once_both_ways_and_as_getrecord_shows_it(alice):
    for n in range(7):
        await alice.post(f"{n}")
    asked = {"repo": alice.did, "collection": POST, "limit": 3}
    for reverse, expected in ((False, "6543210"), (True, "0123456")):
        found, cursor = [], {}
        while True:
            page = await alice.get(LIST, **asked, reverse=reverse, **cursor)
            found += page["records"]
            if "cursor" not in page:
                break
            cursor = {"cursor": page["cursor"]}
        assert "".join(record["value"]["text"] for record in found) == expected
    one = found[3]
    assert one == await alice.get(GET, repo=alice.did, collection=POST, rkey=one["uri"].rpartition("/")[2])


async def test_large_records_are_shown_whole(alice):
    large = await alice.create("example.town.note", {"text": "é" * 100_000, "bytes": {"$bytes": "AAEC"}})
    shown = await alice.get(GET, repo=alice.did, collection="example.town.note", rkey=large.rkey)
    assert (shown["cid"], shown["value"]["text"], shown["value"]["bytes"]) == (
        large.cid,
        "é" * 100_000,
        {"$bytes": "AAEC"},
    )
