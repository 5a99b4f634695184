"""One request, with everything a page wants to know: who reads, in which language, and how to answer.

A page is `async def page(visit) -> Response`; a form's page is `async def send(visit, form) -> Response`. `getter` and
`poster` make Starlette endpoints of them, so that no form is read without its token and no refusal is left unanswered.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode, urlsplit

from isal import igzip
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from freehold.protocol.refused import Refused
from freehold.web import templating
from freehold.web.assets import version_of
from freehold.web.backend import Backend, Member, Network
from freehold.web.brand import brand_css
from freehold.web.present import Person, Presenter
from freehold.web.shield import (
    SMALL_BODY,
    Cookies,
    TooLarge,
    assure_own_page,
    assure_token,
    form_token,
    limited,
    new_secret,
    own_path,
)
from freehold.web.speech import LANGUAGES, Speech, preferred, time_zone

log = logging.getLogger("freehold.web")

STATUS = {
    "invalid": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "missing": 404,
    "method": 405,
    "conflict": 409,
    "too_large": 413,
    "unsupported_type": 415,
    "upgrade": 426,
    "too_many": 429,
    "not_implemented": 501,
    "upstream": 502,
    "unavailable": 503,
}
YEAR = 31_536_000
SAID_ONCE = ("said", "lang")


class Missing(Refused):
    """Nothing is at this address."""

    kind, name = "missing", "NotFound"
    say = "There is nothing at this address. It may have been deleted, or the link has a slip in it."


class SignInFirst(Refused):
    """Only for members."""

    kind, name = "unauthenticated", "AuthenticationRequired"
    say = "Sign in to go on."


@dataclass
class Form:
    """A form as it came in, its token already checked."""

    data: FormData

    def text(self, name: str, most: int = 4000) -> str:
        """One field, trimmed; "" when it is absent."""
        value = self.data.get(name)
        return value.strip()[:most] if isinstance(value, str) else ""

    def raw(self, name: str) -> str:
        """One field as it was typed: a password."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """All fields of one name."""
        return [value for value in self.data.getlist(name) if isinstance(value, str)]

    async def files(self, name: str, most_bytes: int) -> list[bytes | None]:
        """Uploaded files; None stands for one that is larger than `most_bytes`."""
        sent = [file for file in self.data.getlist(name) if isinstance(file, UploadFile) and file.filename]
        return [await file.read() if (file.size or 0) <= most_bytes else None for file in sent if file.size]


@dataclass
class Visit:
    """A reader at the door. `secret` is the cookie that the form tokens hang on."""

    request: Request
    backend: Backend
    cookies: Cookies
    network: Network
    member: Member | None
    session: str | None
    secret: str
    speech: Speech
    now: datetime
    new_cookies: dict[str, str] = field(default_factory=dict)

    @property
    def viewer(self) -> str | None:
        """The reader's DID, or None."""
        return self.member.did if self.member else None

    @property
    def me(self) -> Member:
        """The reader, who must be signed in. Raises SignInFirst."""
        if self.member is None:
            raise SignInFirst
        return self.member

    @property
    def here(self) -> str:
        """This page's own address, to come back to; without what was said once."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name not in SAID_ONCE]
        return self.request.url.path + ("?" + urlencode(kept) if kept else "")

    @property
    def address(self) -> str:
        """The caller's network address: for budgets only."""
        return self.request.client.host if self.request.client else ""

    @cached_property
    def show(self) -> Presenter:
        """Turns view JSON into what templates draw, for this reader."""
        return Presenter(self.network, self.viewer, self.speech, self.now)

    @cached_property
    def me_person(self) -> Person:
        """The reader, as drawn on a page."""
        me = self.me
        view = {"did": me.did, "handle": me.handle, "displayName": me.display_name, "avatar": me.avatar}
        return self.show.person(view)

    @property
    def brand_version(self) -> str:
        """Changes with the owner's colour and the network's name: in the addresses of what is drawn from them."""
        return version_of(f"{self.network.name}|{brand_css(self.network)}".encode())

    def with_query(self, **changes: str) -> str:
        """This page's address with some values changed."""
        query = {name: value for name, value in self.request.query_params.items() if name not in SAID_ONCE}
        return self.request.url.path + "?" + urlencode(query | changes)

    def asked(self, name: str, most: int = 500) -> str:
        """A value from the address, trimmed."""
        return self.request.query_params.get(name, "").strip()[:most]

    def says(self, refused: Refused) -> str:
        """A room's sentence in the reader's language, where it is known."""
        return self.speech.say(refused.say)

    async def page(self, template: str, status: int = 200, /, **facts: Any) -> Response:
        """An HTML answer."""
        unread = 0
        if self.member is not None and status < 500:
            unread = int((await self.backend.views.get_unread_count(self.member.did)).get("count", 0))
        html = templating.render(template, self.speech.language, visit=self, unread=unread, **facts)
        return self._html(html, status)

    def part(self, template: str, /, **facts: Any) -> Response:
        """A piece of a page, for a script that asked for it."""
        return self._html(templating.render(template, self.speech.language, visit=self, unread=0, **facts), 200)

    def _html(self, html: str, status: int) -> Response:
        if "gzip" not in self.request.headers.get("accept-encoding", ""):
            return self.sealed(HTMLResponse(html, status))
        packed = igzip.compress(html.encode(), compresslevel=2)
        return self.sealed(HTMLResponse(packed, status, headers={"Content-Encoding": "gzip"}))

    def go(self, path: str, /, **query: str) -> Response:
        """On to another of our pages."""
        where, hash_mark, anchor = own_path(path).partition("#")
        if query:
            where += ("&" if "?" in where else "?") + urlencode(query)
        return self.sealed(RedirectResponse(where + hash_mark + anchor, 303))

    def sealed(self, response: Response) -> Response:
        """An answer with this visit's new cookies, not to be kept by anyone between us and the reader."""
        for name, value in self.new_cookies.items():
            self.cookies.write(response, name, value, YEAR if name == "lang" else None)
        secret = self.member is not None or self.request.method == "POST"
        response.headers.setdefault("Cache-Control", "no-store" if secret else "private, no-cache")
        response.headers["Vary"] = "Cookie, Accept-Language, Accept, Accept-Encoding"
        return response

    def token(self) -> str:
        """The token for a form on this page."""
        return form_token(self.secret)

    async def signed_in(self, member: Member, response: Response) -> Response:
        """Begin a new session for `member` on `response`; the one before, if any, ends."""
        if self.session is not None:
            await self.backend.end_session(self.session)
        begun = await self.backend.start_session(member.did)
        self.cookies.write(response, "session", begun.token, begun.seconds)
        self.cookies.forget(response, "form")
        return response

    def as_member(self, member: Member, secret: str) -> "Visit":
        """The same visit, seen as somebody who has just come in."""
        return replace(self, member=member, secret=secret, new_cookies={})


