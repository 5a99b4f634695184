"""DIDs and handles resolved: our own from our tables, everybody else's from their hosts, kept for a while.

A handle counts only when both sides say so: the name stands for the DID, and the DID's document claims the name.
Source: https://atproto.com/specs/did, https://atproto.com/specs/handle
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from freehold.identity import plc_directory
from freehold.identity.cache import Cache
from freehold.identity.handles import HandleNotFound, Handles
from freehold.net.client import Client
from freehold.net.dns import Dns
from freehold.net.errors import UnexpectedStatus
from freehold.net.guard import LOOPBACK
from freehold.protocol import diddoc
from freehold.protocol.diddoc import DidDoc
from freehold.protocol.plc import is_plc_did
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import is_did, is_handle
from freehold.store.clock import Clock
from freehold.store.tx import Tx

INVALID_HANDLE = "handle.invalid"
"""Shown where no handle is confirmed."""

MAX_DOCUMENT_BYTES = 100_000
LONGEST_DID = 2_048
MINUTE = 60_000_000
DOCUMENTS = {"most": 10_000, "fresh": 60 * MINUTE, "stale": 24 * 60 * MINUTE, "failed": MINUTE}
NAMES = {"most": 10_000, "fresh": 10 * MINUTE, "stale": 24 * 60 * MINUTE, "failed": MINUTE}
AGAIN_AFTER = MINUTE
"""How old an answer must be before a doubt (a failed signature, an #identity event) makes us ask again."""

Json = dict[str, Any]


class DidNotFound(Refused):
    """The DID has no document."""

    kind, name = "invalid", "DidNotFound"
    say = "No account was found under that DID."


class Who(NamedTuple):
    """An identity. handle: confirmed both ways, else INVALID_HANDLE. json: the document as it was found."""

    did: str
    handle: str
    document: DidDoc
    json: Json


class Identity:
    """Resolves for one network.

    plc: own, both, or a directory's URL. public_plc: the directory for DIDs that are not ours. local_handle: handle to
    DID of an account here. local_domain: what our handles end with, beginning with a dot. own_documents: DID to
    document of a did:web of ours. outside: ask other hosts at all; without it only the directory that `plc` names.
    """

    def __init__(
        self,
        *,
        reading: Callable[[], AbstractContextManager[Tx]],
        client: Client,
        plc: str,
        public_plc: str,
        local_handle: Callable[[str], str | None],
        local_domain: str,
        clock: Clock,
        own_documents: Callable[[str], Json | None] = lambda did: None,
        outside: bool = True,
        handles: Handles | None = None,
    ) -> None:
        self._reading = reading
        self._client = client
        named = plc not in ("own", "both")
        self._directory = plc.rstrip("/") if named else public_plc.rstrip("/") if outside else None
        self._local_handle = local_handle
        self._local_domain = local_domain
        self._own_documents = own_documents
        self._outside = outside
        self._clock = clock
        self._handles = handles or Handles(client, Dns())
        self._documents: Cache[Json] = Cache(clock, **DOCUMENTS)
        self._names: Cache[str] = Cache(clock, **NAMES)

    # --- DIDs

    async def did_json(self, did: str, *, doubted: bool = False) -> Json:
        """The DID document as JSON. doubted: ask again if the answer is older than a minute.

        Raises DidNotFound, or an upstream refusal where its host does not answer.
        """
        if not is_did(did) or len(did) > LONGEST_DID:
            raise DidNotFound(did=did[:200])
        own = self._own(did)
        if own is not None:
            return own
        newer_than = self._clock() - AGAIN_AFTER if doubted else 0
        return await self._documents.get(did, lambda: self._ask_document(did), newer_than=newer_than)

    async def did_document(self, did: str, *, doubted: bool = False) -> DidDoc:
        """As `did_json`, read. Raises BadDidDocument too."""
        return diddoc.read(did, await self.did_json(did, doubted=doubted))

    async def signing_key(self, did: str, *, doubted: bool = False) -> str | None:
        """The did:key that signs the DID's commits."""
        return (await self.did_document(did, doubted=doubted)).signing_key

    def asked_at(self, did: str) -> int | None:
        """When the directory or host of a DID that is none of ours was asked last, in micros."""
        return self._documents.asked_at(did)

    def forget(self, did: str) -> None:
        """Ask for this DID's document again next time."""
        self._documents.forget(did)

    @property
    def directory(self) -> str | None:
        """Where did:plc documents are that our own directory does not know; None to ask nobody."""
        return self._directory

    # --- handles

    def forget_handle(self, handle: str) -> None:
        """Ask again next time whom this handle stands for."""
        self._names.forget(handle.lower())

    def local(self, handle: str) -> str | None:
        """The DID of an account here by its handle, None if there is none. Asks nobody."""
        return self._local_handle(handle.lower())

    async def claimed_by(self, handle: str) -> str:
        """The DID that a handle says it stands for, whether or not that DID agrees. Raises HandleNotFound."""
        handle = handle.lower()
        if not is_handle(handle):
            raise HandleNotFound(handle=handle[:300])
        did = self.local(handle)
        if did is not None:
            return did
        if not self._outside or handle.endswith(self._local_domain):
            raise HandleNotFound(handle=handle)
        return await self._names.get(handle, lambda: self._handles.did_of(handle))

    async def resolve_handle(self, handle: str) -> str:
        """The DID of a handle, confirmed both ways. Raises HandleNotFound."""
        did = await self.claimed_by(handle)
        if self.local(handle) != did and handle.lower() not in (await self.did_document(did)).handles[:1]:
            raise HandleNotFound("That handle points to an account that does not claim it.", handle=handle, did=did)
        return did

    async def handle_of(self, document: DidDoc) -> str:
        """The handle that the document claims first, if the name says the same; else INVALID_HANDLE."""
        for handle in document.handles[:1]:
            try:
                if await self._said_by(handle, document) == document.did:
                    return handle
            except Refused:
                break
        return INVALID_HANDLE

    async def _said_by(self, handle: str, document: DidDoc) -> str:
        """The DID that a handle says it stands for. In development `.test` has no DNS: there an account's own host is
        asked, if it is another one on this machine."""
        try:
            return await self.claimed_by(handle)
        except HandleNotFound:
            on_this_machine = urlsplit(document.pds or "").hostname in LOOPBACK
            if not (self._client.guard.allow_loopback and handle.endswith(".test") and on_this_machine):
                raise
            return await self._handles.at_host(document.pds or "", handle)

    async def who(self, identifier: str, *, doubted: bool = False) -> Who:
        """Everything about a DID or handle. Raises DidNotFound, HandleNotFound, BadDidDocument, upstream refusals."""
        did = identifier if identifier.startswith("did:") else await self.claimed_by(identifier)
        json = await self.did_json(did, doubted=doubted)
        document = diddoc.read(did, json)
        if doubted:
            for handle in document.handles[:1]:
                self._names.forget(handle)
        return Who(did, await self.handle_of(document), document, json)

    # --- within

    def _own(self, did: str) -> Json | None:
        """The document of a DID that our directory or this host knows."""
        if not is_plc_did(did):
            return self._own_documents(did)
        with self._reading() as tx:
            operation = plc_directory.newest(tx, did)
            return None if operation is None else _available(did, lambda: plc_directory.document(tx, did))

    async def _ask_document(self, did: str) -> Json:
        url = self._url(did)
        if url is None:
            raise DidNotFound(did=did)
        try:
            found = await self._client.get_json(url, max_bytes=MAX_DOCUMENT_BYTES)
        except UnexpectedStatus as refused:
            if refused.status in (404, 410):
                raise DidNotFound(did=did) from None
            raise
        diddoc.read(did, found)
        assert isinstance(found, dict)
        return found

    def _url(self, did: str) -> str | None:
        """Where a DID's document is; None for a method or host that we do not ask."""
        if is_plc_did(did):
            return f"{self._directory}/{did}" if self._directory else None
        name = did.removeprefix("did:web:")
        if name == did or ":" in name:  # another method; a path
            return None
        host, _, port = unquote(name).partition(":")
        if host == "localhost" and self._client.guard.allow_loopback and (not port or port.isdecimal()):
            return f"http://{host}{':' + port if port else ''}/.well-known/did.json"
        fine = self._outside and is_handle(host) and host == name
        return f"https://{host}/.well-known/did.json" if fine else None


def _available(did: str, document: Callable[[], Json]) -> Json:
    try:
        return document()
    except plc_directory.NotAvailable:
        raise DidNotFound("That account has ended.", did=did) from None
