"""Handles of other hosts: which DID a name says it stands for.

A name says so in the DNS (TXT at `_atproto.`) or by HTTPS (`/.well-known/atproto-did`); both are asked at once and the
DNS comes first. That the DID says the same of the name is for the resolver to check.
Source: https://atproto.com/specs/handle#handle-resolution
"""

import asyncio

from freehold.net.client import Client
from freehold.net.dns import Dns
from freehold.net.xrpc import Remote
from freehold.protocol.refused import Refused
from freehold.protocol.syntax import DISALLOWED_TLDS, is_did, is_handle

MAX_BYTES = 4_096
REDIRECTS = 3
RESOLVE = "com.atproto.identity.resolveHandle"
NEVER_ASKED = DISALLOWED_TLDS | {"test"}
"""Names that no other host can have. `.test` is for development, where we know our own and ask nobody."""


class HandleNotFound(Refused):
    """Nobody answers to that name."""

    kind, name = "invalid", "HandleNotFound"
    say = "No account was found under that handle. Check the spelling."


class Handles:
    """Asks other hosts. scheme: https, save in tests."""

    def __init__(self, client: Client, dns: Dns, *, scheme: str = "https") -> None:
        self._client = client
        self._dns = dns
        self._scheme = scheme

    async def did_of(self, handle: str) -> str:
        """The DID that the name says. handle: in lower case. Raises HandleNotFound, also for two that contradict."""
        if not is_handle(handle) or handle.rsplit(".", 1)[1] in NEVER_ASKED:
            raise HandleNotFound(handle=handle)
        page = asyncio.ensure_future(self._by_page(handle))
        try:
            did = await self._by_dns(handle) or await page
        finally:
            page.cancel()
            await asyncio.gather(page, return_exceptions=True)
        if did is None:
            raise HandleNotFound(handle=handle)
        return did

    async def at_host(self, origin: str, handle: str) -> str:
        """The DID that a host says the handle of one of its accounts stands for. Raises HandleNotFound, upstream
        refusals."""
        answer = await Remote(self._client, origin).query(RESOLVE, {"handle": handle}, max_bytes=MAX_BYTES)
        did = answer.get("did") if isinstance(answer, dict) else None
        if not isinstance(did, str) or not is_did(did):
            raise HandleNotFound(handle=handle, host=origin)
        return did

    async def _by_dns(self, handle: str) -> str | None:
        """The DID in the DNS, None when there is none or the DNS fails. Raises HandleNotFound for two."""
        try:
            records = await self._dns.txt(f"_atproto.{handle}")
        except Refused:
            return None
        dids = {text.removeprefix("did=").strip() for text in records if text.startswith("did=")}
        if len(dids) > 1:
            raise HandleNotFound("That handle is claimed for two accounts at once.", handle=handle, dids=sorted(dids))
        did = dids.pop() if dids else ""
        return did if is_did(did) else None

    async def _by_page(self, handle: str) -> str | None:
        url = f"{self._scheme}://{handle}/.well-known/atproto-did"
        try:
            answer = await self._client.get(url, accept="text/plain", max_bytes=MAX_BYTES, redirects=REDIRECTS)
        except Refused:
            return None
        did = answer.body.decode("utf-8", "replace").strip().split("\n")[0].strip()
        return did if answer.status == 200 and is_did(did) else None
