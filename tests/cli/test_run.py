"""`freehold run`: a directory becomes a network, is served, and is let go in order."""

import asyncio
import json
import os
import secrets
import signal
import socket
from pathlib import Path

import httpx
import pytest

from support.command import Serving, freehold, serving
from support.network import ADMIN_PASSWORD, CHEAP, Operator, Person, Refusal, firehose

HEALTH = "/xrpc/_health"
DESCRIBE = "/xrpc/com.atproto.server.describeServer"
TIMELINE = "/xrpc/app.bsky.feed.getTimeline"


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


async def person(running: Serving, name: str, password: str) -> Person:
    """Sign in."""
    http = httpx.AsyncClient(base_url=running.urls[0], timeout=30)
    given = {"identifier": name, "password": password}
    answer = await http.post("/xrpc/com.atproto.server.createSession", json=given)
    assert answer.status_code == 200, answer.text
    return Person(http, answer.json())


def test_a_new_directory_becomes_a_network_that_only_this_machine_can_reach(tmp_path: Path) -> None:
    with serving(tmp_path / "town") as running:
        assert running.log().count("type this code:") == 1
        assert len(running.log().split("type this code:")[1].split()[0].split("-")) == 3
        assert listens("127.0.0.1", running.port)
        assert not listens("127.0.0.2", running.port)
        assert not listens("::1", running.port)
        assert running.get("/").headers["location"] == "/claim"
    assert (tmp_path / "town").stat().st_mode & 0o077 == 0
    assert not [path for path in (tmp_path / "town").iterdir() if path.is_file() and path.stat().st_mode & 0o077]


def test_a_domain_is_remembered_and_waits_for_a_proxy(tmp_path: Path) -> None:
    with serving(tmp_path / "town", words=("--domain", "town.example")) as running:
        assert running.urls == ["https://town.example"]
        assert f"It listens on port {running.port} of every address by plain http" in running.log()
        assert listens("127.0.0.2", running.port)
        assert running.get(DESCRIBE).json()["availableUserDomains"] == [".town.example"]
        assert running.get(DESCRIBE, host="elsewhere.example").status_code == 421
        assert running.end() == 0
    with serving(tmp_path / "town") as running:
        assert running.urls == ["https://town.example"]
        assert f"It listens on 127.0.0.1:{running.port}" in running.log()
        assert not listens("127.0.0.2", running.port)


def last_answer(running: Serving, caller: str, tries: int) -> int:
    """The status of the last of some wrong tries to sign in; thirty are allowed at once."""
    with httpx.Client(headers={"host": "town.example", "x-forwarded-for": caller}) as http:
        for _ in range(tries):
            answer = http.post(
                f"http://127.0.0.1:{running.port}/xrpc/com.atproto.server.createSession",
                json={"identifier": secrets.token_hex(4), "password": "whatever it is"},
            )
    return answer.status_code


@pytest.mark.parametrize("words", [("--domain", "town.example"), ()], ids=["every address", "this machine"])
def test_callers_behind_our_own_proxy_are_told_apart(tmp_path: Path, words: tuple[str, ...]) -> None:
    with serving(tmp_path / "town", words=words, given=CHEAP + 'domain = "town.example"\n') as running:
        assert last_answer(running, "203.0.113.7", 30) == 401
        assert last_answer(running, "198.51.100.9", 1) == 401
        assert last_answer(running, "198.51.100.9, 203.0.113.7", 1) == 429  # the last name is our proxy's word


def test_a_strangers_word_about_the_caller_is_not_believed(tmp_path: Path) -> None:
    given = CHEAP + 'domain = "town.example"\ntrusted_proxies = ["192.0.2.0/24"]\n'
    with serving(tmp_path / "town", given=given) as running:
        assert last_answer(running, "203.0.113.7", 30) == 401
        assert last_answer(running, "198.51.100.9", 1) == 429


