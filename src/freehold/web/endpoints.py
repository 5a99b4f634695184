"""Endpoints made of pages: no form is read without its token, no refusal left unanswered.

A page is `async def page(visit) -> Response`, a form's page `async def send(visit, form) -> Response`; `getter` and
`poster` wrap them. What is refused becomes a page with the status of its kind; anything else is our fault, written to
the log under a number that the reader is shown.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_hex
from urllib.parse import urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from freehold.net.statuses import STATUS, TRY_AGAIN_SECONDS, UNAVAILABLE
from freehold.protocol.refused import Refused
from freehold.web.shield import SMALL_BODY, TooLarge, assure_own_page, assure_token, limited, own_path
from freehold.web.visit import Missing, SignInFirst, Visit, open_visit

log = logging.getLogger("freehold.web")
RESTING = "/resting"


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


Page = Callable[[Visit], Awaitable[Response]]
Send = Callable[[Visit, Form], Awaitable[Response]]
Again = Callable[[Visit, dict[str, str], int], Awaitable[Response]]
"""A page with what was found wrong, by field, and its status."""
Endpoint = Callable[[Request], Awaitable[Response]]


def getter(page: Page, *, unclaimed: bool = False, resting: bool = False) -> Endpoint:
    """An endpoint for GET. Before the network has an owner, pages lead to the first-run page, but those marked so; a
    member whose account rests is led to the page that wakes it, but from those marked so."""

    async def endpoint(request: Request) -> Response:
        visit = await open_visit(request)
        if not visit.network.claimed and not unclaimed:
            return visit.go("/claim")
        if visit.member is not None and visit.member.resting and not resting:
            return visit.go(RESTING, next=visit.here)

        async def run() -> Response:
            visit.backend.spend("read", visit.viewer, visit.address)
            return await page(visit)

        return await answered(visit, run)

    return endpoint


def poster(
    send: Send,
    *,
    members: bool = True,
    most_bytes: int = SMALL_BODY,
    unclaimed: bool = False,
    resting: bool = False,
) -> Endpoint:
    """An endpoint for POST: from our own page, by a member (unless `members` is False), with a token, within limits."""

    async def endpoint(request: Request) -> Response:
        visit = await open_visit(request)

        async def run() -> Response:
            if not visit.network.claimed and not unclaimed:
                return visit.go("/claim")
            assure_own_page(request)
            visit.backend.spend("write", visit.viewer, visit.address)
            if members:
                _ = visit.me
            if members and visit.me.resting and not resting:
                return visit.go(RESTING)
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


async def or_say(visit: Visit, part: str, act: Callable[[], Awaitable[Response]], page: Again) -> Response:
    """The answer of `act`; or its page again, with what was refused beside the field of that part of it."""
    try:
        return await act()
    except Refused as refused:
        say = visit.speech.say
        field, words = {
            "AuthenticationRequired": (f"{part}-password", say("That is not your password. Nothing was changed.")),
            "InvalidToken": (f"{part}-code", say("That code is not right, or it was used before.")),
            "AuthFactorTokenRequired": (f"{part}-code", say("Type a code, too.")),
        }.get(refused.name, ("", visit.says(refused)))
        return await page(visit, {field: words}, STATUS[refused.kind])


async def refusal_page(visit: Visit, refused: Refused) -> Response:
    """A page that says no, with the status and the error's name."""
    status = STATUS.get(refused.kind, 400)
    page = await visit.page("refused.html", status, refused=refused, title=title_of(visit, status))
    if status == UNAVAILABLE:
        page.headers["retry-after"] = str(TRY_AGAIN_SECONDS)
    return page


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
