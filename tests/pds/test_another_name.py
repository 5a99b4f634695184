"""A network that moves from one domain to another: what comes along, what ends, and what the old name still answers.

Source: docs/operators.md, "When the name is lost"
"""

from contextlib import asynccontextmanager
from types import SimpleNamespace

import msgspec
import pytest

from freehold.identity import plc_directory
from freehold.pds.relocation import JOB
from freehold.protocol import plc
from freehold.protocol.diddoc import read as read_document
from freehold.protocol.keys import K256Key
from freehold.settings import Settings
from freehold.site.place import domain_of
from support.authenticator import Authenticator
from support.inside import calling, opened
from support.network import PASSWORD, Caller, Person, refused

OLD, NEW = "old.example", "new.example"
SERVER = "com.atproto.server."
MAIL = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "town@old.example"}


@asynccontextmanager
async def open_at(folder, shared, domain="", **settings):
    """The network of these tests, and a client of its doors."""
    with opened(folder / "town", shared, dev_mode=False, domain=domain, **settings) as site:
        claimed = msgspec.structs.replace(site.network.choices, claimed_at=1)
        site.truth.write_sync(lambda tx: site.network.choose(tx, claimed))
        async with calling(site) as http:
            yield site, http


async def join(http, name):
    return await Person.join(http, name, f".{OLD}")


async def move(site, domain=NEW):
    """What `freehold domain move` does to a network that is served."""
    await site.relocation.begin(domain)
    return await site.relocation.move(f"https://{domain}", f".{domain}", lambda done, total: None)


async def sign_in(http, name):
    return Person(http, await Caller(http).do(SERVER + "createSession", identifier=name, password=PASSWORD))


@pytest.fixture
async def town(tmp_path, shared):
    """A network that has moved, with two members and a post from before."""
    async with open_at(tmp_path, shared, OLD, **MAIL) as (site, http):
        alice, bob = await join(http, "alice"), await join(http, "bob")
        post = await alice.post("before the move")
        account = site.accounts.one(alice.did)
        device = Authenticator(f"https://{OLD}")
        asked = await site.passkeys.offer(account, PASSWORD)
        await site.passkeys.add(account, asked.ticket, device.make(asked.options), "phone")
        code, seq = await site.recovery.make_code(account, PASSWORD), site.log.last
        await site.members.start_web(account)
        walk = await move(site)
        assert (walk.done, walk.bound) == (5, [])
    async with open_at(tmp_path, shared, **MAIL) as (site, http):
        alice.http = bob.http = http
        yield SimpleNamespace(site=site, http=http, alice=alice, bob=bob, post=post, code=code, seq=seq, device=device)


async def test_names_and_posts_come_along_and_the_stream_says_so(town):
    site = town.site
    for did, handle in ((town.alice.did, "alice"), (town.bob.did, "bob"), (site.services.labeler, "labeler")):
        document = read_document(did, (await town.http.get(f"/plc/{did}")).json())
        assert (document.handles, document.pds) == ((f"{handle}.{NEW}",), f"https://{NEW}")
        told = [event.kind for event in site.log.read(town.seq) if event.did == did]
        assert told == ["identity", "account"]
        log = (await town.http.get(f"/plc/{did}/log/audit")).json()
        plc.validate_log(log)
        assert len(log) == 2
    again = await sign_in(town.http, "alice")
    assert (again.did, again.handle) == (town.alice.did, f"alice.{NEW}")
    where = {"collection": town.post.collection, "rkey": town.post.rkey}
    read = await again.get("com.atproto.repo.getRecord", repo=again.did, **where)
    assert read["cid"] == town.post.cid


async def test_what_hung_on_the_old_name_ended_and_is_listed(town):
    with refused("InvalidToken"):
        await town.alice.get(SERVER + "getSession")
    with refused("InvalidToken"):
        await town.alice.renew()
    last = town.site.network.last_move
    assert (last.was, last.now, last.moved) == (f"https://{OLD}", f"https://{NEW}", 5)
    assert (last.browsers, last.programs, last.apps, last.passkeys) == (1, 2, 0, 1)
    page = (await town.http.get("/sign-in")).text
    assert f"A passkey that you made at {OLD} does not work here" in page
    asked = town.site.passkeys.challenge()
    with pytest.raises(Exception, match="not accepted"):
        await town.site.signing_in.by_passkey(asked.ticket, town.device.sign(asked.options))


async def test_a_recovery_code_works_at_the_new_name_at_once(town):
    recovered = await town.site.recovery.recover("alice", town.code, "another good password")
    assert recovered.account.handle == f"alice.{NEW}"


