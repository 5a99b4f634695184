"""The newest posts of the index, as public posts: what the owner's feeds and the trends look at.

A window is bounded by how many items it looks at, never by time, so that it costs the same in any network.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from freehold.appview.asked import FAR
from freehold.appview.batch import POST
from freehold.appview.moments import TIE_BITS
from freehold.appview.parts import VIDEO, as_dict, as_list, embeds_of, features_of, media_of, quoted_uri
from freehold.feeds.public import Post
from freehold.protocol import cbor
from freehold.store.tx import Tx

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXTS_MOST = 50
_NEWEST = (
    "SELECT item.moment, item.actor, post.id, post.rkey, actor.did, actor.handle, post.record, post.likes,"
    " post.reposts, post.replies, post.quotes"
    " FROM (SELECT moment, actor, post, repost FROM feed_item WHERE moment < :before ORDER BY moment DESC LIMIT :looks)"
    " AS item"
    " CROSS JOIN post ON post.id = item.post JOIN actor ON actor.id = item.actor"
    " WHERE item.repost IS NULL AND actor.status IS NULL ORDER BY item.moment DESC"
)


class Seen(NamedTuple):
    """A post of a window. moment, actor, id: as the index has them."""

    moment: int
    actor: int
    id: int
    post: Post

    @property
    def at(self) -> int:
        """Micros since 1970 UTC."""
        return self.moment >> TIE_BITS


def newest(tx: Tx, looks: int, before: int | None = None) -> list[Seen]:
    """The posts among the newest `looks` feed items, newest first; echoes are passed over. before: micros."""
    moment = FAR if before is None else before << TIE_BITS
    return [Seen(row[0], row[1], row[2], _public(row)) for row in tx.run(_NEWEST, looks=looks, before=moment)]


def _public(row: tuple[Any, ...]) -> Post:
    moment, _, _, rkey, did, handle, raw, likes, reposts, replies, quotes = row
    record: dict[str, Any] = cbor.decode_json(raw)
    pictures = [as_dict(one) for embed in embeds_of(record) for one in as_list(embed.get("images", embed.get("items")))]
    return Post(
        uri=f"at://{did}/{POST}/{rkey}",
        author=did,
        handle=handle or "",
        text=record["text"] if isinstance(record.get("text"), str) else "",
        created=_EPOCH + timedelta(microseconds=moment >> TIE_BITS),
        langs=_texts(as_list(record.get("langs"))),
        tags=tuple(dict.fromkeys(tag.lower().removeprefix("#") for tag in _texts(_tags(record)))),
        links=_texts(_links(record)),
        likes=likes,
        reposts=reposts,
        replies=replies,
        quotes=quotes,
        pictures=len(pictures),
        alts=_texts(picture.get("alt") for picture in pictures),
        video=media_of(record) == VIDEO,
        reply="reply" in record,
        quoting=quoted_uri(record) is not None,
        labels=_texts(as_dict(one).get("val") for one in as_list(as_dict(record.get("labels")).get("values"))),
    )


def _tags(record: dict[str, Any]) -> list[object]:
    return [*(feature.get("tag") for feature in features_of(record)), *as_list(record.get("tags"))]


def _links(record: dict[str, Any]) -> list[object]:
    shown = (as_dict(embed.get("external")).get("uri") for embed in embeds_of(record))
    return [*(feature.get("uri") for feature in features_of(record)), *shown]


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    """Those that are text and not empty, each once, a bounded number."""
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str) and value))[:_TEXTS_MOST]
