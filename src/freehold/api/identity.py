"""com.atproto.identity.*: handles and DIDs, ours and others', and a member's changes of their own.

Source: lexicons com.atproto.identity.*
"""

from typing import Any

from freehold.api.addresses import LETTER_COST
from freehold.api.caller import ACCESS, FULL, NONE, Caller
from freehold.api.xrpc import Given, procedure, query
from freehold.identity.resolver import Who
from freehold.protocol.refused import Refused
from freehold.site import Site

Json = dict[str, Any]


async def document_of(site: Site, did: str) -> Json | None:
    """The DID document of an account here; None where the directory that has it does not answer. (Nobody shall be kept
    from signing in by that.)"""
    try:
        return await site.identity.did_json(did)
    except Refused:
        return None


@query("com.atproto.identity.resolveHandle", auth=NONE)
async def resolve_handle(site: Site, caller: Caller, given: Given) -> Json:
    return {"did": await site.identity.resolve_handle(given.params["handle"])}


@query("com.atproto.identity.resolveDid", auth=NONE)
async def resolve_did(site: Site, caller: Caller, given: Given) -> Json:
    return {"didDoc": await site.identity.did_json(given.params["did"])}


@query("com.atproto.identity.resolveIdentity", auth=NONE)
async def resolve_identity(site: Site, caller: Caller, given: Given) -> Json:
    return _shown(await site.identity.who(given.params["identifier"]))


@procedure("com.atproto.identity.refreshIdentity", auth=ACCESS, cost=10)
async def refresh_identity(site: Site, caller: Caller, given: Given) -> Json:
    return _shown(await site.identity.who(given.input["identifier"], doubted=True))


@procedure("com.atproto.identity.updateHandle", auth=FULL, cost=LETTER_COST)
async def update_handle(site: Site, caller: Caller, given: Given) -> None:
    await site.naming.change(site.accounts.one(caller.member), given.input["handle"])


@query("com.atproto.identity.getRecommendedDidCredentials", auth=ACCESS)
async def get_recommended_did_credentials(site: Site, caller: Caller, given: Given) -> Json:
    return site.plc_requests.recommended(site.accounts.one(caller.member))


@procedure("com.atproto.identity.requestPlcOperationSignature", auth=FULL, cost=LETTER_COST)
async def request_plc_operation_signature(site: Site, caller: Caller, given: Given) -> None:
    await site.plc_requests.ask(site.accounts.one(caller.member))


@procedure("com.atproto.identity.signPlcOperation", auth=FULL, cost=10)
async def sign_plc_operation(site: Site, caller: Caller, given: Given) -> Json:
    account, said = site.accounts.one(caller.member), given.input
    return {"operation": dict(await site.plc_requests.sign(account, said.get("token") or "", said))}


@procedure("com.atproto.identity.submitPlcOperation", auth=FULL, cost=10)
async def submit_plc_operation(site: Site, caller: Caller, given: Given) -> None:
    await site.plc_requests.submit(site.accounts.one(caller.member), given.input["operation"])


def _shown(who: Who) -> Json:
    return {"did": who.did, "handle": who.handle, "didDoc": who.json}
