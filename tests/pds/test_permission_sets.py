"""Permission sets: published on another network, found by the DNS, proven, asked of the member, held against calls.

Source: https://atproto.com/specs/permission#permission-sets, https://atproto.com/specs/lexicon
"""

from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from freehold.identity.lexicons import Lexicons
from freehold.pds.oauth import permission_sets
from freehold.pds.oauth.permission_sets import read_set
from freehold.pds.oauth.scopes import included
from freehold.server import Networks
from support.apps import App
from support.browsing import Reader
from support.inside import HOUR, SECOND, served
from support.nameserver import nameserver
from support.network import Person, now

SET, OTHER = "com.example.calendar.authBasics", "com.example.calendar.authMore"
NAME = "_lexicon.calendar.example.com"
AUD = "did:web:calendar.example.com#calendar"
RESOLVE = "/xrpc/com.atproto.lexicon.resolveLexicon"
SCHEMA = "com.atproto.lexicon.schema"
EVENT, RSVP = "com.example.calendar.event", "com.example.calendar.rsvp"

PERMISSIONS = [
    {"type": "permission", "resource": "repo", "collection": [EVENT]},
    {"type": "permission", "resource": "repo", "collection": [RSVP], "action": ["create"]},
    {"type": "permission", "resource": "rpc", "lxm": ["com.example.calendar.listEvents"], "inheritAud": True},
    {"type": "permission", "resource": "repo", "collection": ["app.bsky.feed.post"]},
    {"type": "permission", "resource": "blob", "accept": ["*/*"]},
    {"type": "permission", "resource": "identity", "attr": "*"},
]


def lexicon(nsid=SET, permissions=PERMISSIONS, **more):
    main = {
        "type": "permission-set",
        "title": "Calendar",
        "title:lang": {"fr": "Calendrier"},
        "detail": "Make and answer invitations",
        "detail:lang": {"fr": "Faire des invitations et y répondre"},
        "permissions": permissions,
    }
    return {"lexicon": 1, "id": nsid, "defs": {"main": main | more}}


@pytest.fixture
async def reader(site, http):
    async with Reader(Networks([site]), site.place.base_url) as reader:
        yield reader


@asynccontextmanager
async def authority(tmp_path, shared, site, records=None, **published):
    """Another network, where a member has published lexicons; gives that member."""
    async with (
        served(tmp_path / "other", shared) as other,
        httpx.AsyncClient(base_url=other.place.base_url) as there,
    ):
        carol, dave = await Person.join(there, "carol"), await Person.join(there, "dave")
        for nsid, record in (published or {SET: lexicon()}).items():
            await carol.put(SCHEMA, nsid, record)
            await dave.put(SCHEMA, nsid, record)
        site.identity._directory = f"{other.place.base_url}/plc"
        names = {NAME: [f'"did={carol.did}"']} if records is None else records(carol.did, dave.did)
        async with nameserver(names) as dns:
            site.lexicons = Lexicons(site.client, dns, site.identity, site.clock)
            yield carol


