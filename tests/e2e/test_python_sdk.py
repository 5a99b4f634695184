"""The Python `atproto` SDK against a running network: what an app does, with its own models reading every answer."""

import asyncio
import secrets
from collections.abc import AsyncIterator

import httpx
import pytest
from atproto import (
    CAR,
    AsyncClient,
    AsyncFirehoseSubscribeReposClient,
    client_utils,
    models,
    parse_subscribe_repos_message,
)
from atproto_client import exceptions

from support.network import PASSWORD, indexed
from support.pictures import png

# The SDK hands raw bytes to httpx in its old way.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
PATIENCE_SECONDS = 20
COMMIT = models.ComAtprotoSyncSubscribeRepos.Commit


@pytest.fixture
async def join(network) -> AsyncIterator:
    """Signs up and gives the SDK's client."""
    clients = []

    async def join() -> AsyncClient:
        client = AsyncClient(f"{network.url}/xrpc")
        clients.append(client)
        handle = f"s{secrets.token_hex(6)}.test"
        given = models.ComAtprotoServerCreateAccount.Data(handle=handle, password=PASSWORD)
        made = await client.com.atproto.server.create_account(given)
        assert made.handle == handle
        await client.login(handle, PASSWORD)
        return client

    yield join
    for client in clients:
        await client.request.close()


async def test_a_session_is_stored_refreshed_and_ended(network, join):
    alice = await join()
    stored = alice.export_session_string()
    again = AsyncClient(f"{network.url}/xrpc")
    await again.login(session_string=stored)
    assert again.me.did == alice.me.did
    await again.com.atproto.server.refresh_session(headers=bearer(alice._session.refresh_jwt))
    await again.com.atproto.server.delete_session(headers=bearer(alice._session.refresh_jwt))
    with pytest.raises(exceptions.BadRequestError) as caught:
        await again.com.atproto.server.refresh_session(headers=bearer(alice._session.refresh_jwt))
    assert caught.value.response.content.error == "ExpiredToken"
    with pytest.raises(exceptions.UnauthorizedError):
        await again.login(alice.me.handle, "not the password")
    await again.request.close()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def test_a_profile_is_written_and_seen_by_others(network, join):
    alice, bob = await join(), await join()
    face = await alice.upload_blob(png(40, 40))
    profile = models.AppBskyActorProfile.Record(display_name="Alice", description="Grows pears", avatar=face.blob)
    await put_self(alice, profile)
    await indexed(network.url)
    seen = await bob.get_profile(alice.me.handle)
    assert (seen.display_name, seen.description, seen.posts_count) == ("Alice", "Grows pears", 0)
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(seen.avatar)).headers["content-type"].startswith("image/")
    several = await bob.get_profiles([alice.me.did, bob.me.did])
    assert {one.did for one in several.profiles} == {alice.me.did, bob.me.did}


async def put_self(client, record):
    await client.com.atproto.repo.put_record(
        models.ComAtprotoRepoPutRecord.Data(repo=client.me.did, collection=record.py_type, rkey="self", record=record)
    )


async def test_posts_in_every_form_are_written_and_read_back(network, join):
    alice, bob = await join(), await join()
    text = client_utils.TextBuilder().text("See ").link("this", "https://example.com").text(" ").tag("#pears", "pears")
    first = await alice.send_post(text.text(" ").mention("you", bob.me.did), langs=["en"])
    pictures = await alice.send_images("two of them", [png(8, 8), png(9, 9)], ["one", "another"])
    quote = await bob.send_post("look", embed=models.AppBskyEmbedRecord.Main(record=models.create_strong_ref(pictures)))
    card = models.AppBskyEmbedExternal.External(uri="https://example.com", title="Example", description="A page")
    linked = await bob.send_post("a page", embed=models.AppBskyEmbedExternal.Main(external=card))
    both = models.AppBskyEmbedRecordWithMedia.Main(
        record=models.AppBskyEmbedRecord.Main(record=models.create_strong_ref(first)),
        media=models.AppBskyEmbedExternal.Main(external=card),
    )
    with_media = await bob.send_post("both", embed=both)
    asked = [first.uri, pictures.uri, quote.uri, linked.uri, with_media.uri]
    await indexed(network.url)
    posts = {post.uri: post for post in (await alice.get_posts(asked)).posts}
    features = [facet.features[0] for facet in posts[first.uri].record.facets]
    assert [feature.py_type.split("#")[1] for feature in features] == ["link", "tag", "mention"]
    assert features[2].did == bob.me.did
    assert [image.alt for image in posts[pictures.uri].embed.images] == ["one", "another"]
    assert posts[quote.uri].embed.record.uri == pictures.uri
    assert posts[quote.uri].embed.record.embeds[0].images[0].alt == "one"
    assert posts[linked.uri].embed.external.title == "Example"
    assert posts[with_media.uri].embed.record.record.uri == first.uri
    assert posts[pictures.uri].quote_count == 1
    found = await bob.app.bsky.feed.search_posts({"q": "two of them", "author": alice.me.did})
    assert [post.uri for post in found.posts] == [pictures.uri]


