"""com.atproto.lexicon.*: lexicons of others, found by their names.

Source: lexicon com.atproto.lexicon.resolveLexicon
"""

from typing import Any

from freehold.api.caller import NONE, Caller
from freehold.api.xrpc import Given, query
from freehold.site import Site

Json = dict[str, Any]


@query("com.atproto.lexicon.resolveLexicon", auth=NONE, cost=20)
async def resolve_lexicon(site: Site, caller: Caller, given: Given) -> Json:
    found = await site.lexicons.resolve(given.params["nsid"])
    return {"uri": found.uri, "cid": str(found.cid), "schema": found.record}
