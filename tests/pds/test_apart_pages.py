"""Posts saved to be read again, people muted and blocked: as a reader without scripts walks through the pages."""

from urllib.parse import quote

from freehold.server import Networks
from freehold.site import Site
from support.browsing import Reader, seen
from support.network import Person


async def test_a_saved_post_is_found_again_and_let_go_even_when_it_is_gone(alices: Reader, bob: Person) -> None:
    post, other = await bob.post("worth reading twice"), await bob.post("soon gone")
    for one in (post, other):
        await seen(alices, f"/@{bob.handle}/p/{one.rkey}")
        await alices.send(f"/@{bob.handle}/p/{one.rkey}/act", do="save")
    assert "worth reading twice" in await seen(alices, "/saved")
    await bob.delete(other)
    assert "This post was deleted." in await seen(alices, "/saved")
    await alices.send("/saved", uri=other.uri)
    assert "Removed from your saved posts." in alices.text
    assert "This post was deleted." not in alices.text
    assert "worth reading twice" in alices.text
    await alices.send(f"/@{bob.handle}/p/{post.rkey}/act", do="let-go")
    assert "Nothing saved yet" in await seen(alices, "/saved")


async def test_somebody_muted_is_heard_on_their_own_page_only(alices: Reader, alice: Person, bob: Person) -> None:
    await alice.follow(bob)
    await bob.post("loud words")
    assert "loud words" in await seen(alices, "/")
    await seen(alices, f"/@{bob.handle}")
    await alices.send(f"/@{bob.handle}/mute", do="mute")
    assert "Muted." in alices.text
    assert "loud words" not in await seen(alices, "/")
    assert "You mute" in await seen(alices, f"/@{bob.handle}")
    assert "loud words" in alices.text
    assert bob.handle in await seen(alices, "/settings/muted")
    await alices.send(f"/@{bob.handle}/mute", do="unmute")
    assert alices.page.url.path == "/settings/muted"
    assert "You mute nobody" in alices.text
    assert "loud words" in await seen(alices, "/")


async def test_a_block_is_asked_about_shown_and_taken_back(alices: Reader, alice: Person, bob: Person) -> None:
    await bob.post("not for alice")
    assert "public record" in await seen(alices, f"/@{bob.handle}/block")
    await alices.send(f"/@{bob.handle}/block", do="block")
    assert alices.page.url.path == f"/@{bob.handle}"
    assert "Blocked. Neither of you sees the other." in alices.text
    assert "not for alice" not in alices.text
    assert (await bob.get("app.bsky.actor.getProfile", actor=alice.did))["viewer"]["blockedBy"] is True
    assert bob.handle in await seen(alices, "/settings/blocked")
    await alices.send(f"/@{bob.handle}/block", do="unblock")
    assert "You block nobody" in alices.text
    assert "not for alice" in await seen(alices, f"/@{bob.handle}")


async def test_whoever_is_blocked_reads_so_in_place_of_posts(alices: Reader, alice: Person, bob: Person) -> None:
    await bob.post("not for alice")
    block = {"subject": alice.did, "createdAt": "2026-01-01T00:00:00.000Z"}
    await bob.create("app.bsky.graph.block", block)
    shown = await seen(alices, f"/@{bob.handle}")
    assert "One of you blocks the other." in shown
    assert "not for alice" not in shown


async def test_nobody_blocks_or_saves_without_signing_in(site: Site, alices: Reader, bob: Person) -> None:
    async with Reader(Networks([site]), site.place.base_url) as stranger:
        for path in ("/saved", "/settings/muted", "/settings/blocked", f"/@{bob.handle}/block"):
            await stranger.go(path)
            assert stranger.page.url.path == "/sign-in"
    await seen(alices, "/@alice.test/block", status=404)


async def test_a_muted_word_leaves_feeds_searches_and_notices_and_is_folded_in_conversations(
    alices: Reader, alice: Person, bob: Person
) -> None:
    await alice.follow(bob)
    mine = await alice.post("good morning")
    await bob.post("the match was lost again")
    await bob.post("bread is in the oven")
    await bob.reply("did you see the match", mine)
    assert "match was lost" in await seen(alices, "/")
    await seen(alices, "/settings/words")
    await alices.send("/settings/words", word="#Match", where="text", days="7")
    assert "Posts with it are left out for you from now on." in alices.text
    assert "Until" in alices.text
    assert "match was lost" not in await seen(alices, "/")
    assert "bread is in the oven" in alices.text
    assert "match was lost" not in await seen(alices, f"/@{bob.handle}")
    assert "match was lost" not in await seen(alices, "/search?q=again")
    assert "see the match" not in await seen(alices, "/notices")
    conversation = await seen(alices, f"/@{alice.handle}/p/{mine.rkey}")
    assert "A word that you mute is in this post." in conversation
    assert "see the match" in conversation
    kept = (await alice.get("app.bsky.actor.getPreferences"))["preferences"]
    [words] = [one["items"] for one in kept if one["$type"] == "app.bsky.actor.defs#mutedWordsPref"]
    assert [(one["value"], one["targets"], one["actorTarget"]) for one in words] == [
        ("Match", ["content", "tag"], "all")
    ]
    await seen(alices, "/settings/words")
    await alices.send("/settings/words", do="unmute", id=words[0]["id"])
    assert "Words that you mute" not in alices.text
    assert "match was lost" in await seen(alices, "/")


