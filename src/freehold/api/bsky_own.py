"""app.bsky.*: what a member does that only they see: mutes, bookmarks, drafts, choices about notifications.

All of it is kept sealed in the truth and never in a repository. A call returns when the member's own views show it.
Source: lexicons app.bsky.graph.mute*, app.bsky.bookmark.*, app.bsky.draft.*, app.bsky.notification.*
"""

from collections.abc import Callable
from typing import Any

from freehold.api.caller import ACCESS, Caller
from freehold.api.xrpc import Given, procedure, query
from freehold.pds import kept, private
from freehold.pds.accounts import Account
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import format_datetime
from freehold.site import Site
from freehold.store.tx import Tx

Json = dict[str, Any]

LIST = "app.bsky.graph.list"
_WITH_FILTER = ("follow", "like", "likeViaRepost", "mention", "quote", "reply", "repost", "repostViaRepost")
_PLAIN = ("starterpackJoined", "subscribedPost", "unverified", "verified")
USUAL: dict[str, Json] = {
    "chat": {"include": "all", "push": True},
    **{name: {"include": "all", "list": True, "push": True} for name in _WITH_FILTER},
    **{name: {"list": True, "push": True} for name in _PLAIN},
}
"""What holds for a member who chose nothing."""


class NoPush(Refused):
    """There is no service here that sends notifications to telephones."""

    kind, name = "not_implemented", "MethodNotImplemented"
    say = "This network sends no push notifications: apps see what is new when they are opened."


async def _do(site: Site, caller: Caller, act: Callable[[Tx, Account], Any]) -> Any:
    """Change something of the caller's own; the answer when their views show it."""
    account = site.accounts.one(caller.member)
    return await site.write_private(lambda tx: act(tx, account))


# -- mutes -------------------------------------------------------------------------------------------------------------


@procedure("app.bsky.graph.muteActor", auth=ACCESS)
async def mute_actor(site: Site, caller: Caller, given: Given) -> None:
    reposts, quotes = (bool(given.input.get(name)) for name in ("onlyReposts", "onlyQuoteposts"))
    await _mute(site, caller, given.input["actor"], muted=True, reposts=reposts, quotes=quotes)


@procedure("app.bsky.graph.unmuteActor", auth=ACCESS)
async def unmute_actor(site: Site, caller: Caller, given: Given) -> None:
    await _mute(site, caller, given.input["actor"], muted=False)


async def _mute(
    site: Site, caller: Caller, actor: str, *, muted: bool, reposts: bool = False, quotes: bool = False
) -> None:
    """Mute all of an account, or its reposts or quotes and no more; or neither."""
    subject = actor if actor.startswith("did:") else await site.identity.resolve_handle(actor)
    how = {"muted": muted, "reposts": reposts, "quotes": quotes}
    await _do(site, caller, lambda tx, account: kept.mute(tx, site.seal, account, subject, **how))


@procedure("app.bsky.graph.muteActorList", auth=ACCESS)
async def mute_actor_list(site: Site, caller: Caller, given: Given) -> None:
    await _mute_record(site, caller, given.input["list"], LIST, muted=True)


@procedure("app.bsky.graph.unmuteActorList", auth=ACCESS)
async def unmute_actor_list(site: Site, caller: Caller, given: Given) -> None:
    await _mute_record(site, caller, given.input["list"], LIST, muted=False)


@procedure("app.bsky.graph.muteThread", auth=ACCESS)
async def mute_thread(site: Site, caller: Caller, given: Given) -> None:
    await _mute_record(site, caller, given.input["root"], kept.POSTS, muted=True)


@procedure("app.bsky.graph.unmuteThread", auth=ACCESS)
async def unmute_thread(site: Site, caller: Caller, given: Given) -> None:
    await _mute_record(site, caller, given.input["root"], kept.POSTS, muted=False)


async def _mute_record(site: Site, caller: Caller, uri: str, collection: str, *, muted: bool) -> None:
    """Mute what a record of that collection stands for: those on a list, or a thread."""
    authority, _, path = uri.removeprefix("at://").partition("/")
    if path.partition("/")[0] != collection:
        raise InvalidRequest(f"This takes the at:// URI of a record in {collection}.")
    did = authority if authority.startswith("did:") else await site.identity.resolve_handle(authority)
    subject = f"at://{did}/{path}"
    await _do(site, caller, lambda tx, account: private.set_mute(tx, site.seal, account, subject, muted))


