"""The parts of a post record that the index and the views look at. Records of strangers may lack any of them.

Source: the lexicons app.bsky.feed.post, app.bsky.embed.*, app.bsky.richtext.facet
"""

from collections.abc import Iterator
from typing import Any

PICTURES, VIDEO = 1, 2
MENTION = "app.bsky.richtext.facet#mention"


def as_dict(value: object) -> dict[str, Any]:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The value if it is text, else None."""
    return value if isinstance(value, str) else None


def embeds_of(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The embeds of a post: none, one, or the two halves of a record with media."""
    embed = record.get("embed")
    if not isinstance(embed, dict):
        return
    if embed.get("$type") == "app.bsky.embed.recordWithMedia":
        halves = (embed.get("media"), {"$type": "app.bsky.embed.record"} | as_dict(embed.get("record")))
        yield from (half for half in halves if isinstance(half, dict))
    else:
        yield embed


def quoted_uri(record: dict[str, Any]) -> str | None:
    """The URI of the record that a post embeds."""
    if "embed" not in record:
        return None
    for embed in embeds_of(record):
        if embed.get("$type") == "app.bsky.embed.record":
            return as_text(as_dict(embed.get("record")).get("uri"))
    return None


def features_of(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Mentions, links and tags in the text, each as its facet has it."""
    for facet in as_list(record.get("facets")):
        for feature in as_list(as_dict(facet).get("features")):
            if isinstance(feature, dict):
                yield feature


def reply_uris(record: dict[str, Any]) -> tuple[object, object]:
    """(URI of the parent, URI of the root) of a reply, or (None, None)."""
    if "reply" not in record:
        return None, None
    reply = as_dict(record.get("reply"))
    return as_dict(reply.get("parent")).get("uri"), as_dict(reply.get("root")).get("uri")


def mentioned_dids(record: dict[str, Any]) -> list[str]:
    """The people whom facets of the text mention."""
    if "facets" not in record:
        return []
    dids = (feature.get("did") for feature in features_of(record) if feature.get("$type") == MENTION)
    return [did for did in dids if isinstance(did, str) and did.startswith("did:")]


def media_of(record: dict[str, Any]) -> int:
    """PICTURES, VIDEO or 0."""
    if "embed" not in record:
        return 0
    kinds = {as_text(embed.get("$type")) for embed in embeds_of(record)}
    if kinds & {"app.bsky.embed.images", "app.bsky.embed.gallery"}:
        return PICTURES
    return VIDEO if "app.bsky.embed.video" in kinds else 0


def via_uri(record: dict[str, Any]) -> str | None:
    """The URI of the repost by which somebody came to what they like or repost."""
    uri = as_text(as_dict(record.get("via")).get("uri"))
    parts = (uri or "").split("/")
    whole = len(parts) == 5 and parts[2].startswith("did:") and parts[3] == "app.bsky.feed.repost"
    return uri if whole else None
