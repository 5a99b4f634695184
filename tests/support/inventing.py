"""Calls that nobody would send: made from the lexicons, then spoilt.

An `Inventor` first invents what the lexicon asks for (with values that exist, where it knows some), then may bend it:
other types, edges, missing and added fields, huge and deep values, odd bytes, other verbs, media types and tokens.
All comes from one `Random`, so that a seed tells the whole story.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any, NamedTuple
from urllib.parse import quote

Schema = Mapping[str, Any]

MAX_TARGET = 60_000
"""A longer one is refused by the HTTP parser, before any of us sees it."""
DEEP = "\0deep\0"
DEPTHS = (60, 70, 99, 101, 2_000, 100_000)
RECORDS = (
    "app.bsky.feed.post",
    "app.bsky.feed.like",
    "app.bsky.feed.repost",
    "app.bsky.feed.generator",
    "app.bsky.feed.threadgate",
    "app.bsky.feed.postgate",
    "app.bsky.graph.follow",
    "app.bsky.graph.block",
    "app.bsky.graph.list",
    "app.bsky.graph.listitem",
    "app.bsky.graph.starterpack",
    "app.bsky.actor.profile",
    "app.bsky.labeler.service",
)
RARE = frozenset({"swapCommit", "swapRecord", "cid", "plcOp", "did", "inviteCode", "recoveryKey", "email"})
"""Optional things that most calls are refused for."""
WORDS = (
    "",
    " ",
    "\0",
    "a\0b",
    "self",
    ".",
    "..",
    "../../truth.db",
    "%00",
    "%",
    "a b",
    "'; DROP TABLE account; --",
    '"',
    '" OR "',
    "NEAR(a b)",
    "text:*",
    "a*",
    "-",
    "(",
    "\u202e",
    "\ud800",
    "e\u0301" * 40,
    "👩‍👩‍👧‍👦" * 70,
    "ﷺ",
    "東京",
    "\ufeff",
    "did:plc:",
    "did:web:127.0.0.1%3A1",
    "did:plc:" + "a" * 24,
    "at://",
    "at://did:plc:aaaaaaaaaaaaaaaaaaaaaaaa/app.bsky.feed.post/3kaaaaaaaaaa2",
    "at://alice.test/a.b.c/d",
    "alice.test",
    "nobody.invalid",
    "http://169.254.169.254/",
    "x" * 3_000,
    "0",
    "-1",
    "1e9",
    "٣",
    "9" * 30,
    "2020-01-01T00:00:00Z",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "1600-01-01T00:00:00-23:59",
    "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
    "true",
    "null",
)
NUMBERS = (0, -1, 1, 50, 100, 101, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**40, -(2**63) - 1)
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    1.5,
    float("nan"),
    1e308,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"$type": ""},
    DEEP,
)
ODD_OBJECTS: tuple[Any, ...] = (
    {"$link": "b"},
    {"$link": 1},
    {"$bytes": "=="},
    {"$bytes": "AAAA"},
    {"$type": "blob"},
    {"$type": "blob", "ref": {"$link": "x"}, "mimeType": "image/png", "size": -1},
    {"$type": "com.atproto.repo.strongRef"},
    {"$type": "#main"},
    {"$type": 5},
    {"$link": "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku", "more": 1},
)
MEDIA_TYPES = ("text/plain", "", "application/json; charset=utf-16", "multipart/form-data", "*/*", "image/*", "a" * 500)
FILES = (
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT",
    b"\xff\xd8\xff\xe1\xff\xff" + b"\0" * 20,
    b"\xff\xd8\xff\xe0\0\0\xff\xda",
    b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\0" * 9,
    b"GIF89a" + b"\xff" * 30,
    b"\0\0\0\x18ftypisom" + b"\0" * 12 + b"\xff\xff\xff\xffmoov",
    b"\0\0\0\x01ftypheic\0\0\0\0\0\0\0\x02",
    b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
    b"plain words",
)


class Call(NamedTuple):
    """An HTTP request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None

    def told(self) -> str:
        """For the report of a failure."""
        return f"{self.method} {self.target[:600]} {self.headers} {(self.body or b'')[:1500]!r}"