# -- bookmarks and drafts ----------------------------------------------------------------------------------------------


@procedure("app.bsky.bookmark.createBookmark", auth=ACCESS)
async def create_bookmark(site: Site, caller: Caller, given: Given) -> None:
    uri, cid = given.input["uri"], given.input["cid"]
    await _do(site, caller, lambda tx, account: kept.save_post(tx, site.seal, account, uri, cid))


@procedure("app.bsky.bookmark.deleteBookmark", auth=ACCESS)
async def delete_bookmark(site: Site, caller: Caller, given: Given) -> None:
    uri = given.input["uri"]
    await _do(site, caller, lambda tx, account: kept.let_post_go(tx, site.seal, account, uri))


@query("app.bsky.draft.getDrafts", auth=ACCESS)
async def get_drafts(site: Site, caller: Caller, given: Given) -> Json:
    limit, cursor = given.params["limit"], given.params.get("cursor")
    with site.truth.reading() as tx:
        drafts = kept.drafts(tx, site.seal, site.accounts.one(caller.member))
    places = [f"{draft.changed:020}.{id}" for id, draft in drafts]
    rest = [one for one, place in zip(drafts, places, strict=True) if cursor is None or place < cursor]
    page = rest[:limit]
    more = {"cursor": f"{page[-1][1].changed:020}.{page[-1][0]}"} if len(rest) > limit else {}
    return {"drafts": [_draft_view(id, draft) for id, draft in page], **more}


def _draft_view(id: str, draft: kept.Draft) -> Json:
    times = {"createdAt": format_datetime(draft.made), "updatedAt": format_datetime(draft.changed)}
    return {"id": id, "draft": draft.draft, **times}


@procedure("app.bsky.draft.createDraft", auth=ACCESS)
async def create_draft(site: Site, caller: Caller, given: Given) -> Json:
    draft = given.input["draft"]
    return {"id": await _do(site, caller, lambda tx, account: kept.make_draft(tx, site.seal, account, draft))}


@procedure("app.bsky.draft.updateDraft", auth=ACCESS)
async def update_draft(site: Site, caller: Caller, given: Given) -> None:
    id, draft = given.input["draft"]["id"], given.input["draft"]["draft"]
    await _do(site, caller, lambda tx, account: kept.change_draft(tx, site.seal, account, id, draft))


@procedure("app.bsky.draft.deleteDraft", auth=ACCESS)
async def delete_draft(site: Site, caller: Caller, given: Given) -> None:
    id = given.input["id"]
    await _do(site, caller, lambda tx, account: kept.delete_draft(tx, site.seal, account, id))


# -- notifications -----------------------------------------------------------------------------------------------------


@query("app.bsky.notification.getPreferences", auth=ACCESS)
async def get_notification_preferences(site: Site, caller: Caller, given: Given) -> Json:
    with site.truth.reading() as tx:
        chosen = kept.choices(tx, site.seal, site.accounts.one(caller.member).id)
    return {"preferences": USUAL | chosen}


@procedure("app.bsky.notification.putPreferencesV2", auth=ACCESS)
async def put_notification_preferences(site: Site, caller: Caller, given: Given) -> Json:
    chosen = {
        name: {key: one[key] for key in usual if key in one}
        for name, usual in USUAL.items()
        if (one := given.input.get(name)) is not None
    }
    all_chosen = await _do(site, caller, lambda tx, account: kept.choose(tx, site.seal, account, chosen))
    return {"preferences": USUAL | all_chosen}


@procedure("app.bsky.notification.putActivitySubscription", auth=ACCESS)
async def put_activity_subscription(site: Site, caller: Caller, given: Given) -> Json:
    did, wanted = given.input["subject"], given.input["activitySubscription"]
    posts, replies = bool(wanted["post"]), bool(wanted["reply"])

    def act(tx: Tx, account: Account) -> None:
        kept.subscribe(tx, site.seal, account, did, posts=posts, replies=replies)

    await _do(site, caller, act)
    return {"subject": did, "activitySubscription": {"post": posts, "reply": replies}}


@procedure("app.bsky.notification.registerPush", auth=ACCESS)
async def register_push(site: Site, caller: Caller, given: Given) -> None:
    raise NoPush


@procedure("app.bsky.notification.unregisterPush", auth=ACCESS)
async def unregister_push(site: Site, caller: Caller, given: Given) -> None:
    raise NoPush