Page = Callable[[Visit], Awaitable[Response]]
Send = Callable[[Visit, Form], Awaitable[Response]]
Endpoint = Callable[[Request], Awaitable[Response]]


async def open_visit(request: Request) -> Visit:
    """Find out who reads, and how to speak."""
    backend: Backend = request.app.state.backend
    cookies: Cookies = request.app.state.cookies
    network = backend.network()
    session = cookies.read(request, "session")
    member = await backend.member_of(session) if session else None
    new_cookies: dict[str, str] = {}
    secret = session if member else cookies.read(request, "form")
    if not secret:
        secret = new_cookies["form"] = new_secret()
    wanted = request.query_params.get("lang", "")
    if wanted in LANGUAGES:
        new_cookies["lang"] = wanted
    language = (member and member.language) or wanted or cookies.read(request, "lang") or ""
    if language not in LANGUAGES:
        language = preferred(request.headers.get("accept-language", ""))
    zone = time_zone(request.cookies.get("zone", "").replace("%2F", "/")) or time_zone(network.time_zone) or UTC
    now: Callable[[], datetime] = request.app.state.now
    return Visit(
        request=request,
        backend=backend,
        cookies=cookies,
        network=network,
        member=member,
        session=session if member else None,
        secret=secret,
        speech=Speech(language, zone),
        now=now(),
        new_cookies=new_cookies,
    )


