"""A network that really runs, in a process of its own, and people who use it from outside.

`running` starts `freehold run DIRECTORY --dev --port 0` and waits until it answers; `Person` signs up and calls;
`Events` reads the firehose. A `Person` takes any HTTP client, so that it speaks to a network inside the test's process
alike.
"""

import asyncio
import secrets
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from freehold.protocol.syntax import format_datetime
from freehold.store.clock import now_micros
from freehold.stream import frames
from support.children import environment

ADMIN_PASSWORD = "the operator's own password"
PASSWORD = "correct horse battery"
START_SECONDS = 30
PATIENCE_SECONDS = 20
CHEAP = "password_memory_kib = 64\npassword_rounds = 1\n"
"""Settings under which a password costs no time."""

POST, LIKE, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, PROFILE = "app.bsky.graph.follow", "app.bsky.actor.profile"

Record = dict[str, Any]


class NoAnswer(Exception):  # noqa: N818 - said to whoever reads the test's output
    """The network did not start, or died."""


class RunningNetwork:
    """A network in a child process. url: without a slash at the end. told: what dev.json says."""

    def __init__(self, directory: Path, child: "subprocess.Popen[bytes]", log: Path) -> None:
        self.directory, self._child, self._log = directory, child, log
        self.told: Record = {}

    @property
    def url(self) -> str:
        return str(self.told["url"])

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def log(self) -> str:
        """All that it has said on stderr."""
        return self._log.read_text()

    def faults(self) -> list[str]:
        """The lines of its log that tell of our own faults."""
        return [line for line in self.log().splitlines() if '"level":"error"' in line or "Traceback" in line]

    def wait(self) -> None:
        """Wait until it answers. Raises NoAnswer."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.alive:
            if self._answers():
                return
            time.sleep(0.02)
        self.stop()
        raise NoAnswer(f"the network did not start:\n{self.log()}")

    def _answers(self) -> bool:
        try:
            self.told = msgspec.json.decode((self.directory / "dev.json").read_bytes())
            return httpx.get(f"{self.url}/xrpc/_health").status_code == 200
        except (FileNotFoundError, httpx.TransportError):
            return False

    def stop(self) -> None:
        """End it as an operator would."""
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


@contextmanager
def running(directory: Path, *words: str, settings: str = CHEAP) -> Iterator[RunningNetwork]:
    """Start a network in `directory` with more words for `run`; it has ended when the `with` ends."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "settings.toml").write_text(settings)
    log = directory / "stderr.log"
    command = [sys.executable, "-m", "support.network_child", str(directory), "--dev", "--port", "0", *words]
    with log.open("wb") as stderr:
        child = subprocess.Popen(
            command, env=environment(FREEHOLD_ADMIN_PASSWORD=ADMIN_PASSWORD), stdout=stderr, stderr=stderr
        )
    network = RunningNetwork(directory, child, log)
    try:
        network.wait()
        yield network
    finally:
        network.stop()


class Refusal(Exception):  # noqa: N818 - the word of the product
    """What the network refused: HTTP status, error name, sentence."""

    def __init__(self, status: int, name: str, say: str, headers: httpx.Headers) -> None:
        super().__init__(f"{status} {name}: {say}")
        self.status, self.name, self.say, self.headers = status, name, say, headers


@contextmanager
def refused(name: str, status: int = 400, say: str = "") -> Iterator[None]:
    """What happens inside must be refused by this name and status, with a sentence that holds `say`."""
    with pytest.raises(Refusal) as caught:
        yield
    assert (caught.value.status, caught.value.name) == (status, name), f"refused otherwise: {caught.value}"
    assert say in caught.value.say


class Ref(NamedTuple):
    """A record's version. rev: of the commit that wrote it."""

    uri: str
    cid: str
    commit: str = ""
    rev: str = ""

    @property
    def strong(self) -> Record:
        return {"uri": self.uri, "cid": self.cid}

    @property
    def path(self) -> str:
        return self.uri.split("/", 3)[3]

    @property
    def collection(self) -> str:
        return self.path.split("/")[0]

    @property
    def rkey(self) -> str:
        return self.path.split("/")[1]


