"""The product's answers without what the reference does not say: addresses of pictures, times, raw records."""

from typing import Any

from support.reference.truth import Json

_KEPT = set(
    "uri cid did handle displayName author viewer labels likeCount repostCount replyCount quoteCount embed embeds"
    " record media threadgate reply root parent grandparentAuthor reason by post replies thread depth value"
    " hasOtherReplies moreParents moreReplies opThread opThreadPostIndex opThreadPostCount hiddenByThreadgate"
    " mutedByViewer followersCount followsCount postsCount knownFollowers count followers knownLikers actors"
    " muted blockedBy blocking following followedBy mutedOnlyReposts mutedOnlyQuoteposts activitySubscription"
    " bookmarked threadMuted replyDisabled embeddingDisabled like repost pinned $type".split()
)
_BY_CONTEXT = ("app.bsky.feed.defs#postView", "app.bsky.feed.defs#threadViewPost")
"""Where these stand, nothing else can."""


def trimmed(value: Any) -> Any:
    """An answer, or a part of one, as the reference says it."""
    if isinstance(value, list):
        return [trimmed(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: trimmed(part) for name, part in value.items() if name in _KEPT and not _is_raw(part)}
    if kept.get("$type") in _BY_CONTEXT:
        del kept["$type"]
    if "labels" in kept:
        kept["labels"] = sorted(label["val"] for label in value["labels"])
    if "threadContext" in value:
        kept["rootAuthorLike"] = "rootAuthorLike" in value["threadContext"]
    if str(value.get("uri")).split("/")[3:4] == ["app.bsky.feed.threadgate"]:
        kept["lists"] = [one["uri"] for one in value["lists"]]
    return _without_lists(kept, value)


def _is_raw(part: Any) -> bool:
    """Whether it is a record as its author wrote it."""
    return isinstance(part, dict) and str(part.get("$type", "#")).count("#") == 0


def _without_lists(kept: Json, value: Json) -> Json:
    """Somebody can be on several of a reader's lists: which of them is named is left open."""
    if "mutedByList" in value:
        kept["mutedByList"] = True
    if "blockingByList" in value:
        kept["blockingByList"] = kept["blocking"] = True
    return kept


def difference(found: Any, expected: Any, at: str = "") -> str:
    """Where two answers differ first, and how; empty where they do not."""
    if isinstance(found, dict) and isinstance(expected, dict):
        names = sorted(found.keys() | expected.keys())
        parts = [(f"{at}.{name}", found.get(name, "nothing"), expected.get(name, "nothing")) for name in names]
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        parts = [(f"{at}[{place}]", *pair) for place, pair in enumerate(zip(found, expected, strict=True))]
    else:
        return "" if found == expected else f"{at}: found {_named(found)!r}, expected {_named(expected)!r}"
    return next((said for place, one, other in parts if (said := difference(one, other, place))), "")


def _named(value: Any) -> Any:
    """What tells the members of a list apart."""
    if not isinstance(value, list):
        return value
    return [one.get("post", one).get("uri", one.get("did")) if isinstance(one, dict) else one for one in value]
