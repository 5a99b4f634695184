"""Accounts that leave a network that serves them, and accounts that leave one that does not: by their own key.

Source: https://atproto.com/guides/account-migration, https://web.plc.directory/spec/v0.1/did-plc
"""

import asyncio
import io
from contextlib import asynccontextmanager
from zipfile import ZipFile

import httpx
import msgspec
import pytest

from freehold.identity import plc_directory
from freehold.identity.operations import KeyHasNoRight
from freehold.pds import keychain, moves, private, recovery_keys
from freehold.pds.accounts import New
from freehold.pds.backup import Backup, BadBackup
from freehold.pds.membership import Application
from freehold.pds.moving_in import AlreadyHere
from freehold.pds.moving_out import GivenUp, NoMove, TooLate, UnderWay, Wanted, untold
from freehold.pds.moving_over import Asking
from freehold.pds.other_host import OtherHost, OtherSide
from freehold.pds.service_callers import BadServiceToken
from freehold.protocol import cbor, plc
from freehold.protocol.cid import Cid
from freehold.protocol.keys import K256Key
from freehold.protocol.refused import Refused
from freehold.repo import car, commit
from freehold.repo.mst import Tree
from support.inside import HOUR, served
from support.moving import REPO, SERVER
from support.network import PASSWORD, POST, Caller, Person, now
from support.pictures import jpeg_with_place, png

PREFERENCE = {"$type": "app.bsky.actor.defs#adultContentPref", "enabled": False}
APPLICATION = Application("mei.test", PASSWORD)


@pytest.fixture
def key():
    """A member's own, and its text."""
    made = recovery_keys.make()
    return recovery_keys.key_of(made.secret)


@pytest.fixture
async def mei(there, key):
    return await Person.join(there, "mei", recoveryKey=key.did_key)


async def texts_at(http, did):
    listed = (await Caller(http).get(REPO + "listRecords", repo=did, collection=POST))["records"]
    return sorted(record["value"]["text"] for record in listed)


# --- to another host, by this one's hand


async def test_a_member_is_taken_to_another_host_with_everything(there, here, old, new, mei, key):
    await mei.post_picture(await mei.upload(png(8, 8)), "my picture")
    await mei.do("app.bsky.actor.putPreferences", preferences=[PREFERENCE])
    account = old.accounts.one(mei.did)
    await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    told = []
    move = await old.moving_out.advance(account, lambda *said: told.append(said))
    assert (move.over, move.handle) == (True, "mei.test")
    assert ("Pictures and other files", 1, 1) in told
    moved = Person(here, await Caller(here).do(SERVER + "createSession", identifier=mei.did, password=PASSWORD))
    status = await moved.get(SERVER + "checkAccountStatus")
    assert (status["activated"], status["validDid"], status["importedBlobs"]) == (True, True, 1)
    assert (await moved.get("app.bsky.actor.getPreferences"))["preferences"] == [PREFERENCE]
    assert await texts_at(here, mei.did) == ["my picture"]
    newest = await old.plc_requests._operations.newest(mei.did)
    assert newest["rotationKeys"] == [key.did_key, *new.register.rotation_keys]
    assert old.accounts.one(mei.did).status == "deactivated"
    with old.truth.reading() as tx:
        assert tx.one("SELECT box FROM move_out") == (None,)
        assert tx.one("SELECT delete_after > created_at FROM account WHERE did = :did", did=mei.did) == (1,)


async def test_a_move_goes_on_after_a_kill_at_any_step(here, old, new, mei):
    await mei.post_picture(await mei.upload(png(8, 8)), "my picture")
    account, out = old.accounts.one(mei.did), old.moving_out
    await out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    for step in moves.STEPS[:-1]:
        move = out.state(account)
        assert move.step == step
        await out._steps[step](old.accounts.one(mei.did), move, await out._opened(account, move), untold)
        again = await out._opened(account, move)  # killed before the step was noted: it is done again
        await out._steps[step](old.accounts.one(mei.did), move, again, untold)
        following = moves.STEPS[moves.STEPS.index(step) + 1]
        await old.truth.write(lambda tx, following=following: moves.reach(tx, account.id, following))
    assert await texts_at(here, mei.did) == ["my picture"]
    assert new.accounts.one(mei.did).active
    assert old.accounts.one(mei.did).status == "deactivated"


