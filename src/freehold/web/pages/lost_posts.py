"""Posts that a lost machine had alone: their author posts them again, or discards them."""

from starlette.responses import Response
from starlette.routing import Route

from freehold.web.endpoints import Form, getter, poster
from freehold.web.visit import Visit

PATH = "/settings/lost-posts"


async def lost_posts(visit: Visit) -> Response:
    """GET /settings/lost-posts"""
    say = visit.speech.say
    said = {
        "again": say("It is posted again, at the address that it had."),
        "discarded": say("Discarded. It is gone for good."),
    }.get(visit.asked("said"), "")
    return await visit.page("lost_posts.html", lost=visit.backend.offers.of(visit.me.did), said=said)


async def decide(visit: Visit, form: Form) -> Response:
    """POST /settings/lost-posts"""
    did, rkey = visit.me.did, form.text("rkey", 600)
    if form.text("answer") == "again":
        await visit.backend.offers.post_again(did, rkey)
        return visit.go(PATH, said="again")
    await visit.backend.offers.discard(did, rkey)
    return visit.go(PATH, said="discarded")


ROUTES = [
    Route(PATH, getter(lost_posts)),
    Route(PATH, poster(decide), methods=["POST"]),
]
