"""Another host, as far as one that listens to it can tell: accounts with real keys, repositories and commits.

`People` make records, commits and frames by this project's own `repo` and `stream`, without a database; `host` serves
them: DID documents, listRepos, getRepo and subscribeRepos. `Intake` is the listening side alone: an index and
`freehold.outside`, without a network around them. The tests of that room use all of it too.
"""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import uvicorn

from freehold.appview.batch import HANDLERS
from freehold.appview.bundle import packed
from freehold.appview.index import Index
from freehold.appview.schema import SCHEMA as INDEX_SCHEMA
from freehold.identity.handles import Handles
from freehold.identity.plc_directory import SCHEMA as DIRECTORY
from freehold.identity.resolver import Identity
from freehold.net.client import Client
from freehold.net.dns import Dns
from freehold.net.guard import Guard
from freehold.outside import schema
from freehold.outside.labelers import Labelers
from freehold.outside.outside import Limits, Outside
from freehold.outside.reader import Reader
from freehold.outside.sources import Source, Sources
from freehold.protocol import cbor
from freehold.protocol.cid import Cid
from freehold.protocol.keys import K256Key
from freehold.protocol.lexicon import Catalog
from freehold.protocol.syntax import format_datetime
from freehold.protocol.tid import TidClock, tid_encode
from freehold.repo import car, commit
from freehold.repo.diff import change
from freehold.repo.mst import Tree
from freehold.store import jobs
from freehold.store.clock import now_micros
from freehold.store.database import Database
from freehold.stream import frames
from freehold.stream import log as stream

POST, LIKE, FOLLOW, REPOST = "app.bsky.feed.post", "app.bsky.feed.like", "app.bsky.graph.follow", "app.bsky.feed.repost"
DAY = 86_400 * 1_000_000
WORDS = "a bread community day evening garden good home in is morning network of our river street the to tomorrow we"
Record = dict[str, Any]
HANG_UP = b""
"""In the place of a frame: the host ends the connection."""


class Person:
    """An account elsewhere. blocks: records and nodes of the tree as it is now. rev: of its newest commit."""

    def __init__(self, number: int, pds: str) -> None:
        seed = sha256(b"person %d" % number).digest()
        self.key = K256Key.from_raw(seed)
        letters = "abcdefghijklmnopqrstuvwxyz234567"
        self.did = "did:plc:" + "".join(letters[byte % 32] for byte in sha256(seed).digest()[:24])
        self.pds = pds
        self.status: str | None = None
        self.handle = f"p{number}.example.com"
        self.tree, self.rev, self.root = Tree.empty(), "", Cid.of_cbor(b"")
        self.blocks: dict[Cid, bytes] = {}
        self._clock = TidClock(number % 1024)
        self.commit({})

    @property
    def document(self) -> Record:
        """Its DID document."""
        multikey = self.key.did_key.removeprefix("did:key:")
        return {
            "id": self.did,
            "alsoKnownAs": [f"at://{self.handle}"],
            "verificationMethod": [
                {
                    "id": f"{self.did}#atproto",
                    "type": "Multikey",
                    "controller": self.did,
                    "publicKeyMultibase": multikey,
                }
            ],
            "service": [
                {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.pds},
            ],
        }

    def commit(self, records: Mapping[str, Record | None], *, now: int | None = None) -> Record:
        """Write records at paths, or delete them; the payload of the `#commit` message, without seq and time."""
        raws = {path: cbor.encode_json(record) for path, record in records.items() if record is not None}
        done = change(self.tree, {path: Cid.of_cbor(raws[path]) if path in raws else None for path in records})
        new = {Cid.of_cbor(raw): raw for raw in raws.values()}
        rev = self._clock.next(now_micros() if now is None else now)
        root, block = commit.sign(self.key, self.did, rev, done.tree.root)
        payload = {
            "repo": self.did,
            "rev": rev,
            "since": self.rev or None,
            "commit": root,
            "prevData": self.tree.root if self.rev else None,
            "blocks": car.write_car([root], {root: block, **done.covering, **new}),
            "ops": [op._asdict() for op in done.ops],
            "blobs": [],
            "rebase": False,
            "tooBig": False,
        }
        self.tree, self.rev, self.root = done.tree, rev, root
        self.blocks |= {root: block, **new}
        return payload

    def car(self) -> bytes:
        """The whole repository."""
        blocks = {self.root: self.blocks[self.root], **dict(self.tree.nodes())}
        blocks |= {cid: self.blocks[cid] for _, cid in self.tree.items()}
        return car.write_car([self.root], blocks)

    def sync(self) -> Record:
        """The payload of a `#sync` message."""
        block = self.blocks[self.root]
        return {"did": self.did, "rev": self.rev, "blocks": car.write_car([self.root], {self.root: block})}


