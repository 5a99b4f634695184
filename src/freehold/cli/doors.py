"""How this process listens: by https itself, by plain http to one proxy, or by plain http to this machine.

In come the settings of the networks; out come bound sockets, and what stands before `Networks` on them.
"""

import asyncio
import logging
import os
import resource
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from ipaddress import IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, NamedTuple, cast

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from freehold.api.http import Http
from freehold.api.siege.acceptor import AT_ONCE, Acceptor
from freehold.api.siege.connections import Connections
from freehold.api.siege.keeper import Keeper
from freehold.api.socket import Socket
from freehold.cli.onion_door import ByOnion, OnionFront
from freehold.cli.unencrypted import Unencrypted
from freehold.net.siege import Mode, Siege
from freehold.net.visits import Coming, Receive, Scope, Send, Whole, at_once_of
from freehold.protocol.refused import Refused
from freehold.server import Networks
from freehold.settings import BadSetting, Settings
from freehold.site import Site
from freehold.tls.front import Choose, Client, Front
from freehold.web.speech import preferred

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 75
MAX_INCOMING_FRAME = 65_536
PING_SECONDS = 45.0
"""How often a silent websocket is asked whether it is there, and how long it may take to say so."""
DESCRIPTORS_KEPT = 256
"""Open files that are not connections: databases, blobs, children."""
EVERYWHERE, HERE = "", "127.0.0.1"

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class PortTaken(Refused):
    """Somebody else listens there, or only an administrator may."""

    name = "PortTaken"


class Doors(NamedTuple):
    """Bound sockets. plain: for http. tls: for https, None if that is not served here."""

    plain: socket.socket
    tls: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where the network itself is."""
        return int((self.tls or self.plain).getsockname()[1])


@contextmanager
def bound(settings: list[Settings], port: int | None, named: bool) -> Iterator[Doors]:
    """The doors that these networks want; closed at the end.

    port: what the command line said. named: it also said a domain, so that a proxy elsewhere is expected. Raises
    PortTaken, BadSetting.
    """
    first = settings[0]
    if len({each.https for each in settings}) > 1:
        raise BadSetting("Networks in one process serve https all together, or none of them: set https alike.")
    if len({each.edges_only for each in settings}) > 1:
        raise BadSetting("Networks in one process have the same doors: set edges_only alike.")
    if first.https:
        https_port = first.https_port if port is None else port
        with bind(EVERYWHERE, https_port) as tls, bind(EVERYWHERE, first.http_port) as plain:
            yield Doors(plain, tls)
        return
    proxies = [ip_network(each.behind) for each in settings if each.behind]
    everywhere = named if not proxies else not all(proxy.is_loopback for proxy in proxies)
    with bind(EVERYWHERE if everywhere else HERE, first.port if port is None else port) as plain:
        yield Doors(plain)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; host "" is every address of this machine. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET6 if host == EVERYWHERE else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == EVERYWHERE:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        listener.bind((host or "::", port))
    except OSError as wrong:
        listener.close()
        raise PortTaken(f"Port {port} cannot be had ({wrong.strerror}). Choose another one with --port.") from None
    return listener


class Server(uvicorn.Server):
    """uvicorn, with two differences: TLS connections come through a `Front`, and a signal ends it in order (it would
    send itself the signal again, and so die before all is closed)."""

    def __init__(self, networks: Networks, doors: Doors, processes: int = 1) -> None:
        """processes: how many share these doors, and with them what may be open at once."""
        self._networks, self._doors, self.keeper = networks, doors, keeper_of(networks, processes)
        self._at_once = AT_ONCE if processes == 1 else 1
        super().__init__(self.config_for(networks))
        self.after_begin: list[Callable[[], object]] = []
        """Called when it serves."""
        self.before_end: list[Callable[[], object]] = []
        """Called when it begins to end, before what is open is waited for."""

    def config_for(self, networks: Networks) -> uvicorn.Config:
        """How uvicorn serves these networks."""
        app = Unencrypted(networks) if self._doors.tls is not None else behind_proxies(networks)
        return config_of(app, self.keeper)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end serving; a second SIGINT waits for nobody."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup([])
        if self._doors.tls is None:
            speaker = partial(self._speaker, self.config)
            self.servers.append(cast(Any, Acceptor(self._doors.plain, speaker, self.keeper, self._at_once)))
        if self._doors.tls is not None:
            for listener, choose in ((self._doors.tls, chooser(self._networks)), (self._doors.plain, None)):
                front = Front(
                    listener,
                    partial(self._speaker, self.config),
                    choose=choose,
                    edge_of=self._networks.edge_of,
                    edges_only=any(site.settings.edges_only for site in self._networks.sites),
                    handshakes=self.keeper.handshakes if choose else None,
                )
                self.servers.append(cast(Any, front))  # closed as asyncio's servers are
        tell_service_manager("READY=1")
        for each in self.after_begin:
            each()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End."""
        for each in self.before_end:
            each()
        await super().shutdown(sockets)

    async def take(self, connection: socket.socket, told: Client) -> None:
        """Serve a connection that another process accepted. told: who is at its other end."""
        connection.setblocking(False)
        speaker = partial(self._speaker, self.config, told)
        await asyncio.get_running_loop().connect_accepted_socket(speaker, connection)

    @asynccontextmanager
    async def onion_door(self, site: Site) -> AsyncIterator[None]:
        """Within, the network is also served to whom its tor brings, if it has one."""
        if site.onion is None:
            yield
            return
        config = config_of(ByOnion(self._networks, site, site.onion.address), self.keeper)
        config.load()
        front = OnionFront(site.onion.socket, partial(self._speaker, config))
        try:
            yield
        finally:
            front.close()
            await front.wait_closed()

    def _speaker(self, config: uvicorn.Config, told: Client | None) -> asyncio.Protocol:
        """What speaks HTTP over one connection."""
        make = cast(Any, config.http_protocol_class)
        return cast(
            asyncio.Protocol,
            make(config=config, server_state=self.server_state, app_state=self.lifespan.state, told=told),
        )


