"""The whole door for programs: which part answers which path.

In comes a request for one site; XRPC calls go to the dispatcher with this site's sign-in, budgets and figures, the
stream to its own handler, the rest to `plain` and `plc`.
"""

from typing import Any
from weakref import WeakKeyDictionary

from freehold.api import (
    addresses,
    admin,
    app_passwords,
    bsky,
    bsky_feeds,
    bsky_own,
    identity,
    invites,
    labels,
    lexicon,
    moderation,
    repo,
    server,
    standing,
    sync,
    temp,
)
from freehold.api.caller import Caller
from freehold.api.door import PREFIX, Door, Hooks, Scope
from freehold.api.firehose import NSID as FIREHOSE
from freehold.api.firehose import Firehose
from freehold.api.from_services import from_service
from freehold.api.metrics import Metrics
from freehold.api.oauth import PATHS as OAUTH_PATHS
from freehold.api.oauth import OAuthDoor
from freehold.api.plain import HEALTH_PATH, plain
from freehold.api.plc import plc
from freehold.api.proxy import Proxy
from freehold.api.reading import watch
from freehold.api.sign_in import authenticate, known
from freehold.api.spending import spend
from freehold.api.xrpc import METHODS, Headers, Method, Methods, RequestHeaders
from freehold.net.visits import Coming, Whole
from freehold.protocol.lexicon import Catalog
from freehold.site import Site

MODULES = (
    addresses,
    admin,
    app_passwords,
    bsky,
    bsky_feeds,
    bsky_own,
    identity,
    invites,
    labels,
    lexicon,
    moderation,
    repo,
    server,
    standing,
    sync,
    temp,
)
"""Whose import registers the methods."""


AT_ONCE = frozenset(PREFIX + method.nsid for method in METHODS if method.at_once is not None)
"""The paths of methods that may be answered at once."""


class ApiDoor:
    """Serves the programs of every site of this process. check_answers: hold each answer against its lexicon
    (tests)."""

    def __init__(self, catalog: Catalog, *, check_answers: bool = False) -> None:
        hooks = Hooks(
            authenticate=self._authenticate,
            elsewhere=Proxy(self._spend),
            spend=self._spend,
            observe=self.observe,
            watch=watch,
            known=self._known,
        )
        self._full = Door(catalog, METHODS, hooks, check_answers=check_answers)
        self._host_only = Door(catalog, _without_views(METHODS), hooks, check_answers=check_answers)
        self._metrics: WeakKeyDictionary[Site, Metrics] = WeakKeyDictionary()
        self._oauth = OAuthDoor()
        self._firehoses: WeakKeyDictionary[Site, Firehose] = WeakKeyDictionary()

    async def __call__(self, site: Site, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request, or serve one subscriber."""
        path: str = scope["path"]
        if scope["type"] == "websocket":
            if path == f"/xrpc/{FIREHOSE}":
                await self._firehose_of(site).subscribe(scope, receive, send)
            elif path == f"/xrpc/{labels.STREAM}":
                await labels.subscribe_labels(site, scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
        elif path.startswith(("/plc/", "/did:plc:")):
            await plc(site, dict(scope), receive, send)
        elif path in OAUTH_PATHS:
            await self._oauth(site, scope, receive, send)
        elif path.startswith("/xrpc/") and path != HEALTH_PATH:
            door = self._host_only if site.settings.host_only else self._full
            await door(site, scope, receive, send)
        else:
            await plain(site, self._metrics_of(site), scope, send)

    def at_once(self, site: Site, scope: Scope) -> Whole | Coming | None:
        """The answer to a member's call for a view or write of a record, without a task of its own."""
        return (self._host_only if site.settings.host_only else self._full).at_once(site, scope)

    def _known(self, site: Site, method: Method, headers: RequestHeaders) -> Caller | None:
        if site.beside and not site.is_caught_up:  # what goes wrong in a worker is asked of the main process
            return None
        return known(site, headers)

    async def _authenticate(self, site: Site, method: Method, headers: RequestHeaders, scope: Scope) -> Caller:
        return await from_service(site, method, headers, scope) or await authenticate(site, method.auth, headers, scope)

    def _spend(self, site: Site, method: Method, caller: Caller, scope: Scope, points: int) -> Headers:
        nonce = [("dpop-nonce", site.oauth.proofs.nonce)] if caller.kind == "oauth" else []
        if site.place.dev:
            return nonce
        return [*spend(site.allowances, method, caller, scope, points), *nonce]

    def observe(self, site: Site, method: str, status: int, seconds: float) -> None:
        """Count a call."""
        self._metrics_of(site).observe(method, status, seconds)

    def _metrics_of(self, site: Site) -> Metrics:
        metrics = self._metrics.get(site)
        if metrics is None:
            metrics = self._metrics[site] = Metrics()
        return metrics

    def _firehose_of(self, site: Site) -> Firehose:
        firehose = self._firehoses.get(site)
        if firehose is None:
            firehose = self._firehoses[site] = Firehose(site, self._metrics_of(site))
        return firehose


def _without_views(methods: Methods) -> Methods:
    """The methods of a host whose views come from elsewhere."""
    kept = Methods()
    for method in methods:
        if method.nsid.startswith("com.atproto.") or method.nsid.endswith("etPreferences"):
            kept.add(method)
    return kept
