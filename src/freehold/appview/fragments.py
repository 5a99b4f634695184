"""Views that are JSON already: an object as bytes, put together from bytes, that can be looked into like a dict.

An answer of the app.bsky calls is mostly the same for every reader. So posts and people are encoded once, when they
are loaded (see `pieces`), and what depends on the reader is spliced in as bytes (see `present`). `encode` writes an
answer with fragments in it; whoever wants plain dicts all the way down asks for them with `plain`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Json = dict[str, Any]


class Fragment(Mapping[str, Any]):
    """A JSON object. json: as it is written. It is decoded only when somebody looks into it."""

    __slots__ = ("_opened", "json")
    _opened: Json

    def __init__(self, json: bytes) -> None:
        self.json = json

    def _open(self) -> Json:
        if not hasattr(self, "_opened"):
            self._opened = msgspec.json.decode(self.json)
        return self._opened

    def __getitem__(self, name: str) -> Any:
        return self._open()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._open())

    def __len__(self) -> int:
        return len(self._open())

    def __or__(self, more: Json) -> "Fragment":
        """The same with more said of it."""
        if not more:
            return self
        if any(_encode(name) in self.json for name in more):  # said already, it may be
            return Fragment(_encode(self._open() | more))
        return Fragment(b"%b,%b" % (self.json[:-1], _encode(more)[1:]))


def ready(value: object) -> msgspec.Raw:
    """What an encoder asks for values that it does not know (its `enc_hook`)."""
    if type(value) is Fragment:
        return msgspec.Raw(value.json)
    raise NotImplementedError(type(value))


View = Json | Fragment
"""An object of an answer, in either form."""

_encode = msgspec.json.Encoder(enc_hook=ready).encode


def encode(value: object) -> bytes:
    """JSON of an answer or of a part of one. What is JSON already, and lists of it, are taken as they are."""
    if type(value) is Fragment:
        return value.json
    if type(value) is not dict or not any(map(_are_ready, value.values())):
        return _encode(value)
    pieces = [b"{"]
    for name, part in value.items():
        pieces += (_encode(name), b":", joined([one.json for one in part]) if _are_ready(part) else _encode(part), b",")
    pieces[-1] = b"}"
    return b"".join(pieces)


def _are_ready(part: object) -> bool:
    """A list, not empty, of such views and of nothing else?"""
    return type(part) is list and part != [] and type(part[0]) is Fragment and set(map(type, part)) == _ONLY


_ONLY = {Fragment}


def joined(views: list[bytes]) -> bytes:
    """A JSON array of them."""
    return b"[" + b",".join(views) + b"]"


def plain(answer: View) -> Json:
    """An answer as dicts and lists and nothing else, none of them shared with other answers."""
    opened: Json = msgspec.json.decode(encode(answer))
    return opened


def opened(view: Json) -> bytes:
    """A view's JSON without its last brace, so that more can be said of it. It must not be empty."""
    return _encode(view)[:-1]


def said_too(view: bytes, more: Json) -> bytes:
    """An opened view with more said of it, still open."""
    return b"%b,%b" % (view, _encode(more)[1:-1]) if more else view


def closed(view: bytes) -> Json:
    """What an opened view says so far."""
    said: Json = msgspec.json.decode(view + b"}")
    return said
