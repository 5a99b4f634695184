"""One transaction of the index: the numbers it gives, the counts it moves, and what memory must forget or learn after
it.

`@record("nsid")` registers what a record of that collection means. A handler puts or removes; it is called with a
`Change`, whose `record` is None when the record is gone. Every handler may be called again with what it knows already:
nothing changes.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from freehold.appview import names
from freehold.appview.gathered import Searchable, Words
from freehold.appview.moments import free_moment, moment_of
from freehold.appview.ranks import WEIGHT, WORTH, changes
from freehold.appview.ties import Tie
from freehold.protocol.cid import Cid
from freehold.store.tx import Tx

POST = "app.bsky.feed.post"
Json = dict[str, Any]
STRANGER = "stranger"
"""The status of an actor whom others name and whose own account no event has announced."""

_MOVE_POST = (
    f"UPDATE post SET {', '.join(f'{name} = {name} + ?' for name in WORTH)} WHERE id = ? RETURNING id, moment, {WEIGHT}"
)
_PLACES = {name: place for place, name in enumerate(WORTH)}
_UNMOVED = [0] * len(WORTH)
_STANDING = "RETURNING id, rev, followers, follows, posts"
_FOLLOWERS = f"UPDATE actor SET followers = followers + ? WHERE id = ? {_STANDING}"
_MOVE_ON = (
    f"UPDATE actor SET posts = posts + :posts, follows = follows + :follows, rev = coalesce(:rev, rev)"
    f" WHERE id = :id {_STANDING}"
)
"""What an actor's own writes move, in one statement. (`followers` has an index, which would be written each time.)"""
PostCount = Literal["likes", "reposts", "replies", "quotes"]
ActorCount = Literal["posts", "followers", "follows"]


class Change(NamedTuple):
    """A record at `at://did/collection/rkey` as of now.

    record: its JSON form, None when it is gone. raw: its DAG-CBOR.
    """

    actor: int
    did: str
    collection: str
    rkey: str
    cid: Cid | None = None
    record: Json | None = None
    raw: bytes = b""


class FeedItem(NamedTuple):
    """What stands in an author's feed: a post, or a repost of one. Ids of actors are 0 where there is none.

    author: who wrote the post. parent_author, root_author: whom it answers; 0 for both when it is no reply or a repost.
    """

    moment: int
    actor: int
    post: int
    author: int
    parent_author: int
    root_author: int


class Standing(NamedTuple):
    """How far an actor's repository is in the index, and what a profile counts: as of the end of a batch."""

    actor: int
    rev: str | None
    followers: int
    follows: int
    posts: int


class Effect(msgspec.Struct, frozen=True, array_like=True):
    """What memory learns of a committed batch, as it travels to other processes. The fields are those of `Batch`."""

    posts: set[int]
    actors: set[int]
    circles: set[int]
    lists: set[int]
    own: set[int]
    newcomers: bool
    notices: set[int]
    feed: list[tuple[bool, FeedItem]]
    ties: list[Tie]
    standing: list[Standing]


def place_of(uri: object) -> tuple[str, str] | None:
    """(DID, `rkey` as the table `post` has it) of the record that a URI names; None for other URIs."""
    parts = uri.split("/") if isinstance(uri, str) else []
    if len(parts) != 5 or parts[0] != "at:" or not parts[2].startswith("did:"):
        return None
    return parts[2], parts[4] if parts[3] == POST else f"{parts[3]}/{parts[4]}"


class Known:
    """What the index remembers between batches, so that it need not ask the file; forgotten when a batch is undone.

    ids: DID to actor id. announced: ids of actors who are no strangers. newest: the latest moment of a feed item, or
    later. taken_down: (DID, path) of records that nobody is shown. reached: the seqs up to which the logs are in the
    index. None: not looked up yet.
    """

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.announced: set[int] = set()
        self.newest: int | None = None
        self.taken_down: set[tuple[str, str]] | None = None
        self.reached: tuple[int, int] | None = None

    def forget(self) -> None:
        """Ask the file again."""
        self.ids.clear()
        self.announced.clear()
        self.newest = self.taken_down = self.reached = None


