"""Posts as they arrive: their place in feeds and threads, what they name, who is told, what can be searched.

Table: post (with the edges module's counts), and through `Batch` feed_item, notification and post_search.
Source: the lexicons app.bsky.feed.post and app.bsky.richtext.facet
"""

from collections.abc import Sequence
from typing import Any

from freehold.appview.batch import POST, Batch, Change, FeedItem, record
from freehold.appview.gathered import Searchable
from freehold.appview.moments import came_and_sorts
from freehold.appview.parts import media_of, mentioned_dids, quoted_uri, reply_uris
from freehold.appview.words import words_in

REASONS = "reply mention quote"


@record(POST)
def post(batch: Batch, change: Change) -> None:
    """Put the post as the record has it now, or remove it."""
    held = batch.tx.one(
        "SELECT id, moment, cid FROM post WHERE author = :author AND rkey = :rkey",
        author=change.actor,
        rkey=change.rkey,
    )
    id, moment, cid = held or (None, None, None)
    if id is not None and moment is not None:
        if change.cid is not None and bytes(change.cid) == cid:
            return
        _remove(batch, change, id, moment)
        if change.record is None:
            batch.release(id)
    if change.record is not None:
        _put(batch, change, change.record, id)


def _put(batch: Batch, change: Change, record: dict[str, Any], held: int | None) -> None:
    """Give the post its row, or the one that holds its place, and let everything know that it names."""
    assert change.cid is not None
    came, at = came_and_sorts(change.rkey, record, batch.now)
    parent_uri, root_uri = reply_uris(record)
    parent, parent_author = batch.subject(parent_uri) or (None, 0)
    root, root_author = (parent, parent_author) if root_uri == parent_uri else batch.subject(root_uri) or (None, 0)
    if parent is None or root is None:
        parent = root = None
        parent_author = root_author = 0
    quote_uri = quoted_uri(record)
    quote, quote_author = batch.subject(quote_uri) or (None, 0)
    moment = batch.place(at, change.rkey)
    id = _row(
        batch,
        change,
        held,
        moment=moment,
        indexed_at=came,
        cid=bytes(change.cid),
        record=change.raw,
        parent=parent,
        root=root,
        quote=quote,
    )
    media = media_of(record)
    batch.add_item(FeedItem(moment, change.actor, id, change.actor, parent_author, root_author), media)
    batch.count_actor("posts", change.actor, 1)
    if parent is not None:
        batch.count_post("replies", parent, 1)
    if quote is not None:
        batch.count_post("quotes", quote, 1)
    words = words_in(record, author=change.actor, parent=parent, root=root, media=media)
    batch.make_searchable(moment, Searchable(id, *words))
    answered = (parent, parent_author), (root, root_author)
    tell(batch, change, mentioned_dids(record), at, answered, (quote, quote_author))


_COLUMNS = ("moment", "indexed_at", "cid", "record", "parent", "root", "quote")
_INSERT = (
    f"INSERT INTO post (author, rkey, {', '.join(_COLUMNS)})"
    f" VALUES (:author, :rkey, {', '.join(':' + name for name in _COLUMNS)}) RETURNING id"
)
_FILL = f"UPDATE post SET {', '.join(f'{name} = :{name}' for name in _COLUMNS)} WHERE id = :id"


def _row(batch: Batch, change: Change, held: int | None, **columns: object) -> int:
    """Fill the row of a post. A statement for each case: one for both would cost twice as much."""
    if held is not None:
        batch.tx.run(_FILL, id=held, **columns)
        batch.rank_anew(held)
        id = held
    else:
        row = batch.tx.one(_INSERT, author=change.actor, rkey=change.rkey, **columns)
        assert row is not None
        id = row[0]
    batch.posts.add(id)
    return id


def _remove(batch: Batch, change: Change, id: int, moment: int) -> None:
    """Take the post out of everything; its row becomes a place held, as others may name it still."""
    tx = batch.tx
    row = tx.one("SELECT parent, root, quote FROM post WHERE id = :id", id=id)
    assert row is not None
    parent, root, quote = row
    tx.run(_FILL, id=id, **dict.fromkeys(_COLUMNS))
    batch.posts.add(id)
    batch.drop_item(change.actor, moment)
    batch.make_unsearchable(moment)
    batch.rank_anew(id)
    batch.take_back(change.actor, change.rkey, REASONS)
    batch.count_actor("posts", change.actor, -1)
    if parent is not None:
        batch.count_post("replies", parent, -1)
    if quote is not None:
        batch.count_post("quotes", quote, -1)
    for named in {parent, root, quote} - {None}:
        batch.release(named)


def tell(
    batch: Batch,
    change: Change,
    mentioned: Sequence[str],
    at: int,
    answered: tuple[tuple[int | None, int], ...],
    quoted: tuple[int | None, int],
) -> None:
    """Tell each person once: mentioned, quoted, or answered (as author of the parent, or of the thread)."""
    told: set[int] = set()
    news: list[tuple[int, str, int | None]] = [(batch.actor(did), "mention", None) for did in mentioned]
    news.append((quoted[1], "quote", quoted[0]))
    news += ((author, "reply", subject) for subject, author in answered)
    for recipient, reason, subject in news:
        if recipient and recipient not in told:
            told.add(recipient)
            batch.notify(recipient, reason, change, at, subject)
