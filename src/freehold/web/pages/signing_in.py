"""Signing in and out: by password and, where the account asks for one, a code; or by a passkey.

The same steps stand before a page of ours and before an app's question (`pages.authorize`): a `Door` says where the
forms go, what they carry along, and what is behind.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from freehold.net.statuses import STATUS
from freehold.protocol.refused import Refused
from freehold.web.backend import Member
from freehold.web.credentials import Halfway, Way
from freehold.web.endpoints import Form, getter, poster
from freehold.web.gate import InLine
from freehold.web.pages import waiting
from freehold.web.shield import own_path
from freehold.web.visit import SignInFirst, Visit

PATH = "/sign-in"


@dataclass
class Door:
    """One sign-in. path: of its first form; the others are below it. carried: hidden fields of every form.

    first: shows the first step again, with what was typed and what was found wrong. enter: what a member finds behind.
    """

    path: str
    carried: dict[str, str]
    first: Callable[[str, dict[str, str], int], Awaitable[Response]]
    enter: Callable[[Member], Awaitable[Response]]


async def with_password(visit: Visit, form: Form, door: Door) -> Response:
    """The first step: name and password."""
    identifier = form.text("identifier", 300).lstrip("@")
    try:
        came = await visit.backend.sign_in(identifier=identifier, password=form.raw("password"), address=visit.address)
    except InLine as waits:
        return await waiting.begin(visit, waits.did)
    except Refused as refused:
        found = {"password" if refused.kind == "unauthenticated" else "": visit.says(refused)}
        return await door.first(identifier, found, STATUS[refused.kind])
    if isinstance(came, Halfway):
        return await _code_page(visit, door, came.ticket, came.way, {})
    return await door.enter(came)


async def with_code(visit: Visit, form: Form, door: Door) -> Response:
    """The second step, where there is one."""
    ticket, credentials = form.text("ticket", 2_000), visit.backend.credentials
    try:
        did = await credentials.second_step(ticket, form.text("code", 100), visit.address)
    except Refused as refused:
        way = credentials.way_of(ticket)
        if way is None:
            return await door.first("", {"": visit.says(refused)}, STATUS[refused.kind])
        wrong = refused.name in ("InvalidToken", "AuthFactorTokenRequired")
        words = visit.speech.say("That code is not right, or it was used before.") if wrong else visit.says(refused)
        return await _code_page(visit, door, ticket, way, {"code" if wrong else "": words}, STATUS[refused.kind])
    return await door.enter(await visit.backend.member_by(did))


async def with_passkey(visit: Visit, form: Form, door: Door) -> Response:
    """A passkey's answer, which a script put into the form."""
    try:
        did = await visit.backend.credentials.by_passkey(
            form.text("ticket", 2_000), form.text("answer", 40_000), visit.address
        )
    except Refused as refused:
        return await door.first("", {"": visit.says(refused)}, STATUS[refused.kind])
    return await door.enter(await visit.backend.member_by(did))


async def question(visit: Visit) -> Response:
    """GET /sign-in/passkey: what the script asks the browser."""
    asked = visit.backend.credentials.question()
    return visit.sealed(JSONResponse({"options": asked.options, "ticket": asked.ticket}))


async def _code_page(
    visit: Visit, door: Door, ticket: str, way: Way, found: dict[str, str], status: int = 200
) -> Response:
    return await visit.page("sign_in_code.html", status, door=door, ticket=ticket, way=way, found=found)


# --- the door of these pages


def front_door(visit: Visit, onward: str) -> Door:
    """The sign-in that leads to a page of ours."""

    async def first(identifier: str, found: dict[str, str], status: int) -> Response:
        return await _page(visit, onward, identifier, found, status=status)

    async def enter(member: Member) -> Response:
        return await visit.signed_in(member, visit.go(onward))

    return Door(PATH, {"next": onward}, first, enter)


async def sign_in_page(visit: Visit) -> Response:
    """GET /sign-in?next=…"""
    onward = own_path(visit.asked("next", 2000))
    if visit.member is not None:
        return visit.go(onward)
    said = visit.speech.say("Sign in to go on.") if onward != "/" else ""
    said = {
        "out": visit.speech.say("You are signed out."),
        "recovered": visit.speech.say("Your new password counts from now on. Sign in with it."),
    }.get(visit.asked("said"), said)
    return await _page(visit, onward, "", {}, said)


async def _page(
    visit: Visit, onward: str, identifier: str, found: dict[str, str], said: str = "", status: int = 200
) -> Response:
    door = front_door(visit, onward)
    return await visit.page("sign_in.html", status, door=door, identifier=identifier, found=found, said=said)


async def sign_in(visit: Visit, form: Form) -> Response:
    """POST /sign-in: a new session with a new id, whatever cookie came in."""
    return await with_password(visit, form, front_door(visit, own_path(form.text("next", 2000))))


async def code(visit: Visit, form: Form) -> Response:
    """POST /sign-in/code"""
    return await with_code(visit, form, front_door(visit, own_path(form.text("next", 2000))))


async def passkey(visit: Visit, form: Form) -> Response:
    """POST /sign-in/passkey"""
    return await with_passkey(visit, form, front_door(visit, own_path(form.text("next", 2000))))


async def sign_out(visit: Visit, form: Form) -> Response:
    """POST /sign-out"""
    if visit.session is not None:
        await visit.backend.end_session(visit.session)
    return signed_out(visit)


def signed_out(visit: Visit) -> Response:
    """On to the sign-in page, with the session's cookie gone."""
    response = visit.go(PATH, said="out")
    visit.cookies.forget(response, "session")
    return response


# --- who rests


async def resting_page(visit: Visit) -> Response:
    """GET /resting?next=…: all that a deactivated account is shown, but for apps that ask to be let in."""
    onward = own_path(visit.asked("next", 2000))
    if visit.member is None:
        raise SignInFirst
    if not visit.member.resting:
        return visit.go(onward)
    return await visit.page("resting.html", next=onward, found={})


async def wake(visit: Visit, form: Form) -> Response:
    """POST /resting: the account speaks again."""
    onward = own_path(form.text("next", 2000))
    try:
        await visit.backend.wake(visit.me.did)
    except Refused as refused:
        return await visit.page("resting.html", STATUS[refused.kind], next=onward, found={"": visit.says(refused)})
    return visit.go(onward, **({"said": "awake"} if onward == "/" else {}))


ROUTES = [
    Route(PATH, getter(sign_in_page, unclaimed=True)),
    Route(PATH, poster(sign_in, members=False, unclaimed=True), methods=["POST"]),
    Route(f"{PATH}/code", poster(code, members=False, unclaimed=True), methods=["POST"]),
    Route(f"{PATH}/passkey", getter(question, unclaimed=True)),
    Route(f"{PATH}/passkey", poster(passkey, members=False, unclaimed=True), methods=["POST"]),
    Route("/sign-out", poster(sign_out, unclaimed=True, resting=True), methods=["POST"]),
    Route("/resting", getter(resting_page, unclaimed=True, resting=True)),
    Route("/resting", poster(wake, unclaimed=True, resting=True), methods=["POST"]),
]
