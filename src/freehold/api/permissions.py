"""What an app may call for a member who let it in by OAuth: each method held against the scopes that were granted.

`assure_method` is asked at sign-in for every call; what depends on the body (records, service tokens) is asked by the
handler through `assure_records` and `assure_service`. Methods of the account itself that are not named here are for the
member's own session only, so a new one is closed to apps until somebody opens it.
Source: https://atproto.com/specs/permission
"""

from collections.abc import Iterable

from freehold.api.caller import Caller
from freehold.api.xrpc import RequestHeaders
from freehold.pds.oauth.errors import ScopeMissing
from freehold.pds.oauth.scopes import MAIL, Action, Scopes
from freehold.pds.oauth.server import Grant
from freehold.pds.writes import Create, Delete, Put, Write
from freehold.site import Site

CLOSED = ("com.atproto.server.", "com.atproto.identity.", "com.atproto.admin.", "com.atproto.repo.")
"""Namespaces where only what is opened below may be called."""

BY_HANDLER = frozenset(
    {
        "com.atproto.repo.createRecord",
        "com.atproto.repo.putRecord",
        "com.atproto.repo.deleteRecord",
        "com.atproto.repo.applyWrites",
        "com.atproto.server.getServiceAuth",
    }
)
"""Asked by the handler, which knows what is in the body."""

FREE = frozenset(
    {
        "com.atproto.server.getSession",
        "com.atproto.server.checkAccountStatus",
        "com.atproto.repo.listMissingBlobs",
        "com.atproto.identity.getRecommendedDidCredentials",
        "com.atproto.identity.refreshIdentity",
        "com.atproto.temp.checkSignupQueue",
    }
)
"""For every app that the member let in."""

UPLOAD = "com.atproto.repo.uploadBlob"
IMPORT = "com.atproto.repo.importRepo"
MAIL_METHODS = {
    "com.atproto.server.confirmEmail": "manage",
    "com.atproto.server.requestEmailConfirmation": "manage",
    "com.atproto.server.requestEmailUpdate": "manage",
    "com.atproto.server.updateEmail": "manage",
}
IDENTITY_METHODS = {
    "com.atproto.identity.updateHandle": "handle",
    "com.atproto.identity.requestPlcOperationSignature": "*",
    "com.atproto.identity.signPlcOperation": "*",
    "com.atproto.identity.submitPlcOperation": "*",
}

ANSWERS = {
    "bsky_notif": ("app.bsky.notification.",),
    "bsky_chat": ("chat.bsky.",),
    "bsky_fg": (
        "app.bsky.feed.describeFeedGenerator",
        "app.bsky.feed.getFeedSkeleton",
        "app.bsky.feed.sendInteractions",
    ),
}
"""What such a service answers, by its id, where it is not all: what was granted for one reaches no further here, where
one network answers for all of them."""


def assure_method(site: Site, scopes: Scopes, nsid: str, headers: RequestHeaders) -> None:
    """May this method be called at all? Raises ScopeMissing."""
    if nsid in BY_HANDLER or nsid in FREE:
        return
    if nsid == UPLOAD:
        mime = (headers.get("content-type") or "").partition(";")[0].strip()
        _assure(scopes.allows_blob(mime), f"blob:{mime}")
    elif nsid == IMPORT:
        _assure(scopes.allows_account("repo", "manage"), "account:repo?action=manage")
    elif nsid in MAIL_METHODS:
        _assure(scopes.allows_account("email", "manage"), "account:email?action=manage")
    elif nsid in IDENTITY_METHODS:
        what = IDENTITY_METHODS[nsid]
        _assure(scopes.allows_identity(what), f"identity:{what}")
    elif nsid.startswith(CLOSED):
        raise ScopeMissing(f"the member's own session, for {nsid}")
    else:
        _assure_call(site, scopes, nsid, headers.get("atproto-proxy"))


def assure_records(caller: Caller, writes: Iterable[Write]) -> None:
    """May the caller's app make these writes? Raises ScopeMissing."""
    scopes = scopes_of(caller)
    if scopes is None:
        return
    for write in writes:
        for action in _actions(write):
            needed = f"repo:{write.collection}?action={action}"
            _assure(scopes.allows_repo(action, write.collection), needed)


def assure_service(caller: Caller, method: str | None, audience: str) -> None:
    """May the caller's app have a token for this method (None: any) of that service? Raises ScopeMissing."""
    scopes = scopes_of(caller)
    if scopes is not None:
        lxm = method or "*"
        _assure(scopes.allows_rpc(lxm, audience), f"rpc:{lxm}?aud={audience}")


def may_see_mail(caller: Caller) -> bool:
    """May the caller be told the member's e-mail address?"""
    scopes = scopes_of(caller)
    return scopes is None or MAIL in scopes or scopes.allows_account("email")


def scopes_of(caller: Caller) -> Scopes | None:
    """What the caller's app was granted; None for a caller who is no such app."""
    return caller.token.scopes if isinstance(caller.token, Grant) else None


def _assure_call(site: Site, scopes: Scopes, nsid: str, target: str | None) -> None:
    """A method of a service: of the one that is named, else of any that this network answers for."""
    services = (target,) if target is not None else _own_services(site)
    needed = f"rpc:{nsid}?aud={services[0]}"
    _assure(any(_answers(service, nsid) and scopes.allows_rpc(nsid, service) for service in services), needed)


def _answers(service: str, nsid: str) -> bool:
    return nsid.startswith(ANSWERS.get(service.partition("#")[2], ""))


def _own_services(site: Site) -> tuple[str, ...]:
    if site.settings.host_only:
        return (site.settings.outside_appview,)
    return (*site.settings.adopted_services, f"{site.host_did}#bsky_appview")


def _actions(write: Write) -> tuple[Action, ...]:
    """A put may do either; one that must find something there only updates."""
    if isinstance(write, Create):
        return ("create",)
    if isinstance(write, Put):
        return ("update",) if write.must_exist else ("create", "update")
    assert isinstance(write, Delete)
    return ("delete",)


def _assure(allowed: bool, needed: str) -> None:
    if not allowed:
        raise ScopeMissing(needed)
