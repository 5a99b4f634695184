"""Who confirms that accounts are whose they say: verification records, and whose of them count here.

Anybody may write such a record. Those of trusted verifiers count; whom the network trusts with that is in the truth
and comes by the private log. A record holds while handle and display name of its subject are as it says, and while its
issuer's account is active; so a view weighs it anew whenever one of these changes.
Tables: verification, verifier.
Source: the lexicons app.bsky.graph.verification and app.bsky.actor.defs, #verificationState
"""

from typing import Any

import msgspec

from freehold.appview.batch import Batch, Change, record
from freehold.appview.moments import came_and_sorts, text_of

VERIFICATION = "app.bsky.graph.verification"
VERIFIED, UNVERIFIED = "verified", "unverified"
"""The reasons of notifications. (Of a record that is gone nothing is left from which an index made anew could tell.)"""
IMPERSONATION = "impersonation"
Json = dict[str, Any]

COLUMNS = (
    "EXISTS (SELECT 1 FROM verifier WHERE verifier.actor = actor.id),"
    " (SELECT json_group_array(json_array(by.did, by.handle, verification.rkey, verification.handle, verification.name,"
    "   verification.at)) FROM verification JOIN verifier ON verifier.actor = verification.actor"
    "  JOIN actor AS by ON by.id = verification.actor AND by.status IS NULL WHERE verification.subject = actor.id)"
)


@record(VERIFICATION)
def verification(batch: Batch, change: Change) -> None:
    """Put the record as it is now, or remove it."""
    tx, key = batch.tx, {"actor": change.actor, "rkey": change.rkey}
    held = tx.one("SELECT subject, cid FROM verification WHERE actor = :actor AND rkey = :rkey", **key)
    if held is not None:
        if change.cid is not None and bytes(change.cid) == held[1]:
            return
        tx.run("DELETE FROM verification WHERE actor = :actor AND rkey = :rkey", **key)
        batch.take_back(change.actor, change.rkey, VERIFIED)
        batch.actors.add(held[0])
    did = (change.record or {}).get("subject")
    subject = batch.actor(did) if isinstance(did, str) and did.startswith("did:") else None
    if subject is not None:
        batch.take_back(change.actor, change.rkey, UNVERIFIED)
    if held is not None and held[0] != subject:
        batch.notify(held[0], UNVERIFIED, change, batch.now)
    if change.record is not None and subject is not None:
        _put(batch, change, change.record, subject)


def _put(batch: Batch, change: Change, record: Json, subject: int) -> None:
    assert change.cid is not None
    came, at = came_and_sorts(change.rkey, record, batch.now)
    batch.tx.run(
        "INSERT INTO verification (actor, rkey, subject, handle, name, cid, record, at, indexed_at)"
        " VALUES (:actor, :rkey, :subject, :handle, :name, :cid, :record, :at, :came)",
        actor=change.actor,
        rkey=change.rkey,
        subject=subject,
        handle=str(record.get("handle")).lower(),
        name=str(record.get("displayName")),
        cid=bytes(change.cid),
        record=change.raw,
        at=at,
        came=came,
    )
    batch.actors.add(subject)
    batch.notify(subject, VERIFIED, change, at)


def trust(batch: Batch, did: str, on: bool) -> None:
    """Somebody's records count from now on, or no more."""
    actor = batch.actor(did)
    if on:
        batch.tx.run("INSERT INTO verifier (actor) VALUES (:actor) ON CONFLICT DO NOTHING", actor=actor)
    else:
        batch.tx.run("DELETE FROM verifier WHERE actor = :actor", actor=actor)
    touch(batch, actor)


def touch(batch: Batch, actor: int) -> None:
    """How an account stands or is called has changed: so what is said of those whom it verified has."""
    batch.actors.add(actor)
    batch.actors.update(
        subject for (subject,) in batch.tx.run("SELECT subject FROM verification WHERE actor = :actor", actor=actor)
    )


def state(trusted: int, by: str, handle: str | None, name: object) -> Json | None:
    """#verificationState of an account with this handle and display name, from its COLUMNS; None where there is nothing
    to say."""
    if by == "[]" and not trusted:
        return None
    found = [_view(one, handle, name) for one in sorted(msgspec.json.decode(by), key=lambda one: (one[5], one[0]))]
    if handle is None or not (trusted or found):
        return None
    valid = any(view["isValid"] for view in found)
    return {
        "verifications": found,
        "verifiedStatus": ("valid" if valid else "invalid") if found else "none",
        "trustedVerifierStatus": "valid" if trusted else "none",
    }


def _view(one: list[Any], handle: str | None, name: object) -> Json:
    issuer, called, rkey, its_handle, its_name, at = one
    return {
        "issuer": issuer,
        **({"issuerHandle": called} if called else {}),
        "uri": f"at://{issuer}/{VERIFICATION}/{rkey}",
        "isValid": its_handle == handle and bool(its_name) and its_name == name,
        "createdAt": text_of(at),
    }


def doubted(said: Json) -> Json:
    """A state of somebody whom a labeler calls an impersonator: nothing that is said for them holds."""
    names = ("verifiedStatus", "trustedVerifierStatus")
    return {**said, **{name: "invalid" for name in names if said[name] != "none"}}