def post(text: str, at: int | None = None) -> Record:
    """A post's record."""
    return {"$type": POST, "text": text, "createdAt": format_datetime(now_micros() if at is None else at)}


class Life:
    """What people write, by a documented mixture: 30 % posts of 18 words, 55 % likes, 10 % follows, 5 % reposts, over a
    hundred days; subjects are chosen evenly among what is there. Real networks are more uneven."""

    def __init__(self, people: list[Person], seed: int = 1) -> None:
        self._people, self._random, self._words = people, random.Random(seed), WORDS.split()
        self._posts: list[tuple[str, str]] = []
        self._start = now_micros() - 100 * DAY

    def record(self, person: Person) -> tuple[str, Record]:
        """One more: path and record."""
        at = self._start + self._random.randrange(99 * DAY)
        rkey, chance, created = tid_encode(at, 0), self._random.random(), format_datetime(at)
        if chance < 0.3 or not self._posts:
            text = " ".join(self._random.choices(self._words, k=18))
            made = {"$type": POST, "text": text, "createdAt": created}
            self._posts.append((f"at://{person.did}/{POST}/{rkey}", str(Cid.of_cbor(cbor.encode_json(made)))))
            return f"{POST}/{rkey}", made
        if 0.85 <= chance < 0.95:
            subject = self._random.choice(self._people).did
            return f"{FOLLOW}/{rkey}", {"$type": FOLLOW, "subject": subject, "createdAt": created}
        kind = LIKE if chance < 0.85 else REPOST
        uri, cid = self._random.choice(self._posts)
        return f"{kind}/{rkey}", {"$type": kind, "subject": {"uri": uri, "cid": cid}, "createdAt": created}


# --- the host


def did_of(path: str, given: dict[str, list[str]]) -> str:
    """Whom a request is about."""
    return given.get("did", [path.removeprefix("/")])[0]


