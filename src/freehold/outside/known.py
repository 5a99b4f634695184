"""How far each stream and each repository was taken in.

Tables: outside_source, outside_repo (see schema), in the index's file. All writes are part of the index's transactions.
"""

from collections.abc import Iterable
from typing import NamedTuple

from freehold.outside.proving import Held
from freehold.store.tx import Tx

GONE = "deleted"
Entry = tuple[str, str | None]
"""Of a list: DID and revision; None for who is not active."""


class Repo(NamedTuple):
    """A row of outside_repo."""

    did: str
    via: str
    pds: str | None = None
    key: str | None = None
    status: str | None = None
    rev: str | None = None
    data: bytes | None = None
    wanted: int | None = None
    tries: int = 0
    why: str | None = None

    @property
    def held(self) -> Held | None:
        """What the index holds of it, if it holds anything."""
        return Held(self.rev, self.data) if self.rev is not None and self.data is not None else None

    @property
    def followed(self) -> bool:
        """Whether its commits can be taken in one by one."""
        return self.wanted is None and self.status is None and self.held is not None


_COLUMNS = ", ".join(Repo._fields)
_PUT = (
    f"INSERT INTO outside_repo ({_COLUMNS}) VALUES ({', '.join(':' + name for name in Repo._fields)})"
    f" ON CONFLICT (did) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in Repo._fields[1:])}"
)


def repo(tx: Tx, did: str) -> Repo | None:
    """One account's row."""
    row = tx.one(f"SELECT {_COLUMNS} FROM outside_repo WHERE did = :did", did=did)
    return Repo._make(row) if row is not None else None


def repos(tx: Tx, dids: Iterable[str]) -> dict[str, Repo]:
    """The rows of these accounts, as far as there are any."""
    found = (repo(tx, did) for did in dids)
    return {one.did: one for one in found if one is not None}


def put(tx: Tx, row: Repo) -> None:
    """Keep a row in the place of the one before."""
    tx.run(_PUT, **row._asdict())


def want(tx: Tx, row: Repo, at: int) -> None:
    """Have a repository fetched whole, from a moment on."""
    put(tx, row._replace(wanted=at, tries=0, why=None))


_NEW = "outside_repo WHERE via = :via AND wanted IS NOT NULL AND rev IS NULL"
_ANEW = "outside_repo WHERE via = :via AND wanted IS NOT NULL AND rev IS NOT NULL"


def due(tx: Tx, via: str, now: int, limit: int, *, new: bool) -> list[Repo]:
    """Repositories of a source that may be fetched now, those that have waited longest first: those that were never
    here, or those that were."""
    rows = tx.run(
        f"SELECT {_COLUMNS} FROM {_NEW if new else _ANEW} AND wanted <= :now ORDER BY wanted LIMIT :limit",
        via=via,
        now=now,
        limit=limit,
    )
    return [Repo._make(row) for row in rows]


def next_due(tx: Tx, via: str) -> int | None:
    """When the next repository of a source may be fetched; None when none is wanted."""
    soonest = [tx.one(f"SELECT min(wanted) FROM {those}", via=via) for those in (_NEW, _ANEW)]
    return min((row[0] for row in soonest if row is not None and row[0] is not None), default=None)


def count_new(tx: Tx, via: str, most: int) -> int:
    """How many of a source wait to be fetched for the first time, counted so far."""
    row = tx.one(f"SELECT count(*) FROM (SELECT 1 FROM {_NEW} LIMIT :most)", via=via, most=most)
    return int(row[0]) if row is not None else 0


def count_all(tx: Tx, via: str, most: int) -> int:
    """How many accounts came by a source, counted so far."""
    rows = "SELECT 1 FROM outside_repo WHERE via = :via LIMIT :most"
    row = tx.one(f"SELECT count(*) FROM ({rows})", via=via, most=most)
    return int(row[0]) if row is not None else 0


def met(via: str, relay: bool, did: str, now: int) -> Repo:
    """The row of an account that nobody spoke of before: one that a host speaks of lives there, or is none of its."""
    return Repo(did, via, None if relay else via, wanted=now)


def listed(tx: Tx, via: str, relay: bool, found: Iterable[Entry], now: int, run: int) -> None:
    """Want each account of a source's listing with which it stands otherwise than the index has it: its host is asked,
    and says how. run: the number of the listing."""
    for did, rev in found:
        row = repo(tx, did) or met(via, relay, did, now)._replace(wanted=None)
        if row.wanted is None and _is_otherwise(row, rev):
            want(tx, row._replace(status=None) if rev is not None else row, now)
        tx.run("UPDATE outside_repo SET named = :run WHERE did = :did AND via = :via", run=run, did=did, via=via)