async def test_a_word_may_be_let_through_from_people_whom_one_follows(
    alices: Reader, alice: Person, bob: Person
) -> None:
    await bob.post("the match was lost again")
    await seen(alices, "/settings/words")
    await alices.send("/settings/words", word="match", of="others")
    assert "match was lost" not in await seen(alices, f"/@{bob.handle}")
    await alice.follow(bob)
    assert "match was lost" in await seen(alices, f"/@{bob.handle}")


async def test_words_that_an_app_muted_stand_and_what_is_no_word_is_refused(alices: Reader, alice: Person) -> None:
    item = {"id": "a", "value": "spoiler", "targets": ["tag"], "actorTarget": "all", "other": {"of": "an app"}}
    given = [{"$type": "app.bsky.actor.defs#mutedWordsPref", "items": [item]}]
    await alice.do("app.bsky.actor.putPreferences", preferences=given)
    assert "spoiler" in await seen(alices, "/settings/words")
    for word, why in (("#", "Type a word."), ("x" * 101, "That is too long")):
        await alices.send("/settings/words", word=word)
        assert alices.page.status_code == 400
        assert why in alices.text
    await alices.send("/settings/words", word="match")
    kept = (await alice.get("app.bsky.actor.getPreferences"))["preferences"]
    assert kept[0]["items"][0] == item


async def test_a_conversation_can_be_muted_and_heard_again(alices: Reader, alice: Person, bob: Person) -> None:
    mine = await alice.post("good morning")
    reply = await bob.reply("is it", mine)
    await seen(alices, f"/@{bob.handle}/p/{reply.rkey}")
    await alices.send(f"/@{bob.handle}/p/{reply.rkey}/act", do="mute-thread", back="/")
    assert "you hear no more of this conversation" in alices.text
    assert "is it" not in await seen(alices, "/notices")
    await seen(alices, f"/@{alice.handle}/p/{mine.rkey}")
    await alices.send(f"/@{alice.handle}/p/{mine.rkey}/act", do="unmute-thread", back="/")
    assert "is it" in await seen(alices, "/notices")


async def test_a_draft_is_kept_taken_up_again_and_gone_when_it_is_posted(
    alices: Reader, alice: Person, bob: Person
) -> None:
    quoted = await bob.post("what a day")
    assert "No drafts" in await seen(alices, "/drafts")
    assert f"quote={quote(quoted.uri)}" in await seen(alices, f"/@{bob.handle}")
    await seen(alices, f"/write?quote={quoted.uri}")
    await alices.send("/write", text="Half a th", lang="fr", quote=quoted.uri, do="keep")
    assert "Kept among your drafts." in alices.text
    [kept] = (await alice.get("app.bsky.draft.getDrafts"))["drafts"]
    assert kept["draft"]["posts"] == [{"text": "Half a th", "embedRecords": [{"record": quoted.strong}]}]
    again = await seen(alices, f"/write?draft={kept['id']}")
    assert "Half a th" in again
    assert "what a day" in again
    await alices.send("/write", text="Half a thought", draft=kept["id"], do="keep")
    [changed] = (await alice.get("app.bsky.draft.getDrafts"))["drafts"]
    assert (changed["id"], changed["draft"]["posts"][0]["text"]) == (kept["id"], "Half a thought")
    await seen(alices, f"/write?draft={kept['id']}")
    await alices.send("/write", text="A whole thought", draft=kept["id"], do="post")
    assert "A whole thought" in await seen(alices, f"/@{alice.handle}")
    assert (await alice.get("app.bsky.draft.getDrafts"))["drafts"] == []


async def test_a_draft_that_an_app_made_is_shown_and_taken_up_only_if_nothing_of_it_is_lost(
    alices: Reader, alice: Person
) -> None:
    picture = {"localRef": {"path": "/on/my/phone"}}
    made = await alice.do("app.bsky.draft.createDraft", draft={"posts": [{"text": "look", "embedImages": [picture]}]})
    shown = await seen(alices, "/drafts")
    assert "look" in shown
    assert "finish it in the app" in shown
    await seen(alices, f"/write?draft={made['id']}", status=404)
    await seen(alices, "/drafts")
    await alices.send("/drafts", id=made["id"])
    assert "No drafts" in alices.text
    await seen(alices, "/write")
    for text in ("", "x" * 1_001):
        await alices.send("/write", text=text, do="keep")
        assert alices.page.status_code == 400
