"""Calls meant for another service: `atproto-proxy: did#service`, and what an outside AppView is to answer.

Our own services, and the foreign ones that this network has adopted, need no hop: their calls are answered here.
Methods of com.atproto that are a host's own are never passed on. Everything else goes out with a service token in the
member's name, to whatever service a DID document names, and is handed through piece by piece; a few answers of a host's
own AppView are completed first (`api.read_after_write`).
Source: https://atproto.com/specs/xrpc#service-proxying
"""

import secrets
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from freehold.api.answers import accepts_gzip
from freehold.api.caller import ACCESS, Caller
from freehold.api.door import Passing, Scope
from freehold.api.own_views import Ask, Params
from freehold.api.passing import Limits, Passage
from freehold.api.read_after_write import METHODS, with_own
from freehold.api.sign_in import authenticate
from freehold.api.xrpc import Answer, Given, Headers, Method
from freehold.appview.parts import as_dict
from freehold.pds.accounts import Account, assure_active
from freehold.pds.service_auth import assure_level, service_token
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import is_did
from freehold.site import Site

Spend = Callable[[Any, Method, Caller, Scope, int], Headers]

MICROS = 1_000_000
COST = 2
"""Points of a call that is passed on."""
MOST_AT_ONCE = 24
"""Calls of one member that may be on their way to other services at the same time."""
MORE_SECONDS = 3.0
"""For what is asked on the way, to complete an answer."""
OURS = (
    "com.atproto.server.",
    "com.atproto.repo.",
    "com.atproto.sync.",
    "com.atproto.identity.",
    "com.atproto.admin.",
    "com.atproto.lexicon.",
)
KEPT_HERE = frozenset({"app.bsky.actor.getPreferences", "app.bsky.actor.putPreferences"})
SENT_ON = ("accept", "accept-language", "atproto-accept-labelers", "x-bsky-topics")
ALL_SENT_ON = "x-atproto-"
SENT_WITH_BODY = ("content-type", "content-encoding", "content-length")
HANDED_BACK = (
    "content-language",
    "content-encoding",
    "content-length",
    "atproto-repo-rev",
    "atproto-content-labelers",
    "retry-after",
)
IN_A_BROWSER = [("content-security-policy", "default-src 'none'; sandbox"), ("vary", "accept-encoding")]
"""What another service says is no page of ours."""


class BadProxyTarget(Refused):
    """The header names no service."""

    name = "InvalidRequest"
    say = "atproto-proxy must be a DID, #, and the name of a service in its document."


class TooManyAtOnce(Refused):
    """One member asks other services too much at the same time."""

    kind, name = "too_many", "RateLimitExceeded"
    say = "Too many calls to other services at once. Wait for some of them to end."


class Proxy:
    """Passes calls on, for every site of the process. spend: takes a call's points, as `Hooks.spend`."""

    def __init__(self, spend: Spend, limits: Limits = Limits()) -> None:
        self._spend = spend
        self._limits = limits
        self._under_way: WeakKeyDictionary[Site, Counter[str]] = WeakKeyDictionary()

    async def __call__(self, site: Site, call: Passing) -> Answer | None:
        """What another service answers; None for a call that is to be served here."""
        target = target_of(site, call)
        if target is None:
            return None
        caller = await authenticate(site, ACCESS, call.headers, call.scope)
        account = site.accounts.one(caller.member)
        assure_active(account)
        assure_level(call.nsid, caller.privileged)
        verb: Literal["GET", "POST"] = "POST" if call.scope["method"] == "POST" else "GET"
        left = self._spend(site, Method(call.nsid, verb, ACCESS, _nowhere), caller, call.scope, COST)
        did, _, service = target.partition("#")
        endpoint = (await site.identity.did_document(did)).services.get(f"#{service}")
        if endpoint is None:
            raise InvalidRequest("That DID document names no such service.", did=did, service=service)
        answer = await self._pass_on(site, account, call, target, endpoint)
        return replace(answer, headers=[*answer.headers, *left])

    async def _pass_on(self, site: Site, account: Account, call: Passing, target: str, endpoint: str) -> Answer:
        """Ask the service, and hand its answer on as it comes; the host's AppView's with what it has not read yet."""
        headers = {"authorization": f"Bearer {_token(site, account, target, call.nsid)}", **_sent_on(call)}
        completes = _completes(site, call, target)
        if completes:
            headers["accept-encoding"] = _unpackable(call)
        query = call.scope["query_string"].decode("latin-1")
        url = f"{endpoint.rstrip('/')}/xrpc/{call.nsid}" + (f"?{query}" if query else "")
        under_way = self._under_way.setdefault(site, Counter())
        if under_way[account.did] >= MOST_AT_ONCE:
            raise TooManyAtOnce
        under_way[account.did] += 1
        passage = await Passage.open(
            site.proxy_client,
            call.scope["method"] if call.scope["method"] in ("HEAD", "POST") else "GET",
            url,
            headers,
            call.receive,
            self._limits,
            ended=lambda: _end(under_way, account.did),
        )
        back = [(name, passage.headers[name]) for name in HANDED_BACK if name in passage.headers]
        answer = Answer(passage, passage.headers.get("content-type"), [*back, *IN_A_BROWSER], passage.status)
        if not completes:
            return answer
        try:
            return await with_own(site, account, call, passage, answer, _asking(site, account, call, target, endpoint))
        except BaseException:
            await passage.aclose()
            raise


