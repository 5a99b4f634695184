"""Lexicon JSON from a hydrated page: the present step that all views share.

Each function takes the `Page` and what was loaded into it, and returns fragments (see there), or new dicts whose inner
pieces may be shared: encode them, do not change them.
Source: the lexicons app.bsky.actor.defs, app.bsky.feed.defs, app.bsky.embed.record
"""

from freehold.appview import listings
from freehold.appview.asked import find_actor
from freehold.appview.batch import POST
from freehold.appview.declarations import GATE_BITS, POSTGATE
from freehold.appview.fragments import Fragment, closed, encode, opened
from freehold.appview.gates import detached_from, is_detached, reply_disabled, thread_gate
from freehold.appview.labelled import heard
from freehold.appview.moments import TIE_BITS, text_of
from freehold.appview.page import Page
from freehold.appview.pieces import ActorPiece, Json, PostPiece
from freehold.appview.verified import IMPERSONATION, doubted
from freehold.protocol.cid import Cid

_POSTGATE_BIT = GATE_BITS[POSTGATE]
_QUOTES_SHOWN = 2
_AUTHOR, _VIEWER = b',"author":', b',"viewer":'

join = b"".join  # of many pieces, as here, in half the time of %


def actor_state(page: Page, actor: int) -> Json:
    """app.bsky.actor.defs#viewerState: how the reader and an actor stand."""
    circle, did = page.circle, page.viewer_did
    state: Json = {"muted": circle.muted(actor), "blockedBy": circle.is_blocked_by(actor)}
    if actor in circle.blocks:
        state["blocking"] = f"at://{did}/app.bsky.graph.block/{circle.blocks[actor]}"
    if circle.has_lists:
        _by_lists(page, actor, state)
    _by_own(page, actor, state)
    if circle.blocked(actor):
        return state
    following = circle.follows.get(actor)
    if following is not None:
        state["following"] = f"at://{did}/app.bsky.graph.follow/{following}"
    followed_by = page.followed_by.get(actor) if actor != page.viewer else None
    if followed_by is not None:
        state["followedBy"] = f"at://{page.actors[actor].did}/app.bsky.graph.follow/{followed_by}"
    return state


def _by_lists(page: Page, actor: int, state: Json) -> None:
    """By which lists the reader mutes and blocks an actor."""
    circle = page.circle
    muting, blocking = circle.mute_list(actor), circle.block_list(actor)
    if muting is not None and actor not in circle.mutes:
        state["mutedByList"] = listings.basic_of(page, muting.id)
    if blocking is not None:
        state["blockingByList"] = listings.basic_of(page, blocking.id)
        state.setdefault("blocking", state["blockingByList"]["viewer"]["blocked"])


def _by_own(page: Page, actor: int, state: Json) -> None:
    """What the reader keeps for themselves of an actor."""
    own = page.own
    if own.partly_muted or own.subscriptions:
        did = page.actors[actor].did
        reposts, quotes, _ = own.partly_muted.get(did, (False, False, 0))
        if not state["muted"] and (reposts or quotes):
            state |= {"mutedOnlyReposts": reposts, "mutedOnlyQuoteposts": quotes}
        if did in own.subscriptions and lets_subscribe(page, actor):
            posts, replies, _ = own.subscriptions[did]
            state["activitySubscription"] = {"post": posts, "reply": replies}


def lets_subscribe(page: Page, actor: int) -> bool:
    """Whether an actor lets the reader be told of all that they post."""
    allows = page.actors[actor].subscribers
    if page.circle.blocked(actor) or allows == "none" or actor not in page.circle.follows:
        return False
    return allows == "followers" or actor in page.followed_by


def basic(page: Page, actor: int) -> Fragment:
    """app.bsky.actor.defs#profileViewBasic."""
    return Fragment(basic_json(page, actor))


def basic_json(page: Page, actor: int) -> bytes:
    """The same as JSON, made once for a page."""
    json = page.basics.get(actor)
    if json is None:
        piece = page.actors[actor]
        json = piece.basic_json if piece.plain else labelled(page, piece, piece.basic_json)
        state = page.states.get(actor)
        json = join((json, _VIEWER, state, b"}")) if state is not None else _to_reader(page, actor, json)
        page.basics[actor] = json
    return json


