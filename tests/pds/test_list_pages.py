"""Lists and starter packs: as a reader without scripts makes, reads and uses them on the pages."""

from freehold.server import Networks
from freehold.site import Site
from support.browsing import Reader, seen
from support.network import Person

LIST, ITEM, PACK = "app.bsky.graph.list", "app.bsky.graph.listitem", "app.bsky.graph.starterpack"
NOW = "2026-01-01T00:00:00.000Z"


async def made(reader: Reader, name: str, **more: str) -> str:
    """The page of a new list."""
    await seen(reader, "/lists/new")
    await reader.send("/lists/new", name=name, **more)
    assert "The list is made." in reader.text
    return reader.page.url.path.removesuffix("/people")


async def test_a_list_is_made_read_changed_and_deleted(alices: Reader, alice: Person, bob: Person) -> None:
    await bob.post("from the harbour")
    assert "No lists yet" in await seen(alices, f"/@{alice.handle}/lists")
    url = await made(alices, "Harbour", description="Who works there")
    assert "No lists yet" not in await seen(alices, f"/@{bob.handle}/on-lists")
    await alices.send(f"/@{bob.handle}/on-lists", list=url.rpartition("/")[2], do="put-on", back=url)
    assert "Put on the list." in alices.text
    assert "from the harbour" in alices.text
    assert "1 person" in alices.text
    assert bob.handle.split(".")[0] in await seen(alices, f"{url}/people")
    await seen(alices, f"{url}/edit")
    await alices.send(f"{url}/edit", name="The harbour", description="")
    assert "The harbour" in await seen(alices, f"/@{alice.handle}/lists")
    await seen(alices, f"{url}/people")
    await alices.send(f"/@{bob.handle}/on-lists", list=url.rpartition("/")[2], do="take-off", back=url)
    assert "from the harbour" not in alices.text
    await seen(alices, f"{url}/delete")
    await alices.send(f"{url}/edit", do="delete")
    assert "The list is deleted." in alices.text
    for collection in (LIST, ITEM):
        assert (await alice.get("com.atproto.repo.listRecords", repo=alice.did, collection=collection))["records"] == []
    await seen(alices, url, status=404)


async def test_a_list_is_kept_on_the_home_page_as_apps_keep_it(alices: Reader, alice: Person, bob: Person) -> None:
    of_bob = await bob.create(LIST, {"name": "Harbour", "purpose": "app.bsky.graph.defs#curatelist", "createdAt": NOW})
    url = f"/@{bob.handle}/lists/{of_bob.rkey}"
    await seen(alices, url)
    await alices.send("/feeds", feed=of_bob.uri, do="keep", back=url)
    assert "Kept on your home page" in alices.text
    assert f"/@{bob.did}/lists/{of_bob.rkey}" in await seen(alices, "/")
    kept = (await alice.get("app.bsky.actor.getPreferences"))["preferences"]
    [items] = [one["items"] for one in kept if one["$type"] == "app.bsky.actor.defs#savedFeedsPrefV2"]
    assert [(one["type"], one["value"], one["pinned"]) for one in items][-1] == ("list", of_bob.uri, True)
    await bob.delete(of_bob)
    assert of_bob.rkey not in await seen(alices, "/")


async def test_a_deleted_list_leaves_nobody_behind_who_was_on_it(alices: Reader, alice: Person, bob: Person) -> None:
    url = await made(alices, "Harbour")
    await seen(alices, f"/@{bob.handle}/on-lists")
    await alices.send(f"/@{bob.handle}/on-lists", list=url.rpartition("/")[2], do="put-on")
    await bob.create("app.bsky.graph.block", {"subject": alice.did, "createdAt": NOW})  # not seen on it any more
    await seen(alices, f"{url}/delete")
    await alices.send(f"{url}/edit", do="delete")
    assert (await alice.get("com.atproto.repo.listRecords", repo=alice.did, collection=ITEM))["records"] == []


async def test_those_on_somebodys_list_are_muted_or_blocked_at_once(alices: Reader, alice: Person, bob: Person) -> None:
    http = bob.http
    carl = await Person.join(http, "carl")
    await alice.follow(carl)
    await carl.post("loud words")
    record = {"name": "Loud", "purpose": "app.bsky.graph.defs#modlist", "createdAt": NOW}
    of_bob = await bob.create(LIST, record)
    await bob.create(ITEM, {"list": of_bob.uri, "subject": carl.did, "createdAt": NOW})
    assert "loud words" in await seen(alices, "/")
    url = f"/@{bob.handle}/lists/{of_bob.rkey}"
    assert "Mute all" in await seen(alices, url)
    await alices.send(url, do="mute")
    assert "You hear nothing of those on this list" in alices.text
    assert "loud words" not in await seen(alices, "/")
    await seen(alices, url)
    await alices.send(url, do="unmute")
    assert "loud words" in await seen(alices, "/")
    assert "public record" in await seen(alices, f"{url}/block")
    await alices.send(url, do="block")
    assert "do not see each other" in alices.text
    assert (await carl.get("app.bsky.actor.getProfile", actor=alice.did))["viewer"]["blockedBy"] is True
    await alices.send(url, do="unblock")
    assert "loud words" in await seen(alices, f"/@{carl.handle}")


async def test_everybody_in_a_starter_pack_is_followed_by_one_button(
    alices: Reader, alice: Person, bob: Person
) -> None:
    people = await bob.create(LIST, {"name": "x", "purpose": "app.bsky.graph.defs#referencelist", "createdAt": NOW})
    members = [bob, await Person.join(bob.http, "carl"), alice]
    for one in members:
        await bob.create(ITEM, {"list": people.uri, "subject": one.did, "createdAt": NOW})
    await alice.follow(bob)
    pack = await bob.create(PACK, {"name": "The harbour", "list": people.uri, "createdAt": NOW})
    assert "The harbour" in await seen(alices, f"/@{bob.handle}/lists")
    assert "carl" in await seen(alices, f"/starter-pack/{bob.handle}/{pack.rkey}")
    await alices.send(f"/@{bob.handle}/packs/{pack.rkey}")
    assert "You follow everybody here now." in alices.text
    follows = (await alice.get("app.bsky.graph.getFollows", actor=alice.did))["follows"]
    assert sorted(one["did"] for one in follows) == sorted(one.did for one in members[:2])


async def test_what_is_no_name_is_refused_and_nobody_changes_the_list_of_another(
    site: Site, alices: Reader, alice: Person, bob: Person
) -> None:
    await seen(alices, "/lists/new")
    for name in ("", "é" * 40):
        await alices.send("/lists/new", name=name, description="Who works there")
        assert alices.page.status_code == 400
        assert "Who works there" in alices.text
    of_bob = await bob.create(LIST, {"name": "Bob's", "purpose": "app.bsky.graph.defs#curatelist", "createdAt": NOW})
    url = f"/@{bob.handle}/lists/{of_bob.rkey}"
    assert f"{url}/edit" not in await seen(alices, url)
    for page in ("edit", "delete"):
        await seen(alices, f"{url}/{page}", status=404)
    async with Reader(Networks([site]), site.place.base_url) as stranger:
        assert "Bob" in await seen(stranger, url)
        for path in ("/lists/new", f"{url}/edit", f"{url}/block", f"/@{bob.handle}/on-lists"):
            await stranger.go(path)
            assert stranger.page.url.path == "/sign-in"
