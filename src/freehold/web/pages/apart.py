"""What a member puts aside: posts to read again, and people to hear less of, or nothing."""

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from freehold.web.backend import Json
from freehold.web.drawn import Post
from freehold.web.endpoints import Form, getter, poster
from freehold.web.pages.home import PAGE, said
from freehold.web.pages.people import load_profile
from freehold.web.shield import own_path
from freehold.web.visit import Missing, Visit

SAVED, MUTED, BLOCKED = "/saved", "/settings/muted", "/settings/blocked"


@dataclass(frozen=True, slots=True)
class Saved:
    """A saved post. post None: it is not to be seen, `gone` says why."""

    uri: str
    post: Post | None
    gone: str = ""


async def saved(visit: Visit) -> Response:
    """GET /saved: the posts that one saved, the last one first."""
    cursor = visit.asked("cursor") or None
    answer = await visit.backend.apart.saved(visit.me.did, limit=PAGE, cursor=cursor)
    rows = [_saved(visit, view) for view in answer["bookmarks"]]
    return await visit.page(
        "saved.html", rows=rows, cursor=answer.get("cursor"), cursor_given=cursor is not None, said=said(visit)
    )


def _saved(visit: Visit, view: Json) -> Saved:
    uri, item, say = str(view["subject"]["uri"]), view["item"], visit.speech.say
    kind = str(item.get("$type", "")).rpartition("#")[2]
    if kind == "postView":
        return Saved(uri, visit.show.post(item))
    blocked = kind == "blockedPost"
    return Saved(
        uri,
        None,
        say("This post is not shown: one of you has blocked the other.") if blocked else say("This post was deleted."),
    )


async def let_go(visit: Visit, form: Form) -> Response:
    """POST /saved: keep a post no more."""
    await visit.backend.apart.let_go(visit.me.did, form.text("uri", 8_000))
    return visit.go(SAVED, said="let-go")


async def muted(visit: Visit) -> Response:
    """GET /settings/muted: whom one mutes."""
    answer = await visit.backend.apart.muted(visit.me.did, limit=PAGE, cursor=visit.asked("cursor") or None)
    return await _distant(visit, answer["mutes"], answer, "mute")


async def blocked(visit: Visit) -> Response:
    """GET /settings/blocked: whom one blocks."""
    answer = await visit.backend.apart.blocked(visit.me.did, limit=PAGE, cursor=visit.asked("cursor") or None)
    return await _distant(visit, answer["blocks"], answer, "block")


async def _distant(visit: Visit, views: list[Json], answer: Json, what: str) -> Response:
    people = visit.show.people(views)
    return await visit.page("distant.html", what=what, people=people, cursor=answer.get("cursor"), said=said(visit))


async def mute(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/mute: mute or unmute. Twice is the same as once."""
    did = (await load_profile(visit))["did"]
    if form.text("do") == "unmute":
        await visit.backend.apart.unmute(visit.me.did, did)
        return visit.go(own_path(form.text("back", 2000)), said="unmuted")
    await visit.backend.apart.mute(visit.me.did, did)
    return visit.go(own_path(form.text("back", 2000)), said="muted")


async def ask_block(visit: Visit) -> Response:
    """GET /@{actor}/block"""
    _ = visit.me
    person = visit.show.person(await load_profile(visit))
    if person.did == visit.viewer:
        raise Missing
    return await visit.page("block.html", person=person)


async def block(visit: Visit, form: Form) -> Response:
    """POST /@{actor}/block: block, or take it back. Twice is the same as once."""
    person = visit.show.person(await load_profile(visit))
    if form.text("do") == "unblock":
        if person.blocking:
            await visit.backend.apart.unblock(visit.me.did, person.blocking)
        return visit.go(own_path(form.text("back", 2000)) if form.text("back") else person.url, said="unblocked")
    if not person.blocking:
        await visit.backend.apart.block(visit.me.did, person.did)
    return visit.go(person.url, said="blocked")


ROUTES = [
    Route(SAVED, getter(saved)),
    Route(SAVED, poster(let_go), methods=["POST"]),
    Route(MUTED, getter(muted)),
    Route(BLOCKED, getter(blocked)),
    Route("/@{actor}/mute", poster(mute), methods=["POST"]),
    Route("/@{actor}/block", getter(ask_block)),
    Route("/@{actor}/block", poster(block), methods=["POST"]),
]