async def test_mail_resets_no_password_until_the_owner_says_so(town):
    site = town.site
    with refused("EmailDisabled"):
        await Caller(town.http).do(SERVER + "requestPasswordReset", email="alice@post.example")
    assert "/recover/mail" not in (await town.http.get("/recover")).text
    allowed = msgspec.structs.replace(site.network.choices, mail_reset=True)
    await site.truth.write(lambda tx: site.network.choose(tx, allowed))
    await Caller(town.http).do(SERVER + "requestPasswordReset", email="alice@post.example")
    assert "/recover/mail" in (await town.http.get("/recover")).text


@pytest.mark.parametrize(
    ("host", "path", "to"),
    [
        (OLD, "/", f"https://{NEW}/"),
        (OLD, "/about?lang=fr", f"https://{NEW}/about?lang=fr"),
        (OLD, f"/@alice.{OLD}/p/3k", f"https://{NEW}/@alice.{NEW}/p/3k"),
        (f"alice.{OLD}", "/x%2Fy", f"https://alice.{NEW}/x%2Fy"),
        (NEW, f"/@alice.{OLD}", f"https://{NEW}/@alice.{NEW}"),
    ],
)
async def test_old_addresses_of_pages_lead_to_the_new_ones(town, host, path, to):
    answer = await town.http.get(path, headers={"host": host})
    assert (answer.status_code, answer.headers["location"]) == (308, to)
    answer = await town.http.post(path, headers={"host": host})
    assert (answer.status_code, answer.headers["location"]) == (303, to)


async def test_programs_are_answered_under_both_names_and_old_handles_are_nobodys(town):
    for host in (OLD, NEW):
        answer = await town.http.get(f"/xrpc/{SERVER}describeServer", headers={"host": host})
        assert answer.json()["availableUserDomains"] == [f".{NEW}"]
    found = await town.http.get("/.well-known/atproto-did", headers={"host": f"alice.{NEW}"})
    assert found.text == town.alice.did
    gone = await town.http.get("/.well-known/atproto-did", headers={"host": f"alice.{OLD}"})
    assert gone.status_code == 404
    assert town.site._serves_name(f"alice.{OLD}")
    assert not town.site._serves_name(f"nobody.{OLD}")


async def test_a_setting_that_names_the_old_domain_moves_nobody_back(town):
    for written, counts in ((OLD, NEW), ("", NEW), ("third.example", "third.example")):
        assert domain_of(Settings(domain=written), town.site.network.choices) == counts


async def test_a_move_back_ends_the_names_turn_among_the_former(town):
    await move(town.site, OLD)
    assert town.site.network.choices.former == (NEW,)


async def test_who_cannot_be_moved_from_here_is_listed_and_moved_where_that_is_possible(tmp_path, shared):
    async with open_at(tmp_path, shared, OLD) as (site, http):
        alice, bob, carol = [await join(http, name) for name in ("alice", "bob", "carol")]
        own = K256Key.from_raw(b"\5" * 32)

        def prepare(tx):
            newest = plc_directory.last(tx, alice.did)
            taken = plc.sign_operation(plc.update(newest, rotationKeys=[own.did_key]), site.register._host_key)
            site.register.take(tx, alice.did, taken, limited=False)
            tx.run("UPDATE account SET did = 'did:web:bob.example' WHERE did = :did", did=bob.did)
            tx.run("DELETE FROM plc_operation WHERE did = :did", did=carol.did)

        await site.truth.write(prepare)
        site.accounts.forget_all()
        walk = await move(site)
        assert [(one.handle, "own keys" in one.why, "web address" in one.why) for one in walk.bound] == [
            (f"alice.{NEW}", True, False),
            (f"bob.{NEW}", False, True),
        ]
        with site.truth.reading() as tx:
            jobs = tx.run("SELECT payload FROM job WHERE kind = :kind", kind=JOB)
        assert [msgspec.json.decode(row[0])["did"] for row in jobs] == [carol.did]


async def test_a_handle_that_is_somebodys_already_stays_as_it_was(tmp_path, shared):
    async with open_at(tmp_path, shared, OLD) as (site, http):
        alice, bob = await join(http, "alice"), await join(http, "bob")
        await site.truth.write(lambda tx: site.accounts.set_handle(tx, site.accounts.one(bob.did), f"alice.{NEW}"))
        walk = await move(site)
        assert [(one.did, one.handle) for one in walk.bound] == [(alice.did, f"alice.{OLD}")]
        document = read_document(alice.did, (await http.get(f"/plc/{alice.did}")).json())
        assert (document.handles, document.pds) == ((f"alice.{OLD}",), f"https://{NEW}")
