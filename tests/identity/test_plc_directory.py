"""Our own PLC directory: what it takes, what it shows, what it says to logs of the public one."""

import json

import pytest

from freehold.identity import plc_directory
from freehold.protocol import plc
from freehold.protocol.plcform import BadOperation
from freehold.protocol.syntax import parse_datetime
from support.plc import HOST, HOUR, MEMBER, NETWORK, START, STRANGER, Clock, directory, ended, genesis, renamed

STRICTER_TODAY = {"log_legacy_dholms", "log_duplicate_rotation_keys", "log_nullification"}
"""Old logs that are valid but hold what nobody may add today."""


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def db(tmp_path, clock):
    with directory(tmp_path, clock) as db:
        yield db


@pytest.fixture
def submit(db, clock):
    def submit(did, operation, **more):
        return db.write_sync(lambda tx: plc_directory.submit(tx, did, operation, clock(), **more))

    return submit


def read(db, what, *given):
    with db.reading() as tx:
        return what(tx, *given)


def test_a_new_identity_is_shown_in_every_form(db, submit):
    did, first = genesis()
    cid = submit(did, first)
    assert read(db, plc_directory.document, did) == plc.document(did, first)
    assert read(db, plc_directory.data, did)["rotationKeys"] == [MEMBER.did_key, NETWORK.did_key, HOST.did_key]
    assert read(db, plc_directory.log, did) == [first]
    assert read(db, plc_directory.last, did) == first
    assert read(db, plc_directory.audit, did) == [
        {
            "did": did,
            "operation": first,
            "cid": str(cid),
            "nullified": False,
            "createdAt": "2023-11-14T22:13:20.000Z",
        }
    ]


def test_an_update_follows_the_newest(db, submit):
    did, first = genesis()
    second = renamed(first, "alice.example.com")
    submit(did, first)
    submit(did, second)
    assert read(db, plc_directory.document, did)["alsoKnownAs"] == ["at://alice.example.com"]
    assert read(db, plc_directory.log, did) == [first, second]


def test_sending_the_newest_again_changes_nothing(db, submit):
    did, first = genesis()
    assert submit(did, first) == submit(did, first)
    assert len(read(db, plc_directory.audit, did)) == 1


@pytest.mark.parametrize("what", [plc_directory.document, plc_directory.data, plc_directory.log, plc_directory.audit])
def test_an_unknown_did_is_named(db, what):
    with pytest.raises(plc_directory.NotRegistered, match="DID not registered: did:plc:nobody"):
        read(db, what, "did:plc:nobody")


def test_an_ended_identity_shows_its_log_and_no_document(db, submit):
    did, first = genesis()
    submit(did, first)
    submit(did, ended(first))
    with pytest.raises(plc_directory.NotAvailable):
        read(db, plc_directory.document, did)
    assert read(db, plc_directory.last, did)["type"] == "plc_tombstone"
    assert len(read(db, plc_directory.log, did)) == 2
    with pytest.raises(BadOperation):
        submit(did, renamed(first, "again.test"))


def test_a_strangers_key_changes_nothing(db, submit):
    did, first = genesis()
    submit(did, first)
    with pytest.raises(BadOperation):
        submit(did, renamed(first, "stolen.test", signer=STRANGER))
    assert read(db, plc_directory.log, did) == [first]


def test_a_higher_key_takes_back_what_a_lower_one_did_for_72_hours(db, submit, clock):
    did, first = genesis()
    submit(did, first)
    submit(did, renamed(first, "stolen.test", signer=HOST))
    clock.pass_by(72 * HOUR)
    with pytest.raises(BadOperation):
        submit(did, renamed(first, "mine.test", signer=HOST))
    submit(did, renamed(first, "mine.test", signer=MEMBER))
    assert [entry["nullified"] for entry in read(db, plc_directory.audit, did)] == [False, True, False]
    assert read(db, plc_directory.document, did)["alsoKnownAs"] == ["at://mine.test"]


def test_after_72_hours_it_stands(db, submit, clock):
    did, first = genesis()
    submit(did, first)
    submit(did, renamed(first, "other.test", signer=HOST))
    clock.pass_by(72 * HOUR + 2000)
    with pytest.raises(BadOperation):
        submit(did, renamed(first, "mine.test", signer=MEMBER))


def test_times_rise_even_when_the_clock_does_not(db, submit, clock):
    first_did, first = genesis("a.test")
    second_did, second = genesis("b.test")
    submit(first_did, first)
    clock.pass_by(-5 * HOUR)
    submit(second_did, second)
    with db.reading() as tx:
        times = [entry["createdAt"] for entry in plc_directory.export_after_time(tx, 0, 10)]
    assert times == ["2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20.001Z"]