def target_of(site: Site, call: Passing) -> str | None:
    """The service, `did#id`, that is to answer; None for this network itself. Raises BadProxyTarget."""
    target = call.headers.get("atproto-proxy")
    if call.nsid in KEPT_HERE or call.nsid.startswith(OURS):
        return None
    if target is None:
        if not (site.settings.host_only and call.nsid.startswith(("app.bsky.", "chat.bsky."))):
            return None
        target = site.settings.outside_appview
    did, mark, service = target.partition("#")
    if not (is_did(did) and mark and service) or "#" in service:
        raise BadProxyTarget(given=target[:200])
    if not site.settings.host_only and (target in site.settings.adopted_services or did in site.services):
        return None
    return target


def _completes(site: Site, call: Passing, target: str) -> bool:
    """Whether what the service answers may lack what the member wrote here just now."""
    asked = call.scope["method"] == "GET" and call.nsid in METHODS
    return asked and site.settings.host_only and target == site.settings.outside_appview


def _unpackable(call: Passing) -> str:
    """How an answer that we may have to read may be packed."""
    return "gzip" if accepts_gzip(call.headers.raw(b"accept-encoding") or b"") else "identity"


def _asking(site: Site, account: Account, call: Passing, target: str, endpoint: str) -> Ask:
    """More questions to the same service in the same member's name. They take no long time, or have no answer."""

    async def ask(nsid: str, params: Params) -> dict[str, Any] | None:
        url = f"{endpoint.rstrip('/')}/xrpc/{nsid}?{urlencode(params, doseq=True)}"
        kept = {name: value for name, value in _sent_on(call).items() if name != "accept-encoding"}
        headers = {"authorization": f"Bearer {_token(site, account, target, nsid)}", **kept}
        try:
            got = await site.proxy_client.request("GET", url, headers=headers, seconds=MORE_SECONDS)
            return as_dict(got.json()) if got.status == 200 else None
        except Refused:
            return None

    return ask


async def _nowhere(site: Any, caller: Caller, given: Given) -> None:
    raise AssertionError("what is passed on has no handler here")


def _token(site: Site, account: Account, target: str, nsid: str) -> str:
    """A token for this one call."""
    return service_token(
        key=site.key_of(account),
        issuer=account.did,
        audience=target,
        method=nsid,
        now=site.clock() // MICROS,
        until=None,
        nonce=secrets.token_hex(16),
    )


def _sent_on(call: Passing) -> dict[str, str]:
    """The headers that concern the other service; how the answer may be packed is between it and the caller."""
    names = (*SENT_ON, *SENT_WITH_BODY) if call.scope["method"] == "POST" else SENT_ON
    sent = {name: value for name in names if (value := call.headers.get(name)) is not None}
    for raw_name, raw_value in call.scope["headers"]:
        name = raw_name.decode("latin-1")
        if name.startswith(ALL_SENT_ON):
            sent[name] = raw_value.decode("latin-1")
    return {"accept-encoding": call.headers.get("accept-encoding") or "identity", **sent}


def _end(under_way: Counter[str], did: str) -> None:
    under_way[did] -= 1
    if not under_way[did]:
        del under_way[did]
