"""The whole of it, on hosts of their own: a network, a visitor, an authority, a nameserver, and one wire."""

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from freehold.haven.standby import make
from support.acme import Authority, fetch, pebble
from support.command import COMMAND, QUIET, freehold
from support.hosts import Host, hosts
from support.lines import Line
from support.nameserver import Zone, serving_zone
from support.network import CHEAP

pytestmark = [pytest.mark.pebble, pytest.mark.hosts]
DOMAIN = "town.example"
MEI = f"mei.{DOMAIN}"
PATIENCE_SECONDS = 30


class World:
    """The hosts, and what runs on them."""

    def __init__(
        self, folder: Path, visitor: Host, server: Host, second: Host, zone: Zone, authority: Authority
    ) -> None:
        self.directory = folder / "town"
        self.visitor, self.server, self.second, self.zone, self.authority = visitor, server, second, zone, authority
        self.log = folder / "town.log"

    @contextmanager
    def serving(self, *words: str, settings: str = "") -> Iterator[None]:
        """`freehold run --https` on the server, until the `with` ends."""
        child = self.run(self.server, self.directory, *words, settings=settings)
        try:
            self.wait_for(lambda: self.accepts(80))
            yield
            child.terminate()
            assert child.wait(10) == 0, self.log.read_text()
        finally:
            child.kill()
            child.wait()

    def run(self, host: Host, directory: Path, *words: str, settings: str = "") -> "subprocess.Popen[bytes]":
        """`freehold run` on one of the hosts."""
        (directory / "settings.toml").write_text(
            f'{CHEAP}domain = "{DOMAIN}"\nacme_directory = "{self.authority.directory}"\n{settings}'
        )
        environment = {**os.environ, **QUIET, "SSL_CERT_FILE": str(self.authority.trust)}
        command = [*host.prefix, *COMMAND, "run", str(directory), *words]
        with self.log.open("ab") as out:
            return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def wait_for(self, what: object) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            if what():  # type: ignore[operator]
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def accepts(self, port: int, host: Host | None = None) -> bool:
        try:
            self.visitor.connect((host or self.server).address, port).close()
        except OSError:
            return False
        return True

    def tls(self, name: str, host: Host | None = None) -> ssl.SSLSocket:
        """A connection that trusts the authority and nobody else."""
        context = ssl.create_default_context(cadata=self.authority.root())
        plain = self.visitor.connect((host or self.server).address, 443)
        plain.settimeout(PATIENCE_SECONDS)
        return context.wrap_socket(plain, server_hostname=name)

    def serial(self, name: str = DOMAIN) -> str:
        """The certificate that is shown for a name now."""
        with self.tls(name) as connection:
            return str((connection.getpeercert() or {})["serialNumber"])


def ask(connection: socket.socket, path: str, host: str = DOMAIN) -> tuple[str, str]:
    """One request on an open connection: head and body of the answer."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536) or pytest.fail("hung up")
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536) or pytest.fail("hung up")
    return head.decode(), body.decode()


@contextmanager
def world(folder: Path, lasts_seconds: int) -> Iterator[World]:
    with ExitStack() as stack:
        names = ("visitor", "server", "second", "acme", "dns")
        visitor, server, second, acme, dns = stack.enter_context(hosts(*names))
        zone = Zone({DOMAIN: server.address, f"*.{DOMAIN}": server.address}, folder / "texts")
        stack.enter_context(serving_zone(zone, dns.udp(53)))
        authority = stack.enter_context(
            pebble(
                folder / "pebble",
                f"{dns.address}:53",
                address=acme.address,
                prefix=acme.prefix,
                lasts_seconds=lasts_seconds,
                reach=lambda url, context: acme.there(lambda: fetch(url, context)),
            )
        )
        made = World(folder, visitor, server, second, zone, authority)
        made.directory.mkdir()
        (made.directory / "settings.toml").write_text(f'{CHEAP}domain = "{DOMAIN}"\n')
        yield made


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A network with one member that serves https, with certificates for ninety days."""
    with world(tmp_path_factory.mktemp("open"), 90 * 24 * 3600) as made, made.serving("--https"):
        done = freehold("account", made.directory, "create", "mei", given="correct horse battery\n")
        assert done.code == 0, done.err
        yield made


def test_the_domain_has_a_certificate_soon_after_the_first_start(town: World) -> None:
    with town.tls(DOMAIN) as connection:
        head, _ = ask(connection, "/xrpc/_health")
    assert head.startswith("HTTP/1.1 200 ")
    assert "strict-transport-security: max-age=" in head


def test_a_member_s_handle_is_found_by_https_though_nobody_had_asked_for_it_before(town: World) -> None:
    with town.tls(MEI) as connection:
        head, body = ask(connection, "/.well-known/atproto-did", MEI)
    assert head.startswith("HTTP/1.1 200 ")
    assert body.startswith("did:plc:")


def test_a_strange_name_gets_no_handshake_and_no_order(town: World) -> None:
    town.tls(DOMAIN).close()
    before = town.authority.orders()
    for name in (f"nobody.{DOMAIN}", "elsewhere.example", f"a.b.{DOMAIN}"):
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            town.tls(name)
    assert town.authority.orders() == before


