"""No secret in a log, a figure, an error or in the clear on the disk; and what was deleted is on no disk of ours.

Secrets that can be recognised are planted by real use, by refused calls and by calls in which we fail ourselves; then
all that the network left is searched for them.
"""

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import httpx

from freehold.cli.opening import opened as opened_alone
from freehold.pds import keychain
from freehold.site import Shared
from support.inside import HOUR, Clock, calling, opened
from support.network import CHEAP, Operator, Person, RunningNetwork, running
from support.scribes import picture
from support.spying import Secrets, Spy, forms_of, found_in

DATABASES = ("truth.db", "truth.db-wal", "index.db", "index.db-wal")


def keys_of(directory: Path) -> Secrets:
    """The secrets that lie sealed in a network's directory, and what they are sealed with."""
    unlock = b64decode((directory / "unlock.key").read_bytes())
    with opened_alone(directory) as site:
        secrets = forms_of("the unlock key", unlock)
        with site.truth.reading() as tx:
            for name in (keychain.SESSION, keychain.HOST_KEY):
                secrets |= forms_of(f"the {name}", keychain.require(tx, site.seal, name))
            for account in site.snapshot.accounts():
                secrets |= forms_of(f"a signing key ({account.handle})", site.accounts.key_of(tx, account.id).raw)
    return secrets


def test_no_secret_is_logged_counted_said_or_stored_in_the_clear(tmp_path: Path) -> None:
    directory = tmp_path / "town"

    async def use(network: RunningNetwork) -> tuple[Secrets, bytes, bytes]:
        async with httpx.AsyncClient(base_url=network.url, timeout=30) as http:
            spy = Spy(network, http)
            alice = await spy.use_programs()
            await spy.use_pages()
            await spy.subscribe(alice)
            await spy.be_failed(alice)
            assert len(spy.refusals) > 15
            return spy.known, b"\n".join(spy.refusals), (await http.get("/metrics")).content

    with running(directory, settings=CHEAP + 'log_level = "debug"\n') as network:
        secrets, refusals, figures = asyncio.run(use(network))
        on_disk = {name: (directory / name).read_bytes() for name in DATABASES if (directory / name).exists()}
        assert len(network.faults()) == 1, "the one fault that was arranged"
    log = network.log().encode()
    assert b'"level":"debug"' in log
    secrets |= keys_of(directory)
    on_disk |= {f"{name} after the end": (directory / name).read_bytes() for name in ("truth.db", "index.db")}
    places = {"the log": log, "the figures": figures, "an error": refusals, **on_disk}
    assert {place: found for place, data in places.items() if (found := found_in(data, secrets))} == {}
    assert not any(b"$argon2id$" in data for data in on_disk.values()), "nobody can guess at what they do not have"


# --- deletion


def files_of(directory: Path) -> Iterator[tuple[Path, bytes]]:
    for path in directory.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def holders(directory: Path, words: list[str]) -> dict[str, list[str]]:
    """Which files hold which words. The end of a word is enough: an index may store beginnings once for many."""
    found = {}
    for path, data in files_of(directory):
        if held := [word for word in words if word.encode()[-10:] in data]:
            found[str(path.relative_to(directory))] = held
    return found


async def test_what_was_deleted_is_in_no_file_once_its_time_is_over(tmp_path: Path, shared: Shared) -> None:
    directory, clock = tmp_path / "town", Clock()
    gone = [f"gone{token_hex(10)}" for _ in range(7)]
    kept = f"kept{token_hex(10)}"
    with opened(directory, shared, clock, event_keep_hours=72) as site:
        async with calling(site) as http:
            alice, bob = await Person.join(http), await Person.join(http)
            await say_and_take_back(alice, gone)
            leaver = await Person.join(http)
            await leaver.post(f"I was here {gone[6]}")
            await Operator(http).do("com.atproto.admin.deleteAccount", did=leaver.did)
            await bob.do("app.bsky.graph.muteActor", actor=alice.did)
            assert "truth.db-wal" in holders(directory, gone)
            clock.pass_by(73 * HOUR)
            await bob.renew()
            await bob.post(kept)
            await bob.do("app.bsky.graph.unmuteActor", actor=alice.did)
            await bob.get("app.bsky.feed.getTimeline")
            await site.sweep()
    left = holders(directory, gone)
    assert set(holders(directory, [kept])) >= {"truth.db", "index.db"}
    assert left == {}


async def say_and_take_back(alice: Person, words: list[str]) -> None:
    """Posts deleted, replaced, with a picture, a profile and a preference, each with a word of its own."""
    await alice.delete(await alice.post(f"a post {words[0]}"))
    changed = await alice.post(f"before {words[1]}")
    await alice.put("app.bsky.feed.post", changed.rkey, {"text": "after", "createdAt": "2026-01-01T00:00:00Z"})
    image = picture(b"x" * 10 + words[2].encode()[-40:])
    await alice.delete(await alice.post_picture(await alice.upload(image), alt=f"alt {words[2]}"))
    await alice.put("app.bsky.actor.profile", "self", {"description": f"I am {words[3]}"})
    await alice.put("app.bsky.actor.profile", "self", {"description": "nobody"})
    preference = {"$type": "app.bsky.actor.defs#interestsPref", "tags": [words[4]]}
    await alice.do("app.bsky.actor.putPreferences", preferences=[preference])
    await alice.do("app.bsky.actor.putPreferences", preferences=[])
    several = [await alice.post(f"several {words[5]} #tag", tags=[words[5]]) for _ in range(2)]
    await alice.apply(*({"do": "delete", "collection": ref.collection, "rkey": ref.rkey} for ref in several))
