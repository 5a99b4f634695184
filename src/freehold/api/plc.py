"""The directory of did:plc identities over HTTP, under /plc, with the public directory's own interface and refusals.

    GET  /plc/{did}  /plc/{did}/data  /plc/{did}/log  /plc/{did}/log/audit  /plc/{did}/log/last
    GET  /plc/export?count&after  /plc/_health
    POST /plc/{did}

The same answers stand at /{did}: the official resolver asks there, whatever path its directory's URL has.
Refusals are `{"message": …}`, as clients of the public directory expect them, and not XRPC's.
Source: https://web.plc.directory/api/redoc
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs
from weakref import WeakKeyDictionary

import msgspec

from freehold import __version__
from freehold.api.answers import Send, deliver
from freehold.api.bodies import ClientGone, Receive, check_length, read_json, whole
from freehold.api.cors import preflight
from freehold.api.xrpc import Answer
from freehold.identity import plc_directory
from freehold.net.budgets import Budgets, Limit, caller_of, network_of
from freehold.net.statuses import STATUS
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import InvalidSyntax, parse_datetime
from freehold.store.tx import Tx

MAX_BODY_BYTES = 100_000
DID_DOCUMENT = "application/did+ld+json"
JSON_LINES = "application/jsonlines"

PER_CALLER = Limit("plc", 30, 3_600)
PER_NETWORK = Limit("plc-network", 300, 3_600)
"""Operations that strangers may send: each stays in the truth for ever."""

_budgets: WeakKeyDictionary[Any, Budgets] = WeakKeyDictionary()

_READS: dict[str, Callable[[Tx, str], Any]] = {
    "": plc_directory.document,
    "data": plc_directory.data,
    "log": plc_directory.log,
    "log/audit": plc_directory.audit,
    "log/last": plc_directory.last,
}


class NotThere(Refused):
    """No such path or method."""

    kind, name, say = "missing", "NotFound", "Not Found"


async def plc(site: Any, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer one HTTP request whose path begins with /plc/."""
    headers, method = dict(scope["headers"]), scope["method"]
    if method == "OPTIONS":
        await send({"type": "http.response.start", "status": 204, "headers": preflight(scope["headers"])})
        await send({"type": "http.response.body", "body": b""})
        return
    try:
        answer = await _answer(site, scope, method, headers, receive)
    except Refused as refused:
        answer = Answer({"message": refused.say}, status=STATUS[refused.kind])
    except ClientGone:
        return
    await deliver(answer, headers.get(b"accept-encoding"), send, head=method == "HEAD")


async def _answer(
    site: Any, scope: dict[str, Any], method: str, headers: dict[bytes, bytes], receive: Receive
) -> Answer:
    did, _, what = scope["path"].removeprefix("/plc").lstrip("/").partition("/")
    if method == "POST" and not what:
        _spend(site, (scope.get("client") or ("",))[0])
        check_length(headers.get(b"content-length", b"").decode("latin-1"), MAX_BODY_BYTES)
        return await _submit(site, did, await whole(receive, MAX_BODY_BYTES))
    if method not in ("GET", "HEAD"):
        raise NotThere
    if did == "_health":
        return Answer({"version": __version__})
    with site.truth.reading() as tx:
        if did == "export" and not what:
            return _export(tx, scope.get("query_string", b""))
        if what not in _READS:
            raise NotThere
        found = _READS[what](tx, did)
    return Answer(msgspec.json.encode(found), DID_DOCUMENT) if not what else Answer(found)


def _spend(site: Any, address: str) -> None:
    """Count an operation against its sender's address and network. Raises TooMany."""
    if site.place.dev:
        return
    budgets = _budgets.get(site)
    if budgets is None:
        budgets = _budgets[site] = Budgets(site.clock)
    budgets.spend(PER_CALLER, caller_of(address))
    budgets.spend(PER_NETWORK, network_of(address))


async def _submit(site: Any, did: str, body: bytes) -> Answer:
    operation = read_json(body)
    await site.truth.write(lambda tx: site.register.take(tx, did, operation, limited=not site.place.dev))
    return Answer(b"OK", "text/plain; charset=utf-8")


def _export(tx: Tx, query: bytes) -> Answer:
    """Entries of all DIDs, one JSON object a line. after: a time, or a sequence number of ours."""
    try:
        given = parse_qs(query.decode("latin-1"), max_num_fields=20)
    except ValueError:
        raise InvalidRequest("Too many parameters") from None
    count, after = given.get("count", ["1000"])[0], given.get("after", [""])[0]
    if not (count.isascii() and count.isdecimal() and int(count[:9]) > 0):
        raise InvalidRequest("Invalid count parameter")
    most = min(int(count[:9]), plc_directory.MAX_EXPORTED)
    if after.isascii() and after.isdecimal():
        entries = plc_directory.export_after_seq(tx, int(after[:18]), most)
    else:
        entries = plc_directory.export_after_time(tx, _time(after), most)
    return Answer(b"\n".join(map(msgspec.json.encode, entries)), JSON_LINES)


def _time(text: str) -> int:
    if not text:
        return -1
    try:
        return parse_datetime(text)
    except InvalidSyntax:
        raise InvalidRequest("Invalid after parameter") from None
