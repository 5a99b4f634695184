"""This room's tables: four beside the index, two in the truth.

outside_source: how far a stream was read; listing: where the listing of all its repositories goes on, '' at the
beginning, NULL when it is done. again: 1 if somebody was turned away whom the list will name. run: how often the list
was begun.
outside_repo: an account of another host. via: the source that told of it last. pds, key: where it lives and what it
signs with, as its identity said last. status: NULL is active. rev, data: the revision and the root of the tree that the
index holds; NULL if it holds none. wanted: NULL if it is followed commit by commit; else from when on (micros) it may
be fetched whole. tries: how often that failed, and why. named: the run of the list of `via` that named it last.
outside_labeler: a labeler of another network that is followed. cursor: the newest message of its stream that was taken
in. labels: how many of it hold.
outside_label: what one says, and has not taken back. cid: of the only version that it means, '' for all. ends: micros,
NULL for never. view: com.atproto.label.defs#label as JSON. By `id`, those that came first.
outside_subscription: what the operator wants to be listened to. outside_labeler_named: which labelers.
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
    Migration(
        "outside-2-labels",
        """
        CREATE TABLE outside_labeler (
            did TEXT PRIMARY KEY,
            cursor INTEGER,
            labels INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE outside_label (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uri TEXT NOT NULL,
            src TEXT NOT NULL,
            val TEXT NOT NULL,
            cid TEXT NOT NULL,
            ends INTEGER,
            view BLOB NOT NULL,
            UNIQUE (uri, src, val, cid)
        );
        CREATE INDEX outside_label_src ON outside_label (src, id);
        """,
    ),
    Migration(
        "outside-3-newcomers",
        """
        ALTER TABLE outside_source ADD COLUMN again INTEGER NOT NULL DEFAULT 0;
        DROP INDEX outside_repo_wanted;
        CREATE INDEX outside_repo_new ON outside_repo (via, wanted) WHERE wanted IS NOT NULL AND rev IS NULL;
        CREATE INDEX outside_repo_anew ON outside_repo (via, wanted) WHERE wanted IS NOT NULL AND rev IS NOT NULL;
        """,
    ),
    Migration(
        "outside-4-named",
        """
        ALTER TABLE outside_source ADD COLUMN run INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE outside_repo ADD COLUMN named INTEGER NOT NULL DEFAULT 0;
        """,
    ),
)
TABLES = ("outside_source", "outside_repo", "outside_labeler", "outside_label")

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
    Migration(
        "outside-2-labeler-named",
        """
        CREATE TABLE outside_labeler_named (
            did TEXT PRIMARY KEY,
            at BIGINT NOT NULL
        );
        """,
    ),
)