class Batch:
    """What one transaction reads and leaves behind.

    now: micros; nothing sorts later than this. fits: whether a record of a collection fits its lexicon. is_reader:
    whether an actor reads their notifications here, asked before they are written; None to write all.
    """

    def __init__(self, tx: Tx, now: int, known: Known, fits: Callable[[str, Json], bool]) -> None:
        self.tx = tx
        self.now = now
        self.announced = known.announced
        self.fits = fits
        if known.taken_down is None:
            known.taken_down = set(tx.run("SELECT did, path FROM taken_down"))
        self.taken_down = known.taken_down
        self._known = known
        self._ids = known.ids
        self._unsearchable: set[int] = set()
        self._searchable: dict[int, Searchable] = {}
        self._named: set[int] = set()
        self._revs: dict[int, str] = {}
        self._moved: dict[int, list[int]] = {}
        self._counts: dict[str, dict[int, int]] = {"posts": {}, "followers": {}, "follows": {}}
        self._warmed: dict[int, bool] = {}
        self.is_reader: Callable[[int], bool] | None = None
        self.posts: set[int] = set()
        self.actors: set[int] = set()
        self.circles: set[int] = set()
        self.lists: set[int] = set()
        self.own: set[int] = set()
        self.newcomers = False
        self.notices: set[int] = set()
        self.feed: list[tuple[bool, FeedItem]] = []
        self.ties: list[Tie] = []
        self.standing: list[Standing] = []

    @property
    def effect(self) -> Effect:
        """What it changes of what memory holds."""
        return Effect(**{name: getattr(self, name) for name in Effect.__struct_fields__})

    # -- numbers -------------------------------------------------------------------------------------------------------

    def actor(self, did: str) -> int:
        """The id of the actor, a new one for a DID not seen before."""
        known = self._ids.get(did)
        if known is None:
            row = self.tx.one("SELECT id FROM actor WHERE did = :did", did=did) or self.tx.one(
                "INSERT INTO actor (did, status) VALUES (:did, :status) RETURNING id", did=did, status=STRANGER
            )
            assert row is not None
            known = self._ids[did] = row[0]
            self.newcomers = True
        return known

    def subject(self, uri: object) -> tuple[int, int] | None:
        """(id, author's id) of the record that a URI names, with a place held for a new one; None for other URIs."""
        place = place_of(uri)
        if place is None:
            return None
        did, rkey = place
        author = self.actor(did)
        row = self.tx.one("SELECT id FROM post WHERE author = :author AND rkey = :rkey", author=author, rkey=rkey)
        if row is None:
            row = self.tx.one(
                "INSERT INTO post (author, rkey) VALUES (:author, :rkey) RETURNING id", author=author, rkey=rkey
            )
            assert row is not None
        return row[0], author

    def actor_ids(self, dids: Iterable[str]) -> dict[str, int]:
        """The ids of these actors, as `actor` gives them, among others."""
        ids = self._ids
        new = [did for did in dict.fromkeys(dids) if did not in ids]
        found = self.tx.answers("SELECT (SELECT id FROM actor WHERE did = ?)", ((did,) for did in new))
        ids.update((did, id) for did, (id,) in zip(new, found, strict=True) if id is not None)
        strangers = [(did, STRANGER) for did in new if did not in ids]
        if strangers:
            made = self.tx.answers("INSERT INTO actor (did, status) VALUES (?, ?) RETURNING id", strangers)
            ids.update((did, id) for (did, _), (id,) in zip(strangers, made, strict=True))
            self.newcomers = True
        return ids

    def release(self, post: int) -> None:
        """Let go of a place held for a record that nobody names any more."""
        self._move_posts({post: self._moved.pop(post, _UNMOVED)})
        self.tx.run(
            "DELETE FROM post WHERE id = :id AND moment IS NULL AND gates = 0"
            " AND likes = 0 AND reposts = 0 AND replies = 0 AND quotes = 0"
            " AND NOT EXISTS (SELECT 1 FROM post AS other WHERE other.root = :id)"
            " AND NOT EXISTS (SELECT 1 FROM list WHERE id = :id)"
            " AND NOT EXISTS (SELECT 1 FROM list_item WHERE list = :id AND main = 1)"
            " AND NOT EXISTS (SELECT 1 FROM list_block WHERE subject = :id AND main = 1)"
            " AND NOT EXISTS (SELECT 1 FROM starter_pack WHERE id = :id OR list = :id)"
            " AND NOT EXISTS (SELECT 1 FROM actor WHERE joined = :id)",
            id=post,
        )

    # -- counts --------------------------------------------------------------------------------------------------------

    def count_post(self, name: PostCount, post: int, by: int) -> None:
        """Move a count of a post, present or not; it is written with the end of the batch, as many likes of one post
        come together."""
        self._moved.setdefault(post, _UNMOVED.copy())[_PLACES[name]] += by
        self.posts.add(post)

    def count_posts(self, name: PostCount, posts: Sequence[int]) -> None:
        """Move a count of each of these posts by one, as often as it is here."""
        moved, place = self._moved, _PLACES[name]
        for post in posts:
            by = moved.get(post)
            if by is None:
                by = moved[post] = _UNMOVED.copy()
            by[place] += 1
        self.posts.update(posts)

    def count_actor(self, name: ActorCount, actor: int, by: int) -> None:
        """Move a count of an actor, as `count_post` does; memory learns where it stands then."""
        counts = self._counts[name]
        counts[actor] = counts.get(actor, 0) + by

    def _move_posts(self, moved: Mapping[int, list[int]]) -> None:
        """Write what counts of posts were moved by."""
        rows = [(*by, id) for id, by in sorted(moved.items()) if any(by)]
        for id, moment, weight in self.tx.answers(_MOVE_POST, rows) if rows else ():
            if moment is not None and changes(moved[id], weight):
                self._warmed.setdefault(id, False)

    # -- search ------------------------------------------------------------------------------------------------------

    def make_searchable(self, moment: int, words: Searchable) -> None:
        """Have the post at a moment found by its words."""
        self._searchable[moment] = words

    def make_unsearchable(self, moment: int) -> None:
        """Have it found no more."""
        self._searchable.pop(moment, None)
        self._unsearchable.add(moment)

    def rank_anew(self, post: int) -> None:
        """Have a post that came to a row which was there, or left it, stand where it belongs in ranked searches."""
        self._warmed[post] = True

    def name(self, actor: int) -> None:
        """Have an actor found by the handle and profile of the end of this batch."""
        self._named.add(actor)
        self.actors.add(actor)

    def reach(self, actor: int, rev: str) -> None:
        """Note which revision of an actor's repository the index has come to."""
        self._revs[actor] = rev

    def finish(self, words: Words, *, at_once: bool = True) -> None:
        """Write what was put off. The full-text index must come last: any statement that SQLite may have to undo alone
        makes it write out what it holds so far, which costs more than all the rest together.

        words: where the words of posts wait. at_once: none are to wait after this.
        """
        for actor in sorted(self._counts["posts"].keys() | self._counts["follows"].keys() | self._revs.keys()):
            self._move_on(actor)
        self._move_posts(self._moved)
        names.write(self.tx, self._named, self._move_followers())
        words.settle(self.tx, self._searchable, self._unsearchable, self._warmed, at_once=at_once)

    def _move_followers(self) -> dict[int, tuple[int, int]]:
        """Write how many followers came and went; how many somebody had before, and has now."""
        moved = {id: by for id, by in sorted(self._counts["followers"].items()) if by}
        if not moved:
            return {}
        stand = [Standing._make(row) for row in self.tx.answers(_FOLLOWERS, ((by, id) for id, by in moved.items()))]
        self.standing += stand
        return {one.actor: (one.followers - moved[one.actor], one.followers) for one in stand}

    def _move_on(self, actor: int) -> None:
        posts, follows = (self._counts[name].get(actor, 0) for name in ("posts", "follows"))
        rows = self.tx.run(_MOVE_ON, posts=posts, follows=follows, rev=self._revs.get(actor), id=actor)
        self.standing += map(Standing._make, rows)

    # -- feeds and notifications ---------------------------------------------------------------------------------------

    def place(self, micros: int, rkey: str) -> int:
        """A free moment for the feed item of this time and record key."""
        moment = moment_of(micros, rkey)
        if moment <= self._newest():
            return free_moment(self.tx, moment)
        self._known.newest = moment
        return moment

    def _newest(self) -> int:
        if self._known.newest is None:
            row = self.tx.one("SELECT max(moment) FROM feed_item")
            self._known.newest = (row[0] if row is not None else None) or 0
        return self._known.newest

    def taken(self, moments: Sequence[int]) -> set[int]:
        """Which of these moments cannot be had as they are: another item stands there, or they are asked for twice."""
        newest = self._newest()
        asked = ((moment,) for moment in moments if moment <= newest)
        taken = {moment for (moment,) in self.tx.answers("SELECT moment FROM feed_item WHERE moment = ?", asked)}
        self._known.newest = max([newest, *moments])
        if len(set(moments)) < len(moments):
            taken |= {moment for moment, times in Counter(moments).items() if times > 1}
        return taken

    def add_items(self, items: Sequence[tuple[FeedItem, int, str | None]]) -> None:
        """As `add_item`, for many, the oldest first: (item, media, repost)."""
        sql = (
            "INSERT INTO feed_item (moment, actor, post, author, parent_author, root_author, media, repost)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        self.tx.many(sql, [(*item, media, repost) for item, media, repost in items])
        self.feed += [(True, item) for item, _, _ in items]

    def add_item(self, item: FeedItem, media: int = 0, repost: str | None = None) -> None:
        """Put an item into its actor's feed. repost: the record key, if it is one."""
        self.tx.run(
            "INSERT INTO feed_item (moment, actor, post, repost, author, parent_author, root_author, media) VALUES"
            " (:moment, :actor, :post, :repost, :author, :parent_author, :root_author, :media)",
            media=media,
            repost=repost,
            **item._asdict(),
        )
        self.feed.append((True, item))

    def drop_item(self, actor: int, moment: int) -> None:
        """Take an item out of its actor's feed."""
        self.tx.run("DELETE FROM feed_item WHERE moment = :moment", moment=moment)
        self.feed.append((False, FeedItem(moment, actor, 0, 0, 0, 0)))

    def notify(self, recipient: int, reason: str, change: Change, at: int, subject: int | None = None) -> None:
        """Tell `recipient` of a record, unless it is their own. subject: which of their records it is about, if any."""
        if recipient != change.actor and self.tells(recipient):
            self.tx.run(
                "INSERT INTO notification (recipient, at, reason, actor, rkey, subject)"
                " VALUES (:recipient, :at, :reason, :actor, :rkey, :subject)",
                recipient=recipient,
                at=at,
                reason=reason,
                actor=change.actor,
                rkey=change.rkey,
                subject=subject,
            )

    def tells(self, recipient: int) -> bool:
        """Whether news of this actor are written down."""
        return self.is_reader is None or self.is_reader(recipient)

    def notify_many(self, news: Sequence[tuple[int, int, str, int, str, int | None]]) -> None:
        """As `notify`, for many, of whom none is told of their own: rows of `notification`."""
        self.tx.many(
            "INSERT INTO notification (recipient, at, reason, actor, rkey, subject) VALUES (?, ?, ?, ?, ?, ?)", news
        )

    def take_back(self, actor: int, rkey: str, reasons: str) -> None:
        """Drop the notifications of a record. reasons: separated by blanks, those that its collection can have."""
        rows = self.tx.run(
            "DELETE FROM notification WHERE actor = :actor AND rkey = :rkey AND instr(:reasons, reason) > 0"
            " RETURNING id",
            actor=actor,
            rkey=rkey,
            reasons=reasons,
        )
        self.notices.update(id for (id,) in rows)


Handler = Callable[[Batch, Change], None]
HANDLERS: dict[str, Handler] = {}


def record(collection: str) -> Callable[[Handler], Handler]:
    """Register what the records of a collection mean."""

    def register(handler: Handler) -> Handler:
        HANDLERS[collection] = handler
        return handler

    return register