def test_a_hello_that_comes_in_pieces_is_read_and_nonsense_is_hung_up_on(town: World) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cadata=town.authority.root())
    hello = context.wrap_bio(incoming, outgoing, server_hostname=DOMAIN)
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    with town.visitor.connect(town.server.address, 443) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in outgoing.read():
            plain.send(bytes([byte]))
        assert plain.recv(3) == b"\x16\x03\x03"
    for nonsense in (b"GET / HTTP/1.1\r\nHost: town.example\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 20_000, b"\x16"):
        with town.visitor.connect(town.server.address, 443) as plain:
            plain.sendall(nonsense)
            with suppress(OSError):  # it may be gone by now
                plain.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                assert plain.recv(100) == b""


def test_without_encryption_there_is_nothing_but_the_way_to_https(town: World) -> None:
    def plainly(path: str, host: str = DOMAIN, more: str = "") -> str:
        with town.visitor.connect(town.server.address, 80) as plain:
            plain.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n".encode())
            return b"".join(iter(lambda: plain.recv(65536), b"")).decode()

    said = plainly("/xrpc/_health?a=%20b")
    assert said.startswith("HTTP/1.1 308 ")
    assert f"location: https://{DOMAIN}/xrpc/_health?a=%20b\r\n" in said
    assert plainly("/", MEI).startswith("HTTP/1.1 308 ")
    assert plainly("/", "elsewhere.example").startswith("HTTP/1.1 421 ")
    assert plainly("/.well-known/acme-challenge/nothing").startswith("HTTP/1.1 404 ")
    assert plainly("/xrpc/_health", more="X-Forwarded-Proto: https\r\n").startswith("HTTP/1.1 308 ")


def test_the_records_that_bind_the_name_to_this_network_s_account_can_be_printed(town: World) -> None:
    town.tls(DOMAIN).close()
    done = freehold("edge", town.directory, "caa", "--issuer", "authority.example")
    assert done.code == 0, done.err
    line = f'{DOMAIN}. CAA 128 issue "authority.example; validationmethods=dns-01; accounturi=https://'
    assert done.out.startswith(line)
    assert f'{DOMAIN}. CAA 128 issuewild "authority.example; ' in done.out
    assert "Do not publish these yet" in done.out  # it proves its names by http
    assert freehold("edge", town.directory, "caa").code == 1


def test_a_renewal_drops_no_connection(tmp_path: Path) -> None:
    with world(tmp_path, 18) as made, made.serving("--https"):
        context = ssl.create_default_context(cadata=made.authority.root())
        first = made.serial()
        plain = made.visitor.connect(made.server.address, 443)
        line = Line(f"wss://{DOMAIN}/xrpc/com.atproto.sync.subscribeRepos", plain, context)
        with made.tls(DOMAIN) as kept, line:
            seen = {first}
            until = time.monotonic() + PATIENCE_SECONDS
            while len(seen) < 2 and time.monotonic() < until:
                seen.add(made.serial())
                assert ask(kept, "/xrpc/_health")[0].startswith("HTTP/1.1 200 ")
                time.sleep(0.1)
            assert len(seen) == 2, made.log.read_text()
            line.ping()


@pytest.mark.long
def test_a_standby_is_read_by_https_with_the_certificates_that_are_there_and_orders_none(tmp_path: Path) -> None:
    second = tmp_path / "second"
    with world(tmp_path, 90 * 24 * 3600) as made, ExitStack() as stack:

        def began(host: Host, directory: Path) -> "subprocess.Popen[bytes]":
            child = made.run(host, directory, "--https")
            stack.callback(child.wait)
            stack.callback(child.kill)
            return child

        primary = began(made.server, made.directory)
        made.wait_for(lambda: made.accepts(443))
        assert freehold("account", made.directory, "create", "mei", given="correct horse battery\n").code == 0
        made.tls(DOMAIN).close()
        _, fingerprint, code = make(second, "0.0.0.0:7100")
        shutil.copy(made.directory / "unlock.key", second)
        began(made.second, second)
        made.wait_for(lambda: made.accepts(7100, made.second))
        address, code = f"tls://{made.second.address}:7100", f"{fingerprint}.{code}"
        added = freehold("standby", made.directory, "add", address, "--code", code, "--name", "second")
        assert added.code == 0, added.err
        made.wait_for(lambda: "in step" in freehold("standby", made.directory, "list").out)
        orders = made.authority.orders()
        primary.kill()
        made.wait_for(lambda: made.accepts(443, made.second))
        with made.tls(DOMAIN, made.second) as line:
            head, _ = ask(line, "/xrpc/_health")
            assert head.startswith("HTTP/1.1 200 ")
            head, body = ask(line, f"/xrpc/com.atproto.identity.resolveHandle?handle={MEI}")
            assert (head[:13], "did:plc:" in body) == ("HTTP/1.1 200 ", True)
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            made.tls(MEI, made.second)  # hers was never asked for, and none is ordered here
        assert made.authority.orders() == orders
        assert "Traceback" not in made.log.read_text()
