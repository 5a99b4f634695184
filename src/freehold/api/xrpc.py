"""What methods are written with: decorators, what a handler is given, what it may answer.

    @procedure("com.atproto.repo.createRecord", auth=ACCESS, cost=3)
    async def create_record(site: Site, caller: Caller, given: Given) -> dict: ...

A handler answers a dict or msgspec struct (sent as JSON), bytes (sent as the lexicon's encoding), an `Answer`, or
None where the lexicon names no output; it refuses by raising a `Refused`. Parameters and input were checked before.
Source: https://atproto.com/specs/xrpc
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from freehold.api.caller import Auth, Caller

JSON_MAX_BYTES = 2_097_152
"""Largest request body that a method takes unless it says otherwise: two records of the largest size, as JSON."""

Headers = Sequence[tuple[str, str]]


class RequestHeaders:
    """The headers of a request, decoded when asked for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Iterable[tuple[bytes, bytes]]) -> None:
        self._raw = dict(raw)

    def get(self, name: str) -> str | None:
        """A header's value by its name in lower case; None when it is absent. Of a repeated header the last."""
        value = self._raw.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def raw(self, name: bytes) -> bytes | None:
        """The same as bytes."""
        return self._raw.get(name)


class Given(msgspec.Struct):
    """What came with a call.

    nsid: the method. params: the query string by its lexicon, defaults filled in. headers: the request's.
    body: a body that is not JSON, piece by piece; empty where there is none. scope: the ASGI scope.
    content_type: of the body, without parameters, in lower case; empty where there is none.
    input: the JSON body by its lexicon, None where there is none.
    """

    nsid: str
    params: dict[str, Any]
    headers: RequestHeaders
    body: AsyncIterable[bytes]
    scope: MutableMapping[str, Any]
    content_type: str = ""
    input: Any = None


class Answer(msgspec.Struct, frozen=True):
    """An answer in full.

    body: a dict or struct (JSON), bytes, or an iterator of bytes that is sent as it comes and closed afterwards.
    content_type: None for the lexicon's.
    """

    body: Any
    content_type: str | None = None
    headers: Headers = ()
    status: int = 200


class Soon(NamedTuple):
    """What will be answered when something else is there. finish: makes the answer of what the future came to."""

    future: "asyncio.Future[Any]"
    finish: Callable[[Any], Any]


Handler = Callable[[Any, Caller, Given], Awaitable[Any]]
Beginning = Callable[[Any, Caller, Given], Any]
"""A handler that does not wait: it answers, or says `Soon` what the answer waits for."""


class Method(msgspec.Struct, frozen=True):
    """A method as registered.

    cost: points of the budget that a call takes. budget: the budget's name, empty for `read` or `write` by the verb.
    max_bytes: of the request body; None where the handler itself limits what it takes. weigh: all the points of a call
    by its JSON body, where that decides; `cost` is then what is taken before the body is read. at_once: the same as
    `handle`, without a task of its own.
    """

    nsid: str
    verb: Literal["GET", "POST"]
    auth: Auth
    handle: Handler
    cost: int = 1
    budget: str = ""
    max_bytes: int | None = JSON_MAX_BYTES
    weigh: Callable[[Any], int] | None = None
    at_once: Beginning | None = None


class Methods:
    """A set of methods by NSID."""

    def __init__(self) -> None:
        self._methods: dict[str, Method] = {}

    def query(
        self,
        nsid: str,
        *,
        auth: Auth,
        cost: int = 1,
        budget: str = "",
        at_once: Beginning | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register a handler that reads: GET."""
        return lambda handle: self.add(Method(nsid, "GET", auth, handle, cost, budget, at_once=at_once))

    def procedure(
        self,
        nsid: str,
        *,
        auth: Auth,
        cost: int = 1,
        budget: str = "",
        max_bytes: int | None = JSON_MAX_BYTES,
        weigh: Callable[[Any], int] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Register a handler that may change something: POST."""
        return lambda handle: self.add(Method(nsid, "POST", auth, handle, cost, budget, max_bytes, weigh))

    def begun(self, nsid: str, *, auth: Auth, cost: int) -> Callable[[Beginning], Beginning]:
        """Register a procedure with a handler that does not wait."""

        def register(begin: Beginning) -> Beginning:
            async def handle(site: Any, caller: Caller, given: Given) -> Any:
                soon = begin(site, caller, given)
                return soon.finish(await soon.future)

            self.add(Method(nsid, "POST", auth, handle, cost, at_once=begin))
            return begin

        return register

    def get(self, nsid: str) -> Method | None:
        """The method of this name."""
        return self._methods.get(nsid)

    def __iter__(self) -> Iterator[Method]:
        return iter(self._methods.values())

    def add(self, method: Method) -> Handler:
        """Register a method. Raises ValueError for one that is there."""
        if method.nsid in self._methods:
            raise ValueError(f"{method.nsid} is registered twice")
        self._methods[method.nsid] = method
        return method.handle


METHODS = Methods()
"""The product's methods: each module of handlers adds its own when it is imported."""

query = METHODS.query
procedure = METHODS.procedure
begun = METHODS.begun
