"""A network whose edge is this very machine: what an edge may say, and when nobody is believed."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest
from bench.ports import free_ports

from freehold.tls.proxied import SIGNATURE
from support.command import Serving, freehold, serving
from support.edges import DOMAIN, ask, encrypted, header, https_settings, hung_up_on, left
from support.lines import Line
from support.patience import until

COUNTED = "/xrpc/com.atproto.server.describeServer"


class Door:
    """The two ports of a network that runs."""

    def __init__(self, folder: Path, running: Serving, https_port: int, http_port: int) -> None:
        self.folder, self.running, self.directory = folder, running, folder / "town"
        self.https_port, self.http_port = https_port, http_port

    def plain(self, first: bytes = b"", port: int = 0) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", port or self.https_port), timeout=10)
        made.sendall(first)
        return made

    def ask(self, told: str, path: str = COUNTED) -> str:
        """What an edge gets that speaks for `told`; "" for itself."""
        with encrypted(self.plain(header(told)), self.folder) as connection:
            return ask(connection, path)

    def edge(self, *words: object) -> str:
        done = freehold("edge", self.directory, *words)
        assert done.code == 0, done.err
        return done.out

    def make(self, name: str = "west", origin_port: int = 9, *more: object) -> str:
        origin = f"127.0.0.1:{origin_port}"
        return self.edge("make", name, "--address", "127.0.0.1", "--origin", origin, *more)


class Ready(Serving):
    """A process that serves https only."""

    def _answers(self) -> bool:
        port = int(self.log().partition("serves https on port ")[2].partition(";")[0] or 0)
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with door_of(tmp_path_factory.mktemp("edges")) as made:
        made.make()
        yield made


@contextmanager
def door_of(folder: Path, more: str = "") -> Iterator[Door]:
    """more: settings."""
    https_port, http_port = free_ports(2)
    given = https_settings(folder, https_port, http_port, edges_only=False) + more
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.command.Serving", Ready)
        with serving(folder / "town", words=("--port", str(https_port)), given=given) as running:
            yield Door(folder, running, https_port, http_port)


def test_whom_an_edge_speaks_for_pays_and_nobody_else(door: Door) -> None:
    first = [left(door.ask("198.51.100.9")) for _ in range(2)]
    assert first == [2999, 2998]
    assert left(door.ask("198.51.100.10")) == 2999
    assert left(door.ask("2001:db8:1:2::9")) == 2999
    assert left(door.ask("2001:db8:1:2:3::10")) == 2998  # the same /64
    assert left(door.ask("2001:db8:1:3::9")) == 2999


def test_an_edge_may_ask_whether_all_is_well(door: Door) -> None:
    assert door.ask("", "/xrpc/_health").startswith("HTTP/1.1 200 ")


def test_a_websocket_s_caller_is_known_too(door: Door) -> None:
    plain = door.plain(header("198.51.100.77"))
    context = ssl.create_default_context(cafile=str(door.folder / "cert.pem"))
    with Line(f"wss://{DOMAIN}/xrpc/com.atproto.sync.subscribeRepos", plain, context) as line:
        line.ping()
    assert "198.51.100.0/24 by west" in door.running.log()


def test_an_edge_that_claims_to_be_this_machine_is_a_stranger_like_all(door: Door) -> None:
    assert left(door.ask("127.0.0.1")) == 2999
    assert door.ask("::1", "/metrics").startswith("HTTP/1.1 404 ")


def test_the_port_without_encryption_hears_edges_too(door: Door) -> None:
    with door.plain(header("198.51.100.9"), door.http_port) as plain:
        said = ask(plain, "/a?b=c")
    assert said.startswith("HTTP/1.1 308 ")
    assert f"location: https://{DOMAIN}/a?b=c\r\n" in said


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"PROXY TCP4 198.51.100.9 192.0.2.1 1 443\r\n",
        SIGNATURE + bytes([0x21, 0x11]) + (60_000).to_bytes(2),
        SIGNATURE + bytes([0x21, 0x31, 0, 216]) + bytes(216),
    ],
)
def test_an_edge_that_does_not_say_who_calls_is_hung_up_on(door: Door, first: bytes) -> None:
    assert hung_up_on(door.plain(), first)


def test_an_edge_that_says_it_slowly_is_not_waited_for(door: Door) -> None:
    with door.plain(header("198.51.100.9")[:20]) as plain:
        assert plain.recv(1) == b""


async def test_edges_come_and_go_while_it_runs(door: Door) -> None:
    door.edge("remove", "west")
    try:
        assert hung_up_on(door.plain(), header("198.51.100.9"))  # from everybody else it is nonsense
        with encrypted(door.plain(), door.folder) as connection:
            assert ask(connection).startswith("HTTP/1.1 200 ")
        assert "There are no edges" in door.edge("list")
    finally:
        door.make()
    await until(lambda: door.ask("198.51.100.9").startswith("HTTP/1.1 200 "))
    assert "127.0.0.1:9" in door.edge("list")


def test_two_edges_cannot_have_one_address_nor_an_edge_a_line_of_configuration_for_a_name(door: Door) -> None:
    for words in (
        ("east", "--address", "127.0.0.1", "--origin", "192.0.2.1"),
        ("e\nglobal", "--address", "192.0.2.2", "--origin", "192.0.2.1"),
        ("east", "--address", "192.0.2.2", "--origin", "origin.example:443"),
        ("east", "--address", "192.0.2.2", "--origin", "192.0.2.1:443 ssl"),
        ("east", "--address", "192.0.2.2 #", "--origin", "192.0.2.1:443"),
    ):
        done = freehold("edge", door.directory, "make", *words)
        assert done.code == 1, done.out
    assert door.edge("list").count("\n") == 2


def found(config: Path) -> dict[str, str]:
    """What an edge has found its origin to be."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(config.with_suffix(".sock")))
        line.sendall(b"show stat\n")
        said = b"".join(iter(lambda: line.recv(65_536), b"")).decode()
    names, *rows = (row.split(",") for row in said.lstrip("# ").splitlines() if row)
    return next(dict(zip(names, row, strict=True)) for row in rows if row[:2] == ["origins", "origin1"])


def settled_here(config: Path) -> None:
    """Give what `edge make` has written ports and a user that are to be had here, and a socket at which it tells."""
    written = config.read_text().replace("    user haproxy\n    group haproxy\n", "")
    for port in (443, 80):
        written = written.replace(f"127.0.0.1:{port}\n", f"127.0.0.1:{free_ports(1)[0]}\n")
    config.write_text(written.replace("global\n", f"global\n    stats socket {config.with_suffix('.sock')}\n", 1))


@asynccontextmanager
async def haproxy(config: Path) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec("haproxy", "-db", "-q", "-f", config)
    try:
        await until(config.with_suffix(".sock").exists)
        yield
    finally:
        child.kill()
        await child.wait()


@pytest.mark.edges
async def test_an_edge_goes_on_leading_to_a_network_under_siege(tmp_path: Path) -> None:
    """It asks over a new connection twice a second, more often than any stranger has a turn."""
    config = tmp_path / "west.cfg"
    with door_of(tmp_path, 'siege = "always"\n') as door:
        door.make("west", door.https_port, "--to", config)
        settled_here(config)
        async with haproxy(config):
            await until(lambda: found(config)["status"] == "UP" and int(found(config)["lastchg"]) >= 4)
            assert [found(config)[what] for what in ("chkfail", "chkdown")] == ["0", "0"]
