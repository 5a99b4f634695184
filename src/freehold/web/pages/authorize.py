"""Letting an app in, by OAuth: who asks, for what, as whom; a yes or a no. And the list of apps and sessions.

Nothing is granted without the member's press of a button on this page, however often they said yes before. What an app
says of itself (name, logo) is not shown: only the host name that its word comes from.
Source: https://atproto.com/specs/oauth#user-interface, RFC 9700
"""

from collections.abc import Awaitable, Callable

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from freehold.web.apps import AppRequest, OpenSession, Wish
from freehold.web.backend import Member
from freehold.web.endpoints import Form, Send, getter, poster
from freehold.web.pages.signing_in import Door, with_code, with_passkey, with_password
from freehold.web.shield import POLICY
from freehold.web.untrusted import clean
from freehold.web.visit import Visit

PATH = "/oauth/authorize"
MOST_TITLE, MOST_DETAIL = 100, 600


async def authorize(visit: Visit) -> Response:
    """GET /oauth/authorize?client_id=…&request_uri=…"""
    asked = await visit.backend.apps.request(visit.asked("request_uri", 200), visit.asked("client_id", 2_048))
    if asked.prompt == "none":
        return await _back(visit, asked, "login_required" if visit.member is None else "consent_required")
    another = asked.prompt == "login" or (asked.account not in ("", visit.viewer or ""))
    if visit.member is None or (another and visit.asked("chosen") != "1") or visit.asked("other") == "1":
        return await _sign_in_page(visit, asked, asked.hint, {})
    return await _consent_page(visit, asked)


def _signing_in(step: Callable[[Visit, Form, Door], Awaitable[Response]]) -> Send:
    """POST /oauth/authorize/sign-in and below: a step of signing in; after the last one the question."""

    async def send(visit: Visit, form: Form) -> Response:
        asked = await _asked(visit, form)
        return _allowing(asked, await step(visit, form, _door(visit, asked)))

    return send


def _door(visit: Visit, asked: AppRequest) -> Door:
    """The sign-in that stands before an app's question."""

    async def first(identifier: str, found: dict[str, str], status: int) -> Response:
        return await _sign_in_page(visit, asked, identifier, found, status)

    async def enter(member: Member) -> Response:
        onward = visit.go(PATH, client_id=asked.client_id, request_uri=asked.uri, chosen="1")
        return await visit.signed_in(member, onward)

    return Door(f"{PATH}/sign-in", {"client_id": asked.client_id, "request_uri": asked.uri}, first, enter)


async def decide(visit: Visit, form: Form) -> Response:
    """POST /oauth/authorize: yes or no, and back to the app."""
    asked = await _asked(visit, form)
    if form.text("answer") != "allow":
        return await _back(visit, asked, "access_denied")
    return _leave(visit, asked, await visit.backend.apps.allow(asked.uri, asked.client_id, visit.me.did))


async def apps(visit: Visit) -> Response:
    """GET /settings/apps"""
    open_now = await visit.backend.apps.sessions(visit.me.did, visit.session)
    rows = [(one, _title(visit, one), [sentence(visit, wish) for wish in one.wishes]) for one in open_now]
    said = visit.speech.say("Ended.") if visit.asked("said") == "ended" else ""
    return await visit.page("apps.html", rows=rows, said=said)


async def end(visit: Visit, form: Form) -> Response:
    """POST /settings/apps/end"""
    await visit.backend.apps.end(visit.me.did, form.text("kind", 20), form.text("key", 100))
    return visit.go("/settings/apps", said="ended")


async def _asked(visit: Visit, form: Form) -> AppRequest:
    return await visit.backend.apps.request(form.text("request_uri", 200), form.text("client_id", 2_048))


async def _back(visit: Visit, asked: AppRequest, error: str) -> Response:
    return _leave(visit, asked, await visit.backend.apps.refuse(asked.uri, asked.client_id, error))


def _leave(visit: Visit, asked: AppRequest, url: str) -> Response:
    """Off to the app, by GET whatever brought us here."""
    return _allowing(asked, visit.sealed(RedirectResponse(url, 303)))


