"""The world of a drill: machines on a wire of their own, and a copy of the network, standing as one should.

    members   all members, each with an address of their own
    first     the primary       second   its standby       third   the witness
    west      an edge           ns1, ns2 name servers of two vendors
    outside   a resolver, a mail server, a relay and a public directory of identities
    abroad    another host, which the network listens to for a while
    two archives, in folders

In come a network's directory and a folder for the drill; the directory is read, and nothing of the drill reaches
beyond the wire and the folder.
"""

import asyncio
import os
import secrets
import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from freehold import settings as all_settings
from freehold.cli.drill import abroad
from freehold.cli.drill.abroad import Abroad
from freehold.cli.drill.authority import Authority
from freehold.cli.drill.machines import DrillFailed, Machine, copy_of, opened_truth
from freehold.cli.drill.member import Ways
from freehold.cli.drill.names import Registry, Zone
from freehold.cli.drill.orders import order
from freehold.cli.drill.wire import Host, Wire
from freehold.cli.reach import RefusedThere
from freehold.haven import standby, witness
from freehold.pds.network import Network
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.settings import Settings

T = TypeVar("T")

LOCAL_NAME = "town.example"
SPARE_NAMES = ("second-door.example", "third-door.example")
OUTSIDE = "outside.example"
STANDBY_PORT, WITNESS_PORT = 7100, 7101
PATIENCE_SECONDS, START_SECONDS = 60, 15
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
PASSPHRASE = "a drill has no secrets"  # noqa: S105 (as it says)

SETTINGS = """\
domain = "{name}"
https = true
certificate_file = "{chain}"
certificate_key_file = "{key}"
edges_only = {edges_only}
spare_doors = [{spares}]
plc = "both"
public_plc = "https://plc.{outside}"
relays = ["relay.{outside}"]
smtp_url = "smtps://mail.{outside}:465"
mail_from = "drill@{outside}"
without_standby = "wait"
archive_every_seconds = 1
"""


class NoHaproxy(Refused):
    """Edges cannot be made."""

    kind, name = "unavailable", "NoHaproxy"
    say = "This drill puts edges before the network, and HAProxy is not on this machine: sudo apt-get install haproxy"


