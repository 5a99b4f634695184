"""A member's account at another host: signed in with their password, and asked for what a move needs.

In come an origin and what the member types; out come the answers of the official calls. Nothing is kept on disk.
Source: https://atproto.com/guides/account-migration
"""

import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from freehold.net.client import Client
from freehold.net.errors import BadUrl, UpstreamFailed
from freehold.net.xrpc import Params, Remote, RemoteRefused
from freehold.pds.imports import MAX_BYTES
from freehold.protocol.cid import Cid
from freehold.protocol.refused import Refused

SERVER, REPO, SYNC, IDENTITY = (f"com.atproto.{name}." for name in ("server", "repo", "sync", "identity"))
GET_PREFERENCES, PUT_PREFERENCES = "app.bsky.actor.getPreferences", "app.bsky.actor.putPreferences"
TRANSFER_SECONDS = 6 * 3600.0
"""How long a whole repository or blob may take."""
ANSWER_SECONDS = 120.0
FRESH_SECONDS = 15 * 60.0
"""How old a session may be before something long is begun with it."""
MAX_BLOB_BYTES = 2_000_000_000

Json = dict[str, Any]


class OtherSide(Refused):
    """The other host refused; its own words are in the sentence."""

    kind = "upstream"


class Described(NamedTuple):
    """What a host says of itself. domains: what handles there end with, each beginning with a dot."""

    did: str
    domains: tuple[str, ...]
    invite_required: bool


class OtherHost:
    """One account at one host. tokens: (access, refresh) of a session; None before `sign_in` or `enter`."""

    def __init__(self, client: Client, origin: str, tokens: tuple[str, str] | None = None) -> None:
        self._client = client
        self.origin = origin_of(origin)
        self.tokens = tokens
        self._renewed = 0.0

    @property
    def name(self) -> str:
        """How people call it."""
        return urlsplit(self.origin).netloc

    # --- coming and going

    async def describe(self) -> Described:
        """Who is there, and what it asks of those who join. Raises OtherSide, upstream refusals."""
        said = _object(await self._tell(self._remote().query(SERVER + "describeServer")))
        domains = tuple(str(domain) for domain in said.get("availableUserDomains") or ())
        return Described(str(said.get("did", "")), domains, bool(said.get("inviteCodeRequired")))

    async def sign_in(self, identifier: str, password: str, code: str = "") -> str:
        """Begin a session; the DID. code: of a second factor. Raises OtherSide by the name that the host gives."""
        given = {"identifier": identifier, "password": password, **({"authFactorToken": code} if code else {})}
        return self._keep(await self._tell(self._remote().procedure(SERVER + "createSession", given)))

    async def enter(self, proof: str, given: Json) -> str:
        """Make an account there for a DID that `proof`, a service token, speaks for. Raises OtherSide."""
        remote = Remote(self._client, self.origin, {"authorization": f"Bearer {proof}"})
        said = remote.procedure(SERVER + "createAccount", given, seconds=ANSWER_SECONDS)
        return self._keep(await self._tell(said))

    async def sign_out(self) -> None:
        """End the session; a host that does not answer ends it by itself some day."""
        if self.tokens is not None:
            remote = Remote(self._client, self.origin, {"authorization": f"Bearer {self.tokens[1]}"})
            try:
                await remote.procedure(SERVER + "deleteSession")
            except UpstreamFailed:
                return
            self.tokens = None

    # --- calls in the member's name

    async def ask(self, nsid: str, params: Params | None = None) -> Json:
        """A query's answer. Raises OtherSide, upstream refusals."""
        return _object(await self._signed_in(lambda remote: remote.query(nsid, params, max_bytes=10_000_000)))

    async def do(self, nsid: str, given: object = None) -> Json:
        """A procedure's answer, {} if it has none. Raises OtherSide, upstream refusals."""
        say = lambda remote: remote.procedure(nsid, given, seconds=ANSWER_SECONDS)  # noqa: E731
        return _object(await self._signed_in(say) or {})

    async def send(self, nsid: str, chunks: AsyncIterator[bytes], mime: str) -> Json:
        """A procedure that takes bytes. They cannot be sent twice, so an old session is renewed before."""
        if time.monotonic() - self._renewed > FRESH_SECONDS:
            await self.renew()
        sent = self._remote().procedure(nsid, content=chunks, encoding=mime, seconds=TRANSFER_SECONDS)
        return _object(await self._tell(sent) or {})

    @asynccontextmanager
    async def repository(self, did: str) -> AsyncIterator[AsyncIterable[bytes]]:
        """The repository as a CAR file, read inside the `async with`."""
        got = self._remote().download(SYNC + "getRepo", {"did": did}, max_bytes=MAX_BYTES, seconds=TRANSFER_SECONDS)
        try:
            async with got as stream:
                yield stream.chunks
        except RemoteRefused as refused:
            raise self._told(refused) from None

    @asynccontextmanager
    async def blob(self, did: str, cid: Cid) -> AsyncIterator[AsyncIterable[bytes] | None]:
        """A blob's bytes; None where the host does not have it."""
        params = {"did": did, "cid": str(cid)}
        got = self._remote().download(SYNC + "getBlob", params, max_bytes=MAX_BLOB_BYTES, seconds=TRANSFER_SECONDS)
        try:
            stream = await got.__aenter__()
        except RemoteRefused:
            yield None
            return
        try:
            yield stream.chunks
        finally:
            await got.__aexit__(None, None, None)

    async def renew(self) -> None:
        """Take the next pair of tokens. Raises OtherSide when the session has ended."""
        if self.tokens is None:
            return
        remote = Remote(self._client, self.origin, {"authorization": f"Bearer {self.tokens[1]}"})
        self._keep(await self._tell(remote.procedure(SERVER + "refreshSession")))

    # --- within

    def _remote(self) -> Remote:
        headers: Mapping[str, str] = {"authorization": f"Bearer {self.tokens[0]}"} if self.tokens else {}
        return Remote(self._client, self.origin, headers)

    async def _signed_in(self, call: Any) -> object:
        """A call; once more with new tokens when the old ones have expired."""
        try:
            return await call(self._remote())
        except RemoteRefused as refused:
            if refused.name != "ExpiredToken":
                raise self._told(refused) from None
        await self.renew()
        return await self._tell(call(self._remote()))

    async def _tell(self, call: Any) -> object:
        try:
            return await call
        except RemoteRefused as refused:
            raise self._told(refused) from None

    def _told(self, refused: RemoteRefused) -> OtherSide:
        return OtherSide(f"{self.name} says: {refused.say}", name=refused.name, **refused.facts)

    def _keep(self, said: object) -> str:
        """Take up a session that the host gave; whose it is."""
        session = _object(said)
        access, refresh, did = (session.get(name) for name in ("accessJwt", "refreshJwt", "did"))
        if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(did, str)):
            raise UpstreamFailed(url=self.origin)
        self.tokens, self._renewed = (access, refresh), time.monotonic()
        return did


def origin_of(text: str) -> str:
    """`https://host` of what somebody typed: a URL, or a bare name. Raises BadUrl."""
    text = text.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.path not in ("", "/") or parts.query:
        raise BadUrl(url=text[:200])
    return f"{parts.scheme}://{parts.netloc}"


def _object(said: object) -> Json:
    if not isinstance(said, dict):
        raise UpstreamFailed(found=type(said).__name__)
    return said
