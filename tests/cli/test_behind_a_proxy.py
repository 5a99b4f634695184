"""The proxies of docs/operators.md, as they stand there, before a network: what must pass, passes.

Each runs on a host of its own, with the network behind it; another host visits.
"""

import json
import os
import re
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from support.acme import own_certificate
from support.command import COMMAND, QUIET, freehold
from support.hosts import Host, hosts
from support.lines import Line
from support.network import CHEAP
from support.outside import ROOT

pytestmark = [pytest.mark.hosts, pytest.mark.proxies]
DOMAIN = "town.example"
PASSWORD = "correct horse battery"
SIGN_IN = "/xrpc/com.atproto.server.createSession"
PATIENCE_SECONDS = 20


def example(kind: str) -> str:
    """A proxy's configuration out of the operators' guide."""
    text = (ROOT / "docs" / "operators.md").read_text()
    if kind == "nginx":
        return re.findall(r"```nginx\n(.*?)```", text, re.S)[0]
    return re.findall(r"```caddyfile\n(.*?)```", text, re.S)[0]


def nginx(folder: Path) -> list[str]:
    (folder / "site.conf").write_text(
        example("nginx")
        .replace(f"/etc/ssl/{DOMAIN}/fullchain.pem", "cert.pem")
        .replace(f"/etc/ssl/{DOMAIN}/key.pem", "key.pem")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/error.log; user root;\n"
        f"events {{}}\nhttp {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"include {folder}/site.conf; }}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def caddy(folder: Path) -> list[str]:
    text = example("caddyfile")
    for name, file in (("fullchain.pem", "cert.pem"), ("key.pem", "key.pem")):
        text = text.replace(f"/etc/ssl/{DOMAIN}/{name}", str(folder / file))
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


class Town:
    """A network behind a proxy. trust: the proxy's certificate."""

    def __init__(self, server: Host, visitors: list[Host], trust: Path) -> None:
        self.server, self.visitors = server, visitors
        self.context = ssl.create_default_context(cafile=str(trust))

    def call(self, visitor: Host, path: str, given: Any = None, name: str = DOMAIN, **headers: str) -> tuple[int, Any]:
        """Call from a visitor's host: status and JSON (or text) of the answer. given: JSON, or bytes."""
        line = HTTPSConnection(name)
        line.sock = self.context.wrap_socket(visitor.connect(self.server.address, 443), server_hostname=name)
        line.sock.settimeout(PATIENCE_SECONDS)
        body = given if given is None or isinstance(given, bytes) else json.dumps(given)
        said = {"content-type": "application/octet-stream" if isinstance(given, bytes) else "application/json"}
        said |= {key.replace("_", "-"): value for key, value in headers.items()}
        line.request("GET" if body is None else "POST", path, body, said if body else {})
        answer = line.getresponse()
        data = answer.read().decode()
        line.close()
        return answer.status, json.loads(data) if data.startswith("{") else data

    def sign_in(self, visitor: Host, name: str, password: str, **headers: str) -> tuple[int, Any]:
        return self.call(visitor, SIGN_IN, {"identifier": name, "password": password}, **headers)


def running(stack: ExitStack, command: list[str], log: Path) -> None:
    out = stack.enter_context(log.open("wb"))
    child = subprocess.Popen(command, env={**os.environ, **QUIET}, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    stack.callback(child.wait)
    stack.callback(child.terminate)


def wait_for(host: Host, port: int, at: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        try:
            return host.connect(at, port).close()
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {at}:{port}")


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"], scope="module")
def town(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    proxy: Callable[[Path], list[str]] = request.param
    folder = tmp_path_factory.mktemp("proxy")
    directory = folder / "town"
    directory.mkdir()
    (directory / "settings.toml").write_text(f'{CHEAP}domain = "{DOMAIN}"\nbehind = "127.0.0.1"\n')
    with ExitStack() as stack:
        server, *visitors = stack.enter_context(hosts("server", "one", "two"))
        trust = own_certificate(folder, server.address, DOMAIN, f"*.{DOMAIN}")
        running(stack, [*server.prefix, *COMMAND, "run", str(directory)], folder / "town.log")
        wait_for(server, 8000, "127.0.0.1")
        done = freehold("account", directory, "create", "mei", given=f"{PASSWORD}\n")
        assert done.code == 0, done.err
        running(stack, [*server.prefix, *proxy(folder)], folder / "proxy.log")
        wait_for(visitors[0], 443, server.address)
        yield Town(server, visitors, trust)


def test_names_of_members_and_large_bodies_pass(town: Town) -> None:
    visitor = town.visitors[0]
    _, session = town.sign_in(visitor, f"mei.{DOMAIN}", PASSWORD)
    bearer = f"Bearer {session['accessJwt']}"
    upload = "/xrpc/com.atproto.repo.uploadBlob"
    assert town.call(visitor, upload, os.urandom(3_000_000), authorization=bearer)[0] == 200
    assert town.call(visitor, "/.well-known/atproto-did", name=f"mei.{DOMAIN}") == (200, session["did"])


def test_callers_are_told_apart_and_what_they_say_of_themselves_is_not_believed(town: Town) -> None:
    liar, honest = town.visitors
    told = [town.sign_in(liar, f"n{n}", "a guess", x_forwarded_for=f"198.51.100.{n}")[0] for n in range(31)]
    assert (told[0], told[-1]) == (401, 429)
    assert town.sign_in(honest, "n0", "a guess")[0] == 401


def test_the_firehose_passes(town: Town) -> None:
    visitor = town.visitors[1]
    plain = visitor.connect(town.server.address, 443)
    with Line(f"wss://{DOMAIN}/xrpc/com.atproto.sync.subscribeRepos?cursor=0", plain, town.context) as line:
        assert line.receive()


def test_nobody_else_may_speak_to_the_network_behind_it(tmp_path: Path) -> None:
    directory = tmp_path / "town"
    directory.mkdir()
    (directory / "settings.toml").write_text(f'{CHEAP}domain = "{DOMAIN}"\n')
    with ExitStack() as stack:
        server, proxy, stranger = stack.enter_context(hosts("server", "proxy", "stranger"))
        running(stack, [*server.prefix, *COMMAND, "run", str(directory), "--behind", proxy.address], tmp_path / "log")
        wait_for(proxy, 8000, server.address)
        for host, status in ((proxy, b"200"), (stranger, b"403")):
            with host.connect(server.address, 8000) as plain:
                plain.sendall(f"GET /xrpc/_health HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n".encode())
                assert plain.recv(100).split()[1] == status
