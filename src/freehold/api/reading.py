"""What a call asks to read, for the alarm on bulk reading: from its parameters alone, before it is answered."""

from collections.abc import Callable, Mapping
from typing import Any

from freehold.api.caller import Caller
from freehold.api.door import Scope
from freehold.api.spending import payer_of
from freehold.pds.oauth.server import Grant
from freehold.site import Site

Params = Mapping[str, Any]


def _one(name: str) -> Callable[[Params], tuple[str, ...]]:
    return lambda params: (str(params[name]),)


def _many(name: str) -> Callable[[Params], tuple[str, ...]]:
    return lambda params: tuple(params[name])


def _record(name: str) -> Callable[[Params], tuple[str, ...]]:
    return lambda params: (f"{params[name]}/{params['collection']}/{params['rkey']}",)


READS: Mapping[str, tuple[str, Callable[[Params], tuple[str, ...]]]] = {
    "com.atproto.sync.getRepo": ("repositories", _one("did")),
    "com.atproto.sync.getBlocks": ("repositories", _one("did")),
    "com.atproto.sync.listBlobs": ("repositories", _one("did")),
    "com.atproto.repo.describeRepo": ("repositories", _one("repo")),
    "com.atproto.repo.listRecords": ("repositories", _one("repo")),
    "com.atproto.repo.getRecord": ("records", _record("repo")),
    "com.atproto.sync.getRecord": ("records", _record("did")),
    "com.atproto.sync.getBlob": ("files", _one("cid")),
    "app.bsky.actor.getProfile": ("profiles", _one("actor")),
    "app.bsky.actor.getProfiles": ("profiles", _many("actors")),
    "app.bsky.feed.getAuthorFeed": ("profiles", _one("actor")),
    "app.bsky.graph.getFollowers": ("profiles", _one("actor")),
    "app.bsky.graph.getFollows": ("profiles", _one("actor")),
    "app.bsky.feed.getPosts": ("records", _many("uris")),
    "app.bsky.feed.getPostThread": ("records", _one("uri")),
    "app.bsky.unspecced.getPostThreadV2": ("records", _one("anchor")),
}
"""Methods by which one can read everybody, what kind of thing they give, and which."""


def watch(site: Site, nsid: str, caller: Caller, scope: Scope, params: Params) -> None:
    """Count what a call asks for."""
    found = READS.get(nsid)
    if found is None or site.place.dev or caller.kind == "admin":
        return
    kind, things = found
    app = caller.token.session.client_id if isinstance(caller.token, Grant) else ""
    site.watch.note(kind, payer_of(caller, scope), app, *things(params))