def profile(page: Page, actor: int) -> Fragment:
    """app.bsky.actor.defs#profileView."""
    return Fragment(profile_json(page, actor))


def profile_json(page: Page, actor: int) -> bytes:
    """The same as JSON."""
    piece = page.actors[actor]
    json = piece.view_json if piece.plain else labelled(page, piece, piece.view_json)
    state = page.states.get(actor)
    return join((json, _VIEWER, state, b"}")) if state is not None else _to_reader(page, actor, json)


def _to_reader(page: Page, actor: int, json: bytes) -> bytes:
    """An actor's view with how the reader stands to them."""
    return join((json, _VIEWER, state_json(page, actor), b"}")) if page.viewer else json + b"}"


def state_json(page: Page, actor: int) -> bytes:
    """`actor_state` as JSON, kept for the reader."""
    state = page.states.get(actor)
    if state is None:
        state = page.states[actor] = encode(actor_state(page, actor))
        subscribed = page.own.subscriptions and page.actors[actor].did in page.own.subscriptions  # as they say just now
        if subscribed or page.memory.generation != page.generation:  # what was kept may be out of date
            page.states.pop(actor, None)
    return state


def labelled(page: Page, piece: ActorPiece | PostPiece, json: bytes) -> bytes:
    """An opened view with what the reader's labelers say of its piece, and an actor's with what they do just now."""
    return opened(_labelled(page, piece, closed(json)))


def _labelled(page: Page, piece: ActorPiece | PostPiece, view: Json) -> Json:
    """The same of a view that nobody else has."""
    if isinstance(piece, ActorPiece) and piece.live is not None:
        status = piece.live.shown(page.labelers, page.tx.now)
        view |= {"status": status} if status is not None else {}
    labels = heard(piece.said, page.labelers, page.tx.now)
    view["labels"] += labels
    if "verification" in view and any(label["val"] == IMPERSONATION for label in labels):
        view["verification"] = doubted(view["verification"])
    return view


def post(page: Page, piece: PostPiece) -> Fragment:
    """app.bsky.feed.defs#postView."""
    return Fragment(post_json(page, piece))


def post_json(page: Page, piece: PostPiece) -> bytes:
    """The same as JSON, made once for a page."""
    json = page.views.get(piece.id)
    if json is None:
        if piece.said or piece.quoted is not None or page.gated or not page.viewer:
            json = _post(page, piece)
        else:  # as most are: the same in one step
            author = page.basics.get(piece.author) or basic_json(page, piece.author)
            json = join((piece.json, _AUTHOR, author, _VIEWER, _post_state(page, piece), b"}"))
        page.views[piece.id] = json
    return json


def _post(page: Page, piece: PostPiece) -> bytes:
    json = piece.json if not piece.said else labelled(page, piece, piece.json)
    parts = [json, _AUTHOR, basic_json(page, piece.author)]
    if piece.quoted is not None:
        parts += (b',"embed":', encode(_embed_view(page, piece, _QUOTES_SHOWN)))
    if page.gated and piece.parent is None:
        gate = thread_gate(page, piece)
        if gate is not None:
            parts += (b',"threadgate":', encode(gate.view))
    if page.viewer:
        parts += (_VIEWER, _post_state(page, piece))
    parts.append(b"}")
    return join(parts)


_UNTOUCHED: Json = {"bookmarked": False, "threadMuted": False, "replyDisabled": False, "embeddingDisabled": False}
_UNTOUCHED_JSON = encode(_UNTOUCHED)


def _post_state(page: Page, piece: PostPiece) -> bytes:
    """app.bsky.feed.defs#viewerState."""
    id = piece.id
    like, repost = page.likes.get(id), page.reposts.get(id)
    saved = muted = False
    if page.minded:
        saved, mutes = piece.uri in page.own.saved, page.circle.thread_mutes
        muted = bool(mutes) and piece.thread in mutes
    if not (like or repost or saved or muted or page.gated or piece.author == page.viewer):
        return _UNTOUCHED_JSON
    state: Json = {**_UNTOUCHED, "bookmarked": saved, "threadMuted": muted}
    if like is not None:
        state["like"] = f"at://{page.viewer_did}/app.bsky.feed.like/{like}"
    if repost is not None:
        state["repost"] = f"at://{page.viewer_did}/app.bsky.feed.repost/{repost}"
    if page.gated:
        state["replyDisabled"] = reply_disabled(page, piece.root or id, piece)
        gated = piece.gates & _POSTGATE_BIT and piece.author != page.viewer
        state["embeddingDisabled"] = bool(gated) and detached_from(page, piece).disabled
    if piece.author == page.viewer:
        state["pinned"] = page.actors[piece.author].pinned == piece.uri
    return encode(state)


