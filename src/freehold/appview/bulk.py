"""Many records of one account, put into the index at once: the same as one by one, by few statements.

In comes a `Bundle`, what its records say by themselves. What is new and stands in nobody's way is written by one
statement for each table; what is here already in another version, or would stand where another stands, goes through the
handler of its collection afterwards, as does what is rare. The order makes no difference: the index is the same in any.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, count

from freehold.appview import actors, posts
from freehold.appview.apply import apply_record
from freehold.appview.batch import POST, Batch, Change, FeedItem
from freehold.appview.bundle import FOLLOW, LIKE, REPOST, Bundle, Columns, Edges, Naming, Place
from freehold.appview.edges import COLLECTIONS
from freehold.appview.gathered import Searchable
from freehold.appview.words import marks_of
from freehold.protocol.cid import Cid

Named = tuple[int | None, int]
"""(id, author's id) of a post that another names; (None, 0): none."""
_NONE: Named = (None, 0)

_HELD = "SELECT rkey, id, moment, cid FROM post WHERE author = :author AND rkey BETWEEN :first AND :last"
_INSERT = (
    "INSERT INTO post (moment, indexed_at, cid, record, parent, root, quote, id, author, rkey)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FILL = "UPDATE post SET moment = ?, indexed_at = ?, cid = ?, record = ?, parent = ?, root = ?, quote = ? WHERE id = ?"


def take(batch: Batch, did: str, told: Bundle) -> None:
    """Put an account's records as they are now."""
    actors.announce(batch, batch.actor(did))
    edges = {LIKE: told.likes, REPOST: told.reposts, FOLLOW: told.follows}
    if any(whose == did for whose, _ in batch.taken_down):
        left = [*_all_of(POST, told.posts), *chain.from_iterable(_all_of(*one) for one in edges.items())]
    else:
        left = _Bulk(batch, did, told).put(edges)
    for path, cid, raw in left:
        apply_record(batch, did, path, Cid(cid), raw, True)
    for path, cid, raw, record in told.others:
        apply_record(batch, did, path, Cid(cid), raw, record is not None, record)


Left = tuple[str, bytes, bytes]
"""(path, CID, DAG-CBOR) of a record that is left to the handler of its collection."""


def _all_of(collection: str, columns: Columns) -> Iterator[Left]:
    return _some_of(collection, columns, range(len(columns.rkeys)))


def _some_of(collection: str, columns: Columns, rows: Iterable[int]) -> Iterator[Left]:
    for row in rows:
        yield f"{collection}/{columns.rkeys[row]}", columns.cids[row], columns.raws[row]


class _Bulk:
    """One bundle. subjects: (id, author's id) of records that are named, by where they are."""

    def __init__(self, batch: Batch, did: str, told: Bundle) -> None:
        self.batch, self.did, self.told = batch, did, told
        self.actor = batch.actor(did)
        row = batch.tx.one("SELECT max(id) FROM post")
        self.next_id = count(((row[0] if row is not None else None) or 0) + 1)
        self.subjects: dict[Place, tuple[int, int]] = {}

    def put(self, edges: dict[str, Edges]) -> list[Left]:
        """Write what can be written at once; what is left."""
        ids, left = self._number()
        self._find()
        self._put_posts(ids)
        gone = [*_some_of(POST, self.told.posts, left)]
        for collection, columns in edges.items():
            if columns.rkeys:
                owned = self.batch.actor_ids(columns.dids)
                subjects = [self.subjects[place] for place in columns.places]
                subjects += [(owned[did], owned[did]) for did in columns.dids]
                rows = COLLECTIONS[collection].put_all(self.batch, self.actor, columns, subjects)
                gone += _some_of(collection, columns, rows)
        return gone

    # -- numbers -------------------------------------------------------------------------------------------------------

    def _number(self) -> tuple[dict[int, tuple[int, bool]], list[int]]:
        """(id, whether its place was held) of posts that can be written at once, by their rows; the rows of others."""
        told = self.told.posts
        if not told.rkeys:
            return {}, []
        taken = self.batch.taken(told.moments)
        rows = self.batch.tx.run(_HELD, author=self.actor, first=min(told.rkeys), last=max(told.rkeys))
        held = {rkey: (id, moment, cid) for rkey, id, moment, cid in rows}
        ids, left = {}, []
        for row, rkey in enumerate(told.rkeys):
            id, moment, cid = held.get(rkey, (None, None, None))
            if moment is None and told.moments[row] not in taken:
                ids[row] = (id, True) if id is not None else (next(self.next_id), False)
                self.subjects[self.did, rkey] = ids[row][0], self.actor
            elif cid != told.cids[row]:
                left.append(row)
        return ids, left

    def _find(self) -> None:
        """Find the posts, and other records, that are named; hold a place for those that are not here."""
        told, tx = self.told, self.batch.tx
        named = chain.from_iterable((one.parent, one.root, one.quote) for one in told.posts.naming)
        places = {place: None for place in chain(told.likes.places, told.reposts.places, named) if place is not None}
        new = [place for place in places if place not in self.subjects]
        authors = self.batch.actor_ids(did for did, _ in new)
        asked = [(authors[did], rkey) for did, rkey in new]
        found = tx.answers("SELECT (SELECT id FROM post WHERE author = ? AND rkey = ?)", asked)
        held: list[tuple[int, int, str]] = []
        for place, (author, rkey), (id,) in zip(new, asked, found, strict=True):
            if id is None:
                id = next(self.next_id)
                held.append((id, author, rkey))
            self.subjects[place] = id, author
        tx.many("INSERT INTO post (id, author, rkey) VALUES (?, ?, ?)", held)

    # -- posts ---------------------------------------------------------------------------------------------------------

    def _put_posts(self, ids: dict[int, tuple[int, bool]]) -> None:
        told, batch, actor = self.told.posts, self.batch, self.actor
        naming = {one.row: one for one in told.naming}
        new, filled, items = [], [], []
        for row, (id, held) in ids.items():
            moment, naming_one = told.moments[row], naming.get(row)
            parent, root, quote = self._name(row, naming_one) if naming_one is not None else (_NONE,) * 3
            columns = moment, told.came[row], told.cids[row], told.raws[row], parent[0], root[0], quote[0], id
            if held:
                filled.append(columns)
                batch.rank_anew(id)
            else:
                new.append((*columns, actor, told.rkeys[row]))
            items.append((FeedItem(moment, actor, id, actor, parent[1], root[1]), told.media[row], None))
            marks = marks_of(told.marks[row], author=actor, parent=parent[0], root=root[0])
            batch.make_searchable(moment, Searchable(id, told.texts[row], marks))
        batch.tx.many(_INSERT, new)
        batch.tx.many(_FILL, filled)
        batch.add_items(sorted(items))
        batch.posts.update(id for id, _ in ids.values())
        if ids:
            batch.count_actor("posts", actor, len(ids))

    def _name(self, row: int, naming: Naming) -> tuple[Named, Named, Named]:
        """What a post answers and quotes; whoever is to be told of it is told."""
        told, batch = self.told.posts, self.batch
        parent, root, quote = (
            self.subjects[place] if place is not None else _NONE for place in (naming.parent, naming.root, naming.quote)
        )
        if parent[0] is None or root[0] is None:
            parent = root = _NONE
        if parent[0] is not None:
            batch.count_post("replies", parent[0], 1)
        if quote[0] is not None:
            batch.count_post("quotes", quote[0], 1)
        change = Change(self.actor, self.did, POST, told.rkeys[row])
        posts.tell(batch, change, naming.mentions, told.at[row], (parent, root), quote)
        return parent, root, quote