def _allowing(asked: AppRequest, response: Response) -> Response:
    """A form's answer may lead to where the app wants the member back, and nowhere else."""
    response.headers["Content-Security-Policy"] = POLICY.replace(
        "form-action 'self'", f"form-action 'self' {asked.source}"
    )
    return response


async def _consent_page(visit: Visit, asked: AppRequest) -> Response:
    wishes = [sentence(visit, wish) for wish in asked.wishes]
    page = await visit.page("authorize.html", asked=asked, wishes=wishes, app=_app(visit, asked.app))
    return _allowing(asked, page)


async def _sign_in_page(
    visit: Visit, asked: AppRequest, identifier: str, found: dict[str, str], status: int = 200
) -> Response:
    facts = {"door": _door(visit, asked), "identifier": identifier, "found": found, "app": _app(visit, asked.app)}
    return _allowing(asked, await visit.page("authorize_sign_in.html", status, **facts))


def _app(visit: Visit, host: str) -> str:
    return host or visit.speech.say("An app on this machine")


def _title(visit: Visit, one: OpenSession) -> str:
    say = visit.speech.say
    if one.kind == "app":
        return _app(visit, one.name)
    if one.kind == "browser":
        return say("This browser") if one.here else say("A browser")
    return one.name or say("A program, with your password")


def sentence(visit: Visit, wish: Wish) -> str:
    """A wish in words."""
    say, what = visit.speech.say, wish.what
    words = {
        "who": say("Know who you are: your name here and your identity."),
        "all": say("Do what you do here: post, like, follow, upload, read. Not your messages, password or address."),
        "chat": say("Read and send your messages."),
        "mail": say("See your e-mail address."),
        "write any": say("Write, change and delete anything that you publish."),
        "create any": say("Publish anything in your name."),
        "update any": say("Change anything that you publish."),
        "delete any": say("Delete anything that you publish."),
        "upload any": say("Upload files of any kind."),
        "manage email": say("Change your e-mail address."),
        "manage repo": say("Replace all that you publish with a copy from elsewhere."),
        "name": say("Change your name here."),
        "identity": say("Change your identity: its names, its keys, and which network you live on."),
    }
    if wish.kind in words:
        return words[wish.kind]
    if wish.kind == "set":
        return set_sentence(visit, wish)
    return {
        "write": say("Write, change and delete: %(what)s", what=what),
        "create": say("Publish: %(what)s", what=what),
        "update": say("Change: %(what)s", what=what),
        "delete": say("Delete: %(what)s", what=what),
        "ask": say("Ask this service anything in your name: %(what)s", what=what),
        "call": say("Ask services in your name: %(what)s", what=what),
        "upload": say("Upload files: %(what)s", what=what),
    }[wish.kind]


def set_sentence(visit: Visit, wish: Wish) -> str:
    """A permission set as its authority calls it, in the reader's language if it has it; and whose word that is."""
    by_language = {language: (title, detail) for language, title, detail in wish.said}
    own = by_language.get(visit.speech.language, ("", ""))
    others = by_language.get("", ("", ""))
    title, detail = (clean(mine or theirs) for mine, theirs in zip(own, others, strict=True))
    say = visit.speech.say
    namespace = wish.what.rpartition(".")[0]
    facts = {"title": title[:MOST_TITLE] or wish.what, "detail": detail[:MOST_DETAIL], "namespace": namespace}
    if detail:
        return say("%(title)s: %(detail)s (Only what belongs to %(namespace)s, which words it so.)", **facts)
    return say("%(title)s (Only what belongs to %(namespace)s, which words it so.)", **facts)


ROUTES = [
    Route(PATH, getter(authorize, unclaimed=True, resting=True)),
    Route(PATH, poster(decide, unclaimed=True, resting=True), methods=["POST"]),
    *(
        Route(f"{PATH}/sign-in{below}", poster(_signing_in(step), members=False, unclaimed=True), methods=["POST"])
        for below, step in (("", with_password), ("/code", with_code), ("/passkey", with_passkey))
    ),
    Route("/settings/apps", getter(apps, unclaimed=True)),
    Route("/settings/apps/end", poster(end, unclaimed=True), methods=["POST"]),
]
