"""Whom this network trusts to verify others: their records that confirm somebody count in its views.

Table: verifier. The index hears of it in the private log.
Source: the lexicon app.bsky.graph.verification
"""

from freehold.store.migrations import Migration
from freehold.store.tx import Tx
from freehold.stream.log import append_private

SCHEMA = (
    Migration(
        "pds-verifier",
        """
        CREATE TABLE verifier (
            did TEXT PRIMARY KEY,
            at BIGINT NOT NULL
        );
        """,
    ),
)


def all_of(tx: Tx) -> list[str]:
    """DIDs, in the order in which they were named."""
    return [did for (did,) in tx.run("SELECT did FROM verifier ORDER BY at, did")]


def name(tx: Tx, did: str) -> bool:
    """Trust somebody with it; False if the network does already."""
    sql = "INSERT INTO verifier (did, at) VALUES (:did, :now) ON CONFLICT DO NOTHING RETURNING 1"
    new = tx.one(sql, did=did, now=tx.now)
    if new is not None:
        append_private(tx, "verifier", did, {"on": True})
    return new is not None


def unname(tx: Tx, did: str) -> bool:
    """Trust them no more; False if the network does not anyway."""
    gone = tx.one("DELETE FROM verifier WHERE did = :did RETURNING 1", did=did)
    if gone is not None:
        append_private(tx, "verifier", did, {"on": False})
    return gone is not None