def getter(page: Page, *, unclaimed: bool = False) -> Endpoint:
    """An endpoint for GET. Before the network has an owner, pages lead to the first-run page, but those marked so."""

    async def endpoint(request: Request) -> Response:
        visit = await open_visit(request)
        if not visit.network.claimed and not unclaimed:
            return visit.go("/claim")
        return await answered(visit, lambda: page(visit))

    return endpoint


def poster(send: Send, *, members: bool = True, most_bytes: int = SMALL_BODY, unclaimed: bool = False) -> Endpoint:
    """An endpoint for POST: from our own page, by a member (unless `members` is False), with a token, within limits."""

    async def endpoint(request: Request) -> Response:
        visit = await open_visit(request)

        async def run() -> Response:
            if not visit.network.claimed and not unclaimed:
                return visit.go("/claim")
            assure_own_page(request)
            if members:
                _ = visit.me
            form = await read_form(visit, most_bytes)
            try:
                return await send(visit, form)
            finally:
                await form.data.close()

        return await answered(visit, run)

    return endpoint


async def read_form(visit: Visit, most_bytes: int) -> Form:
    """The form, once its token is found to be right."""
    request = Request(visit.request.scope, limited(visit.request.receive, most_bytes))
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise TooLarge
    form = await request.form(max_files=8, max_fields=60, max_part_size=SMALL_BODY)
    token = form.get("token")
    try:
        assure_token(visit.secret, token if isinstance(token, str) else "")
    except Refused:
        await form.close()
        raise
    return Form(form)


async def answered(visit: Visit, run: Callable[[], Awaitable[Response]]) -> Response:
    """The answer of a page, or a page about why there is none."""
    try:
        return await run()
    except SignInFirst:
        return visit.go("/sign-in", next=visit.here if visit.request.method in ("GET", "HEAD") else _came_from(visit))
    except Refused as refused:
        log.info("refused", extra={"refusal": refused.name, "facts": refused.facts, "path": visit.request.url.path})
        return await refusal_page(visit, refused)
    except HTTPException as refused:
        return await _http_refusal(visit, refused)
    except Exception:
        reference = token_hex(4)
        log.exception("page failed", extra={"reference": reference, "path": visit.request.url.path})
        return await visit.page("fault.html", 500, reference=reference)


def _came_from(visit: Visit) -> str:
    """The page of ours that a form was on, as the browser tells it."""
    try:
        page = urlsplit(visit.request.headers.get("referer", ""))
    except ValueError:
        return "/"
    ours = page.netloc.lower() == visit.request.headers.get("host", "").lower()
    return own_path(page.path) if ours else "/"


async def refusal_page(visit: Visit, refused: Refused) -> Response:
    """A page that says no, with the status and the error's name."""
    status = STATUS.get(refused.kind, 400)
    return await visit.page("refused.html", status, refused=refused, title=title_of(visit, status))


async def _http_refusal(visit: Visit, refused: HTTPException) -> Response:
    if refused.status_code == 404:
        return await refusal_page(visit, Missing())
    phrase = HTTPStatus(refused.status_code).phrase
    no = Refused(refused.detail or phrase, name=phrase.replace(" ", ""))
    return await visit.page("refused.html", refused.status_code, refused=no, title=title_of(visit, refused.status_code))


def title_of(visit: Visit, status: int) -> str:
    """The heading of a page that says no."""
    say = visit.speech.say
    titles = {
        403: say("That is not possible from here"),
        404: say("Nothing here"),
        413: say("Too large"),
        429: say("Too many at once"),
        503: say("Not at the moment"),
    }
    return titles.get(status, say("That did not work"))
