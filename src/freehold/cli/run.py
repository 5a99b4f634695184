"""`freehold run`: serve networks until told to stop."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from importlib import import_module
from ipaddress import IPv6Network, ip_network
from pathlib import Path

import uvicorn
import uvloop

from freehold import settings as all_settings
from freehold.api.socket import Socket
from freehold.cli import dev, logs
from freehold.cli.control import Act, commanded
from freehold.cli.main import Misread, understand
from freehold.cli.opening import open_sites
from freehold.protocol.refused import Refused
from freehold.server import Networks
from freehold.settings import BadSetting
from freehold.site import Listening, Site

ADMIN_VARIABLE = "FREEHOLD_ADMIN_PASSWORD"
KEEP_ALIVE_SECONDS = 75
MAX_INCOMING_FRAME = 65_536
PING_SECONDS = 45.0
"""How often a silent websocket is asked whether it is there, and how long it may take to say so."""


class PortTaken(Refused):
    """Somebody else listens there, or only an administrator may."""

    name = "PortTaken"


class Server(uvicorn.Server):
    """uvicorn, which a signal ends in order: it would send itself the signal again, and so die before all is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end serving; a second SIGINT waits for nobody."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        yield


def main(given: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    directories: list[Path] = given.directories or [Path("network")]
    if given.domain and (given.dev or len(directories) > 1):
        raise BadSetting("--domain goes with one directory, and not with --dev. Set `domain` in each settings.toml.")
    said = {"domain": given.domain, "plc": given.plc, "host_only": True if given.only == "host" else None}
    settings = [all_settings.load(directory, **said) for directory in directories]
    logs.set_up(settings[0].log_level)
    with bind("" if given.domain else "127.0.0.1", given.port) as listener:
        listening = Listening(listener.getsockname()[1], dev=given.dev, several=len(directories) > 1)
        sites = open_sites(directories, settings, listening)
        if given.dev:
            for site in sites:
                site.admin_password = os.environ.get(ADMIN_VARIABLE, "")
        uvloop.run(serve(sites, listener, given.dev))
    return 0


async def serve(sites: list[Site], listener: socket.socket, dev_mode: bool = False) -> None:
    """Serve `sites` on `listener` until a signal comes or one of their tasks fails."""
    networks = Networks(sites)
    if dev_mode:
        for site in sites:
            await dev.prepare(site)
    server = Server(config_of(networks))
    try:
        async with AsyncExitStack() as stack, asyncio.TaskGroup() as tasks:
            work = tasks.create_task(networks.run())
            for site in sites:
                await stack.enter_async_context(commanded(site, understood))
                greet(site, listener)
            await server.serve(sockets=[listener])
            work.cancel()
    finally:
        await networks.stop()
        networks.close()


def understood(words: list[str]) -> tuple[argparse.Namespace, Act]:
    """What a command in another process wants done here. Raises Misread."""
    try:
        given = understand(words)
    except SystemExit:
        raise Misread("that is answered where it was typed") from None
    if not given.acts:
        raise Misread(f"“{given.command}” is not for a running network")
    act: Act = import_module(given.module).act
    return given, act


def config_of(networks: Networks) -> uvicorn.Config:
    """How uvicorn serves us."""
    return uvicorn.Config(
        networks,
        http="httptools",
        ws=Socket,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=proxies_of(networks.sites),
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
        ws_max_size=MAX_INCOMING_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        backlog=2048,
    )


def proxies_of(sites: list[Site]) -> list[str]:
    """Whose X-Forwarded-For is believed; IPv4 also in the form in which a socket for both kinds shows it."""
    trusted = {ip_network(each) for site in sites for each in site.settings.trusted_proxies}
    mapped = {
        IPv6Network(f"::ffff:{each.network_address}/{96 + each.prefixlen}") for each in trusted if each.version == 4
    }
    return sorted(map(str, trusted | mapped))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; host "" is every address of this machine. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET6 if host == "" else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if host == "":
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    try:
        listener.bind((host or "::", port))
    except OSError as wrong:
        listener.close()
        raise PortTaken(f"Port {port} cannot be had ({wrong.strerror}). Choose another one with --port.") from None
    return listener


def greet(site: Site, listener: socket.socket) -> None:
    """Say where the network is, what must stand before it, and how to claim it."""
    say = [f"{site.network.choices.name} is at {site.place.base_url}"]
    if not site.place.local:
        host, port = listener.getsockname()[:2]
        where = f"{host}:{port}" if host != "::" else f"port {port} of every address"
        say += [f"It listens on {where} by plain http: a proxy with a certificate must stand before it."]
    if site.claim is not None:
        say += [
            "",
            "It has no owner yet. Open that page and type this code:",
            "",
            f"    {site.claim.code}",
            "",
        ]
    print("\n".join(say), file=sys.stderr, flush=True)
