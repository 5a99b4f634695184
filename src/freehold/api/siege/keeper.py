"""The keeper of the door: looks at every request before anything is done for it, and mostly lets it pass.

While there is no siege it counts, and no more. During one it says of each request, by its head alone, what kind of
caller it is from (`credentials`), and lets in as many of each kind as `net.siege` allows; others get an answer that was
made before: a kept page, or a word on when to come again. Whoever was turned away is not listened to for a second.
What comes in here are uvicorn's connections (`api.http`); `Turn` is the ASGI application that stands outermost.
"""

import asyncio
import re
import time
import types
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Generator
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from freehold.api import cors
from freehold.api.answers import accepts_gzip
from freehold.api.siege import saying
from freehold.api.siege.connections import SWEEP_SECONDS, Connections
from freehold.api.siege.credentials import Headers, forwarded, is_member, kind_of
from freehold.api.siege.pages import FRESH_SECONDS, App, PublicPages, Scope
from freehold.api.siege.passes import COOKIE, PASS_SECONDS, Passes
from freehold.net.budgets import caller_seen, is_edge_itself
from freehold.net.handshakes import Handshakes
from freehold.net.siege import TICK_SECONDS, Kind, Siege
from freehold.net.visits import Coming, Whole, at_once_of
from freehold.site import Site

TICKET, KEEPER = "freehold.ticket", "freehold.keeper"
"""Under what names an ASGI scope holds them."""
KNOCK = b"/knock"
"""Where a browser asks for its piece of work, and brings it."""
REST_SECONDS = 1.0
"""How long whoever was turned away is not listened to."""
BREATH_SECONDS = 0.05
"""The same after a kept page: twenty files a second on each of a browser's connections."""
FAMILIAR_SECONDS = 900.0
MOST_FAMILIAR = 20_000
MOST_OFTEN, OFTEN_BYTES = 1_024, 1_024
"""Heads of requests for pages that are known again as they are, and how long one may be."""
QUIET_TICKS = 20
_PLAINEST = (b"GET /xrpc/app.", b"GET /xrpc/com.", b"GET /img/")
_SHOWS_SOMETHING = re.compile(rb"\n(?:authorization|cookie|freehold-pass|upgrade|x-forwarded-for)[ \t]*:", re.I)
_END = b"\r\n\r\n"

now = time.monotonic


class Wanted(NamedTuple):
    """A page, or a file that one needs, that a stranger asked for. host: in what words the network was meant. packed:
    they take gzip. html: they can read that they have to wait."""

    site: Site
    pages: PublicPages
    host: str
    target: bytes
    language: str
    packed: bool
    html: bool


class Canned(NamedTuple):
    """An answer that was made before. rest: seconds in which nothing more is read of that connection.

    wanted: of which page of a stranger's it tells, if it does.
    """

    answer: bytes
    rest: float = REST_SECONDS
    wanted: Wanted | None = None


class Asked(NamedTuple):
    """The head of a request. target: path and query, not decoded. scope: as far as it is made."""

    method: str
    target: bytes
    headers: Headers
    scope: Scope

    def header(self, name: bytes) -> str:
        """One header as text; "" for none."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def is_call(self) -> bool:
        """Is it a program's?"""
        return self.target.startswith(saying.CALLS)

    def wants_page_of(self, site: Site) -> bool:
        """Does it ask for a page that anybody may see? Under other names of the network pages lead elsewhere."""
        is_home = self.header(b"host").lower() == site.place.host
        return self.method == "GET" and is_home and PublicPages.may_keep(self.target)

    @property
    def takes_gzip(self) -> bool:
        return accepts_gzip(self.headers.get(b"accept-encoding", b""))

    @property
    def reads_html(self) -> bool:
        return b"text/html" in self.headers.get(b"accept", b"")

    @property
    def account(self) -> str:
        """What tells a member from other members: their token, or cookies."""
        return self.header(b"authorization") or self.header(b"cookie")


