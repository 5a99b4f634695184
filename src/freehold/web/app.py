"""The web door as one ASGI application for one network.

`server.py` calls `web_app` with a backend, and mounts the result for everything that is not /xrpc, /plc or
/.well-known. No page here knows how anything is stored.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from freehold.web.backend import Backend
from freehold.web.endpoints import answered
from freehold.web.pages import (
    apart,
    authorize,
    drafts,
    entry,
    feeds,
    frame,
    home,
    lists,
    lost_posts,
    moving,
    network,
    own_lists,
    people,
    posts,
    readiness,
    recover,
    security,
    settings,
    signing_in,
    waiting,
    words,
    writing,
)
from freehold.web.shield import Cookies, Shield
from freehold.web.visit import open_visit

ROUTES = [
    *frame.ROUTES,
    *home.ROUTES,
    *feeds.ROUTES,
    *entry.ROUTES,
    *waiting.ROUTES,
    *network.ROUTES,
    *readiness.ROUTES,
    *signing_in.ROUTES,
    *recover.ROUTES,
    *settings.ROUTES,
    *security.ROUTES,
    *lost_posts.ROUTES,
    *apart.ROUTES,
    *words.ROUTES,
    *lists.ROUTES,
    *own_lists.ROUTES,
    *moving.ROUTES,
    *authorize.ROUTES,
    *writing.ROUTES,
    *drafts.ROUTES,
    *posts.ROUTES,
    *people.ROUTES,
]


HOST_ROUTES = [
    *frame.ROUTES,
    *home.HOST_ROUTES,
    *entry.ROUTES,
    *waiting.ROUTES,
    *network.ROUTES,
    *readiness.ROUTES,
    *signing_in.ROUTES,
    *recover.ROUTES,
    *settings.ROUTES,
    *security.ROUTES,
    *lost_posts.ROUTES,
    *moving.ROUTES,
    *authorize.ROUTES,
]
"""What a host without views of its own shows: being claimed, joining, signing in and what guards it; settings; leaving;
letting apps in, and out; the owner's pages."""


def web_app(
    backend: Backend,
    *,
    host_only: bool = False,
    now: Callable[[], datetime] | None = None,
    secure: bool | None = None,
) -> ASGIApp:
    """The pages of one network. now: the clock, aware of its zone; the real one when absent.

    secure: they come by https, which is taken from the network's own address when absent.
    """
    if secure is None:
        secure = backend.network().base_url.startswith("https://")
    app = Starlette(routes=HOST_ROUTES if host_only else ROUTES, exception_handlers={404: _not_here, 405: _not_here})
    app.state.backend = backend
    app.state.cookies = Cookies(secure=secure)
    app.state.now = now or (lambda: datetime.now(UTC))
    return Shield(app, secure=secure, onion=backend.network().onion if secure else "")


async def _not_here(request: Request, refused: Exception) -> Response:
    """An address that no page has, answered in the look."""
    visit = await open_visit(request)

    async def fail() -> Response:
        raise refused

    return await answered(visit, fail)