def test_one_identity_cannot_be_changed_without_end_by_strangers(db, submit):
    did, operation = genesis()
    submit(did, operation, limited=True)
    for number in range(9):
        operation = renamed(operation, f"n{number}.test")
        submit(did, operation, limited=True)
    with pytest.raises(BadOperation, match="last hour"):
        submit(did, renamed(operation, "more.test"), limited=True)
    submit(did, renamed(operation, "more.test"))


def test_a_recovery_is_never_too_many(db, submit):
    did, first = genesis()
    submit(did, first)
    operation = first
    for number in range(20):
        operation = renamed(operation, f"n{number}.test")
        submit(did, operation)
    submit(did, renamed(first, "mine.test", signer=MEMBER), limited=True)


def test_the_export_gives_everything_once_by_time_or_by_number(db, submit, clock):
    made = []
    for number in range(7):
        did, first = genesis(f"n{number}.test")
        submit(did, first)
        made.append(did)
        clock.pass_by(number % 2 * 1000)
    by_time, after = [], 0
    while page := read(db, plc_directory.export_after_time, after, 3):
        by_time += page
        after = parse_datetime(page[-1]["createdAt"])
    by_seq, seq = [], 0
    while page := read(db, plc_directory.export_after_seq, seq, 3):
        by_seq += page
        seq = page[-1]["seq"]
    assert [entry["did"] for entry in by_time] == [entry["did"] for entry in by_seq] == made
    assert set(by_time[0]) == {"did", "operation", "cid", "nullified", "createdAt"}
    assert set(by_seq[0]) == {"type", "seq", "did", "operation", "cid", "createdAt"}


def logs(folder):
    return sorted(folder.glob("*.json"))


def test_the_public_directorys_valid_logs_give_the_same_answers_here(tmp_path, vectors, clock):
    for path in logs(vectors / "plc" / "valid"):
        audit = json.loads(path.read_text())
        did = audit[0]["did"]
        folder = tmp_path / path.stem
        folder.mkdir()
        with directory(folder, clock) as db:
            if path.stem in STRICTER_TODAY:
                with pytest.raises(BadOperation):
                    replay(db, clock, audit)
                db.write_sync(lambda tx, did=did, audit=audit: plc_directory.adopt(tx, did, audit))
            else:
                replay(db, clock, audit)
            assert read(db, plc_directory.audit, did) == audit, path.stem


def test_the_public_directorys_invalid_logs_are_refused_here(tmp_path, vectors, clock):
    for path in logs(vectors / "plc" / "invalid"):
        audit = json.loads(path.read_text())
        folder = tmp_path / path.stem
        folder.mkdir()
        with directory(folder, clock) as db:
            with pytest.raises(BadOperation):
                replay(db, clock, audit)
            with pytest.raises(BadOperation):
                db.write_sync(lambda tx, audit=audit: plc_directory.adopt(tx, audit[0]["did"], audit))


def replay(db, clock, audit):
    for entry in audit:
        clock.now = parse_datetime(entry["createdAt"])
        db.write_sync(lambda tx, e=entry: plc_directory.submit(tx, e["did"], e["operation"], tx.now))


def test_another_order_of_the_public_directory_is_taken_over(db, submit, tmp_path, clock):
    did, first = genesis()
    submit(did, first)
    submit(did, renamed(first, "ours.test"))
    (tmp_path / "public").mkdir()
    with directory(tmp_path / "public", clock) as public:
        for operation in (first, renamed(first, "theirs.test", signer=MEMBER)):
            public.write_sync(lambda tx, o=operation: plc_directory.submit(tx, did, o, tx.now))
        theirs = read(public, plc_directory.audit, did)
    db.write_sync(lambda tx: plc_directory.adopt(tx, did, theirs))
    assert read(db, plc_directory.log, did) == [entry["operation"] for entry in theirs]


def test_a_forged_log_of_the_public_directory_is_not_taken_over(db, submit):
    did, first = genesis()
    submit(did, first)
    other, _ = genesis("b.test")
    before = read(db, plc_directory.audit, did)
    for forged in ([{**before[0], "did": other}], [{**before[0], "cid": before[0]["cid"][:-1] + "a"}], []):
        with pytest.raises(BadOperation):
            db.write_sync(lambda tx, forged=forged: plc_directory.adopt(tx, did, forged))
    with pytest.raises(BadOperation):
        db.write_sync(lambda tx: plc_directory.adopt(tx, other, before))
    assert read(db, plc_directory.audit, did) == before
    assert parse_datetime(before[0]["createdAt"]) == START