class Ticket:
    """One that was let in. making: where the answer is a page for everybody: of what, its address, language, gzip."""

    __slots__ = ("_gone", "_siege", "kind", "making", "seconds", "who")

    def __init__(self, siege: Siege, kind: Kind, who: str) -> None:
        self._siege, self.kind, self.who = siege, kind, who
        self.seconds, self._gone = 0.0, False
        self.making: tuple[PublicPages, bytes, str, bool] | None = None

    def spent(self, seconds: float) -> None:
        """It had the loop for so long."""
        self.seconds += seconds
        self._siege.lanes[self.kind].spent(seconds, now())

    def leave(self) -> None:
        """It is done, once."""
        if not self._gone:
            self._gone = True
            self._siege.lanes[self.kind].leave(self.who)
            if self.kind == "stranger" and self.seconds:
                self._siege.cost(self.seconds)


class Keeper:
    """Of one process.

    find: the network of a Host header. language: the best of ours for an Accept-Language header. proxies: networks
    whose X-Forwarded-For is believed.
    """

    def __init__(
        self,
        find: Callable[[str], Site | None],
        language: Callable[[str], str],
        siege: Siege,
        connections: Connections,
        proxies: list[str],
    ) -> None:
        self.find, self.siege, self.connections = find, siege, connections
        self.handshakes = Handshakes(siege, self._is_a_members)
        """Asked by a door with TLS before it opens anything."""
        self.workers = self.worker_calls = 0
        """Other processes that answer at the same doors, and what they have answered."""
        self._language = lru_cache(maxsize=1_024)(language)
        proxy_networks = [ip_network(each) for each in proxies]
        self.is_proxy = lru_cache(maxsize=1_024)(lambda address: _within(address, proxy_networks))
        self._places: dict[Site, tuple[Passes, PublicPages]] = {}
        self._familiar: OrderedDict[str, float] = OrderedDict()
        self._often: OrderedDict[bytes, Wanted] = OrderedDict()
        self._ticking, self._quiet = False, 0
        self._app: App | None = None
        self._warming: asyncio.Task[None] | None = None
        self._sweeping = False

    # --- connections

    def opened(self, one: Any, peer: str) -> bool:
        """May this connection be?"""
        if not self._sweeping:
            self._sweeping = True
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)
        return self.connections.enter(one, self.is_proxy(peer))

    def _sweep(self) -> None:
        self.connections.sweep(now())
        self._sweeping = len(self.connections) > 0
        if self._sweeping:
            asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def met(self, who: str, headers: Headers) -> bool:
        """A request came by TLS, in whatever times: is it a member's? Then who comes from there is known at the next
        handshake, before anything is asked."""
        if b"authorization" not in headers and b"cookie" not in headers:
            return False
        site = self.find(headers.get(b"host", b"").decode("latin-1"))
        if site is None or not is_member(site, headers):
            return False
        self._know(who)
        return True

    # --- requests

    def judge(self, method: str, target: bytes, scope: Scope, socket: bool) -> Ticket | Canned | None:
        """What becomes of a request, of which the head has come. None: it goes in as ever. socket: a websocket."""
        siege = self.siege
        self._quiet = 0
        if not self._ticking:
            self._set_clock()
        if not socket:
            siege.came(now())
        if not siege.on:
            return None
        verdict = self._judge(Asked(method, target, dict(scope["headers"]), scope), socket)
        if isinstance(verdict, Canned) and not socket:
            siege.waiting -= 1
        return verdict

    def brush_off(self, data: bytes, address: str) -> Canned | None:
        """A first look at a request of which nothing else was looked at: one that shows nothing of who asks, for the
        plainest call while strangers have no room, or for a page, in words that were heard before.

        Under most floods most of it is that, and the answer is the same for all.
        """
        at, wanted = now(), self._often.get(data)
        if wanted is not None:
            return None if self._is_familiar(caller_seen(address), at) else self._show_again(wanted, at)
        if at >= self.siege.lanes["stranger"].rests_until or not data.startswith(_PLAINEST) or not shows_nothing(data):
            return None
        if self._is_familiar(caller_seen(address), at):
            return None
        self._brushed_off()
        return Canned(saying.REFUSED)

    def _brushed_off(self) -> None:
        siege = self.siege
        siege.asks("stranger")
        siege.refused["stranger"] += 1
        siege.lanes["stranger"].refused()

    def _show_again(self, wanted: Wanted, at: float) -> Canned | None:
        """A page that is kept, or the one that says wait. None: this has to be looked at, for there is room to make it,
        or the network is another one by now."""
        if self.find(wanted.host) is not wanted.site:
            return None
        has_room = at >= self.siege.lanes["stranger"].rests_until
        kept = wanted.pages.find(wanted.target, wanted.language, at)
        if has_room and (kept is None or at - kept.at > FRESH_SECONDS):
            return None
        if kept is not None:
            self.siege.asks("stranger")
            self.siege.kept += 1
            return Canned(kept.answer(b"200 OK", wanted.packed, at), BREATH_SECONDS)
        busy = wanted.pages.find(saying.BUSY, wanted.language, at)
        if busy is None:
            return None
        self._brushed_off()
        if not wanted.html:
            return Canned(saying.REFUSED)
        return Canned(busy.answer(b"503 Service Unavailable", wanted.packed, at, saying.COME_AGAIN))

    def remember(self, data: bytes, wanted: Wanted) -> None:
        """These words were for a page; heard again, `brush_off` knows them. Not if they show who asks."""
        if len(data) <= OFTEN_BYTES and shows_nothing(data):
            self._often[data] = wanted
            if len(self._often) > MOST_OFTEN:
                self._often.popitem(last=False)

    def _judge(self, asked: "Asked", socket: bool) -> Ticket | Canned | None:
        site = self.find(asked.header(b"host"))
        if site is None:
            return Canned(saying.NOT_HERE)
        if asked.method == "OPTIONS" and asked.is_call:
            return Canned(saying.empty(b"204 No Content", cors.preflight(asked.scope["headers"])), BREATH_SECONDS)
        address = str((asked.scope["client"] or ("",))[0])
        who = caller_seen(forwarded(asked.headers, address, self.is_proxy))
        passes, pages = self._place(site)
        if asked.target.startswith(KNOCK):
            return Canned(_knock(passes, asked.target, who, asked.scope["scheme"]), BREATH_SECONDS)
        itself = is_edge_itself(asked.scope["client"])
        kind: Kind = "edge" if itself else self._kind(site, passes, asked, who)
        self.siege.asks(kind)
        if socket:
            return None if kind != "stranger" else self._refuse(kind)
        if kind != "member" and asked.wants_page_of(site):
            shown = self._show(pages, asked, kind, who)
            if kind == "stranger" and isinstance(shown, Canned):
                return shown._replace(wanted=self._wanted(site, pages, asked))
            return shown
        return self._let_in(kind, asked.account if kind == "member" else who) or self._turn_away(pages, asked, kind)

    def _let_in(self, kind: Kind, who: str) -> Ticket | None:
        if not self.siege.lanes[kind].enter(who, now()):
            return None
        self.siege.admitted[kind] += 1
        return Ticket(self.siege, kind, who)

    def _show(self, pages: PublicPages, asked: "Asked", kind: Kind, who: str) -> Ticket | Canned:
        """A page for everybody: kept, made anew where there is room for that, or kept and a little old."""
        language, packed = self._language(asked.header(b"accept-language")), asked.takes_gzip
        kept = pages.find(asked.target, language, now())
        if kept is None or now() - kept.at > FRESH_SECONDS:
            ticket = self._let_in(kind, who)
            if ticket is not None:
                ticket.making = pages, asked.target, language, packed
                return ticket
        if kept is None:
            return self._turn_away(pages, asked, kind)
        self.siege.kept += 1
        return Canned(kept.answer(b"200 OK", packed, now()), BREATH_SECONDS)

    def _wanted(self, site: Site, pages: PublicPages, asked: "Asked") -> Wanted:
        language = self._language(asked.header(b"accept-language"))
        return Wanted(site, pages, asked.header(b"host"), asked.target, language, asked.takes_gzip, asked.reads_html)

    def _turn_away(self, pages: PublicPages, asked: "Asked", kind: Kind) -> Canned:
        if asked.is_call or not asked.reads_html:
            return self._refuse(kind)
        self.siege.refused[kind] += 1
        language = self._language(asked.header(b"accept-language"))
        busy = pages.find(saying.BUSY, language, now())
        if busy is None:
            self._warm(pages, asked.scope, language)
            return Canned(saying.BUSY_PLAIN)
        return Canned(busy.answer(b"503 Service Unavailable", asked.takes_gzip, now(), saying.COME_AGAIN))

    def _refuse(self, kind: Kind) -> Canned:
        self.siege.refused[kind] += 1
        return Canned(saying.REFUSED_MEMBER if kind == "member" else saying.REFUSED)

    def _kind(self, site: Site, passes: Passes, asked: "Asked", who: str) -> Kind:
        kind = kind_of(site, passes, asked.target, asked.headers, who)
        if kind == "member":
            self._know(who)
        elif kind == "stranger" and self._is_familiar(who, now()):
            return "familiar"
        return kind

    def _is_familiar(self, who: str, at: float) -> bool:
        return self._familiar.get(who, 0.0) > at or self.connections.follows(who)

    def _is_a_members(self, who: str) -> bool:
        """Was a member at this address lately? The look that a new connection gets also begins the clock."""
        if not self._ticking:
            self._set_clock()
        self._quiet = 0
        return self._familiar.get(who, 0.0) > now()

    def _know(self, who: str) -> None:
        """A member is at this address."""
        self._familiar[who] = now() + FAMILIAR_SECONDS
        self._familiar.move_to_end(who)
        if len(self._familiar) > MOST_FAMILIAR:
            self._familiar.popitem(last=False)

    def _place(self, site: Site) -> tuple[Passes, PublicPages]:
        place = self._places.get(site)
        if place is None:
            place = self._places[site] = Passes(site.seal, site.clock), PublicPages(site)
        return place

    def figures(self) -> dict[str, float]:
        """For the operator, by the names of `api.metrics`."""
        siege = self.siege
        return {
            "siege": float(siege.on),
            "sieges": siege.begun,
            "siege_admitted": sum(siege.admitted.values()),
            "siege_refused": sum(siege.refused.values()),
            "siege_kept_pages": siege.kept,
            "siege_handshakes_refused": siege.handshakes_refused,
            "loop_late_seconds": siege.lateness,
            "connections": len(self.connections),
            "connections_cut_off": self.connections.cut_off,
            "workers": self.workers,
            "worker_calls": self.worker_calls,
        }

    def no_turn(self, ticket: Ticket | None) -> None:
        """A request whose connection is gone before its turn."""
        self.siege.waiting -= 1
        if ticket is not None:
            ticket.leave()

    # --- the clock

    def _set_clock(self) -> None:
        self._ticking = True
        asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick, now() + TICK_SECONDS)

    def _tick(self, due: float) -> None:
        """Look how late the loop is; stop when nobody has asked for a second and there is no siege."""
        at = now()
        self.siege.tick(max(0.0, at - due), at)
        self._quiet += 1
        self._ticking = self.siege.on or self._quiet < QUIET_TICKS
        if self._ticking:
            self._set_clock()
        if not self.siege.on and self._places:
            self._places.clear()  # what was kept in a siege is not kept after it
            self._often.clear()

    # --- pages

    def turn(self, app: App) -> App:
        """The application with the keeper before it."""
        self._app = self._app or app
        return Turn(self, app)

    def _warm(self, pages: PublicPages, scope: Scope, language: str) -> None:
        """Make what everybody is shown now: the page that says wait, the front page, and the files that they need."""
        if self._warming is None or self._warming.done():
            self._warming = asyncio.get_running_loop().create_task(self._make_all(pages, dict(scope), language))

    async def _make_all(self, pages: PublicPages, scope: Scope, language: str) -> None:
        assert self._app is not None
        wanted = [saying.BUSY, b"/"]
        for target in wanted:  # which grows on the way
            status, page = await pages.make(self._app, scope, target, language, now())
            if status == 200 and target in (saying.BUSY, b"/"):
                wanted += [link for link in page.links() if link not in wanted]