class Elsewhere:
    """A host, or a relay. cars: repositories that were put together beforehand. events: frames in their order.
    label_frames: those of its labeler; label_cursors: after which message each listener to them began. refusals: what
    is said in the place of somebody's repository, or of the list ("list"). gates: whose answers wait.
    bodies: what is answered where the path ends so."""

    def __init__(self) -> None:
        self.url = ""
        self.people: dict[str, Person] = {}
        self.cars: dict[str, bytes] = {}
        self.refusals: dict[str, tuple[int, str, dict[str, str]]] = {}
        self.events: list[bytes] = []
        self.asked: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.bodies: dict[str, bytes] = {}
        self.first_seq = 1
        self.label_frames: list[bytes] = []
        self.label_cursors: list[int] = []
        self._news = asyncio.Event()

    def join(self) -> Person:
        """One more account that lives here."""
        person = Person(len(self.people), self.url)
        self.people[person.did] = person
        return person

    def tell(self, kind: str, payload: Record) -> int:
        """Put a message into the stream; its seq."""
        seq = self.first_seq + len(self.events)
        self.send(frames.encode(kind, {**payload, "seq": seq, "time": format_datetime(now_micros())}))
        return seq

    def send(self, frame: bytes) -> None:
        """Put a frame into the stream, whatever it is."""
        self.events.append(frame)
        self._news.set()

    def send_labels(self, frame: bytes) -> None:
        """Put a frame into the stream of labels, whatever it is."""
        self.label_frames.append(frame)
        self._news.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer: ASGI."""
        if scope["type"] == "websocket":
            await self._stream(scope, receive, send)
            return
        given = parse_qs(scope["query_string"].decode())
        answer = self._answer(scope["path"], given)
        if (gate := self.gates.get(did_of(scope["path"], given))) is not None:
            await gate.wait()
        status, body, headers = answer
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str, given: dict[str, list[str]]) -> tuple[int, bytes, dict[str, str]]:
        did = did_of(path, given)
        person = self.people.get(did)
        if (body := self.bodies.get(path.rpartition("/")[2])) is not None:
            return 200, body, {}
        if path.endswith("listRepos"):
            if "list" in self.refusals:
                status, name, headers = self.refusals["list"]
                return status, msgspec.json.encode({"error": name, "message": "no"}), headers
            return 200, msgspec.json.encode(self._list(given)), {}
        if path.endswith("getRepo"):
            self.asked.append(did)
            if did in self.refusals:
                status, name, headers = self.refusals[did]
                return status, msgspec.json.encode({"error": name, "message": "no"}), headers
            if person is not None and person.status is not None:
                return 400, msgspec.json.encode({"error": f"Repo{person.status.title()}", "message": "no"}), {}
            if person is not None:
                return 200, self.cars.get(did) or person.car(), {}
        elif person is not None:
            return 200, msgspec.json.encode(person.document), {}
        return 404, b'{"error": "RepoNotFound", "message": "no"}', {}

    def _list(self, given: dict[str, list[str]]) -> Record:
        """A page: here, the cursor is how many came before."""
        limit, after = int(given.get("limit", ["500"])[0]), int(given.get("cursor", ["0"])[0])
        page = list(self.people.values())[after : after + limit]
        listed = [
            {"did": one.did, "head": str(one.root), "rev": one.rev, "active": one.status is None, "status": one.status}
            for one in page
        ]
        return {"repos": listed, **({"cursor": str(after + limit)} if len(page) == limit else {})}

    async def _stream(self, scope: Any, receive: Any, send: Any) -> None:
        cursor = parse_qs(scope["query_string"].decode()).get("cursor")
        frames, first = self.events, self.first_seq
        if scope["path"].endswith("subscribeLabels"):
            frames, first = self.label_frames, 1
            self.label_cursors.append(int(cursor[0]) if cursor else -1)
        await receive()
        await send({"type": "websocket.accept"})
        at = max(int(cursor[0]) - first + 1, 0) if cursor else len(frames)
        with suppress(asyncio.CancelledError):  # the server's way to end
            while True:
                while at < len(frames):
                    at += 1
                    if frames[at - 1] == HANG_UP:
                        await send({"type": "websocket.close"})
                        return
                    await send({"type": "websocket.send", "bytes": frames[at - 1]})
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def host(elsewhere: Elsewhere) -> AsyncIterator[str]:
    """Serve it on a free port; gives its origin."""
    listening = socket.create_server(("127.0.0.1", 0))
    elsewhere.url = f"http://localhost:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        elsewhere, lifespan="off", log_level="error", timeout_graceful_shutdown=1, ws="websockets-sansio"
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listening])
    try:
        yield elsewhere.url
    finally:
        server.force_exit = True
        await server.shutdown(sockets=[listening])


# --- the listening side


class Intake:
    """An index that takes in what others say. directory: where DID documents are. dns: where handles are confirmed.
    subscribed: labelers that members want, one entry for each member."""

    def __init__(
        self,
        folder: Path,
        directory: str,
        *,
        limits: Limits | None = None,
        catalog: Catalog | None = None,
        clock: Callable[[], int] = now_micros,
        here: frozenset[str] = frozenset(),
        dns: Dns | None = None,
        most_labels: int = 1_000,
    ) -> None:
        self.subscribed: list[str] = []
        tables = (*jobs.SCHEMA, *stream.SCHEMA, *DIRECTORY, *schema.SCHEMA)
        self.truth = Database(folder / "truth.db", tables, durable=False, clock=clock)
        self.db = Database(folder / "index.db", (*INDEX_SCHEMA, *schema.BESIDE_THE_INDEX), durable=False, clock=clock)
        log = stream.Log(self.truth)
        self.index = Index(self.db, log, beside=schema.TABLES, is_here=here.__contains__, catalog=catalog, clock=clock)
        client = Client(Guard(allow_loopback=True))
        self.identity = Identity(
            reading=self.truth.reading,
            client=client,
            plc=directory,
            public_plc=directory,
            local_handle=lambda handle: None,
            local_domain=".here.test",
            clock=clock,
            outside=dns is not None,
            handles=None if dns is None else Handles(client, dns),
        )
        self.reader = Reader(self.index, self.db.reading, self.identity, here.__contains__, clock)
        self.outside = Outside(
            Sources(self.truth),
            self.reader,
            client,
            folder / "coming",
            frozenset(HANDLERS),
            packed,
            limits or Limits(),
            Labelers(
                self.truth, self.reader, client, lambda: Counter(self.subscribed), "did:web:here.test", most_labels
            ),
        )

    async def listen(self, url: str, *, relay: bool = False) -> None:
        """To one more."""
        await self.outside.add(Source(url, relay))

    def close(self) -> None:
        """Let its files go."""
        self.db.close()
        self.truth.close()


@contextmanager
def opened(folder: Path, directory: str, **more: Any) -> Iterator[Intake]:
    """An intake, closed in the end."""
    folder.mkdir(parents=True, exist_ok=True)
    intake = Intake(folder, directory, **more)
    try:
        yield intake
    finally:
        intake.close()


@asynccontextmanager
async def running(intake: Intake) -> AsyncIterator[None]:
    """Its steady work."""
    work = asyncio.create_task(intake.outside.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await intake.outside.stop()