def not_found_post(uri: str) -> Json:
    """app.bsky.feed.defs#notFoundPost."""
    return {"$type": "app.bsky.feed.defs#notFoundPost", "uri": uri, "notFound": True}


def blocked_author(page: Page, actor: int) -> Json:
    """app.bsky.feed.defs#blockedAuthor."""
    author: Json = {"did": page.actors[actor].did}
    if page.viewer:
        author["viewer"] = actor_state(page, actor)
    return author


def blocked_post(page: Page, piece: PostPiece) -> Json:
    """app.bsky.feed.defs#blockedPost."""
    return {
        "$type": "app.bsky.feed.defs#blockedPost",
        "uri": piece.uri,
        "blocked": True,
        "author": blocked_author(page, piece.author),
    }


def repost_reason(page: Page, by: int, moment: int, rkey: str, cid: bytes) -> Json:
    """app.bsky.feed.defs#reasonRepost. With its CID, whoever likes or reposts by way of it can name it."""
    return {
        "$type": "app.bsky.feed.defs#reasonRepost",
        "by": basic(page, by),
        "uri": f"at://{page.actors[by].did}/app.bsky.feed.repost/{rkey}",
        "cid": str(Cid(cid)),
        "indexedAt": text_of(moment >> TIE_BITS),
    }


# -- embedded records ------------------------------------------------------------------------------------------------


def _embed_view(page: Page, piece: PostPiece, depth: int) -> Json:
    record = {"$type": "app.bsky.embed.record#view", "record": _embedded(page, piece, depth)}
    if piece.media is None:
        return record
    return {
        "$type": "app.bsky.embed.recordWithMedia#view",
        "record": {"record": record["record"]},
        "media": piece.media,
    }


def _embedded(page: Page, holder: PostPiece, depth: int) -> Json:
    """The record that a post shows: a post, a feed, a list, another declaration, or why it cannot be shown."""
    uri = holder.quoted or ""
    if f"/{POST}/" not in uri:
        return page.declared.get(uri) or _not_declared(page, uri)
    quoted = page.shown_to_reader(holder.quote)
    if quoted is None:
        return _not_found(uri)
    if page.circle.blocked(quoted.author) or page.walled(holder.author, quoted.author):
        return _blocked(page, uri, quoted.author)
    if is_detached(page, holder, quoted):
        return {"$type": "app.bsky.embed.record#viewDetached", "uri": uri, "detached": True}
    return _view_record(page, quoted, depth)


_SAME_IN_A_QUOTE = (
    "uri",
    "cid",
    "labels",
    "likeCount",
    "replyCount",
    "repostCount",
    "quoteCount",
    "indexedAt",
)


def _view_record(page: Page, piece: PostPiece, depth: int) -> Json:
    said = _labelled(page, piece, piece.view) if piece.said else piece.view
    view = {
        **{name: said[name] for name in _SAME_IN_A_QUOTE},
        "$type": "app.bsky.embed.record#viewRecord",
        "author": basic(page, piece.author),
        "value": said["record"],
    }
    if depth > 1:
        if piece.quoted is not None:
            view["embeds"] = [_embed_view(page, piece, depth - 1)]
        else:
            view["embeds"] = [piece.media] if piece.media is not None else []
    return view


def _not_declared(page: Page, uri: str) -> Json:
    """Why a feed, a list or another declaration is not shown."""
    author = find_actor(page.tx, uri.split("/")[2]) if uri.count("/") == 4 else None
    return _blocked(page, uri, author) if author in page.actors and page.circle.blocked(author) else _not_found(uri)


def _blocked(page: Page, uri: str, author: int) -> Json:
    return {
        "$type": "app.bsky.embed.record#viewBlocked",
        "uri": uri,
        "blocked": True,
        "author": blocked_author(page, author),
    }


def _not_found(uri: str) -> Json:
    return {"$type": "app.bsky.embed.record#viewNotFound", "uri": uri, "notFound": True}
