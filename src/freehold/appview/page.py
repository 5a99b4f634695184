"""One answer being made: whom it is for, the actors and posts that it shows, and what stands between them and the
reader.

`Page` is the hydrate step of every view. A view names ids, `Page` loads them in a few queries, each over all ids at
once, from memory where it can. What it holds is good for one read transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from freehold.appview.batch import STRANGER
from freehold.appview.circles import read_circle
from freehold.appview.labelled import NO_LABELERS, Labelers, Said, heard, of_version, redacted
from freehold.appview.live import declared
from freehold.appview.pieces import (
    ACTOR_COLUMNS,
    NOBODY,
    NOTHING,
    POST_COLUMNS,
    ActorPiece,
    Circle,
    ImageUrl,
    Json,
    Own,
    PostGate,
    PostPiece,
    ThreadGate,
    actor_piece,
    live_piece,
    post_piece,
)
from freehold.appview.ties import FOLLOWED_BY, LIKED, REPOSTED, Ties
from freehold.store.tx import Tx

if TYPE_CHECKING:
    from freehold.appview.memory import Memory

_ACTORS = f"SELECT {ACTOR_COLUMNS} FROM actor WHERE id IN (SELECT value FROM json_each(:ids))"
_POSTS = (
    f"SELECT {POST_COLUMNS} FROM post JOIN actor ON actor.id = post.author"
    " WHERE post.id IN (SELECT value FROM json_each(:ids)) AND post.moment IS NOT NULL"
)
_WALLS = (
    "SELECT actor, subject FROM block WHERE main = 1 AND actor IN (SELECT value FROM json_each(:blockers))"
    "  AND subject IN (SELECT value FROM json_each(:ids)) AND subject <> actor"
    " UNION ALL SELECT list_block.actor, list_item.subject FROM list_block CROSS JOIN list"
    "  CROSS JOIN list_item ON list_item.list = list.id AND list_item.main = 1"
    "  WHERE list_block.main = 1 AND list_block.actor IN (SELECT value FROM json_each(:blockers))"
    "  AND list.id = list_block.subject AND list.purpose = 1"
    "  AND list_item.subject IN (SELECT value FROM json_each(:ids)) AND list_item.subject <> list_block.actor"
)
_QUOTES_DEEP = _ANSWERED_HIGH = 2


class Page:
    """Everything that one answer needs. viewer: the reader's id, 0 for a stranger. labelers: to whom they listen.
    by_choice: and to those beside that they chose for themselves. linked: those of its posts that are; gated: whether
    any of them has a gate. minded: whether the reader has saved posts or muted threads. basics, views: what was put
    together so far, of actors and of posts."""

    def __init__(
        self,
        tx: Tx,
        memory: "Memory",
        image_url: ImageUrl,
        viewer: str | None,
        labelers: Labelers = NO_LABELERS,
        *,
        by_choice: bool = False,
    ) -> None:
        self.tx = tx
        self._labelers = labelers
        self._by_choice = by_choice
        self.memory = memory
        self.image_url = image_url
        self.generation = memory.generation
        self.actors: dict[int, ActorPiece] = {}
        self.posts: dict[int, PostPiece] = {}
        self.likes: dict[int, str] = {}
        self.reposts: dict[int, str] = {}
        self.followed_by: dict[int, str] = {}
        self.walls: set[tuple[int, int]] = set()
        self.viewer = 0
        self.viewer_did = viewer
        self.circle = NOBODY
        self.linked: list[PostPiece] = []
        self.basics: dict[int, bytes] = {}
        self.views: dict[int, bytes] = {}
        self.states: dict[int, bytes] = {}
        self.gated = False
        self.minded = False
        self.thread_gates: dict[int, ThreadGate | None] = {}
        self.post_gates: dict[int, PostGate] = {}
        self.kept_out: dict[tuple[int, int], bool] = {}
        self.declared: dict[str, Json] = {}
        self.lists: dict[int, Json] = {}
        self.said: dict[str, Sequence[Said]] = {}
        self._own: Own | None = None
        self._ties: Ties | None = None
        if viewer is not None and (id := self._id_of(viewer)):
            self.viewer = id
            self.circle = self.circle_of(self.viewer, viewer)
            self.minded = bool(self.circle.thread_mutes or self.own.saved)
            if not self.circle.has_lists:  # whose views are in the states, and change with them
                self.states = self.ties.states(self.circle, self.own)

    def known(self, did: str) -> tuple[int, str | None] | None:
        """(id, status) of an account that memory holds; None for one that has to be looked up."""
        id = self.memory.ids.get(did)
        piece = self.memory.actors.get(id) if id is not None else None
        return (piece.id, piece.status) if piece is not None and piece.status != STRANGER else None

    def _id_of(self, did: str) -> int:
        """The id of an account, 0 for none. It stays the same until the index is made anew."""
        id = self.memory.ids.get(did)
        if id is None:
            row = self.tx.one("SELECT id FROM actor WHERE did = :did", did=did)
            if row is None:
                return 0
            id = int(row[0])
            self.memory.ids.put(did, id)
            if self.memory.generation != self.generation:
                self.memory.ids.forget((did,))
        return id

    # -- loading -----------------------------------------------------------------------------------------------------

    def circle_of(self, actor: int, did: str) -> Circle:
        """The relations of an actor."""
        circle = self.memory.circles.get(actor)
        if circle is None:
            circle = read_circle(self.tx, actor, did, self.memory.muted_by, self.members_of)
            self.memory.circles.put(actor, circle)
            if self.memory.generation != self.generation:
                self.memory.circles.forget((actor,))
        return circle

    def members_of(self, list: int) -> frozenset[int]:
        """Who is on a list, by its id."""
        members = self.memory.members.get(list)
        if members is None:
            members = _members(self.tx, list)
            self.memory.members.put(list, members)
            if self.memory.generation != self.generation:
                self.memory.members.forget((list,))
        return members

    @property
    def own(self) -> Own:
        """What the reader keeps for themselves."""
        if self._own is None:
            self._own = self._read_own() if self.viewer else NOTHING
        return self._own

    def _read_own(self) -> Own:
        own = self.memory.own.get(self.viewer)
        if own is None:
            own = Own(*self.memory.kept_by(self.viewer_did or ""))
            self.memory.own.put(self.viewer, own)
            if self.memory.generation != self.generation:
                self.memory.own.forget((self.viewer,))
        return own

    @property
    def labelers(self) -> Labelers:
        """To whom the reader listens."""
        if self._by_choice:
            self._labelers, self._by_choice = self._labelers.and_heard(self.own.labelers), False
        return self._labelers

    @property
    def ties(self) -> Ties:
        """The reader's likes, reposts and followers."""
        if self._ties is None:
            kept = self.memory.ties.get(self.viewer)
            if kept is None:
                kept = Ties(self.tx, self.viewer)
                self.memory.ties.put(self.viewer, kept)
                if self.memory.generation != self.generation:
                    self.memory.ties.forget((self.viewer,))
            self._ties = kept
        return self._ties

    def ties_of(self, actor: int) -> Ties | None:
        """The likes, reposts and followers of another, if they read here of late."""
        return self.memory.ties.get(actor)

    def load_actors(self, ids: Iterable[int]) -> None:
        """Have these actors, and how the reader stands to them."""
        missing = []
        kept, actors = self.memory.actors.get, self.actors
        for id in ids:
            if id not in actors:
                piece = kept(id)
                if piece is None:
                    missing.append(id)
                else:
                    actors[id] = piece
        if missing:
            rows = self.tx.run(_ACTORS, ids=str(missing))
            made = [actor_piece(row, self.image_url) for row in rows]
            doing = [row[0] for row in rows if row[-1]]
            lives = {row.actor: row for row in declared(self.tx, doing)} if doing else {}
            subjects = [subject for piece in made for subject in piece.subjects]
            said = self.memory.labels_of(self.tx, [*subjects, *(row.uri for row in lives.values())])
            for piece in made:
                if piece.id in lives:
                    piece.live = live_piece(lives[piece.id], said, self.image_url)
                if said:
                    piece.said = tuple(one for subject in piece.subjects for one in said.get(subject, ()))
                self.actors[piece.id] = piece
                self.memory.actors.put(piece.id, piece)
                self.memory.ids.put(piece.did, piece.id)
            if self.memory.generation != self.generation:
                self.memory.actors.forget(missing)
                self.memory.ids.forget([piece.did for piece in made])

    def load_posts(self, ids: Iterable[int], quotes_deep: int = _QUOTES_DEEP) -> None:
        """Have these posts, those that they quote, and all their authors. What is not here is left out."""
        authors: set[int] = set()
        linked = self._pieces(ids, authors)
        for _ in range(quotes_deep):
            wanted = [piece.quote for piece in linked if piece.quote is not None]
            if not wanted:
                break
            linked = self._pieces(wanted, authors)
        self.load_actors(authors)

    def load_with_answered(self, ids: Collection[int], beside: Iterable[int]) -> None:
        """As `load_posts`, with the posts that these answer, the roots of their threads, and what those answer in turn:
        level by level, and all authors at the end. beside: other actors to have."""
        authors = set(beside)
        linked, below = self._pieces(ids, authors), ids
        for level in range(_QUOTES_DEEP + 1):  # what the answered posts quote is shown as deep as what these do
            wanted = {piece.quote for piece in linked if piece.quote is not None}
            if self.linked and level < _ANSWERED_HIGH:
                below = {up for id in below if (piece := self.posts.get(id)) for up in (piece.parent, piece.root) if up}
                wanted |= below
            if not wanted:
                break
            linked = self._pieces(wanted, authors)
        self.load_actors(authors)

    def _pieces(self, ids: Iterable[int], authors: set[int]) -> list[PostPiece]:
        """Have these, and add their authors; those that were not here and are linked to others."""
        kept, posts = self.memory.posts.get, self.posts
        linked, missing = [], []
        for id in ids:
            if id in posts:
                continue
            piece = kept(id)
            if piece is None:
                missing.append(id)
                continue
            posts[id] = piece
            authors.add(piece.author)
            if piece.linked:
                linked.append(piece)
        if missing:
            made = self._made(missing)
            authors.update(piece.author for piece in made)
            linked += [piece for piece in made if piece.linked]
        if linked:
            self.linked += linked
            self.gated = self.gated or any(piece.gates for piece in linked)
        return linked

    def _made(self, missing: list[int]) -> list[PostPiece]:
        """Pieces of posts of which memory holds none, from now on kept there."""
        made = [post_piece(row, self.image_url) for row in self.tx.run(_POSTS, ids=str(missing))]
        said = self.memory.labels_of(self.tx, [piece.uri for piece in made])
        for piece in made:
            if said:
                piece.said = of_version(said.get(piece.uri, ()), piece.cid)
            self.posts[piece.id] = piece
            self.memory.posts.put(piece.id, piece)
        if self.memory.generation != self.generation:
            self.memory.posts.forget(missing)
        return made

    def load_states(self) -> None:
        """Have what the reader did with the loaded posts, which loaded actors follow them, and who blocks whom."""
        blockers = [id for id, piece in self.actors.items() if piece.blocks]
        if blockers:
            self.walls = set(self.tx.run(_WALLS, ids=str(list(self.actors)), blockers=str(blockers)))
        if self.viewer:
            ties = self.ties
            self.followed_by = ties.to(self.tx, FOLLOWED_BY, self.actors)
            self.likes = ties.to(self.tx, LIKED, self.posts)
            self.reposts = ties.to(self.tx, REPOSTED, self.posts)

    def load_said(self, uris: Collection[str]) -> None:
        """Have what labelers say of these records, which are no posts."""
        self.said |= dict.fromkeys(uris, ()) | dict(self.memory.labels_of(self.tx, list(uris)) if uris else {})

    def labels_on(self, uri: str, cid: str) -> list[Json]:
        """What the reader's labelers say of this version of a record that is no post."""
        if uri not in self.said:
            self.load_said((uri,))
        return heard(of_version(self.said[uri], cid), self.labelers, self.tx.now)

    # -- visible -----------------------------------------------------------------------------------------------------

    def active(self, actor: int) -> bool:
        """Whether the account is there and shown."""
        piece = self.actors.get(actor)
        return piece is not None and piece.status is None and not (piece.said and self.redacted(piece))

    def redacted(self, piece: ActorPiece | PostPiece) -> bool:
        """Whether a labeler took the subject away from this reader."""
        return redacted(piece.said, self.labelers, self.tx.now)

    def shown(self, post: int | None) -> PostPiece | None:
        """The post, if it is here and its author's account is active. Blocks and mutes are for the view to weigh."""
        piece = self.posts.get(post) if post is not None else None
        if piece is None:
            return None
        author = self.actors.get(piece.author)
        if author is None or author.status is not None or (author.said and self.redacted(author)):
            return None
        return None if piece.said and self.redacted(piece) else piece

    def shown_to_reader(self, post: int | None) -> PostPiece | None:
        """As `shown`, and not to strangers if its author wants none."""
        piece = self.shown(post)
        return piece if self.viewer or piece is None or not self.actors[piece.author].members_only else None

    def walled(self, one: int, other: int) -> bool:
        """Whether one of two loaded actors blocks the other."""
        return (one, other) in self.walls or (other, one) in self.walls

    def uri_of(self, post: int) -> str:
        """The URI of a post or another subject, present or not."""
        piece = self.posts.get(post)
        if piece is not None:
            return piece.uri
        row = self.tx.one(
            "SELECT did, rkey FROM post JOIN actor ON actor.id = post.author WHERE post.id = :id", id=post
        )
        assert row is not None, "what is named holds a place"
        did, rkey = row
        return f"at://{did}/{rkey}" if "/" in rkey else f"at://{did}/app.bsky.feed.post/{rkey}"

    def uris_of(self, posts: Collection[int]) -> dict[int, str]:
        """The URIs of many."""
        rows = self.tx.run(
            "SELECT post.id, did, rkey FROM post JOIN actor ON actor.id = post.author"
            " WHERE post.id IN (SELECT value FROM json_each(:ids))",
            ids=str(list(posts)),
        )
        return {
            id: f"at://{did}/{rkey}" if "/" in rkey else f"at://{did}/app.bsky.feed.post/{rkey}"
            for id, did, rkey in rows
        }


def _members(tx: Tx, list: int) -> frozenset[int]:
    return frozenset(id for (id,) in tx.run("SELECT subject FROM list_item WHERE list = :id AND main = 1", id=list))