def _is_otherwise(row: Repo, rev: str | None) -> bool:
    """rev: None if it is not active."""
    if rev is None:
        return row.status is None and row.rev is not None
    return row.status is not None or row.rev is None or row.rev < rev


def want_unnamed(tx: Tx, via: str, now: int, run: int) -> None:
    """Want each account that is here by a host whose list, gone through to its end, does not name it: it has gone."""
    tx.run(
        "UPDATE outside_repo SET wanted = :now, tries = 0, why = NULL WHERE via = :via AND named < :run"
        " AND wanted IS NULL AND status IS NULL AND rev IS NOT NULL",
        now=now,
        via=via,
        run=run,
    )


def listing_run(tx: Tx, url: str, *, first: bool) -> int:
    """The number of the listing of a source that is gone through now. first: it begins."""
    if first:
        tx.run("UPDATE outside_source SET run = run + 1 WHERE url = :url", url=url)
    row = tx.one("SELECT run FROM outside_source WHERE url = :url", url=url)
    return int(row[0]) if row is not None else 0


def cursor(tx: Tx, url: str) -> int | None:
    """Up to which message a stream was read."""
    row = tx.one("SELECT cursor FROM outside_source WHERE url = :url", url=url)
    return row[0] if row is not None else None


def keep_cursor(tx: Tx, url: str, seq: int | None) -> None:
    """Note it. None: begin with what comes next."""
    tx.run(
        "INSERT INTO outside_source (url, cursor, listing) VALUES (:url, :seq, '')"
        " ON CONFLICT (url) DO UPDATE SET cursor = excluded.cursor",
        url=url,
        seq=seq,
    )


def listing(tx: Tx, url: str) -> str | None:
    """Where the listing of a source goes on; None when it is done."""
    row = tx.one("SELECT listing FROM outside_source WHERE url = :url", url=url)
    return row[0] if row is not None else ""


def keep_listing(tx: Tx, url: str, at: str | None) -> None:
    """Note it. At the beginning nobody was turned away yet."""
    tx.run(
        "INSERT INTO outside_source (url, listing) VALUES (:url, :at)"
        " ON CONFLICT (url) DO UPDATE SET listing = excluded.listing, again = again AND excluded.listing IS NOT ''",
        url=url,
        at=at,
    )


def list_again(tx: Tx, url: str) -> None:
    """Note that the list will name somebody of whom nothing else tells: who was turned away, or not heard."""
    tx.run(
        "INSERT INTO outside_source (url, listing, again) VALUES (:url, '', 1)"
        " ON CONFLICT (url) DO UPDATE SET again = 1",
        url=url,
    )


def is_to_be_listed_again(tx: Tx, url: str) -> bool:
    """Whether that is so, and the list was gone through."""
    return tx.one("SELECT 1 FROM outside_source WHERE url = :url AND again AND listing IS NULL", url=url) is not None


def of_source(tx: Tx, url: str, limit: int) -> list[str]:
    """DIDs of accounts that a source told of last."""
    return [did for (did,) in tx.run("SELECT did FROM outside_repo WHERE via = :u LIMIT :n", u=url, n=limit)]


def forget(tx: Tx, did: str) -> None:
    """Know an account no more."""
    tx.run("DELETE FROM outside_repo WHERE did = :did", did=did)


def forget_source(tx: Tx, url: str) -> None:
    """Know a source no more."""
    tx.run("DELETE FROM outside_source WHERE url = :url", url=url)


class Count(NamedTuple):
    """Accounts of a source, or of all: held, still to be fetched for the first time, to be fetched again after
    a failure, not active."""

    held: int
    wanted: int
    failed: int
    inactive: int


def count(tx: Tx, url: str) -> Count:
    """How many accounts of a source are how far."""
    row = tx.one(
        "SELECT coalesce(sum(wanted IS NULL AND status IS NULL), 0), coalesce(sum(wanted IS NOT NULL), 0),"
        " coalesce(sum(wanted IS NOT NULL AND tries > 0), 0), coalesce(sum(status IS NOT NULL), 0)"
        " FROM outside_repo WHERE via = :url",
        url=url,
    )
    return Count(*row) if row is not None else Count(0, 0, 0, 0)
