"""Members at the door of each machine of a trio, who write and read all the time, and listeners of its stream.

Each has a thread that lives on that machine's host, so that it is answered by that machine and no other, and however
the machines are cut off from each other. All that happens goes into a `History`.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any, NamedTuple, Self

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from freehold.protocol.tid import tid_encode
from freehold.store.clock import now_micros
from freehold.stream import frames
from support.history import Call, History
from support.network import PASSWORD, POST, now
from support.pictures import png
from support.trio import HOST, Machine, Trio

MEMBERS = 3
PAUSE_SECONDS = (0.05, 0.3)
STREAM = f"ws://{HOST}/xrpc/com.atproto.sync.subscribeRepos"
TROUBLE = (OSError, HTTPException, ValueError)


class Member(NamedTuple):
    """token: of an app's session, begun on the first primary."""

    did: str
    token: str


class Unanswered(Exception):  # noqa: N818 - as it is
    """No clear yes. name: of the refusal, if there was one."""

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self.name = name


class Talk:
    """Calls of XRPC methods at one machine, over a connection that is made anew when it broke."""

    def __init__(self, machine: Machine, token: str = "") -> None:
        self._machine = machine
        self._headers = {"host": HOST} | ({"authorization": f"Bearer {token}"} if token else {})
        self._connection: HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def call(self, method: str, path: str, body: bytes | None = None, mime: str = "application/json") -> Any:
        """The JSON of a yes. Raises Unanswered."""
        data = self.fetch(method, path, body, mime)
        return json.loads(data)

    def fetch(self, method: str, path: str, body: bytes | None = None, mime: str = "application/json") -> bytes:
        """The bytes of a yes. Raises Unanswered."""
        headers = self._headers | ({"content-type": mime} if body is not None else {})
        try:
            self._connection = connection = self._connection or self._machine.connection()
            connection.request(method, f"/xrpc/{path}", body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except TROUBLE as trouble:
            self.hang_up()
            raise Unanswered from trouble
        if answer.status != 200:
            with suppress(ValueError):
                raise Unanswered(str(json.loads(data).get("error")))
            raise Unanswered
        return data

    def hang_up(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Client:
    """`member` at `machine`. Chooses what to do by `chance`."""

    def __init__(self, machine: Machine, member: Member, history: History, chance: Random) -> None:
        self._machine, self._member, self._history, self._chance = machine, member, history, chance
        self._talk = Talk(machine, member.token)
        self._mark = secrets.randbelow(1024)
        self._mine: list[str] = []

    def go_on(self, ended: threading.Event) -> None:
        """One thing after the other."""
        while not ended.wait(self._chance.uniform(*PAUSE_SECONDS)):
            what = self._chance.choices((self.create, self.read, self.delete), (70, 20, 10))[0]
            what()
        self._talk.hang_up()

    def create(self) -> None:
        """A post under a key that is known before the answer, some with a picture of its own."""
        record: dict[str, Any] = {"$type": POST, "text": secrets.token_hex(8), "createdAt": now()}
        if self._chance.random() < 0.2:
            try:
                blob = self._talk.call("POST", "com.atproto.repo.uploadBlob", self._picture(), "image/png")["blob"]
            except Unanswered:
                return
            record["embed"] = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": blob}]}
        key = tid_encode(now_micros(), self._mark)
        given = {"repo": self._member.did, "collection": POST, "rkey": key, "record": record}
        uri = f"at://{self._member.did}/{POST}/{key}"
        if said := self._ask("create", uri, "com.atproto.repo.createRecord", given):
            assert said["uri"] == uri
            self._mine.append(uri)

    def _picture(self) -> bytes:
        chance = self._chance
        return png(chance.randint(1, 64), chance.randint(1, 64), chance.randint(0, 255))

    def delete(self) -> None:
        """One of the posts to which yes was said, once."""
        if self._mine:
            uri = self._mine.pop(self._chance.randrange(len(self._mine)))
            given = {"repo": self._member.did, "collection": POST, "rkey": uri.rpartition("/")[2]}
            self._ask("delete", uri, "com.atproto.repo.deleteRecord", given)

    def _ask(self, kind: Any, uri: str, nsid: str, given: Any) -> Any:
        life, asked = self._machine.life, time.monotonic()
        try:
            said = self._talk.call("POST", nsid, json.dumps(given).encode())
        except Unanswered:
            self._history.add(Call(kind, uri, life, asked, time.monotonic(), yes=False))
            return None
        life = life if life == self._machine.life else 0
        cid = said.get("cid", "")
        self._history.add(Call(kind, uri, life, asked, time.monotonic(), yes=True, cid=cid))
        return said

    def read(self) -> None:
        """A record that was acknowledged to somebody."""
        written = self._history.written()
        if not written:
            return
        uri = self._chance.choice(written[-50:])
        did, collection, key = uri.removeprefix("at://").split("/")
        query = f"com.atproto.repo.getRecord?repo={did}&collection={collection}&rkey={key}"
        life, asked = self._machine.life, time.monotonic()
        try:
            cid = self._talk.call("GET", query)["cid"]
        except Unanswered as not_so:
            if not_so.name != "RecordNotFound":
                return
            cid = ""
        life = life if life == self._machine.life else 0
        self._history.add(Call("read", uri, life, asked, time.monotonic(), yes=True, cid=cid))


def listen(machine: Machine, history: History, ended: threading.Event) -> None:
    """Hear the stream of a machine, by cursor, whenever it is told there."""
    last = 0
    while not ended.wait(0.1):
        with (
            suppress(OSError, WebSocketException, EOFError),
            machine.socket() as plain,
            connect(f"{STREAM}?cursor={last}", sock=plain, max_size=None, open_timeout=5) as stream,
        ):
            while not ended.is_set():
                with suppress(TimeoutError):
                    frame = stream.recv(timeout=0.5, decode=False)
                    kind, payload = frames.decode(frame)
                    if "seq" in payload:
                        last = payload["seq"]
                        history.hear(last, gist(kind, payload))


def join(machine: Machine) -> list[Member]:
    """Some sign up."""
    members = []
    with Talk(machine) as talk:
        for number in range(MEMBERS):
            given = {"handle": f"member{number}.test", "password": PASSWORD}
            said = talk.call("POST", "com.atproto.server.createAccount", json.dumps(given).encode())
            members.append(Member(said["did"], said["accessJwt"]))
    return members


@contextmanager
def crowd(three: Trio, history: History, chance: Random) -> Iterator[list[Member]]:
    """All members at both machines, while this lasts; then each ends what it has begun."""
    members = three.one.host.there(lambda: join(three.one))
    ended, threads, broken = threading.Event(), [], []

    def live(machine: Machine, what: Any, *given: Any) -> None:
        try:
            machine.host.go(lambda: what(*given, ended))
        except BaseException as wrong:
            broken.append(wrong)
            raise

    for machine in (three.one, three.two):
        clients = [Client(machine, member, history, Random(chance.random())) for member in members]
        tasks = [(machine, client.go_on) for client in clients] + [(machine, listen, machine, history)]
        threads += [threading.Thread(target=live, args=task) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        yield members
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert not broken, broken


def all_records(machine: Machine, member: Member) -> dict[str, Any]:
    """What a member has posted by now: the records' CIDs and values, by URI."""
    query, found, more = f"com.atproto.repo.listRecords?repo={member.did}&collection={POST}&limit=100", {}, ""
    with Talk(machine) as talk:
        while True:
            said = talk.call("GET", query + more)
            found.update({record["uri"]: record for record in said["records"]})
            if "cursor" not in said:
                return found
            more = f"&cursor={said['cursor']}"


def gist(kind: str, payload: dict[str, Any]) -> str:
    """Which event it is. What a commit brought may be left out of it later, when it was deleted."""
    return " ".join(str(payload.get(name)) for name in ("repo", "did", "rev", "commit", "time")) + f" {kind}"


def whole_stream(machine: Machine) -> dict[int, str]:
    """All that is told from the first number on."""
    log: dict[int, str] = {}
    with (
        machine.socket() as plain,
        connect(f"{STREAM}?cursor=0", sock=plain, max_size=None) as stream,
        suppress(TimeoutError),
    ):
        while True:
            kind, payload = frames.decode(stream.recv(timeout=2, decode=False))
            log[payload["seq"]] = gist(kind, payload)
    return log


def blob_of(machine: Machine, did: str, cid: str) -> bytes:
    """The bytes of a blob. Raises Unanswered."""
    with Talk(machine) as talk:
        return talk.fetch("GET", f"com.atproto.sync.getBlob?did={did}&cid={cid}")
