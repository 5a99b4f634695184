"""Likes, reposts, follows, blocks and blocks of lists: records by which an actor points at a subject.

Tables: post_like, repost, follow, block, list_block (one shape, see schema). Several records of one actor about one
subject count once: the one with the lowest key is `main`, and only it moves counts, feeds and notifications, whatever
order they came in.
Source: the lexicons app.bsky.feed.like, app.bsky.feed.repost, app.bsky.graph.follow, .block, .listblock
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple

from freehold.appview import bundle
from freehold.appview.batch import Batch, Change, FeedItem, record
from freehold.appview.moments import TIE_BITS, came_and_sorts, free_moment, moment_of
from freehold.appview.parts import via_uri
from freehold.appview.ties import FOLLOWED_BY, LIKED, REPOSTED, Tie
from freehold.protocol import cbor

VIA_LIKE, VIA_REPOST = "like-via-repost", "repost-via-repost"


class Edge(NamedTuple):
    """A row, with the author of its subject (the subject itself, where that is an actor). record: DAG-CBOR, of an edge
    that is to be counted."""

    actor: int
    rkey: str
    subject: int
    owner: int
    at: int
    record: bytes = b""


Effect = Callable[[Batch, Edge, int], None]
"""Count an edge (+1) or take it back (-1)."""
EffectOfAll = Callable[[Batch, Sequence[Edge], Sequence[tuple[Edge, str]]], None]
"""Count many edges of one actor, and which of them came to be by a repost, by whom."""


class Edges:
    """The statements of one table, and what its edges mean."""

    def __init__(
        self, table: str, effect: Effect, *, of_actors: bool, effect_of_all: EffectOfAll | None = None
    ) -> None:
        self.effect = effect
        self.effect_of_all = effect_of_all
        self.of_actors = of_actors

        def sql(text: str) -> str:
            return text.replace("EDGE", table)

        self.find = sql("SELECT subject, at, main, cid FROM EDGE WHERE actor = :actor AND rkey = :rkey")
        self.find_main = sql("SELECT rkey, at FROM EDGE WHERE actor = :actor AND subject = :subject AND main = 1")
        self.find_next = sql(
            "SELECT rkey, at, record FROM EDGE WHERE actor = :actor AND subject = :subject ORDER BY rkey LIMIT 1"
        )
        self.set_main = sql("UPDATE EDGE SET main = :main WHERE actor = :actor AND rkey = :rkey")
        self.insert = sql(
            "INSERT INTO EDGE (actor, rkey, subject, cid, record, at, indexed_at, main)"
            " VALUES (:actor, :rkey, :subject, :cid, :record, :at, :came, :main)"
        )
        self.delete = sql("DELETE FROM EDGE WHERE actor = :actor AND rkey = :rkey")
        self.put_main = sql(
            "INSERT INTO EDGE (actor, rkey, subject, cid, record, at, indexed_at, main)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING"
        )
        self.find_between = sql("SELECT rkey, cid FROM EDGE WHERE actor = :actor AND rkey BETWEEN :first AND :last")
        self.of_actor = sql("SELECT rkey FROM EDGE WHERE actor = :actor")

    def apply(self, batch: Batch, change: Change) -> None:
        """Put the edge as the record has it now, or remove it."""
        old = batch.tx.one(self.find, actor=change.actor, rkey=change.rkey)
        if old is not None:
            if change.cid is not None and bytes(change.cid) == old[3]:
                return
            self._remove(batch, change.actor, change.rkey, *old[:3])
        if change.record is not None:
            self._put(batch, change)

    def put_all(self, batch: Batch, actor: int, told: bundle.Edges, subjects: Sequence[tuple[int, int]]) -> list[int]:
        """Put many edges of one actor at once, those that are new and the only ones about their subjects; the rows of
        all others that are not here. subjects: (subject, owner) of each."""
        assert self.effect_of_all is not None
        between = {"actor": actor, "first": min(told.rkeys), "last": max(told.rkeys)}
        held: dict[str, bytes] = dict(batch.tx.run(self.find_between, **between))
        first: dict[int, int] = {}
        new, left = [], []
        for row, rkey in enumerate(told.rkeys):
            if rkey not in held and first.setdefault(subjects[row][0], row) == row:
                new.append(row)
            elif held.get(rkey) != told.cids[row]:
                left.append(row)
        rows = [
            (actor, told.rkeys[row], subjects[row][0], told.cids[row], told.raws[row], told.at[row], told.came[row])
            for row in new
        ]
        if batch.tx.many(self.put_main, rows) < len(rows):  # others of these subjects were here
            there = {rkey for rkey, _ in batch.tx.run(self.find_between, **between)}
            left += [row for row in new if told.rkeys[row] not in there]
            new = [row for row in new if told.rkeys[row] in there]
        edges = [Edge(actor, told.rkeys[row], *subjects[row], told.at[row]) for row in new]
        by_row = dict(zip(new, edges, strict=True)) if told.vias else {}
        self.effect_of_all(batch, edges, [(by_row[row], did) for row, did in told.vias if row in by_row])
        return left

    def _put(self, batch: Batch, change: Change) -> None:
        assert change.record is not None
        assert change.cid is not None
        found = self._subject(batch, change.record.get("subject"))
        if found is None:
            return
        subject, owner = found
        came, at = came_and_sorts(change.rkey, change.record, batch.now)
        main = batch.tx.one(self.find_main, actor=change.actor, subject=subject)
        leads = main is None or change.rkey < main[0]
        if main is not None and leads:
            self.effect(batch, Edge(change.actor, main[0], subject, owner, main[1]), -1)
            batch.tx.run(self.set_main, actor=change.actor, rkey=main[0], main=0)
        batch.tx.run(
            self.insert,
            actor=change.actor,
            rkey=change.rkey,
            subject=subject,
            cid=bytes(change.cid),
            record=change.raw,
            at=at,
            came=came,
            main=int(leads),
        )
        if leads:
            self.effect(batch, Edge(change.actor, change.rkey, subject, owner, at, change.raw), 1)

    def _remove(self, batch: Batch, actor: int, rkey: str, subject: int, at: int, main: int) -> None:
        batch.tx.run(self.delete, actor=actor, rkey=rkey)
        if not main:
            return
        owner = subject if self.of_actors else _author(batch, subject)
        self.effect(batch, Edge(actor, rkey, subject, owner, at), -1)
        heir = batch.tx.one(self.find_next, actor=actor, subject=subject)
        if heir is not None:
            batch.tx.run(self.set_main, actor=actor, rkey=heir[0], main=1)
            self.effect(batch, Edge(actor, heir[0], subject, owner, *heir[1:]), 1)
        elif not self.of_actors:
            batch.release(subject)

    def _subject(self, batch: Batch, named: object) -> tuple[int, int] | None:
        """(subject, owner) of a record: a DID, or the `uri` of a strong reference, or a URI."""
        if not self.of_actors:
            return batch.subject(named.get("uri") if isinstance(named, dict) else named)
        if not isinstance(named, str) or not named.startswith("did:"):
            return None
        actor = batch.actor(named)
        return actor, actor


def _author(batch: Batch, post: int) -> int:
    row = batch.tx.one("SELECT author FROM post WHERE id = :id", id=post)
    assert row is not None, "an edge holds the place of its subject"
    author: int = row[0]
    return author


def _told(batch: Batch, edge: Edge, reason: str, sign: int, subject: int | None) -> None:
    if sign > 0:
        change = Change(edge.actor, "", "", edge.rkey)
        batch.notify(edge.owner, reason, change, edge.at, subject)
        if b"via" in edge.record:
            _tell_reposter(batch, edge, change, f"{reason}-via-repost")
    else:
        batch.take_back(edge.actor, edge.rkey, f"{reason} {reason}-via-repost")


def _tell_reposter(batch: Batch, edge: Edge, change: Change, reason: str) -> None:
    """Tell of a like or repost by way of a repost. Whether that repost is there is looked at when the news are read."""
    uri = via_uri(cbor.decode_json(edge.record))
    if uri is not None:
        batch.notify(batch.actor(uri.split("/")[2]), reason, change, edge.at)


def _tied(batch: Batch, kind: int, reader: int, other: int, edge: Edge, sign: int) -> None:
    batch.ties.append(Tie(kind, reader, other, edge.rkey if sign > 0 else None))


def _like(batch: Batch, edge: Edge, sign: int) -> None:
    batch.count_post("likes", edge.subject, sign)
    _tied(batch, LIKED, edge.actor, edge.subject, edge, sign)
    _told(batch, edge, "like", sign, edge.subject)


def _repost(batch: Batch, edge: Edge, sign: int) -> None:
    batch.count_post("reposts", edge.subject, sign)
    _tied(batch, REPOSTED, edge.actor, edge.subject, edge, sign)
    _told(batch, edge, "repost", sign, edge.subject)
    if sign > 0:
        moment = batch.place(edge.at, edge.rkey)
        batch.add_item(FeedItem(moment, edge.actor, edge.subject, edge.owner, 0, 0), repost=edge.rkey)
    else:
        row = batch.tx.one(
            "SELECT moment FROM feed_item WHERE actor = :actor AND moment >= :moment AND repost = :rkey"
            " ORDER BY moment LIMIT 1",
            actor=edge.actor,
            moment=edge.at << TIE_BITS,
            rkey=edge.rkey,
        )
        assert row is not None, "a counted repost stands in a feed"
        batch.drop_item(edge.actor, row[0])


def _follow(batch: Batch, edge: Edge, sign: int) -> None:
    batch.count_actor("follows", edge.actor, sign)
    batch.count_actor("followers", edge.subject, sign)
    batch.circles.add(edge.actor)
    _tied(batch, FOLLOWED_BY, edge.subject, edge.actor, edge, sign)
    _told(batch, edge, "follow", sign, None)


def _block(batch: Batch, edge: Edge, sign: int) -> None:
    batch.circles.update((edge.actor, edge.subject))
    batch.actors.add(edge.actor)


def _list_block(batch: Batch, edge: Edge, sign: int) -> None:
    batch.circles.add(edge.actor)
    batch.actors.add(edge.actor)
    batch.lists.add(edge.subject)


def _like_all(batch: Batch, edges: Sequence[Edge], vias: Sequence[tuple[Edge, str]]) -> None:
    batch.count_posts("likes", [edge.subject for edge in edges])
    batch.ties += [Tie(LIKED, edge.actor, edge.subject, edge.rkey) for edge in edges]
    _tell_all(batch, edges, "like", vias)


def _repost_all(batch: Batch, edges: Sequence[Edge], vias: Sequence[tuple[Edge, str]]) -> None:
    batch.count_posts("reposts", [edge.subject for edge in edges])
    batch.ties += [Tie(REPOSTED, edge.actor, edge.subject, edge.rkey) for edge in edges]
    _tell_all(batch, edges, "repost", vias)
    moments = [moment_of(edge.at, edge.rkey) for edge in edges]
    taken = batch.taken(moments)
    items = [
        (FeedItem(moment, edge.actor, edge.subject, edge.owner, 0, 0), 0, edge.rkey)
        for moment, edge in zip(moments, edges, strict=True)
    ]
    batch.add_items(sorted(item for item in items if item[0].moment not in taken))
    for item, _, rkey in items:
        if item.moment in taken:
            batch.add_item(item._replace(moment=free_moment(batch.tx, item.moment)), repost=rkey)


def _follow_all(batch: Batch, edges: Sequence[Edge], _vias: object) -> None:
    for edge in edges:
        batch.count_actor("followers", edge.subject, 1)
        batch.count_actor("follows", edge.actor, 1)
        batch.circles.add(edge.actor)
    batch.ties += [Tie(FOLLOWED_BY, edge.subject, edge.actor, edge.rkey) for edge in edges]
    _tell_all(batch, edges, "follow", ())


def _tell_all(batch: Batch, edges: Sequence[Edge], reason: str, vias: Sequence[tuple[Edge, str]]) -> None:
    """As `_told`, of edges of one actor that are counted."""
    told = {owner for owner in {edge.owner for edge in edges} if batch.tells(owner)}
    subject = attrgetter("subject") if reason != "follow" else lambda edge: None
    news = [(edge.owner, edge.at, reason, edge.actor, edge.rkey, subject(edge)) for edge in edges if edge.owner in told]
    ids = batch.actor_ids(did for _, did in vias)
    for edge, did in vias:
        if batch.tells(ids[did]):
            news.append((ids[did], edge.at, f"{reason}-via-repost", edge.actor, edge.rkey, None))
    batch.notify_many([row for row in news if row[0] != row[3]])


LIKES = Edges("post_like", _like, of_actors=False, effect_of_all=_like_all)
REPOSTS = Edges("repost", _repost, of_actors=False, effect_of_all=_repost_all)
FOLLOWS = Edges("follow", _follow, of_actors=True, effect_of_all=_follow_all)
BLOCKS = Edges("block", _block, of_actors=True)
LIST_BLOCKS = Edges("list_block", _list_block, of_actors=False)

COLLECTIONS = {
    "app.bsky.feed.like": LIKES,
    "app.bsky.feed.repost": REPOSTS,
    "app.bsky.graph.follow": FOLLOWS,
    "app.bsky.graph.block": BLOCKS,
    "app.bsky.graph.listblock": LIST_BLOCKS,
}
for _collection, _edges in COLLECTIONS.items():
    record(_collection)(_edges.apply)