class Inventor:
    """known: values that exist on the network, by the format (did, handle, at-uri, cid, record-key …) they have.

    headers: what a caller can send to say who it is, none among them.
    """

    def __init__(
        self,
        documents: Iterable[Schema],
        random: Random,
        known: Mapping[str, list[str]],
        callers: list[dict[str, str]],
        files: list[bytes],
    ) -> None:
        self._defs = {document["id"]: document["defs"] for document in documents}
        self.random, self.known, self.callers, self.files = random, known, callers, [*FILES, *files]

    # --- a whole call

    def call(self, nsid: str, auth: dict[str, str]) -> Call:
        """A call of this method by a caller who has what it asks for (auth), most of the time."""
        main = self._defs[nsid]["main"]
        verb = "POST" if main["type"] == "procedure" else "GET"
        method = self._bent(verb, ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "PROPFIND"), 0.02)
        target = f"/xrpc/{nsid}"
        if query := self._query(nsid, main.get("parameters", {})):
            target += "?" + query
        target = target[:MAX_TARGET]
        headers = dict(auth if self.random.random() < 0.7 else self.random.choice(self.callers))
        body = self._body(nsid, main.get("input"), headers) if verb == "POST" or self._rarely(0.02) else None
        for name, values in _ODD_HEADERS.items():
            if self._rarely(0.01):
                headers[name] = self.random.choice(values)
        return Call(method, target, headers, body)

    def _query(self, nsid: str, schema: Schema) -> str:
        given = self._object(nsid, schema)
        pairs = []
        for name, value in given.items():
            for one in value if isinstance(value, list) else [value]:
                text = one if isinstance(one, str) else str(one).lower() if isinstance(one, bool) else str(one)
                pairs.append((name, self._bent(text, (*WORDS, *map(str, NUMBERS)), 0.15)))
        if pairs and self._rarely(0.15):
            pairs.remove(self.random.choice(pairs))
        if pairs and self._rarely(0.1):
            pairs += [self.random.choice(pairs)] * self.random.choice((1, 2, 26, 101, 300))
        parts = [f"{quote(name)}={_quoted(value)}" for name, value in pairs]
        if self._rarely(0.05):
            parts.append(self.random.choice(("%ff=%ff", "=", "%", "a=%zz", "&&&", "limit=", "cursor=%00", "a" * 9_000)))
        return "&".join(parts)

    def _body(self, nsid: str, given: Schema | None, headers: dict[str, str]) -> bytes | None:
        if given is None:
            return self._bent(None, (b"", b"{}", b"x" * 100), 0.1)
        if not given["encoding"].startswith("application/json"):
            return self._file(given["encoding"], headers)
        headers["content-type"] = self._bent("application/json", MEDIA_TYPES, 0.04)
        value = self._spoilt(self.invent(nsid, given["schema"]))
        return self._bent_bytes(_encoded(value, self.random.choice(DEPTHS)))

    def _file(self, encoding: str, headers: dict[str, str]) -> bytes:
        usual = "image/png" if encoding == "*/*" else encoding
        headers["content-type"] = self._bent(usual, (*MEDIA_TYPES, "text/html", "video/mp4"), 0.3)
        return self._bent_bytes(self.random.choice(self.files))

    # --- what a lexicon asks for

    def invent(self, home: str, schema: Schema) -> Any:
        """A value for a schema that stands in the document `home`."""
        return _INVENTIONS[schema["type"]](self, home, schema)

    def _object(self, home: str, schema: Schema) -> dict[str, Any]:
        wanted = schema.get("required", [])
        made = {}
        for name, one in schema.get("properties", {}).items():
            if name in wanted or self.random.random() < (0.1 if name in RARE else 0.5):
                made[name] = self._named(home, name, one)
        self._agree(made)
        return made

    def _agree(self, made: dict[str, Any]) -> None:
        """Let, most of the time, a record be of its collection, and a record that is asked for be there."""
        for name in ("record", "value"):
            if "collection" in made and isinstance(made.get(name), dict) and not self._rarely(0.1):
                made["collection"] = made[name].get("$type", "")
        if {"collection", "rkey"} <= made.keys() and not {"record", "value"} & made.keys() and not self._rarely(0.3):
            authority, made["collection"], made["rkey"] = self.random.choice(self.known["at-uri"])[5:].split("/")
            made.update({name: authority for name in ("repo", "did") if name in made})

    def _named(self, home: str, name: str, schema: Schema) -> Any:
        """A property whose name says more than its schema."""
        if name in self.known and not self._rarely(0.2):
            return self.random.choice(self.known[name])
        return self.invent(home, schema)

    def _string(self, home: str, schema: Schema) -> str:
        if "const" in schema:
            return str(schema["const"])
        for choices in (schema.get("enum"), schema.get("knownValues"), self.known.get(schema.get("format", ""))):
            if choices and not self._rarely(0.1):
                return str(self.random.choice(choices))
        return self.random.choice(WORDS)[: schema.get("maxLength", 10_000)]

    def _integer(self, home: str, schema: Schema) -> int:
        low, high = schema.get("minimum", 0), schema.get("maximum", 100)
        return int(self.random.choice((low, high, schema.get("default", low), self.random.randint(low, high))))

    def _array(self, home: str, schema: Schema) -> list[Any]:
        low, high = schema.get("minLength", 0), schema.get("maxLength", 5)
        return [self.invent(home, schema["items"]) for _ in range(self.random.randint(low, min(high, low + 3)))]

    def _ref(self, home: str, schema: Schema) -> Any:
        return self._referred(home, schema["ref"])[0]

    def _union(self, home: str, schema: Schema) -> Any:
        if not schema["refs"]:
            return {"$type": "com.example.nothing"}
        value, kind = self._referred(home, self.random.choice(schema["refs"]))
        return {"$type": kind.removesuffix("#main"), **value} if isinstance(value, dict) else value

    def _referred(self, home: str, ref: str) -> tuple[Any, str]:
        nsid, _, name = ref.partition("#")
        nsid, name = nsid or home, name or "main"
        if nsid not in self._defs or self._rarely(0.05):
            return {}, f"{nsid}#{name}"
        schema = self._defs[nsid][name]
        return self.invent(nsid, schema["record"] if schema["type"] == "record" else schema), f"{nsid}#{name}"

    def _unknown(self, home: str, schema: Schema) -> Any:
        """A record, since that is what most unknown values are."""
        kind = self.random.choice(RECORDS)
        return {"$type": kind, **self.invent(kind, self._defs[kind]["main"]["record"])}

    def _blob(self, home: str, schema: Schema) -> Any:
        cid = self.random.choice(self.known["cid"])
        size = self.random.choice((70, 0, -1, 2**40))
        return {"$type": "blob", "ref": {"$link": cid}, "mimeType": "image/png", "size": size}

    def _link(self, home: str, schema: Schema) -> Any:
        return {"$link": self.random.choice(self.known["cid"])}

    # --- spoiling

    def _rarely(self, share: float) -> bool:
        return self.random.random() < share

    def _bent(self, right: Any, wrong: Iterable[Any], share: float) -> Any:
        return self.random.choice(tuple(wrong)) if self._rarely(share) else right

    def _spoilt(self, value: Any) -> Any:
        """The value, most of the time with one or two of its parts replaced, taken away or added."""
        for _ in range(self.random.choice((0, 0, 0, 1, 1, 2))):
            value = self._spoil_somewhere(value)
        return value

    def _spoil_somewhere(self, value: Any) -> Any:
        if isinstance(value, dict) and value and not self._rarely(0.1):
            name = self.random.choice(list(value))
            if self._rarely(0.15):
                return {key: one for key, one in value.items() if key != name}
            if self._rarely(0.1):
                return {**value, self.random.choice(WORDS): self._nasty()}
            return {**value, name: self._spoil_somewhere(value[name])}
        if isinstance(value, list) and value and not self._rarely(0.3):
            at = self.random.randrange(len(value))
            if self._rarely(0.2):
                return value * self.random.choice((2, 60, 300))
            return [*value[:at], self._spoil_somewhere(value[at]), *value[at + 1 :]]
        return self._nasty()

    def _nasty(self) -> Any:
        if self._rarely(0.02):
            return "x" * self.random.choice((70_000, 1_100_000, 2_200_000))
        return self.random.choice(self.random.choice((WORDS, NUMBERS, ODD, ODD_OBJECTS)))

    def _bent_bytes(self, data: bytes) -> bytes:
        if not self._rarely(0.08):
            return data
        at = self.random.randrange(len(data) + 1)
        bend: Callable[[], bytes] = self.random.choice(
            (
                lambda: data[:at],
                lambda: data + b"}",
                lambda: b"\xef\xbb\xbf" + data,
                lambda: data[:at] + b"\xff\xfe\0" + data[at:],
                lambda: data.decode("utf-8", "replace").encode("utf-16"),
                lambda: b"",
                lambda: b"null",
                lambda: self.random.randbytes(200),
            )
        )
        return bend()