async def test_an_app_may_do_what_the_set_says_and_nothing_else(tmp_path, shared, site, http, reader, alice):
    async with authority(tmp_path, shared, site):
        app = App(http, f"atproto include:{SET}?aud={AUD.replace('#', '%23')}")
        told = await app.let_in(reader, alice.handle)
        assert told["scope"] == app.scope

    async def may(nsid, method="POST", **more):
        answer = await app.call(method, nsid, **more)
        assert answer.status_code in (200, 403), answer.text
        return answer.status_code == 200

    async def may_write(collection, do):
        write = {"$type": f"com.atproto.repo.applyWrites#{do}", "collection": collection, "rkey": "one"}
        if do != "delete":
            write["value"] = {"$type": collection, "createdAt": now()}
        return await may("com.atproto.repo.applyWrites", json={"repo": alice.did, "writes": [write]})

    async def may_have_a_token(lxm, aud=AUD):
        return await may("com.atproto.server.getServiceAuth", "GET", params={"aud": aud, "lxm": lxm})

    assert await may_write(EVENT, "create")
    assert await may_write(EVENT, "update")
    assert await may_write(RSVP, "create")
    assert not await may_write(RSVP, "delete")
    assert not await may_write("app.bsky.feed.post", "create")
    assert not await may("com.atproto.repo.uploadBlob", content=b"x", headers={"content-type": "image/png"})
    assert not await may("com.atproto.identity.updateHandle", json={"handle": "other.test"})
    assert await may_have_a_token("com.example.calendar.listEvents")
    assert not await may_have_a_token("com.example.calendar.listEvents", "did:web:elsewhere.example#calendar")
    assert not await may_have_a_token("com.example.calendar.deleteAll")


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Calendar: Make and answer"), ("fr", "Calendrier: Faire des invitations")]
)
async def test_the_member_reads_what_the_set_is_called_and_by_whom(
    tmp_path, shared, site, http, reader, alice, language, words
):
    async with authority(tmp_path, shared, site):
        reader.http.headers["accept-language"] = language
        await reader.go(await App(http, f"atproto include:{SET}").ask())
        await reader.send("/oauth/authorize/sign-in", identifier=alice.handle, password="correct horse battery")
        assert words in reader.text.replace("\u00a0", " ").replace(" :", ":")
        assert "com.example.calendar" in reader.text


async def error_of(app):
    answer = await app.post("/oauth/par", app.question())
    return None if answer.status_code == 201 else answer.json()["error"]


@pytest.mark.parametrize(
    ("records", "published"),
    [
        (lambda did, other: {}, {SET: lexicon()}),
        (lambda did, other: {NAME: []}, {SET: lexicon()}),
        (lambda did, other: {NAME: [f'"did={did}"', f'"did={other}"']}, {SET: lexicon()}),
        (lambda did, other: {NAME: ['"did=nobody"']}, {SET: lexicon()}),
        (
            lambda did, other: {"_lexicon.example.com": [f'"did={did}"']},
            {SET: lexicon()},
        ),  # of a name above: not theirs
        (None, {OTHER: lexicon(OTHER)}),
        (None, {SET: lexicon(OTHER)}),
        (None, {SET: {"lexicon": 1, "id": SET, "defs": {"main": {"type": "record"}}}}),
        (None, {SET: {"lexicon": 1, "id": SET}}),
    ],
)
async def test_a_set_that_is_not_properly_published_ends_the_request(tmp_path, shared, site, http, records, published):
    async with authority(tmp_path, shared, site, records, **published):
        assert await error_of(App(http, f"atproto include:{SET}")) == "invalid_scope"


async def test_a_set_that_its_authority_did_not_sign_is_not_believed(tmp_path, shared, site, http):
    async with authority(tmp_path, shared, site) as carol:
        await carol.put("app.bsky.actor.profile", "self", {})
        document = await site.identity.did_document(carol.did)
        other_key = (await site.identity.did_document(site.services.feeds)).signing_key

        async def did_document(did, *, doubted=False):
            return replace(document, signing_key=other_key)

        site.identity.did_document = did_document
        assert await error_of(App(http, f"atproto include:{SET}")) == "invalid_scope"
        del site.identity.did_document
        assert await error_of(App(http, f"atproto include:{SET}")) is None


async def test_a_set_is_asked_for_again_within_a_day_and_kept_when_nobody_answers(
    tmp_path, shared, site, http, reader, alice, clock
):
    async with authority(tmp_path, shared, site) as carol:
        app = App(http, f"atproto include:{SET}")
        await app.let_in(reader, alice.handle)
        scopes = site.oauth.sets.scopes
        assert scopes(app.scope).allows_repo("delete", EVENT)
        fewer = [{"type": "permission", "resource": "repo", "collection": [EVENT], "action": ["create"]}]
        await carol.put(SCHEMA, SET, lexicon(permissions=fewer))
        await site.oauth.sets.refresh()
        assert scopes(app.scope).allows_repo("delete", EVENT)  # it is fresh
        clock.pass_by(23 * HOUR)
        await site.oauth.sets.refresh()
        assert not scopes(app.scope).allows_repo("delete", EVENT)
        assert scopes(app.scope).allows_repo("create", EVENT)
    clock.pass_by(23 * HOUR)  # nobody is there any more
    await site.oauth.sets.refresh()
    assert scopes(app.scope).allows_repo("create", EVENT)
    app.ahead = clock.ahead // SECOND
    assert await error_of(app) is None
    [session] = site.oauth.sessions_of(site.accounts.one(alice.did))
    await site.oauth.end(site.accounts.one(alice.did), session.id)
    clock.pass_by(2 * HOUR)
    app.ahead = clock.ahead // SECOND
    await site.sweep()
    await site.oauth.sets.refresh()
    assert not scopes(app.scope).allows_repo("create", EVENT)
    assert await error_of(app) == "invalid_scope"