async def test_a_conversation_is_a_thread_and_a_notification_for_each(network, join):
    alice, bob = await join(), await join()
    root = models.create_strong_ref(await alice.send_post("who has pears?"))
    first = models.create_strong_ref(await bob.send_post("I have", reply_to=answer(root, root)))
    await alice.send_post("how many?", reply_to=answer(root, first))
    await indexed(network.url)
    thread = (await bob.get_post_thread(first.uri)).thread
    assert thread.parent.post.uri == root.uri
    assert [reply.post.record.text for reply in thread.replies] == ["how many?"]
    listed = await bob.app.bsky.notification.list_notifications()
    assert [(notice.reason, notice.author.did, notice.is_read) for notice in listed.notifications] == [
        ("reply", alice.me.did, False)
    ]
    assert (await bob.app.bsky.notification.get_unread_count()).count == 1
    seen = bob.get_current_time_iso()
    await bob.app.bsky.notification.update_seen({"seen_at": seen})
    assert (await bob.app.bsky.notification.get_unread_count()).count == 0
    assert (await bob.app.bsky.notification.list_notifications()).notifications[0].is_read


def answer(root, parent):
    return models.AppBskyFeedPost.ReplyRef(root=root, parent=parent)


async def test_follows_likes_and_reposts_are_counted_and_undone(network, join):
    alice, bob = await join(), await join()
    post = await alice.send_post("a pear")
    follow = await bob.follow(alice.me.did)
    like, repost = await bob.like(post.uri, post.cid), await bob.repost(post.uri, post.cid)
    await indexed(network.url)
    home = (await bob.get_timeline()).feed
    assert {(item.post.uri, item.reason is not None) for item in home} >= {(post.uri, False)}
    counted = home[0].post
    assert (counted.like_count, counted.repost_count, counted.viewer.like) == (1, 1, like.uri)
    await indexed(network.url)
    assert [who.did for who in (await alice.get_followers(alice.me.did)).followers] == [bob.me.did]
    assert [who.actor.did for who in (await alice.get_likes(post.uri)).likes] == [bob.me.did]
    reasons = (await alice.app.bsky.notification.list_notifications()).notifications
    assert {notice.reason for notice in reasons} == {"follow", "like", "repost"}
    await bob.unlike(like.uri)
    await bob.unrepost(repost.uri)
    await bob.unfollow(follow.uri)
    assert (await bob.get_timeline()).feed == []
    again = (await bob.get_posts([post.uri])).posts[0]
    assert (again.like_count, again.repost_count) == (0, 0)
    assert (await bob.get_profile(alice.me.did)).followers_count == 0
    await alice.delete_post(post.uri)
    await indexed(network.url)
    assert (await bob.get_posts([post.uri])).posts == []


async def test_preferences_and_mutes_stay_with_the_member(network, join):
    alice, bob = await join(), await join()
    preference = models.AppBskyActorDefs.AdultContentPref(enabled=True)
    await alice.app.bsky.actor.put_preferences({"preferences": [preference]})
    assert (await alice.app.bsky.actor.get_preferences()).preferences == [preference]
    assert (await bob.app.bsky.actor.get_preferences()).preferences == []
    await alice.mute(bob.me.did)
    assert (await alice.get_profile(bob.me.did)).viewer.muted
    assert not (await bob.get_profile(alice.me.did)).viewer.muted


async def test_the_sdk_reads_exports_and_the_firehose(network, join):
    alice = await join()
    heard: asyncio.Queue = asyncio.Queue()
    stream = AsyncFirehoseSubscribeReposClient(
        models.ComAtprotoSyncSubscribeRepos.Params(cursor=0), base_uri=network.url.replace("http", "ws") + "/xrpc"
    )
    running = asyncio.create_task(stream.start(heard.put))
    post = await alice.send_post("heard?")
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                commit = parse_subscribe_repos_message(await heard.get())
                if isinstance(commit, COMMIT) and commit.repo == alice.me.did and commit.ops:
                    break
    finally:
        await stream.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    record = CAR.from_bytes(commit.blocks).blocks[commit.ops[0].cid]
    assert record["text"] == "heard?"
    export = CAR.from_bytes(await alice.com.atproto.sync.get_repo({"did": alice.me.did}))
    assert post.cid in {cid.encode() for cid in export.blocks}
