"""Posts that a lost primary had acknowledged, or was about to, and that are nowhere else: offered to their authors.

Tables: lost_post, lost_picture; both sealed, seen by nobody but the author, and gone after `KEEP_DAYS` days. In comes
what the old machine's operator took from its tail: signed commits, each of which is verified, so that nobody can put
words into a member's mouth. Nothing is merged: an author posts it again, at the address that it had, or discards it.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec

from freehold.pds.accounts import Account, Accounts, find
from freehold.pds.blobs import Blobs
from freehold.pds.repositories import record as record_at
from freehold.pds.writes import Create, Writes
from freehold.protocol import cbor
from freehold.protocol.blobrefs import BlobRef, blob_refs
from freehold.protocol.cid import Cid
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import parse_datetime
from freehold.repo.car import read_car
from freehold.repo.verify import verify_record
from freehold.store.database import Database
from freehold.store.migrations import Migration
from freehold.store.resealing import Sealed
from freehold.store.sealed import Seal
from freehold.store.tx import Tx
from freehold.stream import frames

SCHEMA = (
    Migration(
        "pds-90-lost-post",
        """
        CREATE TABLE lost_post (
            account BIGINT NOT NULL,
            rkey TEXT NOT NULL,
            box BLOB NOT NULL,
            written_at BIGINT NOT NULL,
            offered_at BIGINT NOT NULL,
            PRIMARY KEY (account, rkey)
        );
        CREATE TABLE lost_picture (
            account BIGINT NOT NULL,
            cid BLOB NOT NULL,
            box BLOB NOT NULL,
            PRIMARY KEY (account, cid)
        );
        """,
    ),
)
PURPOSE, PICTURE_PURPOSE = "a lost post", "a lost post's picture"
SEALED = (Sealed("lost_post", "box", PURPOSE), Sealed("lost_picture", "box", PICTURE_PURPOSE))

POST = "app.bsky.feed.post"
KEEP_DAYS = 14
DAY_MICROS = 86_400 * 1_000_000
PICTURE_MAX_BYTES = 2_000_000
PARCEL_MAX_BYTES = 256_000_000
VERSION = 1


class NoSuchOffer(Refused):
    """Posted again already, discarded, or never there."""

    kind, name, say = "missing", "NoSuchOffer", "This post is not offered any more."


class Parcel(msgspec.Struct, frozen=True):
    """What one machine gives to another. commits: frames of the stream, in order. blobs: by CID as text."""

    commits: list[bytes]
    blobs: dict[str, bytes]
    version: int = VERSION


class Taken(NamedTuple):
    """offered: posts. unproven: commits that no key of a member here has signed. known: posts that are here."""

    offered: int
    unproven: int
    known: int


class Lost(NamedTuple):
    """A post that its author may have back. record: in JSON form. written_at, offered_at: micros since 1970 UTC.

    lacks: how many of its pictures and videos are lost for good.
    """

    rkey: str
    record: dict[str, Any]
    written_at: int
    offered_at: int
    lacks: int


class _Found(NamedTuple):
    """In a commit that holds. data: the record's bytes; None when it was deleted."""

    account: Account
    rkey: str
    at: int
    data: bytes | None


def read_parcel(data: bytes) -> Parcel:
    """Raises InvalidRequest."""
    try:
        parcel = msgspec.msgpack.decode(data, type=Parcel)
    except msgspec.DecodeError as wrong:
        raise InvalidRequest(f"That file was not written by `freehold aside`: {wrong}.") from None
    if parcel.version != VERSION:
        raise InvalidRequest("That file was written by another version of Freehold.")
    return parcel