class World:
    """Made by `World(directory, folder, wire)`, begun by `start`. home: the directory of whoever is the primary."""

    def __init__(self, directory: Path, folder: Path, wire: Wire) -> None:
        self.folder, self.wire, self._source = folder, wire, directory
        self.haproxy = shutil.which("haproxy", path=PATH) or ""
        if not self.haproxy:
            raise NoHaproxy
        self.authority, self.registry = Authority(folder), Registry()
        self.members, self.first, self.second, self.third, self.west, self.ns1, self.ns2, self.outside = (
            wire.plug_in(name) for name in ("members", "first", "second", "third", "west", "ns1", "ns2", "outside")
        )
        self.abroad = wire.plug_in("abroad")
        self.edge, self.home = self.west, self.folder / "first"
        self.zones = {host.address: Zone(folder / f"{host.name}.zone") for host in (self.ns1, self.ns2, self.outside)}
        self.archives = {name: folder / f"archive-{name}" for name in ("near", "far")}
        self.machines: dict[str, Machine] = {}
        self.flood: subprocess.Popen[bytes] | None = None
        self._children: list[subprocess.Popen[bytes]] = []
        self.elsewhere: Abroad | None = None
        """The other host, once it is there."""
        self.name = ""
        """The domain that the network lives under now."""

    # --- how it begins

    async def start(self, told: Callable[[str], object]) -> None:
        """Everything, introduced to each other, and in step."""
        told("the network is copied")
        await asyncio.to_thread(self._copy)
        told("machines start")
        await asyncio.to_thread(self._start_machines)
        await asyncio.to_thread(self._introduce)
        told("the standby takes its first copy")
        await self.until(self.in_step, "the standby is in step")

    def _copy(self) -> None:
        for folder in self.archives.values():
            folder.mkdir(mode=0o700)
        copy_of(self._source, self.home)
        self.name = name_of(self._source, self.home)
        self.names = (self.name, *SPARE_NAMES)
        hosts = [host for name in self.names for host in (name, f"*.{name}")]
        self.certificate = self.authority.issue("network", hosts)
        self.settle(self.home)
        for domain, server in zip(self.names, (self.ns1, self.ns1, self.ns2), strict=True):
            self.registry.delegate(domain, server.address)
        self.lead_to_edge()

    def settle(self, directory: Path, *, edges_only: bool = True) -> None:
        """Write the settings that every machine of the network has."""
        words = {"name": self.name, "chain": self.certificate[0], "key": self.certificate[1], "outside": OUTSIDE}
        words |= {"spares": ", ".join(f'"{name}"' for name in SPARE_NAMES), "edges_only": str(edges_only).lower()}
        (directory / all_settings.FILE).write_text(SETTINGS.format(**words))

    def _start_machines(self) -> None:
        self.zones[self.outside.address].lead(OUTSIDE, self.outside.address)
        self.resolver = self.folder / "resolv.conf"
        self.resolver.write_text(f"nameserver {self.outside.address}\noptions timeout:1 attempts:1\n")
        servers = [
            self.python(host, "nameserver", self.zones[host.address].file, host.address)
            for host in (self.ns1, self.ns2, self.outside)
        ]
        names = [f"{each}.{OUTSIDE}" for each in ("plc", "relay", "mail")]
        papers = self.authority.issue("outside", names)
        servers.append(self.python(self.outside, "outside", *papers, self.folder / "outside.json"))
        self._witness_code = secrets.token_urlsafe(12)
        self._witness_pin = witness.make(self.folder / "third", self._witness_code)
        listen = f"0.0.0.0:{WITNESS_PORT}"
        self.machines["third"] = self.run(
            self.third, "third", "witness", str(self.folder / "third"), "--listen", listen
        )
        _, pin, code = standby.make(self.folder / "second", f"0.0.0.0:{STANDBY_PORT}")
        self._standby_code = f"{pin}.{code}"
        shutil.copy(self.home / "unlock.key", self.folder / "second")
        self.settle(self.folder / "second")
        for host in (self.first, self.second):
            self.machines[host.name] = self.run(host, host.name, "run", str(self.folder / host.name))
        for server in servers:
            heard(server)
        self.machines["first"].wait_for(" is at ")
        self.machines["second"].wait_for("is a standby")
        self.machines["third"].wait_for("is a witness")

    def _introduce(self) -> None:
        code = f"{self._witness_pin}.{self._witness_code}"
        self.order("standby", "witness", f"tls://{self.third.address}:{WITNESS_PORT}", "--code", code)
        self.add_standby(self.second, self._standby_code)
        self.make_edge(self.west)
        for name, folder in self.archives.items():
            self.order("archive", "add", f"file://{folder}", "--name", name, answers=(PASSPHRASE,))

    # --- what is done in it

    def order(self, command: str, *words: object, answers: tuple[str, ...] = ()) -> str:
        """A command to whoever is the primary. Raises NotDone, RefusedThere."""
        return order(command, self.home, *words, answers=answers)

    def run(self, host: Host, name: str, *words: str) -> Machine:
        """`freehold WORDS` on a machine, with FOLDER/name as its directory."""
        trust = {"SSL_CERT_FILE": str(self.authority.trust)}
        return Machine(self.folder / name, *words, prefix=host.prefix(self.resolver), **trust)

    def python(self, host: Host, module: str, *words: object) -> "subprocess.Popen[bytes]":
        """A program of the drill on a machine; what it says is to be `heard`."""
        command = [*host.prefix(), sys.executable, "-m", f"freehold.cli.drill.{module}", *map(str, words)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)  # noqa: S603 (our own)
        self._children.append(child)
        return child

    def add_standby(self, host: Host, code: str) -> None:
        """Let the primary keep a copy there, once its port is open. code: of its making. Raises RefusedThere."""
        address, until = f"tls://{host.address}:{STANDBY_PORT}", time.monotonic() + START_SECONDS
        while True:
            try:
                self.order("standby", "add", address, "--code", code, "--name", host.name)
                return
            except RefusedThere:
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def in_step(self) -> bool:
        """Whether a standby has everything, and the witness is there."""
        listed = self.order("standby", "list")
        return "in step" in listed and "grants" in listed

    def begin_abroad(self) -> Abroad:
        """Start the other host."""
        vendor = self.outside.address
        self.zones[vendor].lead(abroad.NAME, self.abroad.address)
        for name in (OUTSIDE, abroad.NAME):
            self.registry.delegate(name, vendor)
        directory = self.folder / self.abroad.name
        certificate = self.authority.issue(self.abroad.name, [abroad.NAME, f"*.{abroad.NAME}"])
        plc = f"https://plc.{OUTSIDE}"
        abroad.settle(directory, certificate, plc)
        there = self.machines[self.abroad.name] = self.run(self.abroad, self.abroad.name, "run", str(directory))
        there.wait_for(" is at ")
        return Abroad(there, Ways(f"https://{abroad.NAME}", self.registry.look_up, self._trust()), plc)

    def make_edge(self, host: Host) -> None:
        """Let a machine be an edge of the network, on both machines that can be the primary."""
        config = self.folder / f"{host.name}.cfg"
        origins = [word for at in (self.first, self.second) for word in ("--origin", f"{at.address}:443")]
        self.order("edge", "make", host.name, "--address", host.address, *origins, "--to", config)
        command = [*host.prefix(), self.haproxy, "-db", "-q", "-f", str(config)]
        with (self.folder / f"{host.name}.log").open("wb") as out:
            self._children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out))  # noqa: S603

    def lead_to_edge(self) -> None:
        """Let every name lead to the edge of now."""
        for domain, server in zip(self.names, (self.ns1, self.ns1, self.ns2), strict=True):
            self.zones[server.address].lead(domain, self.edge.address)

    def move(self, new: str) -> None:
        """Let the network live under another name."""
        self.order("domain", "move", new, "--yes")
        self.name = new

    def ways(self) -> Ways:
        """How members reach it."""
        return Ways(f"https://{self.name}", self.registry.look_up, self._trust())

    def ways_to(self, address: str, name: str = "") -> Ways:
        """The same, straight to one machine, whatever the DNS says. name: one that the network had before."""

        async def look_up(host: str, port: int) -> list[str]:
            return [address]

        return Ways(f"https://{name or self.name}", look_up, self._trust())

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.trust))

    async def in_thread(self, work: Callable[..., T], *given: object) -> T:
        """What waits for machines, beside the members."""
        return await asyncio.to_thread(work, *given)

    async def until(self, what: Callable[[], bool], say: str) -> None:
        """Wait for something that a thread finds out. Raises DrillFailed."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not await asyncio.to_thread(what):
            if time.monotonic() > until:
                raise DrillFailed(f"It did not come to this within {PATIENCE_SECONDS} seconds: {say}.")
            await asyncio.sleep(0.1)

    def close(self) -> None:
        """After the wire was closed, and all that ran on it killed: take note of their ends."""
        for child in self._children:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
        for machine in self.machines.values():
            machine.kill()


def heard(child: "subprocess.Popen[bytes]") -> str:
    """The next line that a program of the drill says; the first one when it serves. Raises DrillFailed."""
    assert child.stdout is not None
    line = child.stdout.readline().decode()
    if not line:
        raise DrillFailed(f"A program of the drill ended: {child.args!r}")
    return line


def name_of(source: Path, copy: Path) -> str:
    """The domain that a network has; for one of a single machine, one that the drill gives to its copy. Raises
    InvalidRequest for one whose identities are not in its own directory."""
    told: Settings = all_settings.load(source)
    if told.plc not in ("own", "both"):
        raise InvalidRequest(f"This drill moves identities, and those of this network are kept by {told.plc} alone.")
    with opened_truth(copy) as reading:
        choices = Network(reading).choices
    here = urlsplit(choices.base_url)
    if here.scheme == "https" and here.hostname:
        return here.hostname
    return told.domain or choices.domain or LOCAL_NAME
