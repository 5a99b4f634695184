"""Lists of people and starter packs: somebody's, one of them with what its people say, and using it.

One's own are made and changed in `own_lists`.
"""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from freehold.protocol.refused import Refused
from freehold.web.backend import Json
from freehold.web.drawn import Person, Post
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.feeds import tabs
from freehold.web.pages.home import PAGE, said
from freehold.web.pages.people import load_profile
from freehold.web.untrusted import clean, number
from freehold.web.visit import Missing, Visit

COLLECTION, PACK = "app.bsky.graph.list", "app.bsky.graph.starterpack"
MODERATION = "app.bsky.graph.defs#modlist"
PACK_MOST = 150


@dataclass(frozen=True, slots=True)
class Shown:
    """A list as a page draws it. moderation: it is for muting and blocking, not for reading. blocked: the reader's
    block by it."""

    uri: str
    rkey: str
    url: str
    name: str
    description: str
    by: Person
    count: int
    moderation: bool
    mine: bool
    muted: bool
    blocked: str | None


@dataclass(frozen=True, slots=True)
class Pack:
    """A starter pack as a page draws it."""

    url: str
    name: str
    description: str
    by: Person


def shown(visit: Visit, view: Json) -> Shown:
    """app.bsky.graph.defs#listView"""
    by, rkey, state = visit.show.person(view["creator"]), str(view["uri"]).rpartition("/")[2], view.get("viewer") or {}
    return Shown(
        uri=str(view["uri"]),
        rkey=rkey,
        url=f"{by.url}/lists/{rkey}",
        name=clean(view.get("name")),
        description=clean(view.get("description")),
        by=by,
        count=number(view.get("listItemCount")),
        moderation=view.get("purpose") == MODERATION,
        mine=by.did == visit.viewer,
        muted=bool(state.get("muted")),
        blocked=state.get("blocked"),
    )


def pack_shown(visit: Visit, view: Json) -> Pack:
    """app.bsky.graph.defs#starterPackView, or its short form"""
    by, record = visit.show.person(view["creator"]), view["record"] if isinstance(view.get("record"), dict) else {}
    url = f"{by.url}/packs/{str(view['uri']).rpartition('/')[2]}"
    return Pack(url, clean(record.get("name")), clean(record.get("description")), by)


# -- reading -----------------------------------------------------------------------------------------------------------


async def lists(visit: Visit) -> Response:
    """GET /@{actor}/lists: somebody's lists and starter packs."""
    person = visit.show.person(await load_profile(visit))
    cursor = visit.asked("cursor") or None
    found: Json = {"lists": []}
    packs: list[Pack] = []
    if not (person.hidden or person.apart):
        found = await visit.backend.lists.of(visit.viewer, person.did, limit=PAGE, cursor=cursor)
        views = (await visit.backend.lists.packs_of(visit.viewer, person.did))["starterPacks"] if not cursor else []
        packs = [pack_shown(visit, view) for view in views]
    rows = [shown(visit, view) for view in found["lists"]]
    return await visit.page(
        "lists.html", person=person, rows=rows, packs=packs, cursor=found.get("cursor"), said=said(visit)
    )


async def posts(visit: Visit) -> Response:
    """GET /@{actor}/lists/{rkey}: what those on a list say; of one for moderation, who is on it."""
    cursor = visit.asked("cursor") or None
    one = await load(visit)
    if one.moderation:
        return await people(visit)
    answer = await visit.backend.lists.feed(visit.viewer, one.uri, limit=PAGE, cursor=cursor)
    return await _page(visit, one, answer, posts=visit.show.feed(answer["feed"]))


async def people(visit: Visit) -> Response:
    """GET /@{actor}/lists/{rkey}/people: who is on it."""
    one, answer = await _with_people(visit, PAGE, visit.asked("cursor") or None)
    return await _page(visit, one, answer, people=visit.show.people([item["subject"] for item in answer["items"]]))


async def _page(
    visit: Visit, one: Shown, answer: Json, *, posts: list[Post] | None = None, people: list[Person] | None = None
) -> Response:
    beside = await tabs(visit) if visit.member is not None else []
    return await visit.page(
        "list.html",
        one=one,
        posts=posts,
        people=people,
        tabs=beside,
        kept=any(feed.uri == one.uri for feed in beside),
        cursor=answer.get("cursor"),
        said=said(visit),
    )


