"""What readers see of what the network's labeler says."""

import pytest

from support.inside import HOUR
from support.network import refused

PROFILE, POSTS, FEED = "app.bsky.actor.getProfile", "app.bsky.feed.getPosts", "app.bsky.feed.getAuthorFeed"


@pytest.fixture
def say(site):
    """Puts a label (or takes it back) and waits until readers can know."""

    async def say(uri, val, back=False, **more):
        do = site.labels.take_back if back else site.labels.put
        label = await site.truth.write(lambda tx: do(tx, uri, val, **more))
        await site.private_caught_up()
        return label

    return say


def values(view):
    return [label["val"] for label in view["labels"]]


async def test_an_account_is_shown_with_its_labels_wherever_it_appears(site, alice, bob, say):
    post = await alice.post("hello")
    assert values(await bob.get(PROFILE, actor=alice.did)) == []
    put = await say(alice.did, "spam")
    await say(f"at://{alice.did}/app.bsky.actor.profile/self", "rude")
    profile = await bob.get(PROFILE, actor=alice.did)
    assert values(profile) == ["spam", "rude"]
    assert profile["labels"][0] == {
        "ver": 1, "src": site.services.labeler, "uri": alice.did, "val": "spam", "cts": put.cts,
    }  # fmt: skip
    (shown,) = (await bob.get(POSTS, uris=[post.uri]))["posts"]
    assert values(shown["author"]) == ["spam", "rude"]
    assert values(shown) == []
    (found,) = (await bob.get("app.bsky.actor.searchActors", q="alice"))["actors"]
    assert values(found) == ["spam", "rude"]
    await say(alice.did, "spam", back=True)
    assert values(await bob.get(PROFILE, actor=alice.did)) == ["rude"]


async def test_a_post_is_shown_with_its_labels_and_its_authors_own(bob, alice, say):
    own = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "graphic-media"}]}
    post = await alice.post("a picture of sorts", labels=own)
    await say(post.uri, "spam")
    await say(post.uri, "this-version", cid=post.cid)
    await say(post.uri, "another-version", cid=(await alice.post("other")).cid)
    (shown,) = (await bob.get(POSTS, uris=[post.uri]))["posts"]
    assert values(shown) == ["graphic-media", "spam", "this-version"]
    feed = (await bob.get(FEED, actor=alice.did))["feed"]
    assert [values(item["post"]) for item in feed] == [[], ["graphic-media", "spam", "this-version"]]
    quote = await bob.post("look", embed={"$type": "app.bsky.embed.record", "record": post.strong})
    (quoting,) = (await alice.get(POSTS, uris=[quote.uri]))["posts"]
    assert values(quoting["embed"]["record"]) == ["graphic-media", "spam", "this-version"]


async def test_a_label_that_ran_out_is_not_shown(alice, bob, site, clock, say):
    await say(alice.did, "rude", until=site.clock() + HOUR)
    assert values(await bob.get(PROFILE, actor=alice.did)) == ["rude"]
    clock.pass_by(2 * HOUR)
    await bob.renew()
    assert values(await bob.get(PROFILE, actor=alice.did)) == []


async def test_a_takedown_label_takes_the_subject_away_for_everybody_and_gives_it_back(alice, bob, say):
    gone, kept = await alice.post("must go"), await alice.post("may stay")
    await say(gone.uri, "!takedown")
    assert [post["uri"] for post in (await bob.get(POSTS, uris=[gone.uri, kept.uri]))["posts"]] == [kept.uri]
    assert [item["post"]["uri"] for item in (await bob.get(FEED, actor=alice.did))["feed"]] == [kept.uri]
    await say(gone.uri, "!takedown", back=True)
    assert len((await bob.get(FEED, actor=alice.did))["feed"]) == 2
    await say(alice.did, "!takedown")
    with refused("AccountTakedown"):
        await bob.get(PROFILE, actor=alice.did)
    assert (await bob.get("app.bsky.actor.getProfiles", actors=[alice.did]))["profiles"] == []
    assert (await bob.get(POSTS, uris=[kept.uri]))["posts"] == []


async def test_an_answer_says_whose_labels_it_shows(site, http, alice):
    answer = await http.get(f"/xrpc/{PROFILE}", params={"actor": alice.did})
    assert answer.headers["atproto-content-labelers"] == f"{site.services.labeler};redact"
