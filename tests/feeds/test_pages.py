"""The pages of feeds, as a reader without scripts walks through them."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from freehold.cli import dev
from freehold.feeds import own, reasons
from freehold.feeds.reasons import Why, in_words
from freehold.server import Networks
from freehold.site import Site
from freehold.web.pages.feeds import own_words
from freehold.web.speech import Speech
from support.browsing import Reader
from support.inside import calling, opened
from support.markup import faults
from support.network import PASSWORD, Person, now

BREAD = 'name = "Bread"\ndescription = "About bread."\n\ndef wants(post):\n    return "It is about bread"\n'


@pytest.fixture
def site(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        yield site


@pytest.fixture
async def http(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(site) as client:
        yield client


async def seen(reader: Reader, path: str, *, status: int = 200, member: bool = True) -> str:
    await reader.go(path)
    assert reader.page.status_code == status, reader.text
    assert [fault for fault in faults(reader.text) if "tokens" not in fault or member] == []
    return reader.text


async def test_feeds_are_found_read_with_reasons_and_kept_on_the_home_page(site: Site, http: httpx.AsyncClient):
    await dev.prepare(site)
    alice, bob = await Person.join(http, "alice"), await Person.join(http, "bob")
    post = await bob.post("fresh bread")
    await alice.follow(bob)
    await bob.like(post)
    theirs = await bob.create(
        "app.bsky.feed.generator", {"did": bob.did, "displayName": "Bob picks", "createdAt": now()}
    )
    async with Reader(Networks([site]), site.place.base_url) as stranger:
        assert "Popular with friends" in await seen(stranger, "/feeds", member=False)
        assert "1 like" in await seen(stranger, "/feeds/discover", member=False)
        await seen(stranger, "/feeds/nothing", status=404, member=False)
    async with Reader(Networks([site]), site.place.base_url) as reader:
        await reader.sign_in("alice", PASSWORD)
        home = await seen(reader, "/")
        assert 'href="/feeds/discover"' in home
        assert 'href="/feeds/friends"' not in home
        assert f"Liked by {bob.handle}, whom you follow" in await seen(reader, "/feeds/friends")
        uri = site.feeds.uri("friends")
        await reader.send("/feeds", feed=uri, do="keep", back="/feeds")
        await reader.send("/feeds", feed=uri, do="keep", back="/feeds")
        home = await seen(reader, "/")
        assert (home.count('href="/feeds/friends"'), home.count('href="/feeds/discover"')) == (1, 1)
        (kept,) = [one for one in (await alice.get("app.bsky.actor.getPreferences"))["preferences"] if "items" in one]
        assert [(item["type"], item["pinned"]) for item in kept["items"]] == [
            ("timeline", True),
            ("feed", True),
            ("feed", True),
        ]
        await seen(reader, "/feeds/discover")
        await reader.send("/feeds", do="drop", back="/")
        assert 'href="/feeds/discover"' not in await seen(reader, "/")
        page = await seen(reader, "/feeds")
        rkey = theirs.uri.rpartition("/")[2]
        assert f'href="/feeds/{bob.did}/{rkey}"' in page
        await seen(reader, f"/feeds/{bob.did}/{rkey}", status=400)


async def test_the_owner_and_nobody_else_is_told_on_the_page_what_is_wrong(site: Site, http: httpx.AsyncClient):
    await dev.prepare(site)
    owner = json.loads((site.directory / "dev.json").read_text())["owner"]
    alice = await Person.join(http, "alice")
    await alice.post("bread")
    folder = site.directory / "feeds"
    folder.mkdir()
    (folder / "bread.py").write_text(BREAD)
    await site.load_feeds()
    async with Reader(Networks([site]), site.place.base_url) as reader:
        assert "It is about bread" in await seen(reader, "/feeds/bread", member=False)
        (folder / "bread.py").write_text("oh dear")
        await site.load_feeds()
        assert "SyntaxError" not in await seen(reader, "/feeds", member=False)
        assert "It is about bread" in await seen(reader, "/feeds/bread", member=False)
        await reader.sign_in(owner["handle"], owner["password"])
        assert "It fails: line 1: SyntaxError" in await seen(reader, "/feeds")
    described = await alice.get("app.bsky.feed.getFeedGenerators", feeds=[site.feeds.uri("bread")])
    assert [view["displayName"] for view in described["feeds"]] == ["Bread"]
    (folder / "bread.py").unlink()
    await site.load_feeds()
    assert (await alice.get("app.bsky.feed.getFeedGenerators", feeds=[site.feeds.uri("bread")]))["feeds"] == []


def test_the_pages_say_of_our_feeds_what_their_records_say():
    assert own_words(Speech("en")) == {name: tuple(words) for name, words in own.WORDS.items()}
    assert all(len(words.title) <= 24 and len(words.description) <= 300 for words in own.WORDS.values())


@pytest.mark.parametrize("n", [1, 3])
def test_every_reason_is_said_in_french_too(n: int):
    french = Speech("fr")
    friends = [Why("friends", n, echoes=echoes, name="Mei") for echoes in {0, 1, n}]
    for why in (
        *friends,
        Why("noticed", n, n, n, n),
        Why("new"),
        Why("pictures", n),
        Why("here", name="X"),
        Why("elsewhere"),
    ):
        said = in_words(why, french)
        assert said
        assert said not in (in_words(why), in_words(why, Speech("en")))
    assert in_words(Why("said", name="So"), french) == "So"
    assert in_words(Why("noticed", 2, 0, 1)) == in_words(Why("noticed", 2, 0, 1), Speech("en")) == "2 likes, 1 reply"
    assert set(reasons.Kind.__args__) == {"friends", "noticed", "new", "pictures", "here", "elsewhere", "said"}
