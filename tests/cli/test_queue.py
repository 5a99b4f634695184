"""`freehold queue`: the operator lets in and declines, while the network runs and while it does not."""

import signal
import sqlite3
from pathlib import Path

import httpx
import msgspec

from support.command import freehold, serving

PASSWORD = "three plain words"
SERVER = "com.atproto.server."


def ask_for_a_look(network: Path) -> None:
    """The owner has chosen to let in after a look."""
    with sqlite3.connect(network / "truth.db") as file:
        (value,) = file.execute("SELECT value FROM network_choice").fetchone()
        chosen = msgspec.json.decode(value) | {"join": "ask", "claimed_at": 1}
        file.execute("UPDATE network_choice SET value = ?", (msgspec.json.encode(chosen),))


def call(url: str, nsid: str, **given: str) -> httpx.Response:
    return httpx.post(f"{url}/xrpc/{nsid}", json=given)


def queue(network: Path, *words: object) -> str:
    done = freehold("queue", network, *words)
    assert done.code == 0, done.err
    return done.out


def test_the_operator_decides_on_those_who_wait(network: Path) -> None:
    ask_for_a_look(network)
    with serving(network) as running:
        [url] = running.urls
        for name in ("cleo", "dora"):
            assert call(url, SERVER + "createAccount", handle=f"{name}.test", password=PASSWORD).status_code == 200
        assert [line.split()[0] for line in queue(network, "list").splitlines()] == ["cleo.test", "dora.test"]
        assert queue(network, "admit", "cleo").startswith("cleo.test is a member: did:plc:")
        session = call(url, SERVER + "createSession", identifier="cleo", password=PASSWORD).json()
        assert session["active"] is True
    assert "dora.test is declined" in queue(network, "decline", "dora.test", "--because", "Come by first.")
    assert queue(network, "list") == ""
    assert freehold("queue", network, "admit", "dora").err == "freehold: Nobody of that name waits to be let in.\n"
    with serving(network) as running:
        told = call(running.urls[0], SERVER + "createSession", identifier="dora", password=PASSWORD).json()
        assert (told["error"], "Come by first." in told["message"]) == ("ApplicationDeclined", True)


def test_kill_9_keeps_the_line_in_order_and_its_sessions(network: Path) -> None:
    ask_for_a_look(network)
    names = [f"person{n}" for n in range(6)]
    with serving(network) as running:
        given = [{"handle": f"{name}.test", "password": PASSWORD} for name in names]
        sessions = [call(running.urls[0], SERVER + "createAccount", **each).json() for each in given]
        port = str(running.port)  # the tokens are for this address
        running.end(signal.SIGKILL)
    with serving(network, words=("--port", port)) as running:
        url = running.urls[0]
        for place, session in enumerate(sessions, 1):
            headers = {"authorization": f"Bearer {session['accessJwt']}"}
            told = httpx.get(f"{url}/xrpc/com.atproto.temp.checkSignupQueue", headers=headers).json()
            assert told == {"activated": False, "placeInQueue": place}
        queue(network, "admit", names[0])
        headers = {"authorization": f"Bearer {sessions[0]['refreshJwt']}"}
        assert httpx.post(f"{url}/xrpc/{SERVER}refreshSession", headers=headers).json()["active"] is True
        running.end(signal.SIGKILL)
    assert [line.split()[0] for line in queue(network, "list").splitlines()] == [f"{name}.test" for name in names[1:]]
