"""Two directories, ours and another, each with its real door: one log in both."""

import pytest

from freehold.identity import plc_directory, publish
from freehold.identity.publish import OperationRefused, Publisher, submit_to
from freehold.net.client import Client
from freehold.net.errors import UpstreamFailed
from freehold.net.guard import Guard
from freehold.store.jobs import Jobs
from support.plc import HOST, HOUR, MEMBER, NETWORK, STRANGER, Clock, DirectorySite, genesis, renamed
from support.servers import answer, application, pages


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client():
    client = Client(Guard(allow_loopback=True))
    yield client
    await client.close()


@pytest.fixture
def other(tmp_path, clock):
    (tmp_path / "other").mkdir()
    site = DirectorySite(tmp_path / "other", clock, dev=True)
    yield site
    site.truth.close()


@pytest.fixture
async def url(other):
    async with application(other) as origin:
        yield f"{origin}/plc"


@pytest.fixture
def ours(tmp_path, clock, client):
    site = DirectorySite(tmp_path, clock, kept="both", client=client)
    yield site
    site.truth.close()


@pytest.fixture
def publisher(ours, client, url):
    return Publisher(ours.truth, client, url)


async def accept(site, did, *operations):
    for operation in operations:
        await site.truth.write(lambda tx, o=operation: site.register.take(tx, did, o, limited=False))


def log_of(site, did):
    with site.truth.reading() as tx:
        return plc_directory.log(tx, did)


async def test_a_directory_that_is_named_later_gets_what_was_before(ours, other, publisher, url):
    did, first = genesis()
    await ours.truth.write(lambda tx: plc_directory.submit(tx, did, first, tx.now, limited=False))
    jobs = Jobs(ours.truth)
    jobs.handles(publish.JOB, publisher.publish)
    for named, waiting in (("", 0), (url, 1), (url, 0), ("", 0), (url, 1)):
        await ours.truth.write(lambda tx, named=named: publish.keep_also(tx, named))
        assert await jobs.run_due() == waiting
    assert log_of(other, did) == log_of(ours, did) == [first]


async def test_what_is_written_here_is_soon_there(ours, other, publisher):
    did, first = genesis()
    second = renamed(first, "alice.example.com")
    await accept(ours, did, first, second)
    jobs = Jobs(ours.truth)
    jobs.handles(publish.JOB, publisher.publish)
    while await jobs.run_due():
        pass
    assert log_of(other, did) == [first, second]
    assert not await publisher.difference(did)


async def test_publishing_twice_is_the_same_as_once(ours, other, publisher):
    did, first = genesis()
    await accept(ours, did, first)
    await publisher.publish({"did": did})
    await publisher.publish({"did": did})
    assert log_of(other, did) == [first]


async def test_whoever_asked_too_soon_is_told_once_more_when_the_change_is_there(ours, client, url):
    told = []
    publisher = Publisher(ours.truth, client, url, lambda tx, did: told.append(did))
    did, first = genesis()
    await accept(ours, did, first)
    for _ in range(2):
        await publisher.publish({"did": did})
        assert told == [did]


async def test_what_the_member_did_there_is_taken_over_here(ours, other, publisher):
    did, first = genesis()
    await accept(ours, did, first)
    await publisher.publish({"did": did})
    theirs = renamed(first, "mine.example.com", signer=MEMBER)
    await accept(other, did, theirs)
    assert (await publisher.difference(did)).only_there
    await publisher.publish({"did": did})
    assert log_of(ours, did) == [first, theirs]


async def test_where_both_went_on_the_other_order_counts(ours, other, publisher):
    did, first = genesis()
    await accept(ours, did, first)
    await publisher.publish({"did": did})
    theirs = renamed(first, "theirs.example.com", signer=MEMBER)
    await accept(other, did, theirs)
    await accept(ours, did, renamed(first, "ours.example.com", signer=HOST))
    await publisher.publish({"did": did})
    assert log_of(ours, did) == log_of(other, did) == [first, theirs]


async def test_a_higher_key_of_ours_takes_back_what_a_lower_one_did_there(ours, other, publisher):
    did, first = genesis()
    await accept(ours, did, first)
    await publisher.publish({"did": did})
    await accept(other, did, renamed(first, "thief.example.com", signer=HOST))
    recovered = renamed(first, "ours.example.com", signer=NETWORK)
    await accept(ours, did, recovered)
    await publisher.publish({"did": did})
    assert log_of(ours, did) == log_of(other, did) == [first, recovered]


async def test_a_change_that_is_refused_for_now_is_kept_and_tried_again(ours, other, publisher, clock):
    """The other directory limits how often an identity changes: ours must not be undone by that."""
    other.place.dev = False
    did, operation = genesis()
    made = [operation]
    for number in range(11):
        operation = renamed(operation, f"n{number}.example.com")
        made.append(operation)
    await accept(ours, did, *made)
    with pytest.raises(UpstreamFailed):
        await publisher.publish({"did": did})
    assert log_of(ours, did) == made
    clock.pass_by(2 * HOUR)
    await publisher.publish({"did": did})
    assert log_of(other, did) == made


async def test_a_directory_that_is_away_leaves_the_job_to_be_tried_again(ours, client):
    did, first = genesis()
    await accept(ours, did, first)
    async with pages({}) as origin:
        pass
    with pytest.raises(UpstreamFailed):
        await Publisher(ours.truth, client, f"{origin}/plc").publish({"did": did})
    assert log_of(ours, did) == [first]


async def test_a_directory_that_talks_nonsense_changes_nothing(ours, client):
    did, first = genesis()
    await accept(ours, did, first)
    said = b'[{"did": "did:plc:x", "operation": {}, "cid": "b", "nullified": false, "createdAt": "now"}]'
    for nonsense in (b"<html>", b"{}", b"[1]", said):
        given = {f"/plc/{did}/log/audit": answer(200, nonsense), f"/plc/{did}": answer(200)}
        async with pages(given) as origin:
            with pytest.raises(Exception):  # noqa: B017, PT011 - whichever refusal, the job is tried again
                await Publisher(ours.truth, client, f"{origin}/plc").publish({"did": did})
    assert log_of(ours, did) == [first]


async def test_an_operation_that_is_refused_is_told_from_a_directory_that_is_broken(client, url):
    did, first = genesis()
    with pytest.raises(OperationRefused) as refused:
        await submit_to(client, url, did, {**first, "sig": renamed(first, "x.test", signer=STRANGER)["sig"]})
    assert "message" in refused.value.facts["said"]
    async with pages({f"/{did}": answer(500)}) as origin:
        with pytest.raises(UpstreamFailed) as failed:
            await submit_to(client, origin, did, first)
    assert not isinstance(failed.value, OperationRefused)
