"""com.atproto.identity.*: handles and DIDs, ours and others'.

Source: lexicons com.atproto.identity.*
"""

from typing import Any

from freehold.api.caller import NONE, Caller
from freehold.api.xrpc import Given, query
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
