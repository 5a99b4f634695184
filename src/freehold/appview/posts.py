"""Posts as they arrive: their place in feeds and threads, what they name, who is told, what can be searched.

Table: post (with the edges module's counts), and through `Batch` feed_item and notification. post_search is written
here.
Source: the lexicons app.bsky.feed.post and app.bsky.richtext.facet
"""

from typing import Any

from freehold.appview.batch import POST, Batch, Change, FeedItem, record
from freehold.appview.moments import came_and_sorts, free_moment
from freehold.appview.parts import VIDEO, media_of, mentioned_dids, quoted_uri, reply_uris
from freehold.appview.words import marks_of, searchable_text

REASONS = "reply mention quote"


@record(POST)
def post(batch: Batch, change: Change) -> None:
    """Put the post as the record has it now, or remove it."""
    old = batch.tx.one(
        "SELECT id, moment, cid, record FROM post WHERE author = :author AND rkey = :rkey AND moment IS NOT NULL",
        author=change.actor,
        rkey=change.rkey,
    )
    if old is not None:
        if change.cid is not None and bytes(change.cid) == old[2]:
            return
        _remove(batch, change, old[0], old[1])
    if change.record is not None:
        _put(batch, change, change.record)
    elif old is not None:
        batch.release(old[0])


def _put(batch: Batch, change: Change, record: dict[str, Any]) -> None:
    assert change.cid is not None
    came, at = came_and_sorts(change.rkey, record, batch.now)
    parent_uri, root_uri = reply_uris(record)
    parent, parent_author = batch.subject(parent_uri) or (None, 0)
    root, root_author = batch.subject(root_uri) or (None, 0)
    if parent is None or root is None:
        parent = root = None
        parent_author = root_author = 0
    quote_uri = quoted_uri(record)
    quote, quote_author = batch.subject(quote_uri) or (None, 0)
    moment = free_moment(batch.tx, at)
    id = _row(batch, change, came, moment, parent, root, quote)
    media = media_of(record)
    batch.add_item(FeedItem(moment, change.actor, id, change.actor, parent_author, root_author), media)
    batch.count_actor("posts", change.actor, 1)
    if parent is not None:
        batch.count_post("replies", parent, 1)
    if quote is not None:
        batch.count_post("quotes", quote, 1)
    _index_words(batch, change, record, moment, (id, parent, root, media))
    _tell(batch, change, record, at, ((parent, parent_author), (root, root_author)), (quote, quote_author))


def _row(
    batch: Batch, change: Change, came: int, moment: int, parent: int | None, root: int | None, quote: int | None
) -> int:
    row = batch.tx.one(
        "INSERT INTO post (author, rkey, moment, indexed_at, cid, record, parent, root, quote) VALUES"
        " (:author, :rkey, :moment, :came, :cid, :record, :parent, :root, :quote)"
        " ON CONFLICT (author, rkey) DO UPDATE SET moment = excluded.moment, indexed_at = excluded.indexed_at,"
        " cid = excluded.cid, record = excluded.record, parent = excluded.parent, root = excluded.root,"
        " quote = excluded.quote RETURNING id",
        author=change.actor,
        rkey=change.rkey,
        moment=moment,
        came=came,
        cid=bytes(change.cid or b""),
        record=change.raw,
        parent=parent,
        root=root,
        quote=quote,
    )
    assert row is not None
    id: int = row[0]
    batch.posts.add(id)
    return id


def _remove(batch: Batch, change: Change, id: int, moment: int) -> None:
    """Take the post out of everything; its row becomes a place held, as others may name it still."""
    tx = batch.tx
    row = tx.one("SELECT parent, root, quote FROM post WHERE id = :id", id=id)
    assert row is not None
    parent, root, quote = row
    tx.run(
        "UPDATE post SET moment = NULL, indexed_at = NULL, cid = NULL, record = NULL, parent = NULL, root = NULL,"
        " quote = NULL WHERE id = :id",
        id=id,
    )
    batch.posts.add(id)
    batch.drop_item(change.actor, moment)
    tx.run("DELETE FROM post_search WHERE rowid = :moment", moment=moment)
    batch.take_back(change.actor, change.rkey, REASONS)
    batch.count_actor("posts", change.actor, -1)
    if parent is not None:
        batch.count_post("replies", parent, -1)
    if quote is not None:
        batch.count_post("quotes", quote, -1)
    for named in {parent, root, quote} - {None}:
        batch.release(named)


def _index_words(
    batch: Batch, change: Change, record: dict[str, Any], moment: int, ids: tuple[int, int | None, int | None, int]
) -> None:
    _, parent, root, media = ids
    marks = marks_of(record, author=change.actor, parent=parent, root=root, video=media == VIDEO, media=media > 0)
    batch.tx.run(
        "INSERT INTO post_search (rowid, text, marks) VALUES (:moment, :text, :marks)",
        moment=moment,
        text=searchable_text(record),
        marks=marks,
    )


def _tell(
    batch: Batch,
    change: Change,
    record: dict[str, Any],
    at: int,
    answered: tuple[tuple[int | None, int], ...],
    quoted: tuple[int | None, int],
) -> None:
    """Tell each person once: mentioned, quoted, or answered (as author of the parent, or of the thread)."""
    told: set[int] = set()
    news: list[tuple[int, str, int | None]] = [(batch.actor(did), "mention", None) for did in mentioned_dids(record)]
    news.append((quoted[1], "quote", quoted[0]))
    news += ((author, "reply", subject) for subject, author in answered)
    for recipient, reason, subject in news:
        if recipient and recipient not in told:
            told.add(recipient)
            batch.notify(recipient, reason, change, at, subject)