async def test_dev_tells_tools_all_they_need(tmp_path: Path) -> None:
    with serving(tmp_path / "town", words=("--dev",), given=CHEAP, FREEHOLD_ADMIN_PASSWORD=ADMIN_PASSWORD) as running:
        path = tmp_path / "town" / "dev.json"
        assert path.stat().st_mode & 0o777 == 0o600
        told = json.loads(path.read_text())
        assert told["url"] == running.urls[0]
        assert told["plc"] == f"{told['url']}/plc"
        for service in ("appview", "labeler"):
            assert running.get(f"/plc/{told[service]}").json()["id"] == told[service]
        for role in ("owner", "moderator"):
            member = await person(running, told[role]["handle"], told[role]["password"])
            assert (member.did, member.handle) == (told[role]["did"], told[role]["handle"])
            info = await Operator(member.http).get("com.atproto.admin.getAccountInfo", did=member.did)
            assert info["handle"] == member.handle
            await member.http.aclose()


async def test_the_admin_password_opens_nothing_without_dev(network: Path) -> None:
    with serving(network, FREEHOLD_ADMIN_PASSWORD=ADMIN_PASSWORD) as running:
        async with httpx.AsyncClient(base_url=running.urls[0]) as http:
            with pytest.raises(Refusal, match="AuthMissing"):
                await Operator(http).get("com.atproto.admin.getAccountInfo", did="did:plc:ewvi7nxzyoun6zhxrhs64oiz")


def test_dev_is_refused_with_a_domain_before_anything_moves(network: Path) -> None:
    done = freehold("run", network, "--dev", "--domain", "town.example")
    assert (done.code, "not with --dev" in done.err) == (1, True)
    (network / "settings.toml").write_text('domain = "town.example"\n')
    done = freehold("run", network, "--dev", "--port", 0)
    assert done.code == 1
    assert done.err == (
        "freehold: --dev is for networks of this machine only, and this one has the domain town.example.\n"
    )
    (network / "settings.toml").write_text("")
    assert "courier.test " in freehold("account", network, "list").out


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = freehold("run", tmp_path / "town", "--port", port)
    assert done.code == 1
    assert done.err == (
        f"freehold: Port {port} cannot be had (Address already in use). Choose another one with --port.\n"
    )
    assert not (tmp_path / "town").exists()


def test_a_port_that_cannot_be_is_said(tmp_path: Path) -> None:
    done = freehold("run", tmp_path / "town", "--port", 80_000)
    assert (done.code, "a port is a number from 0 to 65535" in done.err) == (2, True)


def test_a_second_process_is_told_who_has_the_network(network: Path) -> None:
    with serving(network) as running:
        done = freehold("run", network, "--port", 0)
        assert done.code == 1
        assert done.err == (
            f"freehold: The network in {network} is in use by process {running.pid}. Stop that one first.\n"
        )
        assert running.get(HEALTH).status_code == 200


def test_two_networks_in_one_process_go_by_their_names(tmp_path: Path) -> None:
    with serving(tmp_path / "one", tmp_path / "two") as running:
        assert [url.split(".")[0] for url in running.urls] == ["http://one", "http://two"]
        domains = [
            running.get(DESCRIBE, host=f"{name}.localhost:{running.port}").json()["availableUserDomains"]
            for name in ("one", "two")
        ]
        assert domains == [[".one.test"], [".two.test"]]
        assert running.get(DESCRIBE, host="localhost").status_code == 421
        assert running.log().count("type this code:") == 2
        assert running.end() == 0


def test_a_host_serves_accounts_but_no_views(tmp_path: Path) -> None:
    with serving(tmp_path / "town", words=("--dev", "--only", "host"), given=CHEAP) as running:
        assert running.get("/").status_code == 200  # about the host
        assert running.get("/search").status_code == 404
        assert running.get(DESCRIBE).status_code == 200
        told = json.loads((tmp_path / "town" / "dev.json").read_text())
        given = {"identifier": told["owner"]["handle"], "password": told["owner"]["password"]}
        with httpx.Client(base_url=running.urls[0]) as http:
            session = http.post("/xrpc/com.atproto.server.createSession", json=given).json()
            mine = {"authorization": f"Bearer {session['accessJwt']}"}
            said = http.get("/xrpc/app.bsky.actor.getProfile?actor=the-owner.test", headers=mine)
            assert said.status_code >= 400
            assert "the-owner.test" not in said.text
            repo = http.get(f"/xrpc/com.atproto.repo.describeRepo?repo={session['did']}")
            assert repo.json()["handle"] == "the-owner.test"


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT], ids=lambda by: by.name)
async def test_a_signal_ends_it_in_order_whoever_is_connected(network: Path, by: signal.Signals) -> None:
    with serving(network) as running:
        async with httpx.AsyncClient(base_url=running.urls[0]) as staying, firehose(running.urls[0], 0) as events:
            assert (await staying.get(HEALTH)).status_code == 200
            assert (await events.next()).seq == 1
            assert await asyncio.to_thread(running.end, by) == 0
            await events.to_the_end()
        assert "Traceback" not in running.log()
        assert '"level":"error"' not in running.log()
    assert not any(name.endswith("-wal") for name in os.listdir(network))


