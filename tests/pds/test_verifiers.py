"""Verified accounts, from the operator's word to the page that a reader sees."""

from freehold.pds import verifiers
from support.joining import choose
from support.network import PROFILE, now


async def test_a_verified_member_is_shown_so_to_apps_and_on_their_page(site, http, alice, bob):
    await choose(site)
    await bob.create(PROFILE, {"displayName": "Bob"}, rkey="self")
    handle = (await alice.get("app.bsky.actor.getProfile", actor=bob.did))["handle"]
    record = {"subject": bob.did, "handle": handle, "displayName": "Bob", "createdAt": now()}
    await alice.create("app.bsky.graph.verification", record)
    assert "verification" not in await alice.get("app.bsky.actor.getProfile", actor=bob.did)
    assert await site.truth.write(lambda tx: verifiers.name(tx, alice.did))
    assert not await site.truth.write(lambda tx: verifiers.name(tx, alice.did))
    await site.private_caught_up()
    said = (await alice.get("app.bsky.actor.getProfile", actor=bob.did))["verification"]
    assert (said["verifiedStatus"], said["verifications"][0]["issuer"]) == ("valid", alice.did)
    assert "@alice confirms that this is really them." in (await http.get(f"/@{handle}")).text
    site.index.rebuild()
    assert (await alice.get("app.bsky.actor.getProfile", actor=bob.did))["verification"] == said
    assert await site.truth.write(lambda tx: verifiers.unname(tx, alice.did))
    await site.private_caught_up()
    assert "verification" not in await alice.get("app.bsky.actor.getProfile", actor=bob.did)
    assert "really them" not in (await http.get(f"/@{handle}")).text
