"""com.atproto.temp.*: what the official client asks while somebody signs up.

Source: lexicons com.atproto.temp.checkHandleAvailability, checkSignupQueue
"""

from typing import Any

from freehold.api.caller import NONE, WAITING, Caller
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


@query("com.atproto.temp.checkSignupQueue", auth=WAITING)
async def check_signup_queue(site: Site, caller: Caller, given: Given) -> Json:
    standing = await site.admission.standing(caller.member)
    if standing is None:
        return {"activated": True}
    out: Json = {"activated": False, "placeInQueue": standing.turn}
    return out | ({"estimatedTimeMs": standing.seconds * 1_000} if standing.seconds is not None else {})