async def test_sets_that_nobody_uses_make_room_and_others_stay(
    tmp_path, shared, site, http, reader, alice, monkeypatch
):
    monkeypatch.setattr(permission_sets, "MOST_KEPT", 2)
    names = [f"com.example.calendar.auth{letter}" for letter in "ABCD"]
    async with authority(tmp_path, shared, site, **{name: lexicon(name) for name in names}):
        apps = [App(http, f"atproto include:{name}") for name in names]

        def known():
            return [site.oauth.sets.scopes(app.scope).allows_repo("create", EVENT) for app in apps]

        await apps[0].let_in(reader, alice.handle)
        assert await error_of(apps[1]) is None
        await site.truth.write(lambda tx: tx.run("DELETE FROM oauth_request"))
        assert await error_of(apps[2]) is None
        assert known() == [True, False, True, False]  # the first is in use
        assert await error_of(apps[3]) == "invalid_scope"  # and the third may be, any moment
        assert known() == [True, False, True, False]


async def test_anybody_may_have_a_lexicon_resolved(tmp_path, shared, site, http):
    async with authority(tmp_path, shared, site) as carol:
        found = (await http.get(RESOLVE, params={"nsid": SET})).json()
        assert found["uri"] == f"at://{carol.did}/{SCHEMA}/{SET}"
        there = await carol.get("com.atproto.repo.getRecord", repo=carol.did, collection=SCHEMA, rkey=SET)
        assert (found["cid"], found["schema"]) == (there["cid"], there["value"])
        nothing = await http.get(RESOLVE, params={"nsid": OTHER})
        assert (nothing.status_code, nothing.json()["error"]) == (400, "LexiconNotFound")


@pytest.mark.parametrize(
    "declared",
    [
        {},
        {"type": "permission", "resource": "repo"},
        {"type": "permission", "resource": "repo", "collection": []},
        {"type": "permission", "resource": "repo", "collection": ["*"]},
        {"type": "permission", "resource": "repo", "collection": [EVENT, "com.example.other"]},
        {"type": "permission", "resource": "repo", "collection": ["com.example.calendarium.event"]},
        {"type": "permission", "resource": "repo", "collection": [EVENT], "action": ["destroy"]},
        {"type": "permission", "resource": "repo", "collection": [EVENT], "more": True},
        {"type": "permission", "resource": "repo", "collection": [7]},
        {"type": "permission", "resource": "rpc", "lxm": ["com.example.calendar.get"]},
        {"type": "permission", "resource": "rpc", "lxm": ["*"], "aud": "*"},
        {"type": "permission", "resource": "rpc", "lxm": ["com.example.calendar.get"], "aud": AUD},
        {"type": "permission", "resource": "account", "attr": "email"},
        {"type": "else", "resource": "repo", "collection": [EVENT]},
    ],
)
def test_what_a_set_cannot_give_is_passed_over(declared):
    assert included(SET, AUD, declared) is None


def test_a_set_may_leave_the_service_to_the_app_or_open_it_to_all():
    inherited = {"type": "permission", "resource": "rpc", "lxm": ["com.example.calendar.get"], "inheritAud": True}
    assert included(SET, AUD, inherited).values["aud"] == (AUD,)
    assert included(SET, "", inherited) is None
    open_to_all = {"type": "permission", "resource": "rpc", "lxm": ["com.example.calendar.get"], "aud": "*"}
    assert included(SET, "", open_to_all).values["aud"] == ("*",)
    assert read_set(SET, lexicon()).titles == {"": "Calendar", "fr": "Calendrier"}