async def test_what_was_written_before_kill_9_is_there_when_it_starts_again(town, network: Path) -> None:
    with serving(network) as running:
        member = await person(running, "library", town.password)
        post = await member.post("Open on Sunday too.")
        running.end(signal.SIGKILL)
        await member.http.aclose()
    with serving(network) as running:
        query = f"repo={member.did}&collection={post.collection}&rkey={post.rkey}"
        found = running.get(f"/xrpc/com.atproto.repo.getRecord?{query}").json()
        assert (found["cid"], found["value"]["text"]) == (post.cid, "Open on Sunday too.")


def test_the_unlock_key_can_come_from_the_environment_only(tmp_path: Path) -> None:
    right, wrong = "four plain words here", "four other words here"
    with serving(tmp_path / "town", given='unlock = "env"\n', FREEHOLD_UNLOCK_KEY=right):
        assert not (tmp_path / "town" / "unlock.key").exists()
    listed = ("account", tmp_path / "town", "list")
    assert "labeler.test" in freehold(*listed, FREEHOLD_UNLOCK_KEY=right).out
    refused = freehold(*listed, FREEHOLD_UNLOCK_KEY=wrong)
    assert (refused.code, "does not fit this network" in refused.err) == (1, True)
    missing = freehold(*listed, FREEHOLD_UNLOCK_KEY="")
    assert (missing.code, "FREEHOLD_UNLOCK_KEY" in missing.err) == (1, True)


def test_the_unlock_key_can_lie_on_another_disk(network: Path, tmp_path: Path) -> None:
    key = (network / "unlock.key").rename(tmp_path / "unlock.key")
    (network / "unlock.key").symlink_to(key)
    assert "courier.test" in freehold("account", network, "list").out
    key.unlink()
    done = freehold("account", network, "list")
    assert done.code == 1
    assert done.err.startswith(f"freehold: The unlock key is not there: {network / 'unlock.key'}.")
    assert not key.exists()


@pytest.mark.parametrize("name", ["unlock.key", "network.key"])
def test_a_key_that_was_lost_is_asked_for_and_not_made_anew(network: Path, name: str) -> None:
    kept = (network / name).rename(network / "kept")
    done = freehold("run", network, "--port", 0)
    assert done.code == 1
    assert f"{network / name}" in done.err
    assert "Put it back" in done.err
    assert not (network / name).exists()
    kept.rename(network / name)
    assert freehold("account", network, "list").code == 0


async def test_the_log_is_json_and_holds_no_secret(town, network: Path) -> None:
    given = CHEAP + 'log_level = "debug"\n'
    with serving(network, given=given, words=("--dev",), FREEHOLD_ADMIN_PASSWORD=ADMIN_PASSWORD) as running:
        member = await person(running, "library", town.password)
        await member.post("words of a member")
        await Operator(member.http).get("com.atproto.admin.getAccountInfo", did=member.did)
        with pytest.raises(Refusal):
            await Operator(member.http).do("com.atproto.server.createSession", identifier="library", password="wrong-1")
        async with firehose(running.urls[0]):
            pass
        told = json.loads((network / "dev.json").read_text())
        await member.http.aclose()
        assert running.end() == 0
    lines = [line for line in running.log().splitlines() if line and " is at " not in line]
    assert lines
    assert all({"at", "level", "from", "say"} <= set(json.loads(line)) for line in lines)
    hidden = [town.password, "wrong-1", ADMIN_PASSWORD, member.token, member.refresh_token, told["owner"]["password"]]
    assert not [secret for secret in hidden if secret in running.log()]


def test_a_directory_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = freehold("run", tmp_path / "file", "--port", 0)
    assert (done.code, done.err) == (1, f"freehold: {tmp_path / 'file'}: File exists.\n")
    assert os.listdir(tmp_path) == ["file"]
