"""did:plc operations and logs."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from freehold.protocol import diddoc, plc
from freehold.protocol.keys import CURVES, SigningKey, signing_key
from freehold.protocol.plc import BadOperation, Entry, assure_next, did_of, operation_cid, sign_operation, validate_log
from freehold.protocol.syntax import format_datetime

HOUR = 3600 * 1_000_000
NOW = 1_800_000_000_000_000


def key(name: str, curve: str = "secp256k1") -> SigningKey:
    return signing_key(curve, hashlib.sha256(name.encode()).digest())


OWNER, NETWORK, HOST = key("owner", "p256"), key("network"), key("host")
REPO = key("repo")


def genesis(**changes: Any) -> dict[str, Any]:
    unsigned = plc.operation(
        rotation_keys=[OWNER.did_key, NETWORK.did_key, HOST.did_key],
        signing_key=REPO.did_key,
        handle="alice.example.com",
        pds="https://example.com",
    )
    return sign_operation({**unsigned, **changes}, HOST)


class Directory:
    """A log that grows by the rules."""

    def __init__(self) -> None:
        first = genesis()
        self.did = did_of(first)
        self.log: list[Entry] = []
        self.add(first, NOW)

    def add(self, operation: dict[str, Any], at: int) -> list[Any]:
        gone = assure_next(self.did, self.log, operation, at)
        self.log = [entry._replace(nullified=entry.nullified or entry.cid in gone) for entry in self.log]
        self.log.append(Entry(operation, operation_cid(operation), at))
        return gone

    def next(self, signer: SigningKey, after: int = -1, **changes: Any) -> dict[str, Any]:
        return sign_operation(plc.update(self.log[after].operation, **changes), signer)

    def audit(self) -> list[dict[str, Any]]:
        return [
            {
                "did": self.did,
                "operation": entry.operation,
                "cid": str(entry.cid),
                "nullified": entry.nullified,
                "createdAt": format_datetime(entry.at),
            }
            for entry in self.log
        ]


def refused(directory: Directory, operation: Any, at: int = NOW + HOUR) -> str:
    with pytest.raises(BadOperation) as error:
        assure_next(directory.did, directory.log, operation, at)
    return error.value.say


@pytest.mark.parametrize("verdict", ["valid", "invalid"])
def test_the_official_logs_are_judged_as_they_should_be(vectors: Path, verdict: str) -> None:
    files = sorted((vectors / "plc" / verdict).glob("*.json"))
    assert len(files) >= 6
    for file in files:
        log = json.loads(file.read_text())
        if verdict == "valid":
            assert [entry.nullified for entry in validate_log(log)] == [entry["nullified"] for entry in log]
        else:
            with pytest.raises(BadOperation):
                validate_log(log)


@pytest.mark.parametrize("name", ["4v2wf3", "xsjsm5"])
def test_captured_logs_make_the_captured_documents(vectors: Path, name: str) -> None:
    log = json.loads((vectors / "capture" / f"{name}.plclog.json").read_text())
    captured = json.loads((vectors / "capture" / f"{name}.diddoc.json").read_text())
    did = did_of(log[0])
    assert assure_next(did, [], log[0], NOW) == []
    assert did == captured["id"]
    assert diddoc.read(did, plc.document(did, log[0])) == diddoc.read(did, captured)


def test_a_log_that_grew_by_the_rules_is_valid() -> None:
    directory = Directory()
    directory.add(directory.next(HOST, alsoKnownAs=["at://alice.other.example"]), NOW + HOUR)
    directory.add(directory.next(OWNER, rotationKeys=[OWNER.did_key]), NOW + 2 * HOUR)
    assert plc.is_plc_did(directory.did)
    assert [entry.cid for entry in validate_log(directory.audit())] == [entry.cid for entry in directory.log]


def test_a_higher_key_takes_back_what_a_lower_did() -> None:
    directory = Directory()
    directory.add(directory.next(HOST, rotationKeys=[HOST.did_key]), NOW)
    directory.add(directory.next(HOST, alsoKnownAs=[]), NOW + HOUR)
    recovery = directory.next(NETWORK, after=0, rotationKeys=[OWNER.did_key])
    assert refused(directory, recovery, NOW + 72 * HOUR + 1)
    gone = directory.add(recovery, NOW + 72 * HOUR)
    assert gone == [directory.log[1].cid, directory.log[2].cid]
    assert [entry.nullified for entry in validate_log(directory.audit())] == [False, True, True, False]
    assert refused(directory, directory.next(HOST, after=2))  # nothing grows on what was taken back


@pytest.mark.parametrize("signer", [HOST, NETWORK])
def test_a_key_of_the_same_or_lower_rank_takes_nothing_back(signer: SigningKey) -> None:
    directory = Directory()
    directory.add(directory.next(NETWORK, alsoKnownAs=[]), NOW)
    assert refused(directory, directory.next(signer, after=0, alsoKnownAs=["at://mallory.example.com"]))


def test_the_rank_is_that_in_the_operation_before_the_fork() -> None:
    directory = Directory()
    directory.add(directory.next(HOST, rotationKeys=[HOST.did_key, OWNER.did_key]), NOW)
    directory.add(directory.next(OWNER, alsoKnownAs=[]), NOW)
    assert directory.add(directory.next(HOST, after=1), NOW) == [directory.log[2].cid]


def test_a_tombstone_ends_an_identity_until_it_is_taken_back() -> None:
    directory = Directory()
    directory.add(sign_operation(plc.tombstone(directory.log[0].cid), HOST), NOW)
    end = directory.log[1].operation
    assert plc.document(directory.did, end) is None
    assert plc.data(directory.did, end) is None
    with pytest.raises(BadOperation):
        plc.update(end)
    assert refused(directory, sign_operation({**genesis(), "prev": str(directory.log[1].cid)}, OWNER))
    assert directory.add(directory.next(OWNER, after=0), NOW + HOUR) == [directory.log[1].cid]
    validate_log(directory.audit())


def test_every_kind_of_wrong_next_operation_is_refused() -> None:
    directory = Directory()
    good = directory.next(HOST)
    assert assure_next(directory.did, directory.log, good, NOW) == []
    stranger = key("stranger")
    assert "signed" in refused(directory, directory.next(stranger))
    assert "prev" in refused(directory, genesis())
    assert "prev" in refused(directory, sign_operation({**good, "prev": str(operation_cid(good))}, HOST))
    assert "prev" in refused(directory, sign_operation({**good, "prev": "nonsense"}, HOST))
    assert "signed" in refused(directory, {**good, "alsoKnownAs": []})


@pytest.mark.parametrize(
    "changes",
    [
        {"rotationKeys": []},
        {"rotationKeys": [HOST.did_key, HOST.did_key]},
        {"rotationKeys": [key(str(number)).did_key for number in range(6)]},
        {"rotationKeys": ["did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"]},
        {"rotationKeys": HOST.did_key},
        {"rotationKeys": [1]},
        {"verificationMethods": {"atproto": "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}},
        {"verificationMethods": {f"k{number}": HOST.did_key for number in range(11)}},
        {"verificationMethods": {"k" * 33: HOST.did_key}},
        {"verificationMethods": []},
        {"alsoKnownAs": ["at://a.example"] * 2},
        {"alsoKnownAs": ["at://" + "a" * 260]},
        {"alsoKnownAs": [f"at://a{number}.example" for number in range(11)]},
        {"alsoKnownAs": {}},
        {"alsoKnownAs": ["\ud800"]},
        {"services": {"a": {"type": "T"}}},
        {"services": {"a": {"type": "T", "endpoint": "https://a", "more": "b"}}},
        {"services": {"a": {"type": "T", "endpoint": 5}}},
        {"services": {"a": {"type": "T" * 257, "endpoint": "https://a"}}},
        {"services": {"a": {"type": "T", "endpoint": "https://" + "a" * 512}}},
        {"services": {f"{n}": {"type": "T" * 256, "endpoint": "https://" + "a" * 500} for n in range(10)}},
        {"services": None},
        {"type": "create"},
        {"type": "plc_tombstone"},
        {"type": "other"},
        {"type": ["plc_operation"]},
        {"extra": 1},
        {"prev": 5},
        {"sig": None},
    ],
)
def test_limits_and_form_hold_for_new_operations(changes: dict[str, Any]) -> None:
    directory = Directory()
    operation = {**directory.next(HOST), **changes}
    refused(directory, operation)
    if "sig" not in changes and changes != {"alsoKnownAs": ["\ud800"]}:
        refused(directory, sign_operation(operation, HOST))


@pytest.mark.parametrize("nonsense", [None, 1, "x", [], {}, {"type": "plc_operation"}, {"type": None}])
def test_nonsense_is_refused(nonsense: Any) -> None:
    refused(Directory(), nonsense)
    with pytest.raises(BadOperation):
        validate_log([nonsense])


def signatures(good: str, key_: SigningKey) -> Sequence[str]:
    raw = urlsafe_b64decode(good + "==")
    high_s = (CURVES[key_.curve].order - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    stray = good[:-1] + letters[letters.index(good[-1]) + 1]
    flipped = urlsafe_b64encode(raw[:32] + high_s).decode().rstrip("=")
    return [
        good + "==",
        good + "\n",
        " " + good,
        stray,
        flipped,
        good[:-2],
        good + "A",
        "",
        good.replace("-", "+") + "=",
    ]


@pytest.mark.parametrize("signer", [OWNER, HOST])
def test_a_signature_has_one_encoding_only(signer: SigningKey) -> None:
    directory = Directory()
    good = directory.next(signer)
    assert assure_next(directory.did, directory.log, good, NOW) == []
    for text in signatures(good["sig"], signer):
        refused(directory, {**good, "sig": text})


def test_a_first_operation_must_make_its_own_did() -> None:
    first = genesis()
    assert assure_next(did_of(first), [], first, NOW) == []
    for did in ("did:plc:" + "a" * 24, did_of(first)[:-1], did_of(first) + "a", ""):
        with pytest.raises(BadOperation):
            assure_next(did, [], first, NOW)
    foreign = sign_operation(first, key("stranger"))
    with pytest.raises(BadOperation):
        assure_next(did_of(foreign), [], foreign, NOW)
    late = genesis(prev=str(operation_cid(first)))
    with pytest.raises(BadOperation):
        assure_next(did_of(late), [], late, NOW)


def test_the_legacy_first_operation_is_read_but_no_longer_taken() -> None:
    unsigned = {
        "type": "create",
        "signingKey": HOST.did_key,
        "recoveryKey": OWNER.did_key,
        "handle": "alice.example.com",
        "service": "example.com",
        "prev": None,
    }
    old = sign_operation(unsigned, HOST)
    did = did_of(old)
    directory = Directory()
    directory.did, directory.log = did, [Entry(old, operation_cid(old), NOW)]
    validate_log(directory.audit())
    with pytest.raises(BadOperation, match="legacy"):
        assure_next(did, [], old, NOW)
    state = plc.data(did, old)
    assert state is not None
    assert state["rotationKeys"] == [OWNER.did_key, HOST.did_key]
    assert state["alsoKnownAs"] == ["at://alice.example.com"]
    assert state["services"]["atproto_pds"]["endpoint"] == "https://example.com"
    directory.add(directory.next(OWNER, alsoKnownAs=["at://b.example.com"]), NOW)
    validate_log(directory.audit())


def test_a_log_that_lies_about_its_operations_is_refused() -> None:
    directory = Directory()
    directory.add(directory.next(HOST, alsoKnownAs=[]), NOW + HOUR)
    good = directory.audit()
    validate_log(good)
    lies: list[dict[str, Any]] = [
        {"nullified": True},
        {"nullified": None},
        {"cid": str(directory.log[0].cid)},
        {"did": "did:plc:" + "a" * 24},
        {"createdAt": "yesterday"},
        {"createdAt": format_datetime(NOW - HOUR)},
    ]
    for lie in lies:
        with pytest.raises(BadOperation):
            validate_log([good[0], {**good[1], **lie}])
    for broken in ([], good[1:], [good[1], good[0]], [good[0], good[0]]):
        with pytest.raises(BadOperation):
            validate_log(broken)


def test_a_document_shows_what_the_operation_says() -> None:
    labels = key("labels", "p256")
    unsigned = plc.operation(
        rotation_keys=[HOST.did_key],
        signing_key=REPO.did_key,
        handle="labeler.example.com",
        pds="https://example.com",
        verification_methods={"atproto_label": labels.did_key},
        services={"atproto_labeler": {"type": "AtprotoLabeler", "endpoint": "https://example.com"}},
    )
    did = did_of(sign_operation(unsigned, HOST))
    document = plc.document(did, sign_operation(unsigned, HOST))
    assert document is not None
    assert document["verificationMethod"][0] == {
        "id": f"{did}#atproto",
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": REPO.did_key.removeprefix("did:key:"),
    }
    assert len(document["@context"]) == 4
    doc = diddoc.read(did, document)
    assert doc.handles == ("labeler.example.com",)
    assert doc.keys == {"#atproto": REPO.did_key, "#atproto_label": labels.did_key}
    assert doc.pds == diddoc.service(doc, "#atproto_labeler") == "https://example.com"
