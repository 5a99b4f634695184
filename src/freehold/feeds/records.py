"""The records by which everybody finds our feeds: app.bsky.feed.generator, in the repository of the feeds service.

Written when the network is opened and when the owner's feeds change, and only where something is different.
Source: the lexicon app.bsky.feed.generator
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from freehold.appview.declarations import GENERATOR
from freehold.pds import repositories
from freehold.pds.accounts import find as find_account
from freehold.pds.repositories import Repositories, Step
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.syntax import format_datetime
from freehold.store.tx import Tx

MOST = 1_000


class Words(NamedTuple):
    """What a feed is called, and what it says of itself."""

    title: str
    description: str


def steps(tx: Tx, did: str, feeds: Mapping[str, Words], *, alone: bool) -> list[Step]:
    """What has to change so that these feeds are declared by `did`; with `alone`, and no others."""
    account = find_account(tx, did)
    if account is None:
        return []
    there = {
        path.partition("/")[2]: cbor.decode_json(raw)
        for path, _, raw in repositories.records_after(tx, account.id, f"{GENERATOR}/", MOST)
        if path.startswith(f"{GENERATOR}/")
    }
    gone = sorted(there.keys() - feeds.keys()) if alone else []
    changed = [_put(tx, did, name, words) for name, words in feeds.items() if not _says(there.get(name), words)]
    return [*changed, *(Step(f"{GENERATOR}/{name}", None, None) for name in gone)]


def declare(tx: Tx, repos: Repositories, did: str, feeds: Mapping[str, Words], *, alone: bool) -> None:
    """See `steps`; within a transaction of the truth."""
    changes = steps(tx, did, feeds, alone=alone)
    if changes:
        repos.write(tx, did, changes)


def _says(record: dict[str, Any] | None, words: Words) -> bool:
    return record is not None and (record.get("displayName"), record.get("description")) == words


def _put(tx: Tx, did: str, name: str, words: Words) -> Step:
    record = {
        "$type": GENERATOR,
        "did": did,
        "displayName": words.title,
        "description": words.description,
        "createdAt": format_datetime(tx.now),
    }
    data = cbor.encode_json(record)
    return Step(f"{GENERATOR}/{name}", Cid.of_cbor(data), data)
