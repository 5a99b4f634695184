"""What the labeler of another network says is shown here to those who listen to it, and to nobody else."""

import pytest
from bench.elsewhere import Elsewhere, host

from freehold.outside import known
from freehold.outside.labelers import NoLabeler
from freehold.outside.sources import Source
from support.abroad import at, source, two_networks, until
from support.network import Person, refused

ACCEPT, CONTENT = "atproto-accept-labelers", "atproto-content-labelers"
PROFILE = "app.bsky.actor.getProfile"
SERVICES = "app.bsky.labeler.getServices"
PREFERENCES = "app.bsky.actor.putPreferences"


@pytest.fixture
async def sites(tmp_path, shared):
    async with two_networks(tmp_path, shared) as both:
        yield both


@pytest.fixture
async def ana(sites):
    """Who lives here."""
    async with at(sites[0]) as http:
        yield await Person.join(http)


async def say(there, uri, val, *, back=False):
    do = there.labels.take_back if back else there.labels.put
    await there.truth.write(lambda tx: do(tx, uri, val))


async def subscribe(person, *dids):
    chosen = {"$type": "app.bsky.actor.defs#labelersPref", "labelers": [{"did": did} for did in dids]}
    await person.do(PREFERENCES, preferences=[chosen])


async def answer(person, nsid, accept=None, **params):
    """As it comes, by a caller who accepts labelers."""
    return await person.ask(nsid, {ACCEPT: accept} if accept else None, **params)


def values(found):
    return [label["val"] for label in found.json()["labels"]]


async def test_its_labels_are_shown_to_those_who_listen_from_the_moment_a_member_subscribes(sites, ana):
    here, there = sites
    ours, theirs = here.services.labeler, there.services.labeler
    await say(there, ana.did, "rude")
    await here.outside.add(source(there))
    assert values(await answer(ana, PROFILE, theirs, actor=ana.did)) == []
    await subscribe(ana, theirs)

    async def shown(*expected):
        found = await answer(ana, PROFILE, f"{theirs}, did:web:nobody.example", actor=ana.did)
        named = found.headers[CONTENT] == f"{ours};redact, {theirs}"
        return named and values(found) == list(expected)

    await until(here, lambda: shown("rude"))
    (label,) = (await answer(ana, PROFILE, theirs, actor=ana.did)).json()["labels"]
    assert (label["src"], label["uri"]) == (theirs, ana.did)
    plain = await answer(ana, PROFILE, actor=ana.did)
    assert (plain.headers[CONTENT], values(plain)) == (f"{ours};redact", [])

    async def known():
        views = (await ana.get("app.bsky.labeler.getServices", dids=[theirs]))["views"]
        return [view["creator"]["did"] for view in views] == [theirs]

    await until(here, known)
    assert here.views.get_profile(ana.did, ana.did)["labels"][0]["val"] == "rude"  # as this network's pages ask
    assert here.views.get_profile(None, ana.did)["labels"] == []
    await say(there, ana.did, "rude", back=True)
    await until(here, lambda: shown())
    await subscribe(ana)
    await say(there, ana.did, "spam")
    await until(here, lambda: shown("spam"))
    assert here.views.get_profile(ana.did, ana.did)["labels"] == []


async def test_it_takes_things_away_only_from_those_who_let_it(sites, ana):
    here, there = sites
    theirs = there.services.labeler
    post = await ana.post("here today")
    await here.outside.add(source(there))
    await here.outside.labelers.name(theirs)
    await say(there, post.uri, "!takedown")

    async def posts(accept, *expected):
        found = await answer(ana, "app.bsky.feed.getPosts", accept, uris=[post.uri])
        return [[label["val"] for label in one["labels"]] for one in found.json()["posts"]] == list(expected)

    await until(here, lambda: posts(f"{theirs};redact"))
    assert await posts(theirs, ["!takedown"])
    assert await posts(None, [])


async def test_a_header_that_names_no_labelers_is_refused(sites, ana):
    with refused("InvalidRequest"):
        await answer(ana, PROFILE, "anybody", actor=ana.did)
    with pytest.raises(NoLabeler):
        await sites[0].outside.labelers.name(ana.did)


async def test_what_a_labeler_declares_is_fetched_and_proven_where_nobody_listens_to_its_host(sites, ana):
    here, there = sites
    theirs, elsewhere = there.services.labeler, Elsewhere()
    asked = {"dids": [theirs], "detailed": "true"}
    async with host(elsewhere), at(there) as http:
        (known_there,) = (await (await Person.join(http)).get(SERVICES, **asked))["views"]
        await here.outside.add(Source(elsewhere.url, relay=False))
        await here.outside.labelers.name(theirs)

        async def views():
            return (await ana.get(SERVICES, **asked))["views"]

        await until(here, views)
        (view,) = await views()
        same = ("uri", "cid", "policies")
        assert [view[name] for name in same] == [known_there[name] for name in same]
        assert view["creator"]["did"] == theirs
        assert view["creator"].get("displayName") == known_there["creator"].get("displayName")
        with here.index_db.reading() as tx:
            assert known.repo(tx, theirs) is None  # and nothing else of it is followed