async def test_what_the_new_host_refuses_is_told_and_can_be_mended(here, old, new, mei):
    await Person.join(here, "mei")
    account, out = old.accounts.one(mei.did), old.moving_out
    with pytest.raises(NoMove):
        await out.advance(account)
    await out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    with pytest.raises(OtherSide) as refusal:
        await out.advance(account)
    assert "That handle is taken" in refusal.value.say
    assert out.state(account).failure == refusal.value.say
    await out.begin(account, Wanted(new.place.base_url, "mei2", "", PASSWORD), background=False)
    await out.give_up(account)
    assert out.state(account) is None
    await mei.post("still here")


async def test_in_the_background_a_move_comes_to_its_end(here, old, new, mei):
    await mei.post("on the way")
    account = old.accounts.one(mei.did)
    await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD))
    stroke = new.log.bell.next
    while not new.accounts.find(mei.did) or not new.accounts.one(mei.did).active:
        await stroke.wait(20)
        stroke = new.log.bell.next
    assert await texts_at(here, mei.did) == ["on the way"]


async def test_once_the_identity_is_handed_over_there_is_no_way_back(old, new, mei):
    account = old.accounts.one(mei.did)
    wanted = Wanted(new.place.base_url, "mei", "", PASSWORD)
    await old.moving_out.begin(account, wanted, background=False)
    await old.truth.write(lambda tx: moves.reach(tx, account.id, "wake"))
    for act in (old.moving_out.give_up(account), old.moving_out.begin(account, wanted)):
        with pytest.raises(TooLate):
            await act


async def test_who_stays_breaks_off_the_step_that_is_at_work(old, new, mei):
    account, begun = old.accounts.one(mei.did), asyncio.Event()

    async def endless(*given):
        begun.set()
        await asyncio.Event().wait()

    old.moving_out._steps["blobs"] = endless
    await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    move = asyncio.create_task(old.moving_out.advance(account))
    await asyncio.wait_for(begun.wait(), 20)
    with pytest.raises(UnderWay):
        await old.moving_out.begin(account, Wanted(new.place.base_url, "mei2", "", PASSWORD), background=False)
    await asyncio.wait_for(old.moving_out.give_up(account), 20)
    with pytest.raises(GivenUp):
        await move
    assert old.moving_out.state(account) is None
    assert (await old.identity.did_document(mei.did, doubted=True)).pds == old.place.base_url


async def test_who_says_so_while_the_identity_is_handed_over_is_told_the_truth(old, new, mei):
    account, hand_over, saying = old.accounts.one(mei.did), old.moving_out._hand_over, []

    async def overtaken(*given):
        saying.append(asyncio.create_task(old.moving_out.give_up(account)))
        await asyncio.sleep(0)
        await hand_over(*given)

    old.moving_out._steps["identity"] = overtaken
    await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    assert (await old.moving_out.advance(account)).over
    with pytest.raises(TooLate):
        await saying[0]


async def test_an_identity_that_went_over_unheard_does_not_come_back_by_staying(old, new, mei):
    account, hand_over = old.accounts.one(mei.did), old.moving_out._hand_over

    async def unheard(*given):
        await hand_over(*given)
        raise Refused("The answer was lost.")

    old.moving_out._steps["identity"] = unheard
    await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    with pytest.raises(Refused, match="lost"):
        await old.moving_out.advance(account)
    with pytest.raises(TooLate):
        await old.moving_out.give_up(account)
    old.moving_out._steps["identity"] = hand_over
    assert (await old.moving_out.advance(account)).over


async def test_with_two_directories_both_say_where_a_member_went_and_that_they_came_back(tmp_path, shared):
    async with served(tmp_path / "hub", shared) as hub:
        public = hub.place.base_url + "/plc"
        async with (
            served(tmp_path / "one", shared, plc="both", public_plc=public) as one,
            served(tmp_path / "two", shared, plc="both", public_plc=public) as two,
            httpx.AsyncClient(base_url=one.place.base_url, timeout=30) as http,
        ):
            one.identity._directory = two.identity._directory = public  # --dev asks no public directory by itself
            one.plc_requests._operations._directory = two.plc_requests._operations._directory = public
            mei = await Person.join(http, "mei")
            await one.plc_requests._operations.follow(mei.did)
            for old, new in ((one, two), (two, one)):
                account = old.accounts.one(mei.did)
                await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
                await old.moving_out.advance(account)
                for site in (hub, one):
                    with site.truth.reading() as tx:
                        newest = plc_directory.newest(tx, mei.did)
                    assert newest["services"]["atproto_pds"]["endpoint"] == new.place.base_url