class Caller:
    """Anybody who calls XRPC methods. token: sent as Bearer if there is one."""

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self.http = http
        self.token = token

    def _headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        return ({"authorization": f"Bearer {self.token}"} if self.token else {}) | (more or {})

    async def ask(self, nsid: str, headers: dict[str, str] | None = None, **params: Any) -> httpx.Response:
        """Call a query; the whole answer. Raises Refusal."""
        return _accepted(await self.http.get(f"/xrpc/{nsid}", params=params, headers=self._headers(headers)))

    async def get(self, nsid: str, headers: dict[str, str] | None = None, **params: Any) -> Any:
        """Call a query; the JSON of its answer. Raises Refusal."""
        return (await self.ask(nsid, headers, **params)).json()

    async def car(self, nsid: str, **params: Any) -> bytes:
        """Call a query that answers bytes. Raises Refusal."""
        return (await self.ask(nsid, **params)).content

    async def do(self, nsid: str, headers: dict[str, str] | None = None, **given: Any) -> Any:
        """Call a procedure; the JSON of its answer, None if it has no body. Raises Refusal."""
        body = {"json": given} if given else {}
        answer = _accepted(await self.http.post(f"/xrpc/{nsid}", headers=self._headers(headers), **body))
        return answer.json() if answer.content else None

    async def do_with(self, nsid: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        """Call a procedure with this JSON, whatever it is. Raises Refusal."""
        answer = _accepted(await self.http.post(f"/xrpc/{nsid}", json=body, headers=self._headers(headers)))
        return answer.json() if answer.content else None

    async def send(self, nsid: str, data: bytes, mime: str) -> Any:
        """Call a procedure that takes bytes. Raises Refusal."""
        headers = self._headers({"content-type": mime})
        answer = _accepted(await self.http.post(f"/xrpc/{nsid}", content=data, headers=headers))
        return answer.json() if answer.content else None


def _accepted(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 400:
        said = answer.json()
        raise Refusal(answer.status_code, said["error"], said["message"], answer.headers)
    return answer


class Operator(Caller):
    """Whoever started the process: calls the admin methods."""

    def _headers(self, more: dict[str, str] | None = None) -> dict[str, str]:
        basic = b64encode(f"admin:{ADMIN_PASSWORD}".encode()).decode()
        return {"authorization": f"Basic {basic}"} | (more or {})

    async def set_takedown(self, did: str, applied: bool) -> None:
        subject = {"$type": "com.atproto.admin.defs#repoRef", "did": did}
        await self.do("com.atproto.admin.updateSubjectStatus", subject=subject, takedown={"applied": applied})


class Person(Caller):
    """A member with an app."""

    def __init__(self, http: httpx.AsyncClient, session: Record) -> None:
        super().__init__(http, session["accessJwt"])
        self.did, self.handle, self.refresh_token = session["did"], session["handle"], session["refreshJwt"]

    @classmethod
    async def join(cls, http: httpx.AsyncClient, name: str = "", domain: str = ".test", **more: Any) -> "Person":
        """Sign up as `name`, or under a name that nobody has."""
        handle = (name or "p" + secrets.token_hex(6)) + domain
        given = {"handle": handle, "password": PASSWORD, **more}
        return cls(http, await Caller(http).do("com.atproto.server.createAccount", **given))

    def at(self, http: httpx.AsyncClient) -> "Person":
        """The same member, signed in as here, at another door."""
        session = {"accessJwt": self.token, "did": self.did, "handle": self.handle, "refreshJwt": self.refresh_token}
        return Person(http, session)

    async def create(self, collection: str, record: Record, rkey: str | None = None, **more: Any) -> Ref:
        given = {"repo": self.did, "collection": collection, "record": {"$type": collection, **record}, **more}
        if rkey is not None:
            given["rkey"] = rkey
        return _ref(await self.do("com.atproto.repo.createRecord", **given))

    async def put(self, collection: str, rkey: str, record: Record, **more: Any) -> Ref:
        given = {"repo": self.did, "collection": collection, "rkey": rkey, "record": {"$type": collection, **record}}
        return _ref(await self.do("com.atproto.repo.putRecord", **given, **more))

    async def delete(self, ref: Ref, **more: Any) -> Any:
        given = {"repo": self.did, "collection": ref.collection, "rkey": ref.rkey, **more}
        return await self.do("com.atproto.repo.deleteRecord", **given)

    async def apply(self, *writes: Record, **more: Any) -> Any:
        """applyWrites. A write: {"do": "create", "collection": …, "rkey": …, "value": …}."""
        typed = [
            {"$type": f"com.atproto.repo.applyWrites#{write['do']}", **{k: v for k, v in write.items() if k != "do"}}
            for write in writes
        ]
        return await self.do("com.atproto.repo.applyWrites", repo=self.did, writes=typed, **more)

    async def post(self, text: str, **more: Any) -> Ref:
        return await self.create(POST, {"text": text, "createdAt": now(), **more})

    async def reply(self, text: str, parent: Ref, root: Ref | None = None) -> Ref:
        return await self.post(text, reply={"root": (root or parent).strong, "parent": parent.strong})

    async def like(self, ref: Ref) -> Ref:
        return await self.create(LIKE, {"subject": ref.strong, "createdAt": now()})

    async def repost(self, ref: Ref) -> Ref:
        return await self.create(REPOST, {"subject": ref.strong, "createdAt": now()})

    async def follow(self, other: "Person") -> Ref:
        return await self.create(FOLLOW, {"subject": other.did, "createdAt": now()})

    async def renew(self) -> None:
        """The next pair of tokens for the refresh token."""
        headers = {"authorization": f"Bearer {self.refresh_token}"}
        session = await self.do("com.atproto.server.refreshSession", headers=headers)
        self.token, self.refresh_token = session["accessJwt"], session["refreshJwt"]

    async def deactivate(self) -> None:
        await self.do_with("com.atproto.server.deactivateAccount", {})

    async def activate(self) -> None:
        await self.do("com.atproto.server.activateAccount")

    async def upload(self, data: bytes, mime: str = "image/png") -> Record:
        """The blob as records name it."""
        blob: Record = (await self.send("com.atproto.repo.uploadBlob", data, mime))["blob"]
        return blob

    async def post_picture(self, blob: Record, text: str = "", alt: str = "a picture") -> Ref:
        embed = {"$type": "app.bsky.embed.images", "images": [{"image": blob, "alt": alt}]}
        return await self.post(text, embed=embed)


def _ref(said: Record) -> Ref:
    return Ref(said["uri"], said["cid"], said["commit"]["cid"], said["commit"]["rev"])


def now() -> str:
    """This moment as records say it."""
    return format_datetime(now_micros())


async def indexed(url: str) -> None:
    """Wait until the network's views show all that anybody wrote. (Each member's own writes are waited for anyhow.)"""
    async with httpx.AsyncClient(base_url=url) as http, asyncio.timeout(PATIENCE_SECONDS):
        while "\nfreehold_index_lag_events 0.0\n" not in (await http.get("/metrics")).text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # it is another process, which rings no bell here


class Event(NamedTuple):
    """A message of the firehose. payload: with `Cid`s and bytes in it."""

    kind: str
    payload: Record

    @property
    def seq(self) -> int:
        return int(self.payload["seq"])

    @property
    def did(self) -> str:
        return str(self.payload["repo"] if self.kind == "commit" else self.payload["did"])


class Events:
    """A subscription to the firehose. Each wait has an end."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def next(self) -> Event:
        """The next message. Raises ConnectionClosed after the last."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            frame = await self._socket.recv(decode=False)
        return Event(*frames.decode(frame))

    async def until(self, commit: str) -> list[Event]:
        """All messages up to the one of this commit (its CID as text), that one included."""
        found = []
        while True:
            found.append(await self.next())
            if found[-1].kind == "commit" and str(found[-1].payload["commit"]) == commit:
                return found

    async def to_the_end(self) -> list[Event]:
        """All messages until the server hangs up."""
        found = []
        while True:
            try:
                found.append(await self.next())
            except ConnectionClosed:
                return found


@asynccontextmanager
async def firehose(url: str, cursor: int | str | None = None) -> AsyncIterator[Events]:
    """Subscribe to the network at `url`, from a cursor or live."""
    query = "" if cursor is None else f"?cursor={cursor}"
    stream = url.replace("http://", "ws://") + f"/xrpc/com.atproto.sync.subscribeRepos{query}"
    async with connect(stream, max_size=frames.MAX_FRAME_BYTES) as socket:
        yield Events(socket)