class LostPosts:
    """What is offered to the members of one network."""

    def __init__(self, truth: Database, seal: Seal, accounts: Accounts, writes: Writes, blobs: Blobs) -> None:
        self._truth, self._seal, self._accounts = truth, seal, accounts
        self._writes, self._blobs = writes, blobs

    async def take_in(self, parcel: Parcel) -> Taken:
        """Offer the posts of a tail; twice is the same as once."""
        offered: set[tuple[int, str]] = set()
        unproven = known = 0
        for frame in parcel.commits:
            try:
                kind, payload = frames.decode(frame)
                found = list(self._proven(payload)) if kind == "commit" else []
            except (Refused, KeyError, TypeError, ValueError):
                unproven += 1
                continue
            for each in found:
                is_new = await self._truth.write(partial(self._offer, found=each, blobs=parcel.blobs))
                post = (each.account.id, each.rkey)
                offered = offered | {post} if is_new else offered - {post}
                known += is_new is False
        return Taken(len(offered), unproven, known)

    def _proven(self, payload: dict[str, Any]) -> Iterator[_Found]:
        """Posts in a commit that its author's key has signed. Raises BadCommit and others where it does not hold."""
        did, root = payload["repo"], payload["commit"]
        account = self._accounts.find(did)
        if account is None or account.did != did:
            return
        with self._truth.reading() as tx:
            key = self._accounts.key_of(tx, account.id).did_key
        blocks, at = read_car(payload["blocks"])[1], parse_datetime(payload["time"])
        for op in payload["ops"]:
            collection, _, rkey = op["path"].partition("/")
            left_out = op["cid"] is not None and op["cid"] not in blocks  # it was deleted later
            if collection == POST and not left_out:
                yield _Found(account, rkey, at, verify_record(blocks, root, did, key, op["path"]))

    def _offer(self, tx: Tx, found: _Found, blobs: dict[str, bytes]) -> bool | None:
        """True: it is offered; False: it is here; None: its author deleted it."""
        id, rkey = found.account.id, found.rkey
        if found.data is None:
            _forget(tx, id, rkey)
            return None
        if record_at(tx, id, f"{POST}/{rkey}") is not None or find(tx, found.account.did) is None:
            return False
        tx.run(
            "INSERT INTO lost_post (account, rkey, box, written_at, offered_at) VALUES (:id, :rkey, :box, :at, :now)"
            " ON CONFLICT (account, rkey) DO UPDATE SET box = excluded.box",
            id=id,
            rkey=rkey,
            box=self._seal.seal(PURPOSE, found.data),
            at=found.at,
            now=tx.now,
        )
        for ref in blob_refs(cbor.decode_json(found.data)):
            data = blobs.get(str(ref.cid), b"")
            if data and Cid.of_raw_digest(hashlib.sha256(data).digest()) == ref.cid:
                box = self._seal.seal(PICTURE_PURPOSE, data)
                sql = "INSERT OR IGNORE INTO lost_picture (account, cid, box) VALUES (:id, :cid, :box)"
                tx.run(sql, id=id, cid=ref.cid, box=box)
        return True

    # --- the author

    def count(self, account: Account) -> int:
        """How many posts are offered to a member."""
        with self._truth.reading() as tx:
            row = tx.one("SELECT count(*) FROM lost_post WHERE account = :id", id=account.id)
        return int(row[0]) if row else 0

    def of(self, account: Account) -> list[Lost]:
        """What is offered to a member, the oldest first."""
        with self._truth.reading() as tx:
            rows = tx.run(
                "SELECT rkey, box, written_at, offered_at FROM lost_post WHERE account = :id ORDER BY rkey",
                id=account.id,
            )
            return [self._lost(tx, account, *row) for row in rows]

    def _lost(self, tx: Tx, account: Account, rkey: str, box: bytes, written_at: int, offered_at: int) -> Lost:
        record = cbor.decode_json(self._seal.open(PURPOSE, box))
        lacks = [ref for ref in blob_refs(record) if not self._has(tx, account, ref)]
        return Lost(rkey, record, written_at, offered_at, len(lacks))

    def _has(self, tx: Tx, account: Account, ref: BlobRef) -> bool:
        kept = tx.one("SELECT 1 FROM lost_picture WHERE account = :id AND cid = :cid", id=account.id, cid=ref.cid)
        return kept is not None or self._blobs.waiting(account.id, ref.cid) is not None

    def picture(self, account: Account, cid: Cid) -> bytes | None:
        """The bytes of a picture that was kept for a lost post of this member."""
        with self._truth.reading() as tx:
            row = tx.one("SELECT box FROM lost_picture WHERE account = :id AND cid = :cid", id=account.id, cid=cid)
        return self._seal.open(PICTURE_PURPOSE, row[0]) if row else None

    async def post_again(self, account: Account, rkey: str) -> str:
        """Let it be a post, at the address that it had; its URI. What it lacks is left out. Raises NoSuchOffer."""
        lost = next((one for one in self.of(account) if one.rkey == rkey), None)
        if lost is None:
            raise NoSuchOffer
        record = {key: value for key, value in lost.record.items() if key != "embed" or not lost.lacks}
        for ref in blob_refs(record):
            await self._bring_back(account, ref)
        written = await self._writes.write(account.did, [Create(POST, rkey, record)])
        await self.discard(account, rkey)
        return written.results[0].uri

    async def _bring_back(self, account: Account, ref: BlobRef) -> None:
        data = self.picture(account, ref.cid)
        if data is not None and self._blobs.waiting(account.id, ref.cid) is None:
            await self._blobs.upload(account.id, _once(data), ref.mime)

    async def discard(self, account: Account, rkey: str) -> None:
        """It is not wanted back; twice is the same as once."""
        await self._truth.write(lambda tx: _forget(tx, account.id, rkey))


def _forget(tx: Tx, account: int, rkey: str) -> None:
    tx.run("DELETE FROM lost_post WHERE account = :id AND rkey = :rkey", id=account, rkey=rkey)
    if tx.one("SELECT 1 FROM lost_post WHERE account = :id LIMIT 1", id=account) is None:
        tx.run("DELETE FROM lost_picture WHERE account = :id", id=account)


def sweep(tx: Tx) -> None:
    """What nobody wanted back for `KEEP_DAYS` days is gone."""
    before = tx.now - KEEP_DAYS * DAY_MICROS
    for account, rkey in tx.run("SELECT account, rkey FROM lost_post WHERE offered_at < :before", before=before):
        _forget(tx, account, rkey)


def erase(tx: Tx, account: int) -> None:
    """The account ends."""
    tx.run("DELETE FROM lost_post WHERE account = :id", id=account)
    tx.run("DELETE FROM lost_picture WHERE account = :id", id=account)


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
