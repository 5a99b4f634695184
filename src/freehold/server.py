"""All networks of one process behind one port: which one a request is for, and which door it goes to.

In come ASGI scopes; a request goes by its host name to a `Site`, and by its path to the door for programs (api) or
the one for people (web). Networks come and go while others are served; where one is not open just now a *stand-in*
answers under its names. A name that belongs to no network here gets no answer but that.
Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import logging
from collections.abc import Iterable
from functools import partial

from freehold.api import other_names
from freehold.api.app import AT_ONCE, ApiDoor
from freehold.api.oauth import PATHS as OAUTH_PATHS
from freehold.api.plain import HEALTH_PATH
from freehold.haven.reign import NOT_ASKED
from freehold.net.shares import Shares
from freehold.net.siege import Siege
from freehold.net.visits import App, Coming, Receive, Scope, Send, Visits, Whole
from freehold.site import Shared, Site
from freehold.web.app import web_app
from freehold.web.rooms import SiteBackend

logger = logging.getLogger(__name__)

API_PATHS = ("/xrpc/", "/plc/", "/did:plc:", "/.well-known/", "/img/", "/metrics", *OAUTH_PATHS)
TRY_LATER = 1012
"""To a websocket: the service restarts. Source: RFC 6455's registry of close codes."""
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Networks:
    """The ASGI application. check_answers: hold each XRPC answer against its lexicon (for tests).

    shared: what the networks use together, where none is there at first.
    """

    def __init__(self, sites: Iterable[Site], shared: Shared | None = None, *, check_answers: bool = False) -> None:
        self.sites: list[Site] = []
        self._shares = Shares()
        self._web: dict[Site, App] = {}
        self._visits: dict[Site, Visits] = {}
        self._by_name: dict[str, Site] = {}
        self._stand_ins: dict[str, App] = {}
        self._siege: Siege | None = None
        for site in sites:
            self.add(site)
        self._shared = shared or self.sites[0].shared
        self.api = ApiDoor(self._shared.catalog, check_answers=check_answers)

    # --- who is served

    def add(self, site: Site) -> None:
        """Serve it from now on."""
        self.sites.append(site)
        site.siege = self._siege
        self._web[site] = web_app(SiteBackend(site), host_only=site.settings.host_only)
        self._visits[site] = Visits()
        for name in names_of(site):
            self._by_name[name] = site
            self._stand_ins.pop(name, None)
        if len(self.sites) > 1:  # one alone is never held back
            for each in self.sites:
                each.allowances.share = each.allowances.share or self._shares.join()

    def kept_by(self, siege: Siege) -> None:
        """Who keeps the door of them all."""
        self._siege = siege
        for site in self.sites:
            site.siege = siege

    async def drop(self, site: Site, stand_in: App | None = None) -> None:
        """Serve it no more; `stand_in` answers under its names. What is being answered has some seconds to end."""
        self.sites.remove(site)
        del self._web[site]
        names = [name for name, named in self._by_name.items() if named is site]
        for name in names:
            del self._by_name[name]
        if stand_in is not None:
            self.answer_by(stand_in, {*names, site.network.choices.domain} - {""})
        if site.allowances.share is not None:
            self._shares.part(site.allowances.share)
        await self._visits.pop(site).end()

    def answer_by(self, stand_in: App, names: Iterable[str]) -> None:
        """Let `stand_in` answer under names of a network that is not open here."""
        self._stand_ins |= dict.fromkeys(names, stand_in)

    def relieve(self, stand_in: App) -> None:
        """It answers no more under any name."""
        self._stand_ins = {name: app for name, app in self._stand_ins.items() if app is not stand_in}

    def find(self, host: str) -> Site | None:
        """The network that a Host header means: by its own name, or by that of a member's handle under it."""
        name, parent = _named(host)
        site = self._by_name.get(name) or self._by_name.get(parent)
        if site is None:  # a move may have been begun since the start
            named = {name, parent} - {""}
            site = next((one for one in self.sites if one.network.choices.domain in named), None)
        if site is None and len(self.sites) == 1 and self.sites[0].place.local and name in LOOPBACK:
            site = self.sites[0]
        return site

    def meant(self, host: str) -> Site | None:
        """The same, at any door: also by the name of a network's onion door, which no other one answers to."""
        return self.find(host) or next((site for site in self.sites if site.onion_address == host != ""), None)

    async def find_soon(self, host: str) -> Site | None:
        """The same; one that is being opened anew is waited for."""
        stand_in = self._stand_in_for(host)
        if isinstance(stand_in, Waiting) and self.find(host) is None:
            await stand_in.over.wait()
        return self.find(host)

    def edge_of(self, address: str) -> str | None:
        """The edge that speaks from there, if it is one of any of these networks."""
        return next(filter(None, (site.edges.speaking_from(address) for site in self.sites)), None)

    # --- answering

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site = self.find(_host(scope))
        if site is not None:
            await self.visit(site, self._answer(site, scope), scope, receive, send)
            return
        await self._stand_in_for(_host(scope))(scope, receive, send)

    def at_once(self, scope: Scope) -> Whole | Coming | None:
        """The answer to a call that needs no task of its own; None for all other requests."""
        if scope["path"] not in AT_ONCE:
            return None
        host = _host(scope)
        site = self.find(host)
        if site is None or self._not_here(site, host, scope) is not None:
            return None
        answer = self.api.at_once(site, scope)
        if isinstance(answer, Coming):
            self._visits[site].await_too(answer)
        return answer

    async def visit(self, site: Site, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Have `app` answer in the name of that network, which is not closed meanwhile."""
        await self._visits[site].take(app, scope, receive, send)

    def _stand_in_for(self, host: str) -> App:
        name, parent = _named(host)
        return self._stand_ins.get(name) or self._stand_ins.get(parent) or misdirected

    def _answer(self, site: Site, scope: Scope) -> App:
        """What answers a request to that network."""
        other = self._not_here(site, _host(scope), scope)
        if other is not None:
            return other
        if scope["path"].startswith(API_PATHS):
            return partial(self.api, site)
        return no_socket if scope["type"] == "websocket" else self._web[site]

    def _not_here(self, site: Site, host: str, scope: Scope) -> App | None:
        """What answers in the place of the network's doors."""
        if not site.haven.is_served:
            return served_elsewhere
        if not site.haven.is_confirmed:
            return unconfirmed
        if scope["path"] == HEALTH_PATH and site.haven.witness_state() == NOT_ASKED:
            return unheard
        return other_names.answer(site, host, scope)

    async def stop(self) -> None:
        """End what runs beside: children, connections."""
        for site in self.sites:
            await site.stop()
        await self._shared.workshop.close()


class Waiting:
    """Stands in for a network that is being opened anew: who comes waits for it."""

    def __init__(self, networks: Networks) -> None:
        self._networks, self.over = networks, asyncio.Event()

    def end(self) -> None:
        """It is open, or will not be."""
        self._networks.relieve(self)
        self.over.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.over.wait()
        await self._networks(scope, receive, send)


def names_of(site: Site) -> list[str]:
    """The host names that mean this network."""
    names = [site.place.host.rsplit(":", 1)[0], *site.former, *site.spare_names]
    if site.place.local:
        names += [f"{site.directory.name.lower()}.localhost", site.place.handle_domain[1:]]
    return names


def _host(scope: Scope) -> str:
    for name, value in scope.get("headers", ()):
        if name == b"host":
            return str(value.decode("latin-1"))
    return ""


def _named(host: str) -> tuple[str, str]:
    """The name in a Host header, and the one that it is directly under."""
    name = host.rsplit(":", 1)[0].lower() if not host.endswith("]") else host
    return name, name.partition(".")[2]


async def no_socket(scope: Scope, receive: Receive, send: Send) -> None:
    """Pages have no websockets."""
    await send({"type": "websocket.close", "code": 1008})


async def misdirected(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    elif scope["type"] == "http":
        await _plain(send, 421, "No network of this name is served here.\n")


async def served_elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Another machine is this network's primary: what is here may be old."""
    await _unavailable(scope, send, "NotPrimary", "This network is served by another machine now.")


async def unconfirmed(scope: Scope, receive: Receive, send: Send) -> None:
    """This machine was killed, and its standby has not the last of what is here yet: nobody has been told of it."""
    say = "This network was started again just now, and waits for its second machine. Please try again in a moment."
    await _unavailable(scope, send, "Unconfirmed", say)


async def unheard(scope: Scope, receive: Receive, send: Send) -> None:
    """Only whether it is well: an edge shall not lead here before this machine could hear that it was succeeded."""
    await _unavailable(scope, send, "NotHeard", "This machine has just begun, and asks whether it is the primary.")


async def _unavailable(scope: Scope, send: Send, name: str, say: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": TRY_LATER})
    elif scope["path"].startswith("/xrpc/"):
        await _plain(send, 503, f'{{"error":"{name}","message":"{say}"}}', b"application/json")
    elif scope["type"] == "http":
        await _plain(send, 503, say + "\n")


async def _plain(send: Send, status: int, text: str, kind: bytes = b"text/plain; charset=utf-8") -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(text))]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
