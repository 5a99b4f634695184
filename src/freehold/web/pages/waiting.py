"""The line before the door: where one stands in it, and, for who decides, who stands there."""

from starlette.responses import Response
from starlette.routing import Route

from freehold.protocol.refused import Refused
from freehold.web.endpoints import Form, getter, poster
from freehold.web.gate import Turn
from freehold.web.visit import Visit

PAGE = 30
LINE = "/settings/applicants"


class NotForYou(Refused):
    """A page for those who look after the network."""

    kind, name = "forbidden", "NotForYou"
    say = "This page is for the network’s owner and its moderators."


async def begin(visit: Visit, did: str) -> Response:
    """A session for somebody who waits, and on to where they see how things stand."""
    token, seconds = await visit.backend.gate.start_session(did)
    response = visit.go("/waiting")
    visit.cookies.write(response, "session", token, seconds)
    return response


async def waiting(visit: Visit) -> Response:
    """GET /waiting"""
    if visit.member is not None:
        return visit.go(visit.network.front, said="welcome")
    turn = await _turn(visit)
    if turn is None:
        return visit.go("/sign-in")
    return await visit.page("waiting.html", turn=turn, soon=_how_long(visit, turn.seconds))


async def withdraw(visit: Visit, form: Form) -> Response:
    """POST /waiting/withdraw"""
    turn = await _turn(visit)
    if turn is not None:
        await visit.backend.gate.withdraw(turn.did)
    response = visit.go("/join")
    visit.cookies.forget(response, "session")
    return response


async def applicants(visit: Visit) -> Response:
    """GET /settings/applicants"""
    assure_moderator(visit)
    after = visit.asked("after", 18)
    line = visit.backend.gate.line(int(after) if after.isdecimal() else 0, PAGE + 1)
    more = str(line[PAGE - 1].place) if len(line) > PAGE else ""
    say, name = visit.speech.say, visit.asked("name", 300)
    said = {
        "in": say("%(name)s is a member now.", name=name),
        "declined": say("%(name)s is declined, and is told so at the next sign-in.", name=name),
    }.get(visit.asked("said"), "")
    return await visit.page(
        "applicants.html", line=line[:PAGE], more=more, said=said, count=visit.backend.gate.waiting()
    )


async def decide(visit: Visit, form: Form) -> Response:
    """POST /settings/applicants"""
    assure_moderator(visit)
    did = form.text("did", 300)
    if form.text("answer") == "in":
        return visit.go(LINE, said="in", name=await visit.backend.gate.let_in(did))
    name = await visit.backend.gate.decline(did, form.text("because", 1_000))
    return visit.go(LINE, said="declined", name=name)


def assure_moderator(visit: Visit) -> None:
    """Raises SignInFirst, NotForYou."""
    if not visit.me.moderator:
        raise NotForYou


async def _turn(visit: Visit) -> Turn | None:
    token = visit.cookies.read(visit.request, "session")
    return await visit.backend.gate.turn(token) if token else None


def _how_long(visit: Visit, seconds: int | None) -> str:
    """About how long, in words; empty where nobody knows."""
    say_n = visit.speech.say_n
    if seconds is None:
        return ""
    if seconds < 5_400:
        return say_n("about %(n)s minute", "about %(n)s minutes", max(1, -(-seconds // 60)))
    if seconds < 129_600:
        return say_n("about %(n)s hour", "about %(n)s hours", round(seconds / 3_600))
    return say_n("about %(n)s day", "about %(n)s days", round(seconds / 86_400))


ROUTES = [
    Route("/waiting", getter(waiting)),
    Route("/waiting/withdraw", poster(withdraw, members=False), methods=["POST"]),
    Route(LINE, getter(applicants)),
    Route(LINE, poster(decide), methods=["POST"]),
]
