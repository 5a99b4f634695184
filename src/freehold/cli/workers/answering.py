"""Which requests a worker answers by itself: views of the index, for members and strangers. All others it passes on.

What a view is stands where views are registered. A worker passes on what it would have to remember for all others (an
app's DPoP proof, a service's token), what leads to another service, and what came under a name that it does not know.
What it could not answer, for any fault of its own, the main process answers too.
Before each request it looks at the numbers that all processes share: what it remembers of accounts and sessions is
forgotten when any of that has changed, and once the network is no more as it was opened nothing is answered here.
"""

from collections.abc import Callable, Sequence
from typing import Any

from freehold.api import other_names
from freehold.api.bsky import OWN_VIEWS, PUBLIC_VIEWS
from freehold.api.door import PREFIX, Passing
from freehold.api.proxy import target_of
from freehold.api.xrpc import RequestHeaders
from freehold.cli.workers.numbers import Numbers, Row
from freehold.net.visits import App, Coming, Receive, Scope, Send, Whole, at_once_of
from freehold.pds.service_callers import is_service_token
from freehold.protocol.refused import Refused
from freehold.site import Site

VIEWS = frozenset({*PUBLIC_VIEWS, *OWN_VIEWS, "app.bsky.actor.getPreferences", "app.bsky.unspecced.getConfig"})
READS = frozenset({"GET", "HEAD"})
FAULT = 500


class Place:
    """A network in this worker, and what others say of it."""

    def __init__(self, site: Site, row: Sequence[int]) -> None:
        self.site, self._row, self._known = site, row, row[Row.KNOWN]

    def look(self) -> bool:
        """Take up what has changed; whether the network may be read here."""
        row, site = self._row, self.site
        if row[Row.OVER] or not row[Row.SERVED]:
            return False
        site.log.last, site.log.last_private = row[Row.SEQ], row[Row.PRIVATE_SEQ]
        known = row[Row.KNOWN]
        if known != self._known:
            self._known = known
            for room in (site.accounts, site.app_passwords, site.running):
                room.forget_all()
        return True


class Answering:
    """The ASGI application of a worker.

    find: the network that a Host header means. app: answers by itself. pass_on: has the main process answer.
    """

    def __init__(
        self,
        find: Callable[[str], Site | None],
        sites: Sequence[Site],
        numbers: Numbers,
        app: App,
        pass_on: App,
    ) -> None:
        self._find, self._app, self._pass_on, self._at_once = find, app, pass_on, at_once_of(app)
        self._places = {site: Place(site, numbers.of(at)) for at, site in enumerate(sites)}

    def at_once(self, scope: Scope) -> Whole | Coming | None:
        """The answer, if it is ours and there at once."""
        return self._at_once(scope) if self._is_ours(scope) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_ours(scope):
            await self._pass_on(scope, receive, send)
            return
        whole = Sound(send)
        await self._app(scope, receive, whole)
        if whole.is_fault:
            await self._pass_on(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return False
        nsid = scope["path"].removeprefix(PREFIX)
        if nsid not in VIEWS or scope["method"] not in READS:
            return False
        headers = RequestHeaders(scope["headers"])
        host = headers.get("host") or ""
        site = self._find(host)
        if site is None or site.settings.host_only or not self._places[site].look():
            return False
        if other_names.answer(site, host, scope) is not None:
            return False
        return by_session(headers) and is_for(site, Passing(nsid, headers, scope, _nothing))


def by_session(headers: RequestHeaders) -> bool:
    """Does nobody sign in, or by a session of their own? Its token is all that has to be known."""
    given = headers.get("authorization")
    if given is None:
        return True
    scheme, _, token = given.partition(" ")
    return scheme.lower() == "bearer" and not is_service_token(token)


def is_for(site: Site, call: Passing) -> bool:
    """Is the call for this network's own services?"""
    try:
        return target_of(site, call) is None
    except Refused:
        return False


class Sound:
    """Sends an answer on, unless it says that there was a fault here: of that nothing leaves."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.is_fault = False

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.is_fault = message["status"] >= FAULT
        if not self.is_fault:
            await self._send(message)


async def _nothing() -> Any:
    raise AssertionError("a view has no body")
