"""com.atproto.temp.*: what the official client asks while somebody signs up.

Source: lexicons com.atproto.temp.checkHandleAvailability, checkSignupQueue
"""

from typing import Any

from freehold.api.caller import ACCESS, NONE, Caller
from freehold.api.xrpc import Given, query
from freehold.site import Site

Json = dict[str, Any]
AVAILABLE = "com.atproto.temp.checkHandleAvailability#resultAvailable"
UNAVAILABLE = "com.atproto.temp.checkHandleAvailability#resultUnavailable"


@query("com.atproto.temp.checkHandleAvailability", auth=NONE, cost=10)
async def check_handle_availability(site: Site, caller: Caller, given: Given) -> Json:
    handle: str = given.params["handle"].lower()
    if site.members.is_free(handle):
        return {"handle": handle, "result": {"$type": AVAILABLE}}
    suggested = [{"handle": other, "method": "number"} for other in site.members.free_like(handle)]
    return {"handle": handle, "result": {"$type": UNAVAILABLE, "suggestions": suggested}}


@query("com.atproto.temp.checkSignupQueue", auth=ACCESS)
async def check_signup_queue(site: Site, caller: Caller, given: Given) -> Json:
    """There is no queue: whoever has an account is in."""
    return {"activated": True}
