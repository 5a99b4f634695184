"""The dispatcher: takes an HTTP call in, finds its method, checks what came, sends what the handler answers.

`Door` is called like an ASGI application with the site before the scope; the server finds the site by host name. What
it cannot know is handed in as `Hooks`: who a caller is, what must go to another service, what a call costs, who counts.
The order is: method, sign-in, query string, budget, body, what the body costs more, handler. A refusal at any step is
answered by its name.
Source: https://atproto.com/specs/xrpc
"""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from freehold.api import bodies, cors
from freehold.api.answers import ApiRefused, Send, close, deliver, encode, refusal, whole
from freehold.api.bodies import ClientGone, NoBody, Receive, check_length, read_json
from freehold.api.caller import NOBODY, Auth, Caller
from freehold.api.xrpc import Answer, Given, Headers, Method, Methods, RequestHeaders, Soon
from freehold.net.statuses import STATUS
from freehold.net.visits import BODY, Coming, Whole
from freehold.protocol.lexicon import Body, Catalog, InvalidOutput
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import is_nsid

log = logging.getLogger("freehold.api")

Scope = MutableMapping[str, Any]
Pairs = Iterable[tuple[str, str]]

PREFIX = "/xrpc/"
MAX_PARAMETERS = 200
"""Most pairs that a query string may have: getPosts and its like take at most 25 to 100 values."""

GONE = 499
"""What is counted as the status when the caller went before there was an answer."""


class UnknownMethod(Refused):
    """No such method, here or anywhere that we would ask."""

    kind = "not_implemented"
    name = "MethodNotImplemented"
    say = "This server does not know that method."


class WrongVerb(ApiRefused):
    """GET for a procedure, or POST for a query."""

    kind = "method"


class UpgradeNeeded(ApiRefused):
    """A stream asked for without websocket."""

    kind = "upgrade"
    name = "UpgradeRequired"
    say = "This method is a stream: call it by websocket."


class UnsupportedEncoding(Refused):
    """A compressed request body."""

    kind = "unsupported_type"
    name = "UnsupportedMediaType"
    say = "Send the request body without content-encoding."


class Passing(NamedTuple):
    """A call that may have to go to another service, before anything of it was checked."""

    nsid: str
    headers: RequestHeaders
    scope: Scope
    receive: Receive


class Hooks(NamedTuple):
    """What the door is handed.

    authenticate: who calls, by the method's `auth`; raises a Refused of kind unauthenticated or forbidden.
    elsewhere: asked for every call with an `atproto-proxy` header and for unknown methods; answers what another service
    said, or None for a call that is to be served here.
    spend: takes so many points for the call and gives the headers that say what is left; raises a Refused of kind
    too_many.
    watch: told, before the handler runs, what each call asks for: its method's name, caller and parameters.
    known: who calls a method that can be answered at once, if that is remembered and nothing has to be waited for.
    observe: told each call's site, method (`unknown` for all unknown ones), status and seconds.
    """

    authenticate: Callable[[Any, Method, RequestHeaders, Scope], Awaitable[Caller]]
    elsewhere: Callable[[Any, Passing], Awaitable[Answer | None]] | None = None
    spend: Callable[[Any, Method, Caller, Scope, int], Headers] | None = None
    observe: Callable[[Any, str, int, float], None] | None = None
    watch: Callable[[Any, str, Caller, Scope, dict[str, Any]], None] | None = None
    known: Callable[[Any, Method, RequestHeaders], Caller | None] | None = None


class _Route(NamedTuple):
    """A method with its lexicon compiled. takes: media types of the body; gives: the one of the answer."""

    method: Method
    params: Callable[[Pairs], dict[str, Any]]
    input: Body | None
    takes: frozenset[str]
    output: Body | None
    gives: str | None


