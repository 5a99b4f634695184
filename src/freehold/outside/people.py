"""Whose key signs for an account, and where it lives: asked once, kept with the repository, asked again in doubt."""

from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.identity.resolver import INVALID_HANDLE, Identity
from freehold.outside.messages import Dropped
from freehold.protocol.refused import Refused


class Person(NamedTuple):
    """An identity, as far as it matters here. handle: confirmed both ways, else None."""

    pds: str
    key: str
    handle: str | None


class Unresolved(Dropped):
    """Nobody says just now who signs for an account."""


async def person(identity: Identity, did: str, *, doubted: bool = False) -> Person:
    """Who an account is. Raises Unresolved when its directory does not answer, Dropped when it names no key or host."""
    try:
        who = await identity.who(did, doubted=doubted)
    except Refused as refused:
        if refused.kind.startswith("upstream"):
            raise Unresolved("unresolved", did=did, why=refused.name) from None
        raise Dropped("no-identity", did=did, why=refused.name) from None
    document = who.document
    if document.signing_key is None or document.pds is None:
        raise Dropped("no-identity", did=did)
    return Person(origin(document.pds), document.signing_key, None if who.handle == INVALID_HANDLE else who.handle)


def origin(url: str) -> str:
    """Scheme, host and port of a host's address, for http and for websockets alike."""
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    port = parts.port if parts.port not in (None, 443 if scheme == "https" else 80) else None
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" + (f":{port}" if port else "")
