"""What kind of caller a request is from, by what costs a few microseconds: a MAC, and looks into memory.

It decides who comes first, and nothing else: whether a token still counts, and what it may do, is found out behind the
door as ever. What is only claimed (a password, a session from before sessions were marked) has a lane of its own.
"""

from collections.abc import Callable, Mapping

from freehold.api.siege.passes import COOKIE, HEADER, Passes
from freehold.net.siege import Kind
from freehold.site import Site

MICROS = 1_000_000
SESSIONS = (b"__Host-session", b"session")
"""The cookie of a browser's session, by https and without."""
OAUTH_TOKEN = "fh_"  # noqa: S105 - how an app's access token begins
HOUSE = (b"/xrpc/_health", b"/metrics", b"/.well-known/")
"""What monitors, certificate authorities and browsers that look for the network ask for."""
ENTRIES = (
    b"/sign-in",
    b"/resting",
    b"/recover",
    b"/oauth/",
    b"/xrpc/com.atproto.server.createSession",
    b"/xrpc/com.atproto.server.refreshSession",
    b"/xrpc/com.atproto.admin.",
)
"""Where members come in, and the operator."""

_PASS_HEADER, _PASS_COOKIE = HEADER.encode(), COOKIE.encode()

Headers = Mapping[bytes, bytes]


def kind_of(site: Site, passes: Passes, target: bytes, headers: Headers, caller: str) -> Kind:
    """Whose request it is; of strangers only what they show by themselves. target: path and query, not decoded."""
    cookies = cookies_of(headers) if b"cookie" in headers else {}
    if _shows_member(site, headers, cookies):
        return "member"
    earned = headers.get(_PASS_HEADER, b"") or cookies.get(_PASS_COOKIE, b"")
    if earned and passes.counts(earned.decode("latin-1"), caller):
        return "proven"
    if target.startswith(HOUSE):
        return "familiar"
    return "entry" if _session(cookies) or target.startswith(ENTRIES) else "stranger"


def is_member(site: Site, headers: Headers) -> bool:
    """Does it show that it is a member's?"""
    return _shows_member(site, headers, cookies_of(headers) if b"cookie" in headers else {})


def _shows_member(site: Site, headers: Headers, cookies: Mapping[bytes, bytes]) -> bool:
    given = headers.get(b"authorization")
    if given is not None and _is_token(site, given.decode("latin-1")):
        return True
    session = _session(cookies)
    return bool(session) and site.tokens.shows_mark(session, site.clock() // MICROS)


def _session(cookies: Mapping[bytes, bytes]) -> str:
    """A browser's session, as it is claimed."""
    return next((cookies[name] for name in SESSIONS if name in cookies), b"").decode("latin-1")


def _is_token(site: Site, given: str) -> bool:
    scheme, _, token = given.partition(" ")
    now = site.clock() // MICROS
    if scheme.lower() == "bearer":
        return site.tokens.is_ours(token, now)
    return scheme.lower() == "dpop" and token.startswith(OAUTH_TOKEN) and site.tokens.shows_mark(token, now)


def cookies_of(headers: Headers) -> dict[bytes, bytes]:
    """The cookies of a request."""
    pairs = (part.partition(b"=") for part in headers.get(b"cookie", b"").split(b";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def forwarded(headers: Headers, peer: str, is_proxy: Callable[[str], bool]) -> str:
    """The caller's address as a chain of our own proxies tells it: the last one that is none of them."""
    caller, told = peer, headers.get(b"x-forwarded-for")
    if told is None:
        return peer
    for hop in reversed(told.decode("latin-1").split(",")):
        if not hop.strip() or not is_proxy(caller):
            break
        caller = hop.strip()
    return caller
