"""What a member keeps for themselves: bookmarks, drafts, subscriptions, choices, mutes of lists and threads."""

import msgspec
import pytest

from freehold.pds import kept
from freehold.pds.accounts import Account
from support.inside import SECOND, calling, opened
from support.network import Person, now, refused

SAVE, UNSAVE, SAVED = (f"app.bsky.bookmark.{name}" for name in ("createBookmark", "deleteBookmark", "getBookmarks"))
DRAFT = "app.bsky.draft."
NOTICES = "app.bsky.notification."


def draft_of(*texts):
    return {"posts": [{"text": text} for text in texts], "langs": ["en"]}


async def test_a_saved_post_is_seen_at_once_and_gone_when_it_is_let_go(alice, bob, site):
    post = await bob.post("worth keeping")
    public = site.log.last
    await alice.do(SAVE, uri=post.uri, cid=post.cid)
    await alice.do(SAVE, uri=post.uri, cid=post.cid)
    (saved,) = (await alice.get(SAVED))["bookmarks"]
    assert (saved["subject"], saved["item"]["record"]["text"]) == (post.strong, "worth keeping")
    assert (await bob.get(SAVED))["bookmarks"] == []
    (view,) = (await alice.get("app.bsky.feed.getPosts", uris=post.uri))["posts"]
    assert view["viewer"]["bookmarked"] is True
    await alice.do(UNSAVE, uri=post.uri)
    assert (await alice.get(SAVED))["bookmarks"] == []
    assert site.log.last == public, "the world heard nothing of it"
    with refused("UnsupportedCollection"):
        await alice.do(SAVE, uri=f"at://{bob.did}/app.bsky.feed.generator/x", cid=post.cid)


async def test_drafts_are_made_changed_and_deleted_the_last_changed_first(alice, bob, clock):
    first = (await alice.do(DRAFT + "createDraft", draft=draft_of("one")))["id"]
    clock.pass_by(60 * SECOND)
    second = (await alice.do(DRAFT + "createDraft", draft=draft_of("two", "and more")))["id"]
    assert first < second
    listed = (await alice.get(DRAFT + "getDrafts"))["drafts"]
    assert [(one["id"], one["draft"]) for one in listed] == [
        (second, draft_of("two", "and more")),
        (first, draft_of("one")),
    ]
    clock.pass_by(60 * SECOND)
    await alice.do(DRAFT + "updateDraft", draft={"id": first, "draft": draft_of("one, better")})
    await alice.do(DRAFT + "updateDraft", draft={"id": "3zzzzzzzzzzzz", "draft": draft_of("of nothing")})
    page = await alice.get(DRAFT + "getDrafts", limit=1)
    assert page["drafts"][0]["draft"] == draft_of("one, better")
    assert page["drafts"][0]["createdAt"] < page["drafts"][0]["updatedAt"]
    rest = await alice.get(DRAFT + "getDrafts", limit=1, cursor=page["cursor"])
    assert ([one["id"] for one in rest["drafts"]], "cursor" in rest) == ([second], False)
    assert (await bob.get(DRAFT + "getDrafts"))["drafts"] == []
    for id in (first, second):
        await alice.do(DRAFT + "deleteDraft", id=id)
    assert (await alice.get(DRAFT + "getDrafts"))["drafts"] == []


async def test_drafts_have_a_limit_in_number_and_in_size(alice, monkeypatch):
    monkeypatch.setitem(kept.MOST, kept.DRAFT, 2)
    id = (await alice.do(DRAFT + "createDraft", draft=draft_of("one")))["id"]
    await alice.do(DRAFT + "createDraft", draft=draft_of("two"))
    with refused("DraftLimitReached"):
        await alice.do(DRAFT + "createDraft", draft=draft_of("three"))
    monkeypatch.setattr(kept, "DRAFTS_MAX_BYTES", 500)
    with refused("DraftLimitReached", say="together"):
        await alice.do(DRAFT + "updateDraft", draft={"id": id, "draft": draft_of("x" * 900)})
    assert {one["draft"]["posts"][0]["text"] for one in (await alice.get(DRAFT + "getDrafts"))["drafts"]} == {
        "one",
        "two",
    }


async def test_choices_about_notifications_hold_and_the_others_stay_as_usual(alice, bob):
    usual = (await alice.get(NOTICES + "getPreferences"))["preferences"]
    like = {"include": "follows", "list": True, "push": False}
    said = (await alice.do(NOTICES + "putPreferencesV2", like=like))["preferences"]
    assert said == usual | {"like": like}
    await alice.do(NOTICES + "putPreferencesV2", follow={"include": "all", "list": False, "push": False})
    now_chosen = (await alice.get(NOTICES + "getPreferences"))["preferences"]
    assert (now_chosen["like"], now_chosen["follow"]["list"]) == (like, False)
    assert (await bob.get(NOTICES + "getPreferences"))["preferences"] == usual
    await bob.follow(alice)
    assert (await alice.get(NOTICES + "listNotifications"))["notifications"] == []


