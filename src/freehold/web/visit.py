"""One request, with everything a page wants to know: who reads, in which language, and how to answer.

`open_visit` finds it out; a page then reads from the visit and answers through it. `endpoints` puts it at an address.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any
from urllib.parse import urlencode

from isal import igzip
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from freehold.protocol.refused import Refused
from freehold.web import templating
from freehold.web.assets import version_of
from freehold.web.backend import Backend, Member, Network
from freehold.web.brand import brand_css
from freehold.web.drawn import Person
from freehold.web.present import Presenter
from freehold.web.shield import Cookies, form_token, new_secret, own_path
from freehold.web.speech import LANGUAGES, Speech, preferred, time_zone

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

    @cached_property
    def here(self) -> str:
        """This page's own address, to come back to; without what was said once."""
        kept = [(name, value) for name, value in self.request.query_params.multi_items() if name not in SAID_ONCE]
        return self.request.url.path + ("?" + urlencode(kept) if kept else "")

    @property
    def by_onion(self) -> bool:
        """Did the reader come by the onion door, where nothing works that hangs on the network's name?"""
        return self.request.url.hostname is not None and self.request.url.hostname.endswith(".onion")

    @property
    def address(self) -> str:
        """The caller's network address: for budgets only."""
        return self.request.client.host if self.request.client else ""

    @cached_property
    def show(self) -> Presenter:
        """Turns view JSON into what templates draw, for this reader."""
        return self.presenter()

    def presenter(self, words: Sequence[str] = ()) -> Presenter:
        """One that marks these words where they stand."""
        muted = tuple if self.viewer is None else partial(self.backend.apart.muted_words, self.viewer)
        return Presenter(self.network, self.viewer, self.speech, self.now, muted=muted, words=words)

    @cached_property
    def me_person(self) -> Person:
        """The reader, as drawn on a page."""
        me = self.me
        view = {"did": me.did, "handle": me.handle, "displayName": me.display_name, "avatar": me.avatar}
        return self.show.person(view)

    @cached_property
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
        if self.member is not None and not self.member.resting and status < 500:
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
        return self._token

    @cached_property
    def _token(self) -> str:
        return form_token(self.secret)

    async def signed_in(self, member: Member, response: Response) -> Response:
        """Begin a new session for `member` on `response`; the one before, if any, ends."""
        if self.session is not None:
            await self.backend.end_session(self.session)
        begun = await self.backend.start_session(member.did)
        self.cookies.write(response, "session", begun.token, begun.seconds)
        self.cookies.forget(response, "form")
        return response


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