def _constant(make: Callable[[Inventor], Any]) -> Callable[[Inventor, str, Schema], Any]:
    return lambda inventor, home, schema: make(inventor)


_INVENTIONS: dict[str, Callable[[Inventor, str, Schema], Any]] = {
    "object": Inventor._object,
    "params": Inventor._object,
    "string": Inventor._string,
    "integer": Inventor._integer,
    "array": Inventor._array,
    "ref": Inventor._ref,
    "union": Inventor._union,
    "unknown": Inventor._unknown,
    "blob": Inventor._blob,
    "cid-link": Inventor._link,
    "boolean": _constant(lambda inventor: inventor.random.random() < 0.5),
    "bytes": _constant(lambda inventor: {"$bytes": "AQID"}),
    "token": _constant(lambda inventor: "a.b.c#token"),
    "null": _constant(lambda inventor: None),
}

_ODD_HEADERS = {
    "atproto-proxy": (
        "",
        "x",
        "did:web:127.0.0.1%3A1#bsky_appview",
        "did:web:api.bsky.app#bsky_appview",
        "#",
        "\xff#a",
    ),
    "content-encoding": ("gzip", "identity", "br"),
    "accept-encoding": ("gzip", "gzip;q=0", "*", "q" * 2_000),
    "accept-language": ("fr", "\xff", "x" * 3_000),
    "atproto-accept-labelers": ("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa;redact", "\xff", "," * 500),
    "expect": ("100-continue",),
}


def _quoted(value: str) -> str:
    return quote(value.encode("utf-8", "surrogatepass"), safe=":/")


def _encoded(value: Any, depth: int) -> bytes:
    """JSON; lone surrogates as escapes, NaN as it is, and lists as deep as `depth` where DEEP stands."""
    text = json.dumps(value).encode()
    return text.replace(json.dumps(DEEP).encode(), b"[" * depth + b"]" * depth)