async def test_a_subscription_tells_of_new_posts(alice, bob):
    await alice.follow(bob)
    wanted = {"post": True, "reply": False}
    said = await alice.do(NOTICES + "putActivitySubscription", subject=bob.did, activitySubscription=wanted)
    assert said == {"subject": bob.did, "activitySubscription": wanted}
    await bob.post("news")
    (note,) = (await alice.get(NOTICES + "listNotifications"))["notifications"]
    assert (note["reason"], note["record"]["text"]) == ("subscribed-post", "news")
    with refused("InvalidRequest"):
        await alice.do(NOTICES + "putActivitySubscription", subject=alice.did, activitySubscription=wanted)
    neither = {"post": False, "reply": False}
    await alice.do(NOTICES + "putActivitySubscription", subject=bob.did, activitySubscription=neither)
    assert (await alice.get(NOTICES + "listActivitySubscriptions"))["subscriptions"] == []


async def test_lists_and_threads_are_muted_by_their_addresses(alice, bob):
    record = {"name": "Loud", "purpose": "app.bsky.graph.defs#modlist", "createdAt": now()}
    loud = await bob.create("app.bsky.graph.list", record)
    by_handle = loud.uri.replace(bob.did, bob.handle)
    await alice.do("app.bsky.graph.muteActorList", list=by_handle)
    assert [one["uri"] for one in (await alice.get("app.bsky.graph.getListMutes"))["lists"]] == [loud.uri]
    await alice.do("app.bsky.graph.unmuteActorList", list=loud.uri)
    assert (await alice.get("app.bsky.graph.getListMutes"))["lists"] == []
    post = await alice.post("mine")
    await alice.do("app.bsky.graph.muteThread", root=post.uri)
    await bob.reply("again", post)
    assert (await alice.get(NOTICES + "listNotifications"))["notifications"] == []
    await alice.do("app.bsky.graph.unmuteThread", root=post.uri)
    assert len((await alice.get(NOTICES + "listNotifications"))["notifications"]) == 1
    with refused("InvalidRequest"):
        await alice.do("app.bsky.graph.muteThread", root=loud.uri)
    with refused("InvalidRequest"):
        await alice.do("app.bsky.graph.muteActorList", list=post.uri)


async def test_a_mute_of_reposts_alone_gives_way_to_a_whole_one(alice, bob):
    async def viewer():
        return (await alice.get("app.bsky.actor.getProfile", actor=bob.did))["viewer"]

    await alice.do("app.bsky.graph.muteActor", actor=bob.handle, onlyReposts=True)
    assert (await viewer())["mutedOnlyReposts"] is True
    await alice.do("app.bsky.graph.muteActor", actor=bob.did)
    assert ((await viewer())["muted"], "mutedOnlyReposts" in await viewer()) == (True, False)
    await alice.do("app.bsky.graph.muteActor", actor=bob.did, onlyQuoteposts=True)
    assert ((await viewer())["muted"], (await viewer())["mutedOnlyQuoteposts"]) == (False, True)
    await alice.do("app.bsky.graph.unmuteActor", actor=bob.did)
    assert "mutedOnlyQuoteposts" not in await viewer()


async def test_push_is_refused_in_plain_words(alice):
    given = {"serviceDid": "did:web:push.test", "token": "x", "platform": "web", "appId": "x"}
    for name in ("registerPush", "unregisterPush"):
        with refused("MethodNotImplemented", 501, say="no push"):
            await alice.do(NOTICES + name, **given)


async def test_nothing_of_it_lies_in_the_clear_and_an_archive_brings_it_along(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice, bob = await Person.join(http, "alice"), await Person.join(http, "bob")
            post = await bob.post("worth keeping")
            await alice.do(SAVE, uri=post.uri, cid=post.cid)
            await alice.do(DRAFT + "createDraft", draft=draft_of("not to be read by anybody"))
            mine, theirs = (site.accounts.one(one.did) for one in (alice, bob))
            await site.truth.write(lambda tx: kept.subscribe(tx, site.seal, mine, bob.did, posts=True, replies=False))
            with site.truth.reading() as tx:
                taken = msgspec.json.decode(msgspec.json.encode(kept.for_archive(tx, site.seal, mine.id)))
            await site.truth.write(lambda tx: kept.take_in(tx, site.seal, theirs, taken | {"draft": {"x": "wrong"}}))
            with site.truth.reading() as tx:
                came = kept.for_archive(tx, site.seal, theirs.id)
            assert came == {kind: taken[kind] for kind in ("bookmark", "subscription")}
            await site.members.delete(mine)
            assert left(site, mine) == 0
            assert left(site, theirs) == 2
    assert b"not to be read by anybody" not in b"".join(path.read_bytes() for path in (tmp_path / "town").glob("*.db*"))


def left(site, account: Account) -> int:
    with site.truth.reading() as tx:
        (count,) = tx.one("SELECT count(*) FROM kept WHERE account = :id", id=account.id)
    return count


@pytest.mark.parametrize(
    "found", [None, [], {"bookmark": []}, {"bookmark": {"at://x": [1, 2]}}, {"choices": {"all": 1}}]
)
async def test_what_is_wrong_in_an_archive_is_left_out(alice, site, found):
    account = site.accounts.one(alice.did)
    await site.truth.write(lambda tx: kept.take_in(tx, site.seal, account, found))
    assert left(site, account) == 0