def tell_service_manager(what: str) -> None:
    """Say how far we are to systemd, if that started us. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.sendto(what.encode(), "\0" + address[1:] if address.startswith("@") else address)


def chooser(networks: Networks) -> Choose:
    """Which certificate goes with a name."""

    async def choose(name: str) -> ssl.SSLContext | None:
        site = await networks.find_soon(name)
        if site is None or site.certificates is None:
            return None
        return await site.certificates.context_for(name)

    return choose


def keeper_of(networks: Networks, processes: int = 1) -> Keeper:
    """Who stands before these networks: with --dev he only watches connections. processes: which share the doors."""
    settings = networks.sites[0].settings if networks.sites else Settings()  # all of them may have left
    mode = "never" if any(site.place.dev for site in networks.sites) else settings.siege
    wanted = -(-settings.connections_max // processes)
    most = min(wanted, descriptors())
    if most < wanted:
        logger.warning("connections_max is more than this process may open: raise LimitNOFILE", extra={"most": most})
    connections = Connections(most, -(-settings.connections_per_address // processes))
    siege = Siege(cast(Mode, mode))
    networks.kept_by(siege)
    return Keeper(networks.meant, preferred, siege, connections, sorted(believed(networks)))


def descriptors() -> int:
    """How many connections this process may hold, once it has been allowed as many as it can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return max(hard - DESCRIPTORS_KEPT, DESCRIPTORS_KEPT)


def config_of(app: App, keeper: Keeper | None = None, http: Callable[..., Http] = Http) -> uvicorn.Config:
    """How uvicorn serves us. http: speaks over one connection."""
    return uvicorn.Config(
        cast(Any, keeper.turn(cast(Any, app)) if keeper is not None else app),
        http=cast(Any, partial(http, keeper=keeper)),
        ws=Socket,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
        ws_max_size=MAX_INCOMING_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        backlog=2048,
    )


def behind_proxies(networks: Networks) -> App:
    """What believes our proxies, and with `behind` speaks to nobody else."""
    app = cast(App, Believing(networks, both_forms(believed(networks))))
    alone = {site.settings.behind for site in networks.sites}
    return app if "" in alone else OnlyFrom(app, alone)


def believed(networks: Networks) -> set[str]:
    """Whose X-Forwarded-For says who calls."""
    settings = [site.settings for site in networks.sites]
    return {proxy for each in settings for proxy in ([each.behind] if each.behind else each.trusted_proxies)}


def both_forms(networks: set[str]) -> list[str]:
    """Each also in the form in which a socket for both kinds of address shows it."""
    parsed = {ip_network(each) for each in networks}
    mapped = {
        IPv6Network(f"::ffff:{each.network_address}/{96 + each.prefixlen}") for each in parsed if each.version == 4
    }
    return sorted(map(str, parsed | mapped))


class Believing(ProxyHeadersMiddleware):
    """uvicorn's way to believe proxies, that lets what stands behind answer at once, too."""

    def __init__(self, app: App, proxies: list[str]) -> None:
        super().__init__(cast(Any, app), proxies)
        self._at_once, self._believe = at_once_of(app), ProxyHeadersMiddleware(cast(Any, _nothing), proxies)

    def at_once(self, scope: Scope) -> Whole | Coming | None:
        """The answer, if there is one. The scope stays as it was, for whoever answers otherwise."""
        if any(name.startswith(b"x-forwarded-") for name, _ in scope["headers"]):
            scope = dict(scope)
            with suppress(StopIteration):  # it waits for nothing
                self._believe(cast(Any, scope), cast(Any, None), cast(Any, None)).send(None)
        return self._at_once(scope)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that was only to be told who calls."""


class OnlyFrom:
    """Speaks to one's own proxies, and to this machine, where doctors and health checks come from."""

    def __init__(self, app: App, proxies: set[str]) -> None:
        self._app, self._at_once = app, at_once_of(app)
        self._proxies = [ip_network(proxy) for proxy in proxies]

    def at_once(self, scope: Scope) -> Whole | Coming | None:
        """The answer to one of them, if there is one at once."""
        return self._at_once(scope) if self._may(str((scope.get("client") or ("",))[0])) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._may(str((scope.get("client") or ("",))[0])):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": b"This door is for the network's own proxy.\n"})

    def _may(self, caller: str) -> bool:
        try:
            address = ip_address(caller)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return address.is_loopback or any(address in proxy for proxy in self._proxies)
