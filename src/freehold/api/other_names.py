"""What answers under names that are not the network's own: those that it had before, and its spare doors.

A former name leads on: pages to the same page at the name of now, for good; what programs ask is answered there and
here alike, and a handle that ended with it resolves no more. A spare door says where the network is (the beacon) and
leads there for now; it serves nothing else, so that whoever holds that name holds no more than that.
Sources: https://www.rfc-editor.org/rfc/rfc9110 (§15.4), https://atproto.com/specs/handle
"""

from collections.abc import Awaitable, Callable
from typing import Any

from freehold.api.door import Scope
from freehold.api.plain import BEACON
from freehold.site import Site

App = Callable[[Scope, Any, Any], Awaitable[None]]

PROGRAMS = ("/xrpc/", "/plc/", "/did:plc:", "/.well-known/", "/img/", "/metrics", "/oauth/")
FOR_GOOD, FOR_NOW, BY_GET = 308, 307, 303


def answer(site: Site, host: str, scope: Scope) -> App | None:
    """What answers a request that came under another name, or for a page of a handle of before; None for all else."""
    name, path = host.rsplit(":", 1)[0].lower(), str(scope["path"])
    if name in site.spare_names and name != site.place.host.rsplit(":", 1)[0]:
        return None if path == BEACON else _lead(f"{site.place.base_url}{_rest(scope)}", FOR_NOW)
    if path.startswith(PROGRAMS) or not site.former:
        return None
    now, page = site.renamed(name), _page_now(site, path)
    if now is None and page == path:
        return None
    return _lead(f"https://{now or site.place.host}{_rest(scope, page)}", FOR_GOOD)


def _page_now(site: Site, path: str) -> str:
    """The path of a page, with the handle that is in it as it is now."""
    if not path.startswith("/@"):
        return path
    handle, slash, rest = path[2:].partition("/")
    return f"/@{site.renamed(handle) or handle}{slash}{rest}"


def _rest(scope: Scope, page: str | None = None) -> str:
    """Path and query as they were asked for. page: in place of a path that is another now."""
    raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    path = raw if page is None or page == scope["path"] else page
    query = scope.get("query_string", b"").decode("latin-1")
    return path + (f"?{query}" if query else "")


def _lead(to: str, status: int) -> App:
    """A form that was meant for the old name is not sent on: its sender is led to the page."""

    async def lead(scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        reads = scope["method"] in ("GET", "HEAD")
        headers = [(b"location", to.encode("ascii", "replace")), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status if reads else BY_GET, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return lead