class Door:
    """The XRPC methods of this process, for every site that it serves."""

    def __init__(self, catalog: Catalog, methods: Methods, hooks: Hooks, *, check_answers: bool = False) -> None:
        """check_answers: hold each answer against its lexicon, and answer 500 for one that does not fit (for tests).

        Raises ValueError for a method that the catalog does not know, or knows with the other verb.
        """
        for method in methods:
            if catalog.kind(method.nsid) != {"GET": "query", "POST": "procedure"}[method.verb]:
                raise ValueError(f"{method.nsid} is not a {method.verb} method in any lexicon")
        self._catalog, self._methods, self._hooks, self._check = catalog, methods, hooks, check_answers
        self._routes: dict[str, _Route] = {}

    async def __call__(self, site: Any, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP call. Raises nothing but cancellation."""
        began = time.perf_counter()
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 204, "headers": cors.preflight(scope["headers"])})
            await send({"type": "http.response.body", "body": b""})
            return
        nsid = scope["path"].removeprefix(PREFIX).rstrip("/")
        headers = RequestHeaders(scope["headers"])
        try:
            answer = await self._answer(site, nsid, Passing(nsid, headers, scope, receive))
        except ClientGone:
            self._observe(site, nsid, GONE, began)
            return
        except Refused as refused:
            answer = refusal(refused)
            _note(nsid, refused)
        except InvalidOutput as wrong:
            log.error("an answer does not fit its lexicon", extra={"nsid": nsid, "facts": str(wrong)})
            answer = Answer({"error": "InternalServerError", "message": str(wrong)}, status=500)
        except Exception:
            answer = _fault(nsid)
        status = await self._send(answer, nsid, headers, scope, send)
        self._observe(site, nsid, status, began)

    def at_once(self, site: Any, scope: Scope) -> Whole | Coming | None:
        """The answer to a call whose caller is known, of a method that needs no task of its own; None for all others.

        As `__call__` answers, but without a step through the event loop, or with one when what it waits for is there.
        """
        began, nsid = time.perf_counter(), scope["path"][len(PREFIX) :]
        route, known = self._routes.get(nsid), self._hooks.known
        if route is None or route.method.at_once is None or known is None or scope["method"] != route.method.verb:
            return None
        method, begin, headers = route.method, route.method.at_once, RequestHeaders(scope["headers"])
        try:
            caller = known(site, method, headers)
            if caller is None or headers.raw(b"atproto-proxy") is not None:
                return None
            given, left = self._admit(site, route, caller, headers, scope)
            if method.verb == "POST":
                _open_body(route, given)
                given.input = _read(route, scope[BODY])
            found = begin(site, caller, given)
            if type(found) is Soon:
                return Coming(found.future, partial(self._finish, site, route, headers, left, found, began))
            done = self._whole(route, headers, left, found)
        except Refused as refused:
            done = whole(refusal(refused), None)
            _note(nsid, refused)
        except Exception:  # it will be met again, and told of, by whoever serves the call then
            return None
        if done.status >= 500:
            return None
        self._observe(site, nsid, done.status, began)
        return done

    def _whole(self, route: _Route, headers: RequestHeaders, left: Headers, found: Any) -> Whole:
        """What a handler gave, as it is sent."""
        answer = _as_answer(route, found, left)
        if self._check:
            _compare(route.method.nsid, route.output, answer)
        return whole(answer, headers.raw(b"accept-encoding"))

    def _finish(
        self, site: Any, route: _Route, headers: RequestHeaders, left: Headers, soon: Soon, began: float
    ) -> Whole:
        """The answer, when what it waited for is there."""
        nsid = route.method.nsid
        try:
            done = self._whole(route, headers, left, soon.finish(soon.future.result()))
        except Refused as refused:
            done = whole(refusal(refused), None)
            _note(nsid, refused)
        except Exception:
            done = whole(_fault(nsid), None)
        self._observe(site, nsid, done.status, began)
        return done

    async def _send(self, answer: Answer, nsid: str, headers: RequestHeaders, scope: Scope, send: Send) -> int:
        """Send the answer; when it breaks off in the middle, end without ending it, so that the connection is cut."""
        try:
            await deliver(answer, headers.raw(b"accept-encoding"), send, head=scope["method"] == "HEAD")
        except ClientGone:
            return GONE
        except Refused as refused:  # the other end of what was handed through
            log.warning("an answer broke off", extra={"nsid": nsid, "error": refused.name, "facts": refused.facts})
            return STATUS[refused.kind]
        except Exception:
            log.exception("an answer broke off", extra={"nsid": nsid})
            return 500
        return answer.status

    def _observe(self, site: Any, nsid: str, status: int, began: float) -> None:
        if self._hooks.observe is not None:
            name = nsid if nsid in self._routes else "unknown"
            self._hooks.observe(site, name, status, time.perf_counter() - began)

    async def _answer(self, site: Any, nsid: str, call: Passing) -> Answer:
        route = self._routes.get(nsid) or self._find(nsid)
        if route is None:
            self._check_path(nsid, call.scope["method"])
        if self._hooks.elsewhere is not None and (route is None or call.headers.raw(b"atproto-proxy") is not None):
            answer = await self._hooks.elsewhere(site, call)
            if answer is not None:
                return answer
        if route is None:
            raise UnknownMethod
        method, scope = route.method, call.scope
        if scope["method"] != method.verb and (scope["method"] != "HEAD" or method.verb != "GET"):
            raise WrongVerb(
                f"Incorrect HTTP method ({scope['method'][:20]}) expected {method.verb}",
                headers=[("allow", method.verb)],
            )
        caller = NOBODY
        if method.auth is not Auth.NONE:
            caller = await self._hooks.authenticate(site, method, call.headers, scope)
        given, left = self._admit(site, route, caller, call.headers, scope)
        spend = self._hooks.spend
        if method.verb == "POST":
            await _take_body(route, given, call.receive)
            if method.weigh is not None and spend is not None and (more := method.weigh(given.input) - method.cost) > 0:
                left = spend(site, method, caller, scope, more)
        answer = _as_answer(route, await method.handle(site, caller, given), left)
        if self._check:
            await _check_answer(route, answer)
        return answer

    def _admit(
        self, site: Any, route: _Route, caller: Caller, headers: RequestHeaders, scope: Scope
    ) -> tuple[Given, Headers]:
        """Read the query string and take the call's points: what the handler is given, and what is left to spend."""
        method, spend, watch = route.method, self._hooks.spend, self._hooks.watch
        given = Given(method.nsid, route.params(query_pairs(scope["query_string"])), headers, NoBody(), scope)
        left = spend(site, method, caller, scope, method.cost) if spend is not None else ()
        if watch is not None and method.verb == "GET":
            watch(site, method.nsid, caller, scope, given.params)
        return given, left

    def _find(self, nsid: str) -> _Route | None:
        """The route of a registered method, compiled at its first call."""
        method = self._methods.get(nsid)
        if method is None:
            return None
        taken, answered = self._catalog.input(nsid), self._catalog.output(nsid)
        route = _Route(
            method=method,
            params=self._catalog.params(nsid),
            input=taken,
            takes=frozenset(kind.strip().lower() for kind in taken.encoding.split(",")) if taken else frozenset(),
            output=answered,
            gives=answered.encoding if answered and "," not in answered.encoding else None,
        )
        self._routes[nsid] = route
        return route

    def _check_path(self, nsid: str, verb: str) -> None:
        """Refuse what is no method's name, and a stream asked for by plain HTTP."""
        if not is_nsid(nsid):
            raise InvalidRequest("The path must be /xrpc/ and the name of a method.")
        if self._catalog.kind(nsid) == "subscription":
            if verb != "GET":
                raise WrongVerb(f"Incorrect HTTP method ({verb[:20]}) expected GET", headers=[("allow", "GET")])
            raise UpgradeNeeded(headers=[("upgrade", "websocket"), ("connection", "upgrade")])


def _as_answer(route: _Route, result: Any, left: Headers) -> Answer:
    """What a handler gave, as an answer of the lexicon's type, with the headers that say what is left to spend."""
    if isinstance(result, Answer):
        return Answer(result.body, result.content_type or route.gives, [*result.headers, *left], result.status)
    return Answer(result, route.gives, left)


async def _take_body(route: _Route, given: Given, receive: Receive) -> None:
    """Read and check what the lexicon says of the request body."""
    max_bytes = route.method.max_bytes
    if route.input is None:
        await _no_body(given.headers.get("content-length"), given.headers, receive)
        return
    _open_body(route, given)
    if route.input.check is None:
        given.body = bodies.stream(receive, max_bytes)
    else:
        given.input = _read(route, await bodies.whole(receive, max_bytes))


def _open_body(route: _Route, given: Given) -> None:
    """Refuse a body by what the headers say of it."""
    headers = given.headers
    declared = headers.get("content-length")
    if declared is None and headers.get("transfer-encoding") is None:
        raise InvalidRequest("A request body is expected but none was provided")
    given.content_type = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if not _fits(given.content_type, route.takes):
        raise InvalidRequest(
            f"Wrong request encoding (Content-Type): {given.content_type[:100]}"
            if given.content_type
            else "Request encoding (Content-Type) required but not provided"
        )
    if headers.get("content-encoding") not in (None, "identity"):
        raise UnsupportedEncoding
    check_length(declared, route.method.max_bytes)


def _read(route: _Route, body: bytes) -> Any:
    """What a JSON body says, as its lexicon has it."""
    assert route.input is not None
    assert route.input.check is not None
    return route.input.check(read_json(body))


async def _no_body(declared: str | None, headers: RequestHeaders, receive: Receive) -> None:
    """A body where none is expected is refused; an empty one is not."""
    if declared in (None, "0") and headers.get("transfer-encoding") is None:
        return
    try:
        empty = declared is None and not await bodies.whole(receive, 0)
    except bodies.TooLarge:
        empty = False
    if not empty:
        raise InvalidRequest("A request body was provided when none was expected")


def _fits(content_type: str, takes: frozenset[str]) -> bool:
    """Whether a media type is one of those taken, of which some may be `*/*` or `image/*`."""
    if content_type in takes:
        return True
    return "/" in content_type and ("*/*" in takes or f"{content_type.partition('/')[0]}/*" in takes)


def query_pairs(query: bytes) -> Pairs:
    """The pairs of a query string, decoded. Raises InvalidRequest for too many or for what is not UTF-8."""
    if not query:
        return ()
    try:
        parts = query.decode().split("&", MAX_PARAMETERS)
        if len(parts) > MAX_PARAMETERS:
            raise ValueError(len(parts))
        return [_pair(part) for part in parts]
    except ValueError:
        raise InvalidRequest("The query string is not valid.") from None


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    if "%" in part or "+" in part:
        return _unescaped(name), _unescaped(value)
    return name, value


def _unescaped(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ")).decode()


async def _check_answer(route: _Route, answer: Answer) -> None:
    """Raise InvalidOutput unless the answer is what the lexicon says."""
    try:
        _compare(route.method.nsid, route.output, answer)
    except InvalidOutput:
        await close(answer.body)
        raise


def _compare(nsid: str, output: Body | None, answer: Answer) -> None:
    """Streams are compared by their type only."""
    if answer.status >= 400:
        return
    if output is None:
        if answer.body is not None:
            raise InvalidOutput(f"{nsid} answers where its lexicon names no output")
        return
    if answer.body is None:
        raise InvalidOutput(f"{nsid} answers nothing where its lexicon names an output")
    takes = frozenset(kind.strip() for kind in output.encoding.split(","))
    if not _fits((answer.content_type or "").partition(";")[0], takes):
        raise InvalidOutput(f"{nsid} answers {answer.content_type} where its lexicon names {output.encoding}")
    if output.check is not None:
        output.check(read_json(answer.body if isinstance(answer.body, bytes) else encode(answer.body)))


def _note(nsid: str, refused: Refused) -> None:
    if log.isEnabledFor(logging.DEBUG):
        log.debug("refused", extra={"nsid": nsid, "error": refused.name, "facts": refused.facts})


def _fault(nsid: str) -> Answer:
    """Log our own fault under a reference number, which is all that the caller is told."""
    reference = secrets.token_hex(6)
    log.exception("a call failed", extra={"nsid": nsid, "reference": reference})
    message = f"Something went wrong on this server. If you report it, give this reference: {reference}"
    return Answer({"error": "InternalServerError", "message": message}, status=500)
