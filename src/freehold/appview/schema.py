"""The tables of index.db: everything a reader sees, derived from the streams and from nothing else.

Owned by this room alone; the file may be deleted and is rebuilt. Two kinds of number run through it:

- *ids*: actors and subjects (posts, and other records that can be liked) have dense integers, given in order of
  arrival.
- *moments*: where a feed item stands in time, unique over all feed items: microseconds since 1970 shifted left by 10,
  plus a tie-break. A page ends at a moment, so no page skips or repeats an item, however many share a microsecond.

A row of `post` whose `moment` is NULL is a place held for a record that others name and that is not here (yet, or any
more): its counts are right when it arrives. `rkey` is the record key of a post; for any other record it is
`collection/rkey`.

An *edge* (like, repost, follow, block) counts once for each pair of actor and subject, however many records say it:
the one with the lowest record key is `main`.
"""

from freehold.store.migrations import Migration

_EDGES = ("post_like", "repost", "follow", "block")

_EDGE = """
CREATE TABLE EDGE (
    actor INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    subject INTEGER NOT NULL,
    cid BLOB NOT NULL,
    record BLOB NOT NULL,
    at INTEGER NOT NULL,
    indexed_at INTEGER NOT NULL,
    main INTEGER NOT NULL,
    PRIMARY KEY (actor, rkey)
) WITHOUT ROWID;
CREATE UNIQUE INDEX EDGE_pair ON EDGE (actor, subject) WHERE main = 1;
CREATE INDEX EDGE_subject ON EDGE (subject, at, actor) WHERE main = 1;
"""

_TABLES = """
CREATE TABLE state (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE actor (
    id INTEGER PRIMARY KEY,
    did TEXT NOT NULL UNIQUE,
    handle TEXT,
    status TEXT,
    profile BLOB,
    profile_cid BLOB,
    profile_at INTEGER,
    posts INTEGER NOT NULL DEFAULT 0,
    followers INTEGER NOT NULL DEFAULT 0,
    follows INTEGER NOT NULL DEFAULT 0,
    seen_at INTEGER NOT NULL DEFAULT 0,
    rev TEXT
);
CREATE INDEX actor_handle ON actor (handle);
CREATE INDEX actor_followers ON actor (followers, id);

CREATE TABLE post (
    id INTEGER PRIMARY KEY,
    author INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    moment INTEGER,
    indexed_at INTEGER,
    cid BLOB,
    record BLOB,
    parent INTEGER,
    root INTEGER,
    quote INTEGER,
    gates INTEGER NOT NULL DEFAULT 0,
    likes INTEGER NOT NULL DEFAULT 0,
    reposts INTEGER NOT NULL DEFAULT 0,
    replies INTEGER NOT NULL DEFAULT 0,
    quotes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (author, rkey)
);
CREATE INDEX post_parent ON post (parent, moment) WHERE parent IS NOT NULL;
CREATE INDEX post_root ON post (root, author, moment) WHERE root IS NOT NULL;
CREATE INDEX post_quote ON post (quote, moment) WHERE quote IS NOT NULL;

CREATE TABLE feed_item (
    moment INTEGER PRIMARY KEY,
    actor INTEGER NOT NULL,
    post INTEGER NOT NULL,
    repost TEXT,
    author INTEGER NOT NULL,
    parent_author INTEGER NOT NULL,
    root_author INTEGER NOT NULL,
    media INTEGER NOT NULL
);
CREATE INDEX feed_item_actor ON feed_item (actor, moment);
CREATE INDEX feed_item_media ON feed_item (actor, media, moment) WHERE media > 0;

CREATE TABLE declaration (
    collection TEXT NOT NULL,
    actor INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    cid BLOB NOT NULL,
    record BLOB NOT NULL,
    at INTEGER NOT NULL,
    indexed_at INTEGER NOT NULL,
    PRIMARY KEY (collection, actor, rkey)
) WITHOUT ROWID;

CREATE TABLE notification (
    id INTEGER PRIMARY KEY,
    recipient INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    actor INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    subject INTEGER
);
CREATE INDEX notification_recipient ON notification (recipient, at, id);
CREATE INDEX notification_record ON notification (actor, rkey);

CREATE TABLE mute (
    actor INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (actor, subject)
) WITHOUT ROWID;

CREATE TABLE thread_mute (
    actor INTEGER NOT NULL,
    root INTEGER NOT NULL,
    PRIMARY KEY (actor, root)
) WITHOUT ROWID;
CREATE INDEX thread_mute_root ON thread_mute (root);

CREATE VIRTUAL TABLE post_search USING fts5 (
    text, marks, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE actor_search USING fts5 (
    handle, name, description, content='', contentless_delete=1, prefix='1 2 3',
    tokenize="unicode61 remove_diacritics 2"
);
"""

# A post that is deleted takes its words out of the search: without this they would stay until segments are merged.
_FORGETTING = """
INSERT INTO post_search (post_search, rank) VALUES ('secure-delete', 1);
INSERT INTO actor_search (actor_search, rank) VALUES ('secure-delete', 1);
"""

# Records that stay in their repositories and are shown to nobody: what comes of them meanwhile is not indexed.
_TAKEN_DOWN = """
CREATE TABLE taken_down (
    did TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (did, path)
) WITHOUT ROWID;
"""

# Whom members mute is in the truth alone, sealed: a copy in the clear beside it would tell whoever takes the disk.
_NO_MUTES = """
DELETE FROM mute;
DELETE FROM thread_mute;
DROP TABLE mute;
DROP TABLE thread_mute;
"""

