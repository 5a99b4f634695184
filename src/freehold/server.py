"""All networks of one process behind one port: which one a request is for, and which door it goes to.

In come ASGI scopes; a request goes by its host name to a `Site`, and by its path to the door for programs (api) or
the one for people (web). A name that belongs to no network here gets no answer but that.
Source: https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from freehold.api import other_names
from freehold.api.app import ApiDoor
from freehold.api.oauth import PATHS as OAUTH_PATHS
from freehold.net.shares import Shares
from freehold.site import Site
from freehold.web.app import web_app
from freehold.web.rooms import SiteBackend

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API_PATHS = ("/xrpc/", "/plc/", "/did:plc:", "/.well-known/", "/img/", "/metrics", *OAUTH_PATHS)
LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class Networks:
    """The ASGI application. check_answers: hold each XRPC answer against its lexicon (for tests)."""

    def __init__(self, sites: Iterable[Site], *, check_answers: bool = False) -> None:
        self.sites = list(sites)
        if len(self.sites) > 1:
            shares = Shares()
            for site in self.sites:
                site.allowances.share = shares.join()
        self._api = ApiDoor(self.sites[0].catalog, check_answers=check_answers)
        self._web = {id(site): web_app(SiteBackend(site), host_only=site.settings.host_only) for site in self.sites}
        self._by_name = {name: site for site in self.sites for name in names_of(site)}

    def find(self, host: str) -> Site | None:
        """The network that a Host header means: by its own name, or by that of a member's handle under it."""
        name = host.rsplit(":", 1)[0].lower() if not host.endswith("]") else host
        parent = name.partition(".")[2]
        site = self._by_name.get(name) or self._by_name.get(parent)
        if site is None:  # a move may have been begun since the start
            named = {name, parent} - {""}
            site = next((one for one in self.sites if one.network.choices.domain in named), None)
        if site is None and len(self.sites) == 1 and self.sites[0].place.local and name in LOOPBACK:
            site = self.sites[0]
        return site

    def edge_of(self, address: str) -> str | None:
        """The edge that speaks from there, if it is one of any of these networks."""
        return next(filter(None, (site.edges.speaking_from(address) for site in self.sites)), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site = self.find(_host(scope))
        if site is None:
            await _no_such_network(scope, receive, send)
        elif site.haven.machine.role == "fenced":
            await _served_elsewhere(scope, receive, send)
        elif (elsewhere := other_names.answer(site, _host(scope), scope)) is not None:
            await elsewhere(scope, receive, send)
        elif scope["path"].startswith(API_PATHS):
            await self._api(site, scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._web[id(site)](scope, receive, send)

    async def run(self) -> None:
        """The steady work of all networks, until cancelled."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)  # what the start made stays; what requests make dies young
        async with asyncio.TaskGroup() as tasks:
            for site in self.sites:
                tasks.create_task(site.run())

    async def stop(self) -> None:
        """End what runs beside: children, connections."""
        for site in self.sites:
            await site.stop()
        await self.sites[0].shared.workshop.close()

    def close(self) -> None:
        """Close all networks."""
        for site in self.sites:
            site.close()


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


async def _no_such_network(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    elif scope["type"] == "http":
        await _plain(send, 421, "No network of this name is served here.\n")


async def _served_elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    """Another machine is this network's primary: what is here may be old."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1012})
    elif scope["type"] == "http":
        say = "This network is served by another machine now."
        if scope["path"].startswith("/xrpc/"):
            await _plain(send, 503, f'{{"error":"NotPrimary","message":"{say}"}}', b"application/json")
        else:
            await _plain(send, 503, say + "\n")


async def _plain(send: Send, status: int, text: str, kind: bytes = b"text/plain; charset=utf-8") -> None:
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
