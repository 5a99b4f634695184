"""Calls meant for another service: `atproto-proxy: did#service`, and what an outside AppView is to answer.

Our own services, and the foreign ones that this network has adopted, need no hop: their calls are answered here.
Methods
of com.atproto that we have are never passed on. Everything else goes out with a service token in the member's name.
Source: https://atproto.com/specs/xrpc#service-proxying
"""

import secrets
from collections.abc import Callable
from typing import Literal

from freehold.api import bodies
from freehold.api.caller import ACCESS
from freehold.api.door import Passing
from freehold.api.sign_in import authenticate
from freehold.api.xrpc import Answer
from freehold.pds.accounts import assure_active
from freehold.pds.service_auth import assure_level, service_token
from freehold.protocol.refused import InvalidRequest, Refused
from freehold.protocol.syntax import is_did
from freehold.site import Site

MAX_BODY = 10_000_000
MAX_ANSWER = 20_000_000
SECONDS = 30.0
MICROS = 1_000_000
OURS = ("com.atproto.server.", "com.atproto.repo.", "com.atproto.sync.", "com.atproto.identity.", "com.atproto.admin.")
KEPT_HERE = frozenset({"app.bsky.actor.getPreferences", "app.bsky.actor.putPreferences"})
SENT_ON = ("accept", "accept-language", "atproto-accept-labelers", "content-type", "x-bsky-topics")
HANDED_BACK = ("content-language", "atproto-repo-rev", "atproto-content-labelers", "retry-after")


class BadProxyTarget(Refused):
    """The header names no service."""

    name = "InvalidRequest"
    say = "atproto-proxy must be a DID, #, and the name of a service in its document."


async def elsewhere(site: Site, call: Passing) -> Answer | None:
    """What another service answers; None for a call that is to be served here."""
    target = call.headers.get("atproto-proxy")
    if call.nsid in KEPT_HERE or call.nsid.startswith(OURS):
        return None
    if target is None:
        if not (site.settings.host_only and call.nsid.startswith(("app.bsky.", "chat.bsky."))):
            return None
        target = site.settings.outside_appview
    did, mark, service = target.partition("#")
    if not (is_did(did) and mark and service):
        raise BadProxyTarget(given=target[:200])
    if not site.settings.host_only and (target in site.settings.adopted_services or did in site.services):
        return None
    return await _pass_on(site, call, did, service)


async def _pass_on(site: Site, call: Passing, did: str, service: str) -> Answer:
    """Ask the service in the member's name, and hand its answer on."""
    verb: Literal["GET", "POST"] = "POST" if call.scope["method"] == "POST" else "GET"
    caller = await authenticate(site, ACCESS, call.headers, call.scope)
    account = site.accounts.one(caller.member)
    assure_active(account)
    assure_level(call.nsid, caller.privileged)
    endpoint = (await site.identity.did_document(did)).services.get(f"#{service}")
    if endpoint is None:
        raise InvalidRequest("That DID document names no such service.", did=did, service=service)
    token = service_token(
        key=site.key_of(account),
        issuer=account.did,
        audience=f"{did}#{service}",
        method=call.nsid,
        now=site.clock() // MICROS,
        until=None,
        nonce=secrets.token_hex(16),
    )
    query = call.scope["query_string"].decode("latin-1")
    said = await site.client.request(
        verb,
        f"{endpoint.rstrip('/')}/xrpc/{call.nsid}" + (f"?{query}" if query else ""),
        headers={"authorization": f"Bearer {token}", **_some(call.headers.get, SENT_ON)},
        content=await bodies.whole(call.receive, MAX_BODY) if verb == "POST" else None,
        max_bytes=MAX_ANSWER,
        seconds=SECONDS,
    )
    back = _some(said.headers.get, HANDED_BACK)
    return Answer(said.body, said.headers.get("content-type"), list(back.items()), said.status)


def _some(get: Callable[[str], str | None], names: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name in names if (value := get(name)) is not None}
