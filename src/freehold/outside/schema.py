"""This room's tables: two beside the index, one in the truth.

outside_source: how far a stream was read; listing: where the listing of all its repositories goes on, '' at the
beginning, NULL when it is done.
outside_repo: an account of another host. via: the source that told of it last. pds, key: where it lives and what it
signs with, as its identity said last. status: NULL is active. rev, data: the revision and the root of the tree that the
index holds; NULL if it holds none. wanted: NULL if it is followed commit by commit; else from when on (micros) it may
be fetched whole. tries: how often that failed, and why.
outside_subscription: what the operator wants to be listened to.
"""

from freehold.store.migrations import Migration

BESIDE_THE_INDEX = (
    Migration(
        "outside-1",
        """
        CREATE TABLE outside_source (
            url TEXT PRIMARY KEY,
            cursor INTEGER,
            listing TEXT
        ) WITHOUT ROWID;
        CREATE TABLE outside_repo (
            did TEXT PRIMARY KEY,
            via TEXT NOT NULL,
            pds TEXT,
            key TEXT,
            status TEXT,
            rev TEXT,
            data BLOB,
            wanted INTEGER,
            tries INTEGER NOT NULL DEFAULT 0,
            why TEXT
        ) WITHOUT ROWID;
        CREATE INDEX outside_repo_wanted ON outside_repo (wanted) WHERE wanted IS NOT NULL;
        CREATE INDEX outside_repo_via ON outside_repo (via);
        """,
    ),
)
TABLES = ("outside_source", "outside_repo")

SCHEMA = (
    Migration(
        "outside-1-subscription",
        """
        CREATE TABLE outside_subscription (
            url TEXT PRIMARY KEY,
            relay INTEGER NOT NULL,
            at BIGINT NOT NULL
        );
        """,
    ),
)
