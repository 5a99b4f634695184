"""Another network key: every sealed value is sealed anew with it, step by step, and then the old one is destroyed.

In comes the list of places where rooms keep sealed values. First the new key is on disk, then whatever is written is
sealed with it; what lies in the tables follows in short transactions beside everything else. A process that dies in
between goes on where it was, for each box says by which key it was sealed. Before the old key goes, all columns of all
tables are searched for its mark.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from freehold.store.database import Database
from freehold.store.keyring import Keyring
from freehold.store.sealed import MARK_BYTES, BrokenSeal, Seal
from freehold.store.tx import Row, Tx

STEP = 200
"""Rows of one transaction."""
PASSES = 5
SETTLE_SECONDS = 1.0
"""For a value that was sealed before the change and is still on its way to its table."""


class Sealed(NamedTuple):
    """A place where sealed values lie. purpose: what they are sealed for; by_row: a column that says it instead.

    member: the column holds JSON, and the box, in base64, is this member of it, in rows whose `by_row` is the purpose.
    """

    table: str
    column: str
    purpose: str = ""
    by_row: str = ""
    member: str = ""


class NotAllSealedAnew(BrokenSeal):
    """Something is still sealed with the old key, in a place that nobody named."""

    name = "NotAllSealedAnew"


class Resealing:
    """Replaces the network key of one network."""

    def __init__(self, db: Database, keyring: Keyring, places: Sequence[Sealed]) -> None:
        self._db = db
        self._keyring = keyring
        self._places = places

    async def run(self, tell: Callable[[int, int], object], settle: float = SETTLE_SECONDS) -> int:
        """Begin, or go on; how many values were sealed anew. tell: is told how many are done, and of how many.

        Raises BrokenSeal naming a value that does not open, NotAllSealedAnew: the old key stays then.
        """
        self._keyring.begin()
        done = 0
        for attempt in range(PASSES):
            if attempt:
                await asyncio.sleep(settle)
            total = done + await asyncio.to_thread(self._count)
            for place in self._places:
                done = await self._seal_place(place, done, lambda so_far, total=total: tell(so_far, max(so_far, total)))  # type: ignore[misc]
            if attempt and total == done and not await asyncio.to_thread(self._left):
                break
        else:
            raise NotAllSealedAnew(f"In {', '.join(self._left())} values are still sealed with the old key. It stays.")
        self._keyring.finish()
        return done

    async def _seal_place(self, place: Sealed, done: int, tell: Callable[[int], object]) -> int:
        after = 0
        while True:
            last, changed = await self._db.write(lambda tx, after=after: self._step(tx, place, after))  # type: ignore[misc]
            done += changed
            if changed:
                tell(done)
            if last is None:
                return done
            after = last

    def _step(self, tx: Tx, place: Sealed, after: int) -> tuple[int | None, int]:
        """Seal some rows anew; the last one's number (None: there are no more) and how many."""
        rows = tx.run(
            f"SELECT rowid, {place.column}, {place.by_row or 'NULL'} FROM {place.table}"
            f" WHERE rowid > :after AND {_stale(place)} ORDER BY rowid LIMIT {STEP}",
            after=after,
            **self._marks(place),
        )
        tx.many(
            f"UPDATE {place.table} SET {place.column} = :value WHERE rowid = :row",
            [{"row": row[0], "value": self._anew(place, row)} for row in rows],
        )
        return (rows[-1][0] if len(rows) == STEP else None), len(rows)

    def _anew(self, place: Sealed, row: Row) -> bytes:
        number, value, named = row
        purpose = place.purpose or str(named)
        try:
            if not place.member:
                return sealed_anew(self._keyring.seal, purpose, value)
            payload = msgspec.json.decode(value)
            box = sealed_anew(self._keyring.seal, purpose, b64decode(payload[place.member]))
            return msgspec.json.encode({**payload, place.member: b64encode(box).decode("ascii")})
        except BrokenSeal as broken:
            say = f"A sealed value cannot be opened ({place.table}.{place.column}, row {number}). The old key stays."
            raise BrokenSeal(say, name=broken.name, table=place.table, row=number) from None

    def _marks(self, place: Sealed) -> dict[str, object]:
        mark = self._keyring.seal.mark
        return {"mark": b64encode(mark).decode("ascii"), "purpose": place.purpose} if place.member else {"mark": mark}

    def _count(self) -> int:
        """How many values are not sealed with the newest key."""
        with self._db.reading() as tx:
            counts = (
                tx.one(f"SELECT count(*) FROM {place.table} WHERE {_stale(place)}", **self._marks(place))
                for place in self._places
            )
            return sum(row[0] for row in counts if row)

    def _left(self) -> list[str]:
        """The columns, of all there are, in which the mark of an older key is found."""
        old = Seal(self._keyring.seal.ring._replace(keys=self._keyring.seal.ring.keys[1:])).mark
        found = []
        with self._db.reading() as tx:
            for (table,) in tx.run("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
                for _, column, *_ in tx.run(f'PRAGMA table_info("{table}")'):
                    where = f'substr("{column}", 1, {MARK_BYTES}) = :mark OR instr("{column}", :text)'
                    text = b64encode(old).decode("ascii")
                    if tx.one(f'SELECT 1 FROM "{table}" WHERE {where} LIMIT 1', mark=old, text=text):
                        found.append(f"{table}.{column}")
        return found


def sealed_anew(seal: Seal, purpose: str, box: bytes) -> bytes:
    """The same value in a box of the newest key."""
    return seal.seal(purpose, seal.open(purpose, box))


def _stale(place: Sealed) -> str:
    """The condition for a row to hold a value that the newest key did not seal."""
    if place.member:
        return f"{place.by_row} = :purpose AND instr(CAST({place.column} AS TEXT), :mark) = 0"
    return f"{place.column} IS NOT NULL AND substr({place.column}, 1, {MARK_BYTES}) <> :mark"