# --- from another host, by its member's hand


async def test_a_move_that_was_cut_off_before_the_code_goes_on(there, here, old, new, mei):
    await mei.post_picture(await mei.upload(png(8, 8)), "my picture")
    host = OtherHost(new.client, old.place.base_url)
    assert await host.sign_in("mei.test", PASSWORD) == mei.did

    async def mine(key):
        return True

    async def walk_away():
        raise KeyboardInterrupt

    async def password():
        return PASSWORD

    with pytest.raises(KeyboardInterrupt):
        await new.moving_over.bring(mei.did, host, APPLICATION, Asking(walk_away, mine), untold)
    assert old.accounts.one(mei.did).active
    await mei.post("written meanwhile")
    again = OtherHost(new.client, old.place.base_url)
    await again.sign_in(mei.did, PASSWORD)
    moved = await new.moving_over.bring(mei.did, again, Application("", ""), Asking(password, mine), untold)
    assert (moved.account.handle, moved.records, moved.lacking) == ("mei.test", 2, 0)
    assert await texts_at(here, mei.did) == ["my picture", "written meanwhile"]
    newest = await new.plc_requests._operations.newest(mei.did)
    assert newest["rotationKeys"][0] == recovery_keys.standing(newest, new.register.rotation_keys)[0]
    assert old.accounts.one(mei.did).status == "deactivated"


async def test_a_host_that_does_not_speak_for_the_account_is_not_believed(there, here, old, new, mei, tmp_path, shared):
    """It says that its session is mei's; its token is not signed by mei's key."""
    async with served(tmp_path / "liar", shared) as liar:
        key = liar.register._host_key
        await liar.truth.write(lambda tx: liar.accounts.add(tx, New(mei.did, "mei.test", "member", None, None, key)))
        await liar.members.set_password(liar.accounts.one(mei.did), PASSWORD)
        host = OtherHost(new.client, liar.place.base_url)
        assert await host.sign_in(mei.did, PASSWORD) == mei.did
        with pytest.raises(BadServiceToken):
            await new.moving_over.prove(mei.did, host)
    assert new.accounts.find(mei.did) is None


# --- from a host that is gone


async def backup_of(person):
    return Backup(io.BytesIO(await person.car("com.atproto.sync.getRepo", did=person.did)))


async def test_a_backup_and_the_members_own_key_bring_the_account_back(here, old, new, mei, key):
    photo = jpeg_with_place()
    blob = {"$type": "blob", "ref": {"$link": str(Cid.of_raw(photo))}, "mimeType": "image/jpeg", "size": len(photo)}
    await mei.post("an old post")
    backup = Backup(io.BytesIO(with_picture(await mei.car("com.atproto.sync.getRepo", did=mei.did), blob, old, mei)))
    seq = new.log.last

    @asynccontextmanager
    async def folder(cid):
        async def pieces():
            yield photo

        yield pieces() if cid == Cid.of_raw(photo) else None

    done = await new.rescue.bring(backup, key, APPLICATION, folder, untold)
    assert (done.records, done.lacking) == (1, 0)
    told = [event.kind for event in new.log.read(seq) if event.did == mei.did]
    assert told == ["identity", "identity", "account", "sync"]
    got = await Caller(here).ask("com.atproto.sync.getBlob", did=mei.did, cid=str(Cid.of_raw(photo)))
    assert got.content == photo, "the place in the photo is part of what the post names"
    newest = await new.plc_requests._operations.newest(mei.did)
    assert newest["rotationKeys"] == [key.did_key, *new.register.rotation_keys]
    assert newest["services"]["atproto_pds"]["endpoint"] == new.place.base_url
    moved = Person(here, await Caller(here).do(SERVER + "createSession", identifier="mei.test", password=PASSWORD))
    await moved.post("a new life")
    with pytest.raises(AlreadyHere):
        await new.rescue.examine(backup, key)


