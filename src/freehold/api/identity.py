"""com.atproto.identity.*: handles and DIDs, ours and others'.

Source: lexicons com.atproto.identity.*
"""

from typing import Any

from freehold.api.caller import NONE, Caller
from freehold.api.xrpc import Given, query
from freehold.site import Site

Json = dict[str, Any]


@query("com.atproto.identity.resolveHandle", auth=NONE)
async def resolve_handle(site: Site, caller: Caller, given: Given) -> Json:
    return {"did": await site.identity.resolve_handle(given.params["handle"])}
