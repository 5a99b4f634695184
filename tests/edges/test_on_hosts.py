"""The whole of it, on hosts of their own: visitors, a flooder, two edges, the network and its standby, on one wire.

The capture is taken on the edge's own wire: it sees what a hostile owner of that machine would.
"""

import os
import re
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from freehold.haven.edges.haproxy import OF_A_NETWORK
from support.command import COMMAND, QUIET, freehold
from support.edges import DOMAIN, ask, encrypted, header, https_settings, hung_up_on, left
from support.hosts import Host, hosts
from support.lines import Line

pytestmark = [pytest.mark.edges, pytest.mark.hosts]
COUNTED = "/xrpc/com.atproto.server.describeServer"
SECRET = "/xrpc/com.atproto.identity.resolveHandle?handle=amber-lantern.example"
PATIENCE_SECONDS = 30
FLOODS = 200


class World:
    """The hosts, and what runs on them."""

    def __init__(self, folder: Path, named: dict[str, Host], stack: ExitStack) -> None:
        self.folder, self.hosts, self._stack = folder, named, stack
        self.town, self.second = folder / "town", folder / "second"

    def __getattr__(self, name: str) -> Host:
        return self.hosts[name]

    def start(self, host: Host, name: str, *command: object) -> "subprocess.Popen[bytes]":
        """Run something on a host until the end of the test; what it says goes to `name`.log."""
        with (self.folder / f"{name}.log").open("ab") as out:
            child = subprocess.Popen(
                [*host.prefix, *map(str, command)],
                env={**os.environ, **QUIET},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self._stack.callback(end, child)
        return child

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def settings(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "settings.toml").write_text(https_settings(self.folder, 443, 80, edges_only=True))

    def edge(self, host: Host, name: str) -> "subprocess.Popen[bytes]":
        """A machine that has become an edge, of the network and of its standby."""
        config = self.folder / f"{name}.cfg"
        origins = ("--origin", f"{self.origin.address}:443", "--origin", f"{self.spare.address}:443")
        done = freehold("edge", self.town, "make", name, "--address", host.address, *origins, "--to", config)
        assert done.code == 0, done.err
        written = config.read_text()
        for limit in set(OF_A_NETWORK):  # a flood of what a loaded machine can make
            assert f" gt {limit} }}" in written
            written = written.replace(f" gt {limit} }}", f" gt {FLOODS} }}")
        config.write_text(written)
        child = self.start(host, name, "haproxy", "-db", "-f", config)
        wait_for(lambda: self.serves(host), lambda: self.log(name) + self.log("town"))
        return child

    def serves(self, host: Host, visitor: str = "visitor") -> bool:
        """Whether somebody who begins TLS there hears anything."""
        try:
            return not hung_up_on(self.hosts[visitor].connect(host.address, 443))
        except OSError:
            return False

    def visit(self, edge: Host, path: str = "/xrpc/_health", visitor: str = "visitor") -> str:
        """An answer that came by way of an edge."""
        with encrypted(self.hosts[visitor].connect(edge.address, 443), self.folder) as connection:
            return ask(connection, path)


def end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()


def wait_for(what: Callable[[], bool], log: Callable[[], str]) -> float:
    """How many seconds that took."""
    began = time.monotonic()
    while time.monotonic() < began + PATIENCE_SECONDS:
        if what():
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(log())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network that speaks to edges only, and one edge before it."""
    names = ("visitor", "flooder", "west", "east", "north", "origin", "spare")
    with ExitStack() as stack:
        named = dict(zip(names, stack.enter_context(hosts(*names)), strict=True))
        made = World(tmp_path_factory.mktemp("edges"), named, stack)
        made.settings(made.town)
        made.start(made.origin, "town", *COMMAND, "run", made.town)
        wait_for((made.town / "control.sock").exists, lambda: made.log("town"))
        made.edge(made.west, "west")
        yield made


@contextmanager
def capturing(world: World, host: Host) -> Iterator[Path]:
    """All that passes a host's wire, in a file."""
    file = world.folder / f"{host.space}.pcap"
    name = f"{host.space}-tcpdump"
    child = world.start(host, name, "tcpdump", "-U", "--immediate-mode", "-i", "eth0", "-s", "0", "-w", file)
    wait_for(lambda: "listening on" in world.log(name), lambda: world.log(name))
    yield file
    child.send_signal(signal.SIGINT)
    child.wait(10)


@contextmanager
def tunnelled(host: Host, file: Path) -> Iterator[None]:
    """One end of a tunnel, as wg-quick makes it; with wireguard-go where the kernel has none."""
    subprocess.run([*host.prefix, "wg-quick", "up", file], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([*host.prefix, "wg-quick", "down", file], check=True, capture_output=True)


def test_an_edge_passes_on_what_it_cannot_read(world: World) -> None:
    with capturing(world, world.west) as file:
        answer = world.visit(world.west, SECRET)
        wait_for(lambda: file.read_bytes().count(DOMAIN.encode()) >= 2, lambda: "")
    assert answer.startswith("HTTP/1.1 400 ")  # nobody has that handle
    seen = file.read_bytes()
    assert seen.count(DOMAIN.encode()) >= 2  # the name, in the hello that came and in the one that went on
    assert header(world.visitor.address)[:20] in seen  # and whose connection it is
    for plain in (b"GET /", b"HTTP/1.1 ", b"amber-lantern", b"content-type"):
        assert plain not in seen


def test_visitors_are_told_apart_behind_an_edge(world: World) -> None:
    first, second = (left(world.visit(world.west, COUNTED)) for _ in range(2))
    assert first - second in (0, 1)  # what is spent comes back, ten a second
    assert second < 3_000
    assert left(world.visit(world.west, COUNTED, "flooder")) == 2999


def test_a_websocket_goes_through_and_its_caller_is_known(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.folder / "cert.pem"))
    plain = world.visitor.connect(world.west.address, 443)
    with Line(f"wss://{DOMAIN}/xrpc/com.atproto.sync.subscribeRepos", plain, context) as line:
        line.ping()
    network = world.visitor.address.rpartition(".")[0]
    assert f"{network}.0/24 by west" in world.log("town")


def test_the_origin_s_address_is_in_no_answer(world: World) -> None:
    answers = [world.visit(world.west, path) for path in ("/", "/about", "/.well-known/did.json", COUNTED, "/nothing")]
    with world.visitor.connect(world.west.address, 80) as plain:
        answers.append(ask(plain, "/a?b=c"))
    assert f"location: https://{DOMAIN}/a?b=c\r\n" in answers[-1]
    for answer in answers:
        assert answer.startswith("HTTP/1.1 ")
        for host in (world.origin, world.spare):
            assert host.address not in answer


def test_only_edges_are_spoken_to_and_a_forged_header_opens_nothing(world: World) -> None:
    for port in (443, 80):
        for first in (b"", b"GET / HTTP/1.1\r\n\r\n", header("198.51.100.9"), header(world.west.address)):
            assert hung_up_on(world.visitor.connect(world.origin.address, port), first)
    assert hung_up_on(world.visitor.connect(world.west.address, 443), header("198.51.100.9"))


def test_many_behind_one_address_are_no_flood(world: World) -> None:
    with ExitStack() as held:
        for _ in range(3 * FLOODS // 4):
            held.enter_context(world.spare.connect(world.west.address, 443))
        assert world.visit(world.west, visitor="spare").startswith("HTTP/1.1 200 ")


def test_a_flood_from_one_address_stops_nobody_else(world: World) -> None:
    over = threading.Event()
    refused = [0]

    def flood() -> None:
        while not over.is_set():
            with suppress(OSError), world.flooder.connect(world.west.address, 443) as plain:
                plain.settimeout(0.2)
                plain.sendall(b"\x16\x03\x01")
                refused[0] += plain.recv(1) == b""
            refused[0] += 1

    flooders = [threading.Thread(target=flood) for _ in range(6)]
    for each in flooders:
        each.start()
    try:
        wait_for(lambda: refused[0] > 400, lambda: str(refused))
        began = time.monotonic()
        for _ in range(20):
            assert world.visit(world.west).startswith("HTTP/1.1 200 ")
        assert time.monotonic() - began < 10
        assert not world.serves(world.west, "flooder")
    finally:
        over.set()
        for each in flooders:
            each.join()


def test_edges_are_killed_and_added_and_dropped_while_the_network_runs(world: World) -> None:
    first = world.edge(world.east, "east")
    assert world.visit(world.east).startswith("HTTP/1.1 200 ")
    end(first)
    assert not world.serves(world.east)
    assert world.visit(world.west).startswith("HTTP/1.1 200 ")
    world.edge(world.east, "east")
    assert freehold("edge", world.town, "remove", "east").code == 0
    assert not world.serves(world.east)
    assert world.visit(world.west).startswith("HTTP/1.1 200 ")


def test_a_tunnel_leads_to_the_network_which_calls_the_edge_and_is_unknown_there(world: World) -> None:
    made = freehold("edge", world.town, "tunnel", "north", world.north.address, "--to", world.folder / "ends")
    assert made.code == 0, made.err
    again = freehold("edge", world.town, "tunnel", "north", world.north.address, "--to", world.folder / "ends")
    assert "exists already" in again.err
    words = re.search(r"make NAME (--address \S+ --origin \S+)", made.out)
    assert words, made
    config = world.folder / "north.cfg"
    with tunnelled(world.origin, world.folder / "ends/north-net.conf"):
        with tunnelled(world.north, world.folder / "ends/north-edge.conf"), capturing(world, world.north) as file:
            done = freehold("edge", world.town, "make", "north", *words[1].split(), "--to", config)
            assert done.code == 0, done.err
            child = world.start(world.north, "north", "haproxy", "-db", "-f", config)
            wait_for(lambda: world.serves(world.north), lambda: world.log("north"))
            assert [left(world.visit(world.north, COUNTED)) for _ in range(2)] == [2999, 2998]
            end(child)
        seen = file.read_bytes()
    assert seen.count(DOMAIN.encode()) >= 2  # the hellos that came; those that went on were sealed
    assert header(world.visitor.address)[:20] not in seen
    for known in (config, world.folder / "ends/north-edge.conf"):
        assert world.origin.address not in known.read_text()


def test_a_promoted_standby_is_found_within_seconds(world: World) -> None:
    world.settings(world.second)
    made = freehold("standby", world.second, "make", "--listen", f"{world.spare.address}:7100")
    code = re.search(r"--code (\S+)", made.out)
    assert code, made
    world.start(world.spare, "second", *COMMAND, "run", world.second)
    wait_for((world.second / "control.sock").exists, lambda: world.log("second"))
    added = freehold("standby", world.town, "add", f"tls://{world.spare.address}:7100", "--code", code[1])
    assert added.code == 0, added.err
    wait_for(lambda: "in step" in freehold("standby", world.town, "list").out, lambda: world.log("second"))
    (world.second / "unlock.key").write_bytes((world.town / "unlock.key").read_bytes())
    os.kill(int((world.town / "lock").read_text()), signal.SIGKILL)
    promoted = freehold("standby", world.second, "promote", "--even-so")
    assert promoted.code == 0, promoted.err
    wait_for(lambda: "is at https" in world.log("second"), lambda: world.log("second"))
    assert wait_for(lambda: world.serves(world.west), lambda: world.log("second")) < 8
    world.start(world.origin, "returned", *COMMAND, "run", world.town)
    wait_for(lambda: world.log("returned") != "", lambda: "it says nothing")
    until = time.monotonic() + 7
    while time.monotonic() < until:
        assert world.visit(world.west).startswith("HTTP/1.1 200 "), world.log("returned")
        time.sleep(0.2)