def with_picture(given, blob, site, person):
    """The same repository with one record more, of a picture as other hosts keep them; signed by the account's key."""
    record = {"$type": POST, "text": "where I was", "createdAt": now(),
              "embed": {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": ""}]}}  # fmt: skip
    data = cbor.encode_json(record)
    tree = Tree.empty().put(f"{POST}/3kaaaaaaaaaa2", Cid.of_cbor(data))
    roots, blocks = car.read_car(given)
    rev = commit.read(blocks[roots[0]]).rev
    root, signed = commit.sign(site.key_of(site.accounts.one(person.did)), person.did, rev, tree.root)
    return car.write_car([root], {root: signed, **dict(tree.nodes()), Cid.of_cbor(data): data})


async def test_a_key_that_a_hostile_host_took_out_takes_the_identity_back_for_three_days(
    here, old, new, mei, key, clock
):
    await mei.post("mine")
    backup = await backup_of(mei)
    hostile = [K256Key.from_raw(b"\x66" * 32).did_key, *old.register.rotation_keys]
    await old.truth.write(lambda tx: old.register.change(tx, mei.did, rotationKeys=hostile))
    clock.pass_by(73 * HOUR)
    with pytest.raises(KeyHasNoRight) as refusal:
        await new.rescue.examine(backup, key)
    assert "72 hours" in refusal.value.say
    clock.pass_by(-2 * HOUR)
    await new.rescue.bring(backup, key, APPLICATION, None, untold)
    assert await texts_at(here, mei.did) == ["mine"]
    with old.truth.reading() as tx:
        assert [nullified for (nullified,) in tx.run(
            "SELECT nullified FROM plc_operation WHERE did = :did ORDER BY seq", did=mei.did
        )] == [0, 1, 0]  # fmt: skip


async def test_an_identity_that_a_host_has_ended_is_revived(here, old, new, mei, key):
    await mei.post("not the end")
    backup = await backup_of(mei)

    def end(tx):
        [entry] = plc_directory.entries(tx, mei.did)
        tombstone = plc.sign_operation(plc.tombstone(entry.cid), old.register._host_key)
        old.register.take(tx, mei.did, tombstone, limited=False)

    await old.truth.write(end)
    await new.rescue.bring(backup, key, APPLICATION, None, untold)
    assert await texts_at(here, mei.did) == ["not the end"]


async def test_the_owner_of_a_lost_network_brings_its_members_and_their_keys_stay_on_top(here, old, new, mei, key):
    await mei.post("one of many")
    offline = await old.truth.write(lambda tx: keychain.get(tx, old.seal, keychain.OFFLINE_KEY))
    written = recovery_keys.key_of(keychain.written(offline))
    await new.rescue.bring(await backup_of(mei), written, APPLICATION, None, untold)
    newest = await new.plc_requests._operations.newest(mei.did)
    assert newest["rotationKeys"] == [key.did_key, written.did_key, *new.register.rotation_keys]
    assert await texts_at(here, mei.did) == ["one of many"]


async def test_strange_keys_and_forged_backups_change_nothing(old, new, mei, key):
    await mei.post("mine")
    backup = await backup_of(mei)
    with pytest.raises(KeyHasNoRight):
        await new.rescue.bring(backup, K256Key.from_raw(b"\x66" * 32), APPLICATION, None, untold)
    forged_commit, block = commit.sign(
        K256Key.from_raw(b"\x66" * 32), mei.did, backup.commit().rev, backup.commit().data
    )
    forged = Backup(io.BytesIO(car.write_car([forged_commit], {forged_commit: block})))
    with pytest.raises(BadBackup):
        await new.rescue.bring(forged, key, APPLICATION, None, untold)
    for junk in (b"", b"PK\3\4 no archive", b"\0" * 100):
        with pytest.raises(Refused) as wrong:
            await new.rescue.examine(Backup(io.BytesIO(junk)), key)
        assert wrong.value.kind == "invalid"
    assert new.accounts.find(mei.did) is None


# --- the archive


def archive_of(repository, private=b"{}"):
    made = io.BytesIO()
    with ZipFile(made, "w") as file:
        file.writestr("repository.car", repository)
        file.writestr("private.json", private)
    return bytearray(made.getvalue())


@pytest.mark.parametrize(("here", "listed", "flip"), [(6, 8, 1), (8, 10, 99), (120, None, 255)])
async def test_an_archive_that_cannot_be_read_is_refused_by_name(mei, here, listed, flip):
    data = archive_of(await mei.car("com.atproto.sync.getRepo", did=mei.did))
    data[here] ^= flip
    if listed is not None:
        data[data.index(b"PK\1\2") + listed] ^= flip
    with pytest.raises(BadBackup, match="in that archive is damaged"):
        Backup(io.BytesIO(bytes(data))).commit()


@pytest.mark.parametrize("private", [b"{", b"[]", b'{"preferences": 5}', b'{"mutes": {}}'])
async def test_strange_private_settings_are_refused_by_name(private):
    with pytest.raises(BadBackup, match="private settings"):
        Backup(io.BytesIO(bytes(archive_of(b"", private)))).private()


async def test_the_archive_holds_everything_and_no_secret(old, mei):
    picture = png(8, 8)
    blob = await mei.upload(picture)
    await mei.post_picture(blob, "my picture")
    await mei.do("app.bsky.actor.putPreferences", preferences=[PREFERENCE])
    secret = (await mei.do(SERVER + "createAppPassword", name="phone"))["password"]
    account = old.accounts.one(mei.did)
    pieces = [piece async for piece in old.archives.of(account)]
    with ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        cid = blob["ref"]["$link"]
        assert archive.namelist() == [
            "README.txt", "private.json", "identity.json", "repository.car", f"blobs/{cid}.png", "blobs.json",
        ]  # fmt: skip
        assert archive.read(f"blobs/{cid}.png") == picture
        private = msgspec.json.decode(archive.read("private.json"))
        assert private["preferences"] == [PREFERENCE]
        assert [one["name"] for one in private["appPasswords"]] == ["phone"]
        assert secret not in str(private)
        assert mei.did in archive.read("README.txt").decode()
        roots, blocks = car.read_car(archive.read("repository.car"))
        assert commit.read(blocks[roots[0]]).did == mei.did


async def test_the_archive_and_the_key_bring_the_account_to_another_host(here, there, old, new, mei, key):
    otto = await Person.join(there, "otto")
    await mei.post_picture(await mei.upload(png(8, 8)), "my picture")
    await mei.do("app.bsky.actor.putPreferences", preferences=[PREFERENCE])
    await mei.do("app.bsky.graph.muteActor", actor=otto.did)
    data = b"".join([piece async for piece in old.archives.of(old.accounts.one(mei.did))])
    done = await new.rescue.bring(Backup(io.BytesIO(data)), key, APPLICATION, None, untold)
    assert (done.records, done.lacking) == (1, 0)
    moved = Person(here, await Caller(here).do(SERVER + "createSession", identifier=mei.did, password=PASSWORD))
    assert (await moved.get("app.bsky.actor.getPreferences"))["preferences"] == [PREFERENCE]
    with new.truth.reading() as tx:
        muted = private.mutes(tx, new.seal, new.accounts.one(mei.did).id)
    assert [subject for subject, _ in muted] == [otto.did]


async def test_a_large_archive_goes_out_in_small_pieces(old, mei):
    for number in range(3):
        blob = await mei.upload(bytes([number]) * 3_000_000, "application/octet-stream")
        await mei.create("com.example.file", {"file": blob})
    sizes = [len(piece) async for piece in old.archives.of(old.accounts.one(mei.did))]
    assert max(sizes) < 1_200_000
    assert sum(sizes) > 9_000_000


# --- the network moves, and leaves alone who has left


async def test_an_account_that_has_left_is_not_called_back_when_the_network_moves(old, new, mei):
    account = old.accounts.one(mei.did)
    await old.moving_out.begin(account, Wanted(new.place.base_url, "mei", "", PASSWORD), background=False)
    await old.moving_out.advance(account)
    assert await _moves_on(old) >= 1
    document = await new.identity.did_document(mei.did, doubted=True)
    assert document.pds == new.place.base_url


async def _moves_on(site):
    """The network is reached somewhere else from now on; how many accounts went along."""
    old, site.register._endpoint = site.register._endpoint, "https://elsewhere.example"
    try:
        return site.relocation.settle("https://elsewhere.example", ".test", "")
    finally:
        site.register._endpoint = old
