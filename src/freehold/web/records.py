"""Records as the pages write them: pure functions from what was typed to app.bsky.* records in JSON form.

A backend calls these and hands the result to its repository; nothing here validates, the lexicons do.
Spec: https://atproto.com/specs/record-key, lexicons app.bsky.feed.post, app.bsky.actor.profile
"""

from collections.abc import Sequence

from freehold.web.backend import DraftPicture, Json, LinkCard, NewPost, ProfileEdit, Ref

# a self-label on the profile of a club, a newsroom, a library: it has a square face
ORGANISATION = "organisation"


def blob(picture: DraftPicture) -> Json:
    """The reference under which a record names a stored picture."""
    return {"$type": "blob", "ref": {"$link": picture.cid}, "mimeType": picture.mime, "size": picture.size}


def strong_ref(ref: Ref) -> Json:
    """com.atproto.repo.strongRef"""
    return {"uri": ref.uri, "cid": ref.cid}


def post_record(post: NewPost, created_at: str) -> Json:
    """app.bsky.feed.post. `created_at`: RFC 3339, UTC."""
    record: Json = {"$type": "app.bsky.feed.post", "text": post.text, "createdAt": created_at}
    if post.facets:
        record["facets"] = list(post.facets)
    if post.langs:
        record["langs"] = list(post.langs)
    if post.reply_parent is not None:
        root = post.reply_root or post.reply_parent
        record["reply"] = {"root": strong_ref(root), "parent": strong_ref(post.reply_parent)}
    if post.labels:
        values = [{"val": label} for label in post.labels]
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
    embed = _embed(post)
    if embed is not None:
        record["embed"] = embed
    return record


def profile_record(now: Json | None, edit: ProfileEdit) -> Json:
    """app.bsky.actor.profile: what stands there `now`, with the edit laid over it."""
    record: Json = {**(now or {}), "$type": "app.bsky.actor.profile"}
    record |= {"displayName": edit.display_name, "description": edit.description}
    for field, picture in (("avatar", edit.avatar), ("banner", edit.banner)):
        if picture is not None:
            record[field] = blob(picture)
    others = [
        label for label in (record.pop("labels", None) or {}).get("values", []) if label.get("val") != ORGANISATION
    ]
    values = [*others, {"val": ORGANISATION}] if edit.organisation else others
    if values:
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": values}
    return record


def _embed(post: NewPost) -> Json | None:
    media = _pictures(post.pictures) if post.pictures else _card(post.card) if post.card else None
    if post.quote is None:
        return media
    quoted: Json = {"$type": "app.bsky.embed.record", "record": strong_ref(post.quote)}
    if media is None:
        return quoted
    return {"$type": "app.bsky.embed.recordWithMedia", "record": quoted, "media": media}


def _pictures(pictures: Sequence[tuple[DraftPicture, str]]) -> Json:
    images = [
        {"image": blob(picture), "alt": alt, "aspectRatio": {"width": picture.width, "height": picture.height}}
        for picture, alt in pictures
    ]
    return {"$type": "app.bsky.embed.images", "images": images}


def _card(card: LinkCard) -> Json:
    external: Json = {"uri": card.uri, "title": card.title, "description": card.description}
    if card.picture is not None:
        external["thumb"] = blob(card.picture)
    return {"$type": "app.bsky.embed.external", "external": external}
