"""A network that is reached somewhere else than before: identities say so, handles follow, nothing is lost.

Source: https://atproto.com/specs/did, https://web.plc.directory/spec/v0.1/did-plc
"""

from freehold.identity import plc_directory
from freehold.protocol import plc
from freehold.protocol.keys import K256Key
from support.inside import calling, opened
from support.network import PASSWORD, Caller, Person


async def document(http, did):
    return (await http.get(f"/plc/{did}")).json()


def endpoints(document):
    return {service["serviceEndpoint"] for service in document["service"]}


async def test_on_another_port_every_did_says_so_and_handles_stay(tmp_path, shared):
    with opened(tmp_path / "town", shared, port=8000) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            post = await alice.post("before the move")
            assert endpoints(await document(http, alice.did)) == {"http://localhost:8000"}
            services, seq = site.services, site.log.last
    with opened(tmp_path / "town", shared, port=9000) as site:
        assert site.services == services
        async with calling(site) as http:
            for did in (alice.did, *services):
                assert endpoints(await document(http, did)) == {"http://localhost:9000"}
            again = Person(
                http, await Caller(http).do("com.atproto.server.createSession", identifier="alice", password=PASSWORD)
            )
            assert (again.did, again.handle) == (alice.did, "alice.test")
            read = await again.get(
                "com.atproto.repo.getRecord", repo=alice.did, collection=post.collection, rkey=post.rkey
            )
            assert read["cid"] == post.cid
        told = [event for event in site.log.read(seq) if event.did == alice.did]
        assert [event.kind for event in told] == ["identity", "account"]


async def test_under_a_domain_handles_and_dids_follow_in_valid_operations(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice = await Person.join(http, "alice")
            appview = site.services.appview
    with opened(tmp_path / "town", shared, dev_mode=False, domain="town.example") as site:
        assert site.services.appview == appview
        async with calling(site) as http:
            moved = await document(http, alice.did)
            assert moved["alsoKnownAs"] == ["at://alice.town.example"]
            assert endpoints(moved) == {"https://town.example"}
            found = await http.get("/.well-known/atproto-did", headers={"host": "alice.town.example"})
            assert found.text == alice.did
            assert site.accounts.find("alice.test") is None
            assert site.accounts.one(appview).handle == "appview.town.example"
            log = (await http.get(f"/plc/{alice.did}/log/audit")).json()
            plc.validate_log(log)
            assert len(log) == 2  # made, then pointed here and renamed at once
    with opened(tmp_path / "town", shared, dev_mode=False, domain="town.example") as site:
        async with calling(site) as http:
            assert len((await http.get(f"/plc/{alice.did}/log/audit")).json()) == 2  # nothing is done twice


async def test_a_move_that_was_broken_off_is_finished_at_the_next_start(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            people = [await Person.join(http, f"person{n}") for n in range(3)]
            choices = site.network.choices
    with opened(tmp_path / "town", shared, port=9000) as site:  # as if it had stopped before it said so
        await site.truth.write(lambda tx: site.network.choose(tx, choices))
    with opened(tmp_path / "town", shared, port=9000) as site:
        assert site.network.choices.base_url == "http://localhost:9000"
        async with calling(site) as http:
            for person in people:
                assert len((await http.get(f"/plc/{person.did}/log/audit")).json()) == 2


async def test_a_member_whose_identity_we_may_not_change_stops_nobody(tmp_path, shared):
    with opened(tmp_path / "town", shared) as site:
        async with calling(site) as http:
            alice, bob = await Person.join(http, "alice"), await Person.join(http, "bob")
            with site.truth.reading() as tx:
                newest = plc_directory.last(tx, alice.did)
            own = K256Key.from_raw(b"\5" * 32)
            taken = plc.sign_operation(plc.update(newest, rotationKeys=[own.did_key]), site.register._host_key)
            await site.truth.write(lambda tx: site.register.take(tx, alice.did, taken, limited=False))
    with opened(tmp_path / "town", shared, dev_mode=False, domain="town.example") as site:
        async with calling(site) as http:
            assert endpoints(await document(http, alice.did)) == {"http://localhost:8000"}
            assert endpoints(await document(http, bob.did)) == {"https://town.example"}
            assert site.accounts.one(alice.did).handle == "alice.town.example"
