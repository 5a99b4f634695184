"""The onion door: the network by tor's socket, as tor speaks; and once for real, in a Tor of our own."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from bench.ports import free_ports

from freehold.net.budgets import by_edge, caller_of, network_of
from freehold.pds.beacon import payload_of
from support.command import Serving, freehold, serving
from support.edges import DOMAIN, ask, encrypted, https_settings
from support.onion import Visitor
from support.patience import until
from support.tornet import tor_network

COUNTED = "com.atproto.server.describeServer"
LEILA = "leila"


class Ready(Serving):
    """A process that serves https only."""

    def _answers(self) -> bool:
        port = int(self.log().partition("serves https on port ")[2].partition(";")[0] or 0)
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False


class Town(NamedTuple):
    directory: Path
    folder: Path
    password: str
    running: Serving
    address: str
    https_port: int
    http_port: int

    @property
    def door(self) -> Path:
        [found] = [
            path for path in Path("/dev/shm").glob("freehold-*/torrc") if str(self.directory) in path.read_text()
        ]
        return found.parent / "door"

    def visitor(self, circuit: int = 1) -> Visitor:
        return Visitor(self.door, self.address, circuit)

    def openly(self, path: str) -> str:
        """An answer under the network's own name."""
        plain = socket.create_connection(("127.0.0.1", self.https_port), timeout=10)
        with encrypted(plain, self.folder) as connection:
            return ask(connection, path)


@pytest.fixture(scope="module")
def onion(town, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("onion")
    directory = town.copy(folder / "linden")
    https_port, http_port = free_ports(2)
    more = folder / "more.torrc"
    more.write_text("DisableNetwork 1\n")  # nobody outside is asked
    given = https_settings(folder, https_port, http_port, edges_only=False)
    given += f'onion = true\nonion_torrc = "{more}"\n'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("support.command.Serving", Ready)
        with serving(directory, words=("--port", str(https_port)), given=given) as running:
            told = freehold("beacon", directory, "show").out
            [address] = [line.split()[-1].removeprefix("http://") for line in told.splitlines() if ".onion" in line]
            yield Town(directory, folder, town.password, running, address, https_port, http_port)
            running.end()
    assert not [path for path in Path("/dev/shm").glob("freehold-*/torrc") if str(directory) in path.read_text()]


@pytest.mark.tor
async def test_tor_reads_the_key_and_gives_the_door_the_same_name(onion: Town) -> None:
    hostname = onion.door.parent / "service" / "hostname"
    await until(hostname.exists)
    assert hostname.read_text().strip() == onion.address
    assert onion.door.parent.stat().st_mode & 0o777 == 0o700
    await until(lambda: not list(hostname.parent.glob("*_key")))  # read, and taken away


def test_pages_work_without_https_cookies_and_without_being_sent_elsewhere(onion: Town) -> None:
    leila = onion.visitor()
    front = leila.ask("GET", "/")
    assert front.status == 200
    leila.ask("GET", "/sign-in")
    assert "data-passkey" not in leila.text
    assert "data-passkey" in onion.openly("/sign-in")
    assert {"strict-transport-security", "onion-location"}.isdisjoint(name.lower() for name in front.headers)
    answer = leila.send("/sign-in", "/sign-in", identifier=LEILA, password=onion.password)
    assert (answer.status, answer.headers["location"][:1]) == (303, "/")
    assert "session" in leila.cookies
    assert leila.ask("GET", "/settings").status == 200
    assert f"https://{DOMAIN}/img/" not in leila.text
    foreign = leila.ask(
        "POST", "/settings", b"", content_type="application/x-www-form-urlencoded", origin="http://x.test"
    )
    assert foreign.status == 403


def test_apps_work_and_pictures_come_by_the_same_door(onion: Town) -> None:
    app = onion.visitor()
    session = app.call(
        "com.atproto.server.createSession", {"identifier": f"{LEILA}.{DOMAIN}", "password": onion.password}
    )
    profile = app.call(
        f"app.bsky.actor.getProfile?actor={session['did']}", authorization=f"Bearer {session['accessJwt']}"
    )
    assert profile["handle"] == f"{LEILA}.{DOMAIN}"
    picture = profile["avatar"]
    assert picture.startswith(f"http://{onion.address}/img/")
    answer = app.ask("GET", picture.removeprefix(f"http://{onion.address}"))
    assert (answer.status, answer.headers["content-type"].split("/")[0]) == (200, "image")


def test_each_circuit_has_a_budget_of_its_own(onion: Town) -> None:
    def left(circuit: int) -> int:
        return int(onion.visitor(circuit).ask("GET", f"/xrpc/{COUNTED}").headers["ratelimit-remaining"])

    assert [left(7_001), left(7_001), left(7_002)] == [2999, 2998, 2999]


def test_a_circuit_is_a_caller_and_its_own_neighbourhood() -> None:
    one = by_edge("fc00:dead:beef:4dad::0:1d", ".onion")
    assert caller_of(one) == network_of(one) == "fc00:dead:beef:4dad::1d by .onion"


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1\r\n", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 80\r\n", b"PROXY" * 40])
def test_who_does_not_speak_as_tor_does_is_hung_up_on(onion: Town, line: bytes) -> None:
    visitor = onion.visitor()
    visitor.line = line
    with visitor.connect() as connection, suppress(ConnectionResetError):
        assert connection.recv(1) == b""


def test_each_door_answers_to_its_own_name_only(onion: Town) -> None:
    assert Visitor(onion.door, DOMAIN).ask("GET", "/").status == 421
    with socket.create_connection(("127.0.0.1", onion.http_port)) as plain:
        plain.sendall(f"GET / HTTP/1.1\r\nHost: {onion.address}\r\nConnection: close\r\n\r\n".encode())
        assert plain.recv(12) == b"HTTP/1.1 421"


def test_the_clear_name_tells_of_the_onion_and_so_does_the_beacon(onion: Town) -> None:
    said = onion.openly("/about?lang=fr").partition("\r\n\r\n")[0]
    assert f"onion-location: http://{onion.address}/about?lang=fr" in said.lower()
    assert "onion-location" not in onion.openly("/icon.svg").partition("\r\n\r\n")[0].lower()
    signed = onion.openly("/.well-known/freehold-beacon").partition("\r\n\r\n")[2]
    assert f"http://{onion.address}" in payload_of(signed.encode()).doors
    assert f"({onion.address})" in freehold("readiness", onion.directory).out


@pytest.mark.long
@pytest.mark.tor
async def test_a_page_is_reached_through_tor(town, tmp_path: Path) -> None:
    directory = town.copy(tmp_path / "linden")
    with tor_network(tmp_path / "tor") as tor:
        more = tmp_path / "more.torrc"
        more.write_text(tor.lines)
        given = f'{(directory / "settings.toml").read_text()}onion = true\nonion_torrc = "{more}"\n'
        with serving(directory, given=given) as running:
            told = freehold("beacon", directory, "show").out
            [address] = [line.split()[-1].removeprefix("http://") for line in told.splitlines() if ".onion" in line]
            with tor.connect(address) as connection:
                connection.sendall(f"GET /about HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
                said = b"".join(iter(lambda: connection.recv(65_536), b"")).decode()
            assert said.startswith("HTTP/1.1 200 ")
            assert "Onion" not in said.partition("\r\n\r\n")[0]
            assert "Who has Tor comes in by it" in freehold("readiness", directory).out
            running.end()