# Lists and starter packs have ids as all that can be named has; `purpose` is 1 for moderation, 2 for reading, 3 where
# another record refers to the list, 0 for what we do not know. `list_block` is an edge whose subject is a list.
_LISTS = """
CREATE TABLE list (
    id INTEGER PRIMARY KEY,
    author INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    purpose INTEGER NOT NULL,
    cid BLOB NOT NULL,
    record BLOB NOT NULL,
    at INTEGER NOT NULL,
    indexed_at INTEGER NOT NULL,
    items INTEGER NOT NULL
);
CREATE INDEX list_author ON list (author, at, id);

CREATE TABLE list_item (
    actor INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    list INTEGER NOT NULL,
    subject INTEGER NOT NULL,
    at INTEGER NOT NULL,
    main INTEGER NOT NULL,
    PRIMARY KEY (actor, rkey)
) WITHOUT ROWID;
CREATE UNIQUE INDEX list_item_pair ON list_item (list, subject) WHERE main = 1;
CREATE INDEX list_item_at ON list_item (list, at, subject) WHERE main = 1;
CREATE INDEX list_item_subject ON list_item (subject, list) WHERE main = 1;

CREATE TABLE starter_pack (
    id INTEGER PRIMARY KEY,
    author INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    list INTEGER NOT NULL,
    cid BLOB NOT NULL,
    record BLOB NOT NULL,
    at INTEGER NOT NULL,
    indexed_at INTEGER NOT NULL
);
CREATE INDEX starter_pack_author ON starter_pack (author, at, id);
CREATE VIRTUAL TABLE starter_pack_search USING fts5 (
    name, description, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO starter_pack_search (starter_pack_search, rank) VALUES ('secure-delete', 1);

ALTER TABLE actor ADD COLUMN joined INTEGER;
CREATE INDEX actor_joined ON actor (joined, profile_at) WHERE joined IS NOT NULL;
""" + _EDGE.replace("EDGE", "list_block")

# An index from before there were lists, or verifications, was told of those records and passed them over.
_ANEW = """
INSERT INTO state (name, value) SELECT 'whole', 0 WHERE EXISTS (SELECT 1 FROM state)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;
"""

_VERIFIED = """
CREATE TABLE verification (
    actor INTEGER NOT NULL,
    rkey TEXT NOT NULL,
    subject INTEGER NOT NULL,
    handle TEXT NOT NULL,
    name TEXT NOT NULL,
    cid BLOB NOT NULL,
    record BLOB NOT NULL,
    at INTEGER NOT NULL,
    indexed_at INTEGER NOT NULL,
    PRIMARY KEY (actor, rkey)
) WITHOUT ROWID;
CREATE INDEX verification_subject ON verification (subject);

CREATE TABLE verifier (
    actor INTEGER PRIMARY KEY
);
"""

# Posts that readers did something with, where they stand in a ranked search (see `ranks`).
_RANKED = """
CREATE TABLE warm_post (
    stands INTEGER PRIMARY KEY,
    post INTEGER NOT NULL UNIQUE,
    heat INTEGER NOT NULL
);
CREATE VIRTUAL TABLE post_top USING fts5(
    text, marks, content='', contentless_delete=1, tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO post_top (post_top, rank) VALUES ('secure-delete', 1);
"""

# Posts that stand elsewhere in ranked searches than they did, where that is not written yet (see `gathered`).
_GATHERED = """
CREATE TABLE unranked (
    post INTEGER PRIMARY KEY
);
"""

# Whose a post is that stands in a ranked search, in which stretch of time each post stands (see `words`), and the
# well-known by rank of their own (see `names`).
_FOUND = """
DROP TABLE warm_post;
CREATE TABLE warm_post (
    stands INTEGER PRIMARY KEY,
    post INTEGER NOT NULL UNIQUE,
    heat INTEGER NOT NULL,
    author INTEGER NOT NULL
);
CREATE VIRTUAL TABLE actor_top USING fts5 (
    handle, name, description, content='', contentless_delete=1, prefix='1 2 3 4 5',
    tokenize="unicode61 remove_diacritics 2"
);
INSERT INTO actor_top (actor_top, rank) VALUES ('secure-delete', 1);
"""

SCHEMA = (
    Migration("appview-1", _TABLES + "".join(_EDGE.replace("EDGE", name) for name in _EDGES)),
    Migration("appview-2-forgetting", _FORGETTING),
    Migration("appview-3-taken-down", _TAKEN_DOWN),
    Migration("appview-no-mutes", _NO_MUTES),
    Migration("appview-lists", _LISTS),
    Migration("appview-lists-anew", _ANEW),
    Migration("appview-verified", _VERIFIED),
    Migration("appview-verified-anew", _ANEW),
    Migration("appview-ranked", _RANKED),
    Migration("appview-ranked-anew", _ANEW),
    Migration("appview-gathered", _GATHERED),
    Migration("appview-found", _FOUND),
    Migration("appview-found-anew", _ANEW),
)

TABLES = (
    "state",
    "actor",
    "post",
    "feed_item",
    "declaration",
    "notification",
    "taken_down",
    "list",
    "list_item",
    "list_block",
    "starter_pack",
    "starter_pack_search",
    "post_search",
    "warm_post",
    "post_top",
    "unranked",
    "actor_search",
    "actor_top",
    "verification",
    "verifier",
    *_EDGES,
)