class Turn:
    """The ASGI application outermost: a request has its first turn, and what it takes of the loop is measured."""

    def __init__(self, keeper: Keeper, app: App) -> None:
        self._keeper, self._app, self._at_once = keeper, app, at_once_of(app)

    def at_once(self, scope: Scope) -> Whole | Coming | None:
        """The answer to a request that needs no task of its own: so it has its turn as it comes."""
        answer = self._at_once(scope)
        if answer is not None:
            self._keeper.siege.turn(now())
        return answer

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            self._keeper.siege.turn(now())
            scope[KEEPER] = self._keeper
        ticket: Ticket | None = scope.get(TICKET)
        if ticket is None:
            await self._app(scope, receive, send)
            return
        try:
            if ticket.kind == "member":
                await self._app(scope, receive, send)
            else:
                await metered(self._serve(ticket, scope, receive, send), ticket.spent)
        finally:
            ticket.leave()

    async def _serve(self, ticket: Ticket, scope: Scope, receive: Any, send: Any) -> None:
        if ticket.making is None:
            await self._app(scope, receive, send)
            return
        pages, target, language, packed = ticket.making
        status, page = await pages.make(self._app, scope, target, language, now())
        body = page.packed if packed and page.packed else page.plain
        headers = [*page.headers, (b"content-length", b"%d" % len(body))]
        if body is page.packed:
            headers.append((b"content-encoding", b"gzip"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@types.coroutine
def metered(work: Coroutine[Any, Any, None], spent: Callable[[float], None]) -> Generator[Any, Any, None]:
    """Run a coroutine, and tell for how long each of its steps had the loop."""
    step: Callable[[Any], Any] = work.send
    given: Any = None
    while True:
        began = time.perf_counter()
        try:
            wanted = step(given)
        except StopIteration:
            return
        finally:
            spent(time.perf_counter() - began)
        try:
            given = yield wanted
            step = work.send
        except BaseException as wrong:  # cancelled, mostly: the work's own business
            given, step = wrong, work.throw


def shows_nothing(data: bytes) -> bool:
    """Is this a whole head without anything that would tell who asks, and no more?"""
    return data.endswith(_END) and not _SHOWS_SOMETHING.search(data)


def _knock(passes: Passes, target: bytes, who: str, scheme: str) -> bytes:
    """The answer to somebody who would do a piece of work, or has done it."""
    proof = parse_qs(target.partition(b"?")[2].decode("latin-1")).get("proof", [""])[0]
    if not proof:
        return saying.json(b"200 OK", {"work": passes.challenge(who)})
    earned = passes.earn(proof, who)
    if earned is None:
        return saying.json(
            b"403 Forbidden", {"error": "ProofRequired", "message": "That is not the work that was set."}
        )
    secure = "; Secure" if scheme == "https" else ""
    cookie = f"{COOKIE}={earned}; Path=/; Max-Age={PASS_SECONDS}; HttpOnly; SameSite=Lax{secure}"
    return saying.json(b"200 OK", {"pass": earned}, [(b"set-cookie", cookie.encode())])


def _within(address: str, networks: list[Any]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)