async def pack(visit: Visit) -> Response:
    """GET /@{actor}/packs/{rkey}: a starter pack, with who is in it."""
    view = (await visit.backend.lists.pack(visit.viewer, await _uri(visit, PACK)))["starterPack"]
    one, answer = pack_shown(visit, view), await _in_pack(visit, view, visit.asked("cursor") or None)
    if one.by.hidden:
        raise Missing
    found = visit.show.people([item["subject"] for item in answer["items"]])
    return await visit.page("pack.html", one=one, people=found, cursor=answer.get("cursor"), said=said(visit))


async def follow_pack(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/packs/{rkey}: follow everybody in it."""
    view = (await visit.backend.lists.pack(visit.me.did, await _uri(visit, PACK)))["starterPack"]
    wanted: list[str] = []
    cursor: str | None = None
    while len(wanted) < PACK_MOST:
        answer = await _in_pack(visit, view, cursor)
        found = visit.show.people([item["subject"] for item in answer["items"]])
        wanted += [one.did for one in found if not (one.following or one.apart or one.did == visit.viewer)]
        cursor = answer.get("cursor")
        if cursor is None:
            break
    await visit.backend.lists.follow_all(visit.me.did, wanted[:PACK_MOST])
    return visit.go(pack_shown(visit, view).url, said="followed-all")


async def _in_pack(visit: Visit, view: Json, cursor: str | None) -> Json:
    uri = (view.get("list") or {}).get("uri")
    if not uri:
        return {"items": []}
    return await visit.backend.lists.one(visit.viewer, str(uri), limit=PAGE, cursor=cursor)


async def _uri(visit: Visit, collection: str = COLLECTION) -> str:
    did = await visit.backend.did_of(visit.request.path_params["actor"])
    if did is None:
        raise Missing
    return f"at://{did}/{collection}/{visit.request.path_params['rkey']}"


async def load(visit: Visit) -> Shown:
    """The list in the address /@{actor}/lists/{rkey}. Raises Missing."""
    return (await _with_people(visit, 1, None))[0]


async def _with_people(visit: Visit, limit: int, cursor: str | None) -> tuple[Shown, Json]:
    """The same, and a page of who is on it."""
    uri = await _uri(visit)
    try:
        answer = await visit.backend.lists.one(visit.viewer, uri, limit=limit, cursor=cursor)
    except Refused:
        raise Missing from None
    one = shown(visit, answer["list"])
    if one.by.hidden:
        raise Missing
    return one, answer


# -- using somebody's --------------------------------------------------------------------------------------------------


async def ask_block(visit: Visit) -> Response:
    """GET /@{actor}/lists/{rkey}/block"""
    _ = visit.me
    return await visit.page("block_list.html", one=await load(visit))


async def use(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/lists/{rkey}: mute or block by a list, or take it back. Twice is the same as once."""
    one = await load(visit)
    me, there, do = visit.me.did, visit.backend.lists, form.text("do")
    if do in ("mute", "unmute"):
        await there.mute(me, one.uri, muted=do == "mute")
    elif do == "block" and not one.blocked:
        await there.block(me, one.uri)
    elif do == "unblock" and one.blocked:
        await there.unblock(me, one.blocked)
    return visit.go(one.url, said=f"list-{do}ed" if do.endswith("block") else f"list-{do}d")


ROUTES = [
    Route("/@{actor}/lists", getter(lists)),
    Route("/@{actor}/lists/{rkey}", getter(posts)),
    Route("/@{actor}/lists/{rkey}", poster(use), methods=["POST"]),
    Route("/@{actor}/lists/{rkey}/people", getter(people)),
    Route("/@{actor}/lists/{rkey}/block", getter(ask_block)),
    Route("/@{actor}/packs/{rkey}", getter(pack)),
    Route("/@{actor}/packs/{rkey}", poster(follow_pack), methods=["POST"]),
    Route("/starter-pack/{actor}/{rkey}", getter(pack)),
]
